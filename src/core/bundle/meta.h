// meta.h - META.json: what people want to know of a package, and what it needs.
//
// The format is PGXN's Meta v2 (RFC-3). Of it we read what pgx uses, strictly as to types; members
// that pgx does not know are kept as they are when the file is written again, since a publisher put
// them there for others. Source folders of today have Meta v1 (RFC-1) for the most part, which is
// converted (meta_v1.h).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"

namespace pgx {

struct MetaMaintainer {
    std::string name;
    std::string email, url;  // at least one of them
};

struct MetaExtension {
    std::string control;  // paths in the bundle or, in a source folder, there
    std::string sql;
    std::string doc;       // may be empty
    std::string abstract;  // may be empty
};

struct MetaModule {
    std::string type = "extension";  // "extension", "hook", "bgw"
    std::string library;             // path without suffix; "lib" in the file
    std::string preload;             // "server", "session" or empty
};

struct Meta {
    std::string name;
    std::string version;      // a semantic version
    std::string abstract;     // one line
    std::string description;  // may be empty
    std::string license;      // SPDX expression, empty: not stated
    std::vector<MetaMaintainer> maintainers;
    std::map<std::string, MetaExtension> extensions;  // by name
    std::map<std::string, MetaModule> modules;        // by name
    std::string postgres;  // range of versions in dependencies.postgres.version, may be empty
    std::map<std::string, std::string> run_requires;  // purl to range: packages.run.requires
    std::string homepage, repository;                 // URLs, may be empty
    // "github.com/theory/pg-semver", after Go's module paths. From x_module_path, since RFC-3 has
    // no member for it, or else from the repository's address; empty: neither.
    std::string module_path;
    // System libraries that must be on the host ("libssl.so.3"): x_system_libraries.
    std::vector<std::string> system_libraries;

    Json document = Json::object();  // the file as it was, in version 2
};

// Either version of the format; tells them apart by meta-spec. artifact_malformed naming the member
// that is missing or has another type than it should have.
Result<Meta> parse_meta(std::string_view text);

// The file's text in version 2: `document` with everything above put in its place.
std::string write_meta(const Meta &meta);

// "pkg:postgres/plpgsql" for an extension that comes with PostgreSQL's sources, else
// "pkg:pgxn/semver".
std::string package_url_of_extension(std::string_view extension);

// "https://github.com/theory/pg-semver.git" is "github.com/theory/pg-semver"; empty for what is no
// address of a host and a path.
std::string module_path_of_repository(std::string_view url);

}  // namespace pgx
