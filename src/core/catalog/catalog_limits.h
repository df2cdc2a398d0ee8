// catalog_limits.h - how much a catalog may say.
//
// What one publisher signs is read by every server that knows the registry, and ends in tables and
// on terminals. So there is a bound for each text and each list, the same for those who publish,
// take in, check and read: what one of them lets pass none of the others stumbles over. The numbers
// are far above what packages have and far below what hurts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/catalog/catalog.h"

namespace pgx {

// Texts, in bytes.
inline constexpr std::size_t most_summary = 500, most_description = 20'000, most_homepage = 1'000,
                             most_license = 200, most_module_path = 1'000, most_version = 63,
                             most_module_name = 255, most_dependency = 1'000;
// Numbers of entries.
inline constexpr std::size_t most_releases = 10'000, most_extensions = 1'000, most_modules = 1'000,
                             most_requires = 1'000, most_dependencies = 1'000,
                             most_artifacts = 1'000, most_withdrawn = 50'000;

// limit_exceeded or registry_malformed, which name the member, or invalid_name.
Result<void> check_catalog_package(const std::string &name, const CatalogPackage &package);

// The text with blanks in place of control characters; of a text of several lines, breaks and tabs
// stay.
std::string without_control_characters(std::string_view text, bool several_lines = false);

}  // namespace pgx
