#include "core/base/debian_relation.h"

#include <algorithm>

#include "core/base/debian_version.h"
#include "core/base/names.h"

namespace pgx {

namespace {

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1);
}

// Epoch and revision are the packager's.
std::string_view without_revision(std::string_view version) {
    if (const std::size_t colon = epoch_colon(version); colon != std::string_view::npos)
        version.remove_prefix(colon + 1);
    return version.substr(0, version.rfind('-'));
}

// Calls `take` with what stands between separators.
template <typename Take>
void split(std::string_view text, char separator, Take take) {
    while (true) {
        const std::size_t end = text.find(separator);
        take(trimmed(text.substr(0, end)));
        if (end == std::string_view::npos) return;
        text.remove_prefix(end + 1);
    }
}

// A relation whose package is empty when it cannot be read.
DebianRelation parse_relation(std::string_view text) {
    DebianRelation relation;
    const std::size_t name_end = std::min(text.find_first_of(" \t\n(:[<"), text.size());
    const std::string_view name = text.substr(0, name_end);
    const std::size_t open = text.find('('), close = text.find(')');
    if (open != std::string_view::npos) {
        if (close == std::string_view::npos || close < open) return {};
        const std::string_view range = trimmed(text.substr(open + 1, close - open - 1));
        const std::size_t version = range.find_first_not_of("<>=");
        if (version == std::string_view::npos) return {};
        relation.comparison = range.substr(0, version);
        relation.version = trimmed(range.substr(version));
        // Two forms that Policy calls deprecated and defines.
        if (relation.comparison == "<") relation.comparison = "<=";
        if (relation.comparison == ">") relation.comparison = ">=";
        constexpr std::string_view known[] = {"<<", "<=", "=", ">=", ">>"};
        if (std::ranges::find(known, relation.comparison) == std::end(known) ||
            relation.version.empty())
            return {};
    }
    if (is_valid_name(name)) relation.package = name;
    return relation;
}

}  // namespace

bool DebianRelation::holds_for(std::string_view other_version) const {
    if (comparison.empty()) return true;
    const std::strong_ordering order = compare_debian_versions(other_version, version);
    if (comparison == "<<") return order < 0;
    if (comparison == "<=") return order <= 0;
    if (comparison == "=") return order == 0;
    if (comparison == ">=") return order >= 0;
    return order > 0;
}

bool DebianRelation::may_hold_for_upstream(std::string_view upstream) const {
    if (comparison.empty()) return true;
    const std::strong_ordering order = compare_debian_versions(upstream, without_revision(version));
    if (order == 0) return true;
    return comparison.starts_with('<') ? order < 0 : comparison.starts_with('>') && order > 0;
}

std::string DebianRelation::text() const {
    return comparison.empty() ? package : package + " (" + comparison + " " + version + ")";
}

std::vector<DebianAlternatives> parse_debian_relations(std::string_view field) {
    std::vector<DebianAlternatives> groups;
    split(field, ',', [&](std::string_view group) {
        DebianAlternatives alternatives;
        split(group, '|', [&](std::string_view text) {
            DebianRelation relation = parse_relation(text);
            if (!relation.package.empty()) alternatives.push_back(std::move(relation));
        });
        if (!alternatives.empty()) groups.push_back(std::move(alternatives));
    });
    return groups;
}

}  // namespace pgx
