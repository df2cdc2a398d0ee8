// semantic_version.h - the versions that bundles have: Semantic Versioning 2.0.0 (semver.org).
//
// PGXN's formats ask for them, without build metadata, since "+" separates the version from the
// platform in a bundle's file name. PostgreSQL does not: default_version of a control file is free
// text, most often "1.0". So there is a conversion for what people write, which changes nothing
// that is a semantic version already, and which gives up where it would have to drop something.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace pgx {

// "1.2.3" or "1.2.3-beta.1"; no build metadata, no leading zeros, at most 63 characters.
bool is_semantic_version(std::string_view version);

// "1.0" is "1.0.0", "4" is "4.0.0", "1.6dev" is "1.6.0-dev", "2024.01" is "2024.1.0"; a leading "v"
// goes. nullopt for what has more than three numbers, or is not a version at all.
std::optional<std::string> to_semantic_version(std::string_view version);

// The order of semver.org, section 11. Both have to be semantic versions.
std::strong_ordering compare_semantic_versions(std::string_view a, std::string_view b);

}  // namespace pgx
