// debian_version.cpp - the order of Debian package versions (Debian Policy 5.6.12, deb-version(7)).
//
// Every string compares, also ones that are no valid versions: the versions come from signed lists,
// and an order that is total and never fails is worth more here than a refusal.  Numbers are
// compared as digit strings, so that no length of them overflows.
#include "core/base/debian_version.h"

#include <algorithm>

namespace pgx {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Where a character sorts within a piece of non-digits: "~" before the end of the piece, then
// letters, then everything else. What is not ASCII is in no version, and all of it is the same, so
// that keys of a byte a character can say as much.
int weight(char c) {
    if (c == '~') return -1;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return static_cast<unsigned char>(c);
    return std::min<int>(static_cast<unsigned char>(c), 0x7f) + 256;
}

std::string_view take_digits(std::string_view &text) {
    std::size_t end = 0;
    while (end < text.size() && is_digit(text[end])) ++end;
    std::string_view digits = text.substr(0, end);
    text.remove_prefix(end);
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
    return digits;
}

std::strong_ordering compare_numbers(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return a.size() <=> b.size();
    return a.compare(b) <=> 0;
}

// Compares an upstream version or a revision.
std::strong_ordering compare_parts(std::string_view a, std::string_view b) {
    while (!a.empty() || !b.empty()) {
        while ((!a.empty() && !is_digit(a[0])) || (!b.empty() && !is_digit(b[0]))) {
            const int left = a.empty() || is_digit(a[0]) ? 0 : weight(a[0]);
            const int right = b.empty() || is_digit(b[0]) ? 0 : weight(b[0]);
            if (left != right) return left <=> right;
            // Equal and not both at the end of the piece, so both have a character here.
            a.remove_prefix(1);
            b.remove_prefix(1);
        }
        const std::string_view left = take_digits(a);
        const std::string_view right = take_digits(b);
        if (const auto order = compare_numbers(left, right); order != 0) return order;
    }
    return std::strong_ordering::equal;
}

struct Parts {
    std::string_view epoch, upstream, revision;
};

// The epoch is the number before the first colon, the revision begins after the last hyphen;
// without them they are empty, which compares like "0".
Parts split(std::string_view version) {
    Parts parts;
    if (const std::size_t colon = epoch_colon(version); colon != std::string_view::npos) {
        parts.epoch = version.substr(0, colon);
        version.remove_prefix(colon + 1);
    }
    if (const auto hyphen = version.rfind('-'); hyphen != std::string_view::npos) {
        parts.revision = version.substr(hyphen + 1);
        version = version.substr(0, hyphen);
    }
    parts.upstream = version;
    return parts;
}

// A pre-release as Debian would write it.
std::string with_tilde(std::string_view version) {
    std::string text(version);
    if (const std::size_t hyphen = prerelease_hyphen(version); hyphen != std::string_view::npos)
        text[hyphen] = '~';
    return text;
}

}  // namespace

std::size_t prerelease_hyphen(std::string_view version) {
    std::size_t position = 0;
    for (int number = 0; number < 3; ++number) {
        if (number > 0 && (position >= version.size() || version[position++] != '.'))
            return std::string_view::npos;
        const std::size_t begin = position;
        while (position < version.size() && is_digit(version[position])) ++position;
        if (position == begin) return std::string_view::npos;
    }
    const bool found = position + 1 < version.size() && version[position] == '-' &&
                       !is_digit(version[position + 1]) && version[position + 1] != '~';
    return found ? position : std::string_view::npos;
}

std::size_t epoch_colon(std::string_view version) {
    const std::size_t colon = version.find(':');
    return colon != std::string_view::npos &&
                   std::ranges::all_of(version.substr(0, colon), is_digit)
               ? colon
               : std::string_view::npos;
}

std::strong_ordering compare_debian_versions(std::string_view a, std::string_view b) {
    const std::string left_text = with_tilde(a), right_text = with_tilde(b);
    const Parts left = split(left_text);
    const Parts right = split(right_text);
    if (const auto order = compare_parts(left.epoch, right.epoch); order != 0) return order;
    if (const auto order = compare_parts(left.upstream, right.upstream); order != 0) return order;
    return compare_parts(left.revision, right.revision);
}

std::string upstream_version(std::string_view version) {
    if (prerelease_hyphen(version) != std::string_view::npos) return std::string(version);
    return std::string(split(version).upstream);
}

}  // namespace pgx
