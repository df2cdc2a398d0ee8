#include "core/base/version_key.h"

#include <algorithm>

#include "core/base/debian_version.h"

namespace pgx {

namespace {

// What a character of a non-digit piece becomes. "~" sorts before the end of the piece, letters
// before all others.
constexpr char tilde = 1, end_of_piece = 2;

char character_key(char character) {
    if (character == '~') return tilde;
    if ((character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z'))
        return character;
    return static_cast<char>(0x80U |
                             std::min<unsigned>(static_cast<unsigned char>(character), 0x7f));
}

bool is_digit(char character) { return character >= '0' && character <= '9'; }

// A number as its count of digits and the digits, leading zeros dropped, so that longer is larger.
// A byte of 255 says that the count goes on in the next one.
void append_number(std::string &key, std::string_view digits) {
    while (!digits.empty() && digits.front() == '0') digits.remove_prefix(1);
    std::size_t count = digits.size();
    for (; count >= 255; count -= 255) key.push_back(static_cast<char>(255));
    key.push_back(static_cast<char>(count));
    key.append(digits);
}

// Pieces of non-digits and digits in turn. The closing empty pair stands for the endless row of
// empty pieces that a shorter version is compared with.
void append_part(std::string &key, std::string_view part) {
    // What is not there is 0, and has to look like it: "~" may follow a 0 as well.
    if (std::ranges::all_of(part, [](char c) { return c == '0'; })) part = "0";
    while (!part.empty()) {
        while (!part.empty() && !is_digit(part.front())) {
            key.push_back(character_key(part.front()));
            part.remove_prefix(1);
        }
        key.push_back(end_of_piece);
        std::size_t digits = 0;
        while (digits < part.size() && is_digit(part[digits])) digits++;
        append_number(key, part.substr(0, digits));
        part.remove_prefix(digits);
    }
    key.push_back(end_of_piece);
    append_number(key, "");
}

}  // namespace

std::string debian_version_key(std::string_view text) {
    std::string written(text);
    if (const std::size_t hyphen = prerelease_hyphen(text); hyphen != std::string_view::npos)
        written[hyphen] = '~';
    std::string_view version = written;
    std::string key;
    const std::size_t colon = epoch_colon(version);
    append_number(key, colon == std::string_view::npos ? "" : version.substr(0, colon));
    if (colon != std::string_view::npos) version.remove_prefix(colon + 1);
    std::size_t hyphen = version.rfind('-');
    append_part(key, version.substr(0, hyphen));
    append_part(key, hyphen == std::string_view::npos ? "" : version.substr(hyphen + 1));
    return key;
}

}  // namespace pgx
