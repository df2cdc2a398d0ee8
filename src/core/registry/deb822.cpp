#include "core/registry/deb822.h"

#include <algorithm>

namespace pgx {

namespace {

// Not the functions of <cctype>: those depend on the locale, which in a server is not ours to know.
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr std::string_view blanks = " \t\r\n";

}  // namespace

bool equal_without_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::string lower_case(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), lower);
    return result;
}

std::string_view trimmed(std::string_view text) {
    std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; (at = text.find_first_not_of(blanks, at)) != std::string_view::npos;) {
        std::size_t end = std::min(text.find_first_of(blanks, at), text.size());
        words.emplace_back(text.substr(at, end - at));
        at = end;
    }
    return words;
}

std::optional<bool> parse_apt_boolean(std::string_view text) {
    for (const char *word : {"yes", "true", "with", "on", "enable", "1"})
        if (equal_without_case(text, word)) return true;
    for (const char *word : {"no", "false", "without", "off", "disable", "0"})
        if (equal_without_case(text, word)) return false;
    return std::nullopt;
}

std::string unfold_paragraphs(std::string_view value) {
    if (value.starts_with('\n')) value.remove_prefix(1);
    std::string result;
    for (std::size_t at = 0; at <= value.size();) {
        std::size_t end = std::min(value.find('\n', at), value.size());
        std::string_view line = value.substr(at, end - at);
        if (at > 0) result += '\n';
        if (trimmed(line) != ".") result += line;
        at = end + 1;
    }
    return result;
}

std::optional<std::string_view> Deb822Stanza::find(std::string_view name) const {
    for (const auto &[key, value] : fields_)
        if (equal_without_case(key, name)) return value;
    return std::nullopt;
}

bool Deb822Stanza::flag(std::string_view name, bool fallback) const {
    std::optional<std::string_view> value = find(name);
    return value ? parse_apt_boolean(trimmed(*value)).value_or(fallback) : fallback;
}

Result<std::optional<Deb822Stanza>> Deb822Reader::line(std::string_view text) {
    ++number_;
    auto malformed = [&](std::string_view problem) {
        return fail(ErrorCode::registry_malformed,
                    "line " + std::to_string(number_) + " " + std::string(problem),
                    "The line is: " + std::string(text.substr(0, std::min<std::size_t>(120, text.find('\0')))));
    };
    if (text.ends_with('\r')) text.remove_suffix(1);
    // Neither JSON lines nor PostgreSQL's text can carry it.
    if (text.find('\0') != std::string_view::npos) return malformed("contains a zero byte");
    // A comment may stand inside a folded field and does not end it.
    if (comments_ == Comments::allowed && text.starts_with('#')) return std::nullopt;
    if (trimmed(text).empty()) return take();
    if (text[0] == ' ' || text[0] == '\t') {
        if (stanza_.empty()) return malformed("continues a field, but there is none above it");
        std::string &value = stanza_.fields_.back().second;
        value += '\n';
        text.remove_prefix(1);
        value += text.substr(0, text.find_last_not_of(blanks) + 1);
        return std::nullopt;
    }
    std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0)
        return malformed("is not of the form \"Name: value\"");
    std::string_view name = text.substr(0, colon);
    if (name[0] == '-' || name[0] == '#' ||
        std::any_of(name.begin(), name.end(), [](char c) { return c <= ' ' || c > '~'; }))
        return malformed("has no valid field name");
    if (stanza_.find(name)) return malformed("repeats a field of its stanza");
    if (stanza_.empty()) stanza_.line_ = number_;
    stanza_.fields_.emplace_back(name, trimmed(text.substr(colon + 1)));
    return std::nullopt;
}

std::optional<Deb822Stanza> Deb822Reader::finish() { return take(); }

std::optional<Deb822Stanza> Deb822Reader::take() {
    if (stanza_.empty()) return std::nullopt;
    return std::exchange(stanza_, {});
}

Result<std::vector<Deb822Stanza>> parse_deb822(std::string_view text,
                                               Deb822Reader::Comments comments) {
    Deb822Reader reader(comments);
    std::vector<Deb822Stanza> stanzas;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = std::min(text.find('\n', at), text.size());
        if (std::optional<Deb822Stanza> stanza = TRY(reader.line(text.substr(at, end - at))))
            stanzas.push_back(std::move(*stanza));
        at = end + 1;
    }
    if (std::optional<Deb822Stanza> stanza = reader.finish()) stanzas.push_back(std::move(*stanza));
    return stanzas;
}

}  // namespace pgx
