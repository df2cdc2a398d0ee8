// names.h - names of extensions and packages, checked once, at the door.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace pgx {

// An extension or package name as pgx accepts it from people, registries and archives: 1 to 63 characters out of
// A-Z a-z 0-9 . _ + -, beginning with a letter, digit or "_", without "--" and without a trailing "-"
// (PostgreSQL's check_valid_extension_name asks for the same and less). Nothing that passes can leave a directory.
bool is_valid_name(std::string_view name);

// The same as an Error (invalid_name) that says which rule was broken. `kind` is "extension", "package", ...
Result<void> check_name(std::string_view kind, std::string_view name);

// Up to `most` of `candidates` that a person may have meant by `typed`, nearest first (Damerau-free Levenshtein distance
// of at most a third of the length, or one contains the other).
std::vector<std::string> near_names(std::string_view typed, const std::vector<std::string> &candidates,
                                    std::size_t most = 3);

// "\"a\", \"b\" and \"c\"" for messages.
std::string quoted_list(const std::vector<std::string> &names);

// "1.5 MB", for people.
std::string format_bytes(std::uint64_t bytes);

}  // namespace pgx
