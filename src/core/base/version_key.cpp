#include "core/base/version_key.h"

#include <cctype>

#include "core/base/debian_version.h"

namespace pgx {

namespace {

// What a character of a non-digit piece becomes. "~" sorts before the end of the piece, letters
// before all others.
constexpr char tilde = 1, end_of_piece = 2;

char character_key(char character) {
    if (character == '~') return tilde;
    unsigned char byte = static_cast<unsigned char>(character);
    return static_cast<char>(std::isalpha(byte) ? byte : 0x80U | byte);
}

bool is_digit(char character) { return character >= '0' && character <= '9'; }

// A number as its count of digits and the digits, leading zeros dropped, so that longer is larger.
void append_number(std::string &key, std::string_view digits) {
    while (!digits.empty() && digits.front() == '0') digits.remove_prefix(1);
    key.push_back(static_cast<char>(digits.size() < 255 ? digits.size() : 255));
    key.append(digits);
}

// Pieces of non-digits and digits in turn. The closing empty pair stands for the endless row of
// empty pieces that a shorter version is compared with.
void append_part(std::string &key, std::string_view part) {
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
    std::size_t colon = version.find(':');
    append_number(key, colon == std::string_view::npos ? "" : version.substr(0, colon));
    if (colon != std::string_view::npos) version.remove_prefix(colon + 1);
    std::size_t hyphen = version.rfind('-');
    append_part(key, version.substr(0, hyphen));
    // No revision equals revision "0", and both give the empty pair.
    std::string_view revision = hyphen == std::string_view::npos ? "" : version.substr(hyphen + 1);
    append_part(key, revision == "0" ? "" : revision);
    return key;
}

}  // namespace pgx
