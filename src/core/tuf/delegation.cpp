// delegation.cpp - which role may say something about which path, and names as parts of paths.
#include <algorithm>

#include "core/tuf/metadata.h"

namespace pgx::tuf {

namespace {

constexpr char upper_digits[] = "0123456789ABCDEF";

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '~';
}

std::string percent_encoded(std::string_view text, char kept) {
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c) || c == kept) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += upper_digits[byte >> 4];
        out += upper_digits[byte & 15];
    }
    return out;
}

// "*" and "?" within one component. Goes back to the last "*" only, so that it takes at most the
// product of the lengths.
bool matches_component(std::string_view pattern, std::string_view text) {
    std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view target_path) {
    while (true) {
        const std::size_t pattern_end = pattern.find('/'), path_end = target_path.find('/');
        if (!matches_component(pattern.substr(0, pattern_end), target_path.substr(0, path_end)))
            return false;
        const bool pattern_done = pattern_end == std::string_view::npos;
        if (pattern_done != (path_end == std::string_view::npos)) return false;
        if (pattern_done) return true;
        pattern.remove_prefix(pattern_end + 1);
        target_path.remove_prefix(path_end + 1);
    }
}

Result<bool> covers(const Delegation &delegation, std::string_view target_path) {
    if (delegation.path_hash_prefixes.empty())
        return std::any_of(
            delegation.paths.begin(), delegation.paths.end(),
            [&](const std::string &pattern) { return matches_pattern(pattern, target_path); });
    const std::string digest = TRY(sha256_hex(target_path));
    return std::any_of(delegation.path_hash_prefixes.begin(), delegation.path_hash_prefixes.end(),
                       [&](const std::string &prefix) { return digest.starts_with(prefix); });
}

Result<std::string> succinct_role(const SuccinctRoles &roles, std::string_view target_path) {
    const std::string digest = TRY(sha256_hex(target_path));
    // The leading 32 bits are 8 digits.
    std::uint32_t leading = 0;
    for (const char c : digest.substr(0, 8))
        leading = leading * 16 + static_cast<std::uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    return succinct_role_name(roles, leading >> (32 - roles.bit_length));
}

std::string succinct_role_name(const SuccinctRoles &roles, std::uint32_t number) {
    // As many digits as the greatest number needs.
    const unsigned digits = (roles.bit_length + 3) / 4;
    std::string suffix(digits, '0');
    for (std::size_t at = digits; at-- > 0; number >>= 4) {
        const unsigned digit = number & 15;
        suffix[at] = static_cast<char>(digit < 10 ? '0' + digit : 'a' + digit - 10);
    }
    return roles.name_prefix + "-" + suffix;
}

std::string encode_role_name(std::string_view name) { return percent_encoded(name, '\0'); }

std::string encode_target_path(std::string_view path) { return percent_encoded(path, '/'); }

Result<void> check_target_path(std::string_view path) {
    bool fine = !path.empty();
    for (std::size_t at = 0; fine && at <= path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        const std::string_view component = path.substr(at, end - at);
        fine = !component.empty() && component != "." && component != ".." &&
               std::none_of(component.begin(), component.end(), [](char c) {
                   return static_cast<unsigned char>(c) < ' ' || c == '\x7f' || c == '\\';
               });
        at = end + 1;
    }
    if (fine) return {};
    return fail(ErrorCode::invalid_name, "unsafe target path",
                "A target path is relative and has no empty, \".\" or \"..\" component.",
                "Tell those who run the registry.");
}

}  // namespace pgx::tuf
