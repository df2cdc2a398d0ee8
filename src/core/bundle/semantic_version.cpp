#include "core/bundle/semantic_version.h"

#include <algorithm>
#include <vector>

namespace pgx {

namespace {

constexpr std::size_t longest_version = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_number(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_digit);
}

// A number as semver.org writes it: without leading zeros.
bool is_plain_number(std::string_view text) {
    return is_number(text) && (text.size() == 1 || text.front() != '0');
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

bool is_prerelease(std::string_view text) {
    return std::ranges::all_of(split(text, '.'), [](std::string_view identifier) {
        if (identifier.empty()) return false;
        if (is_number(identifier)) return is_plain_number(identifier);
        return std::ranges::all_of(identifier,
                                   [](char c) { return is_digit(c) || is_letter(c) || c == '-'; });
    });
}

// The numbers, and what follows the first dash.
struct Parts {
    std::vector<std::string_view> numbers;
    std::string_view prerelease;
    bool has_prerelease = false;
};

Parts parts_of(std::string_view version) {
    Parts parts;
    const std::size_t dash = version.find('-');
    parts.numbers = split(version.substr(0, dash), '.');
    parts.has_prerelease = dash != std::string_view::npos;
    if (parts.has_prerelease) parts.prerelease = version.substr(dash + 1);
    return parts;
}

// Numbers of any length, since nothing limits them.
std::strong_ordering compare_numbers(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return a.size() <=> b.size();
    return a <=> b;
}

std::string without_leading_zeros(std::string_view number) {
    while (number.size() > 1 && number.front() == '0') number.remove_prefix(1);
    return std::string(number);
}

}  // namespace

bool is_semantic_version(std::string_view version) {
    if (version.size() > longest_version) return false;
    const Parts parts = parts_of(version);
    return parts.numbers.size() == 3 && std::ranges::all_of(parts.numbers, is_plain_number) &&
           (!parts.has_prerelease || is_prerelease(parts.prerelease));
}

std::optional<std::string> to_semantic_version(std::string_view version) {
    if (is_semantic_version(version)) return std::string(version);
    if (version.starts_with('v')) version.remove_prefix(1);
    std::string result;
    unsigned numbers = 0;
    while (!version.empty() && is_digit(version.front())) {
        const std::size_t end = std::min(version.find_first_not_of("0123456789"), version.size());
        if (++numbers > 3) return std::nullopt;
        result += (numbers > 1 ? "." : "") + without_leading_zeros(version.substr(0, end));
        version.remove_prefix(end);
        if (version.size() < 2 || version.front() != '.' || !is_digit(version[1])) break;
        version.remove_prefix(1);
    }
    if (numbers == 0) return std::nullopt;
    for (; numbers < 3; ++numbers) result += ".0";
    if (!version.empty()) {
        if (version.front() == '-' || version.front() == '_' || version.front() == '~')
            version.remove_prefix(1);
        else if (!is_letter(version.front()))
            return std::nullopt;
        result += "-" + std::string(version);
    }
    if (!is_semantic_version(result)) return std::nullopt;
    return result;
}

std::strong_ordering compare_semantic_versions(std::string_view a, std::string_view b) {
    const Parts left = parts_of(a), right = parts_of(b);
    for (std::size_t i = 0; i < std::min(left.numbers.size(), right.numbers.size()); ++i)
        if (const auto order = compare_numbers(left.numbers[i], right.numbers[i]); order != 0)
            return order;
    // A release comes after its own prereleases.
    if (left.has_prerelease != right.has_prerelease)
        return left.has_prerelease ? std::strong_ordering::less : std::strong_ordering::greater;
    if (!left.has_prerelease) return std::strong_ordering::equal;
    const auto ours = split(left.prerelease, '.'), theirs = split(right.prerelease, '.');
    for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
        const bool number = is_number(ours[i]);
        if (number != is_number(theirs[i]))
            return number ? std::strong_ordering::less : std::strong_ordering::greater;
        const auto order = number ? compare_numbers(ours[i], theirs[i]) : ours[i] <=> theirs[i];
        if (order != 0) return order;
    }
    return ours.size() <=> theirs.size();
}

}  // namespace pgx
