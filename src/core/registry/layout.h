// layout.h - from where Debian's packages put files to where pgx puts them. Pure: names in, names
// out.
//
// A package for PostgreSQL 18 installs below usr/share/postgresql/18 and usr/lib/postgresql/18. Of
// that, pgx takes what the server looks for on extension_control_path and dynamic_library_path, and
// nothing else: the extension directory, the libraries, and share directories that a control file
// names with `directory`. The server never searches a library name with a slash, so subdirectories
// of lib are left out; bitcode is read only from the server's own directory.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/receipt.h"

namespace pgx {

struct Placement {
    std::string path;  // "share/extension/semver.control", "lib/semver.so"; empty: left out
    FileKind kind = FileKind::data;
    const char *left_out =
        "";  // what it is, as a word for counting ("bitcode", "documentation", ...)
};

// `package_path` is a file's path in the package without a leading "./" or "/". `directories` are
// the values of `directory` in the package's control files. The resulting path has not been checked
// for odd characters.
Placement place_file(std::string_view package_path, unsigned postgres_major,
                     const std::vector<std::string> &directories);

// The same for a file of a bundle, whose folders are named after pg_config's options: of
// "pgsql/share" and "pgsql/pkglib" the same is taken as of Debian's directories.
Placement place_bundle_file(std::string_view bundle_path,
                            const std::vector<std::string> &directories);

// The same for what a bundle of this package brings along for its modules (library/
// private_libraries.h): "pgsql/pkglib/<package>/lib" and "/share". An empty path for anything else.
Placement place_private_file(std::string_view bundle_path, std::string_view package);

// The PostgreSQL major that a path in a package is for, by its directory.
std::optional<unsigned> postgres_major_of(std::string_view package_path);

}  // namespace pgx
