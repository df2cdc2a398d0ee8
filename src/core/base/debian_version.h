// debian_version.h - Debian package versions: [epoch:]upstream[-revision].
//
// The order is the one of Debian Policy 5.6.12 (deb-version(7)): epoch as a number, then upstream and revision,
// each compared piece by piece, non-digits (where "~" sorts before the end, letters before the rest) and digits
// as numbers in turn.
//
// Registries of our own kind have semantic versions, whose pre-releases ("1.0.0-beta.2") Debian would write with a tilde:
// they come before 1.0.0. A hyphen after exactly three numbers and before a letter is read so; revisions of Debian's begin with
// a digit.
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace pgx {

std::strong_ordering compare_debian_versions(std::string_view a, std::string_view b);

// The upstream part, for people: "1:0.8.0-2+b1" is "0.8.0".
std::string upstream_version(std::string_view version);

// The position of the colon that ends the epoch, npos when there is none.
std::size_t epoch_colon(std::string_view version);

// The position of the hyphen that begins a pre-release, npos when the version is none.
std::size_t prerelease_hyphen(std::string_view version);

}  // namespace pgx
