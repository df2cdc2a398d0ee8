// names.cpp - the rules for names, and what helps people who mistype one.
//
// A name becomes part of file names, URLs and SQL, so the set of characters is closed: what is not
// known to be harmless is refused.  It is PostgreSQL's own rule for extension names, narrowed to
// what Debian, PGXN and OCI allow in theirs.
#include "core/base/names.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <numeric>

namespace pgx {

namespace {

constexpr std::size_t longest_name = 63;  // PostgreSQL's NAMEDATALEN - 1

constexpr bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The rule that `name` breaks, as a sentence, or nullptr.
const char *broken_rule(std::string_view name) {
    if (name.empty()) return "A name must not be empty.";
    if (name.size() > longest_name) return "A name must not be longer than 63 bytes.";
    if (!is_letter_or_digit(name.front()) && name.front() != '_')
        return "A name must begin with a letter, a digit or \"_\".";
    for (char c : name)
        if (!is_letter_or_digit(c) && c != '.' && c != '_' && c != '+' && c != '-')
            return "A name must consist of letters A to Z, digits, \".\", \"_\", \"+\" and \"-\".";
    if (name.find("--") != std::string_view::npos) return "A name must not contain \"--\".";
    if (name.back() == '-') return "A name must not end with \"-\".";
    return nullptr;
}

// `name` for a message: a wrong name may be anything, of any length.
std::string printable(std::string_view name) {
    std::string result;
    for (char c : name.substr(0, longest_name + 1))
        result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    if (name.size() > longest_name + 1) {
        // Do not cut a UTF-8 sequence in two.
        while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xc0) == 0x80)
            result.pop_back();
        if (!result.empty() && (static_cast<unsigned char>(result.back()) & 0x80))
            result.pop_back();
        result += "...";
    }
    return result;
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char &c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

// Levenshtein distance of `a` and `b`, or `most` + 1 as soon as it must be more than `most`.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most) {
    const std::size_t difference = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
    if (difference > most) return most + 1;
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        std::size_t smallest = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
            smallest = std::min(smallest, row[j]);
        }
        if (smallest > most) return most + 1;
    }
    return row[b.size()];
}

}  // namespace

bool is_valid_name(std::string_view name) { return broken_rule(name) == nullptr; }

Result<void> check_name(std::string_view kind, std::string_view name) {
    const char *rule = broken_rule(name);
    if (rule == nullptr) return {};
    return fail(ErrorCode::invalid_name,
                "invalid " + std::string(kind) + " name: \"" + printable(name) + "\"", rule);
}

std::vector<std::string> near_names(std::string_view typed,
                                    const std::vector<std::string> &candidates, std::size_t most) {
    // One letter is contained in everything, and nobody mistypes a page of text.
    constexpr std::size_t shortest_contained = 3;
    constexpr std::size_t longest_typed = 255;
    struct Near {
        bool only_contains;
        std::size_t distance;
        const std::string *name;
    };
    std::vector<Near> found;
    const std::string wanted = lower(typed.substr(0, longest_typed + 1));
    if (wanted.empty() || wanted.size() > longest_typed) return {};
    for (const std::string &candidate : candidates) {
        if (candidate.empty() || candidate.size() > longest_typed) continue;
        const std::string name = lower(candidate);
        const std::size_t allowed =
            std::max<std::size_t>(std::max(wanted.size(), name.size()) / 3, 1);
        // A distance as large as the name would make every short word near every other.
        const std::size_t limit = std::min(allowed, std::min(wanted.size(), name.size()) - 1);
        const std::size_t distance = edit_distance(wanted, name, limit);
        if (distance <= limit) {
            found.push_back({false, distance, &candidate});
            continue;
        }
        const bool contains =
            (wanted.size() >= shortest_contained && name.find(wanted) != std::string::npos) ||
            (name.size() >= shortest_contained && wanted.find(name) != std::string::npos);
        if (contains) {
            const std::size_t rest = wanted.size() > name.size() ? wanted.size() - name.size()
                                                                 : name.size() - wanted.size();
            found.push_back({true, rest, &candidate});
        }
    }
    std::sort(found.begin(), found.end(), [](const Near &a, const Near &b) {
        if (a.only_contains != b.only_contains) return b.only_contains;
        if (a.distance != b.distance) return a.distance < b.distance;
        return *a.name < *b.name;
    });
    std::vector<std::string> result;
    for (const Near &near : found) {
        if (result.size() == most) break;
        if (result.empty() || result.back() != *near.name) result.push_back(*near.name);
    }
    return result;
}

std::string quoted_list(const std::vector<std::string> &names) {
    std::string result;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) result += i + 1 == names.size() ? " and " : ", ";
        result += '"' + names[i] + '"';
    }
    return result;
}

std::string format_bytes(std::uint64_t bytes) {
    // Powers of 1000, as apt and curl print sizes.
    if (bytes < 1000) return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
    constexpr std::array units{"kB", "MB", "GB", "TB", "PB", "EB"};
    double value = static_cast<double>(bytes) / 1000;
    std::size_t unit = 0;
    while (value >= 999.95 && unit + 1 < units.size()) {
        value /= 1000;
        ++unit;
    }
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %s", value, units[unit]);
    return text;
}

}  // namespace pgx
