// apt_index.h - Packages and Contents: which packages there are for this server, and which extensions they hold.
//
// Debian's Packages file lists 65,000 packages in 55 MB of text, of which a hundred are for this PostgreSQL major. It is
// read as a stream and only those are kept. Contents files tell the path of every file of every package; of those, the
// control files of this major are kept, which turns the extension name that people type ("vector") into a package
// ("postgresql-18-pgvector") without downloading packages.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/registry/apt_release.h"

namespace pgx {

// A package as the Packages file has it.
struct AptPackage {
    std::string package, version, architecture, summary, description, homepage, depends, filename, sha256;
    std::string recommends;
    std::string breaks;      // and conflicts
    std::uint64_t size = 0;  // bytes
};

struct FilteredPackages {
    std::vector<AptPackage> packages;   // in the order of the file
    std::vector<std::string> left_out;  // packages whose stanza lacks or spoils something; each a sentence for a notice
    // Packages that hold libraries, for modules that need some (library_index.h). Not a part of the JSON.
    std::string libraries;
};

// Whether a package of this name can hold extensions for this PostgreSQL major: postgresql-<major>-* and
// postgresql-*-<major>, but no debug symbols, client, documentation or headers.
bool is_extension_package(std::string_view name, unsigned postgres_major);

// Reads the file at `path`. registry_malformed when it is not a Packages file.
Result<FilteredPackages> filter_packages(const std::string &path, std::string_view compression,
                                         unsigned postgres_major, std::string_view architecture);

// Leaves of each version of a package only the first: a repository may list several versions, and
// one of them in two indexes.
void keep_versions(std::vector<AptPackage> &packages);

Json to_json(const FilteredPackages &packages);
Result<FilteredPackages> filtered_packages_from_json(const Json &json);

// Extension names by package, sorted.
using ExtensionNames = std::map<std::string, std::vector<std::string>>;

// What CREATE EXTENSION will take: "postgis" for a package with postgis-3.control and postgis--3.6.sql (inspect.h tells why).
Result<ExtensionNames> filter_contents(const std::string &path, std::string_view compression,
                                       unsigned postgres_major);

Json to_json(const ExtensionNames &names);
Result<ExtensionNames> extension_names_from_json(const Json &json);

// An index of a Release file in the best compression that is listed.
struct IndexFile {
    std::string path;         // relative to the Release file's directory
    std::string compression;  // as stream.h names it
    ReleaseFile file;
};

// Looks for `path` with ".xz", ".zst", ".gz" and as it is, in this order.
std::optional<IndexFile> find_index(const AptRelease &release, const std::string &path);

// "main/binary-amd64/Packages.xz" is "main/binary-amd64/by-hash/SHA256/<digest>".
std::string by_hash_path(const IndexFile &index);

// The URL of `path` below `base` (an AptSource's uri or release_directory()), with file: and copy: in libcurl's form and
// characters of the path escaped. Empty when `path` could lead elsewhere: absolute, with "..", with a scheme, or with
// control characters.
std::string url_below(std::string_view base, std::string_view path);

}  // namespace pgx
