// debian_version.h - Debian package versions: [epoch:]upstream[-revision].
//
// The order is the one of Debian Policy 5.6.12 (deb-version(7)): epoch as a number, then upstream and revision,
// each compared piece by piece, non-digits (where "~" sorts before the end, letters before the rest) and digits
// as numbers in turn.
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace pgx {

std::strong_ordering compare_debian_versions(std::string_view a, std::string_view b);

// The upstream part, for people: "1:0.8.0-2+b1" is "0.8.0".
std::string upstream_version(std::string_view version);

}  // namespace pgx
