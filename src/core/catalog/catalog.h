// catalog.h - what a registry of kind pgx says of its packages: the content of its TUF targets.
//
//     {"format": 1, "packages": {"semver": {"summary": "...", "description": "...", "homepage":
//     "...", "license": "...",
//        "module_path": "github.com/theory/pg-semver", "releases": [{"version": "0.40.0", "date":
//        "2026-11-20T10:00:00Z",
//           "extensions": [{"name": "semver", "version": "0.40.0", "requires": []}], "modules":
//           ["semver"], "preload": [], "dependencies": {"pkg:postgres/plpgsql": "0"}, "artifacts":
//           [{"file": "semver-0.40.0+pg18-...trunk",
//              "postgres": 18, "os": "gnulinux", "libc": "2.36", "architecture": "amd64", "size":
//              1, "sha256": "..."}]}]}}}
//
// The same object is in both kinds of target: a shard ("catalog/<hhhh>.json.zst") has the packages
// whose name's digest begins with its number, compressed; a package file ("packages/<name>.json")
// has one, which a publisher signs by himself. Neither is signed itself: its digest is in TUF's
// targets metadata. What is said of an artifact is in its file name too, and in the bundle, and all
// three have to agree.
//
// A file name that was published stands for its bytes for ever, also when it was taken back: then
// the package keeps it under "withdrawn": {"semver-0.40.0+pg18-any.trunk": "<sha256>"}. Such a
// package may be without releases. All that is said has limits: catalog_limits.h.
//
// A shard is as large as it is (100 packages) because the two things that grow with a registry are
// the list of shards and the shards, and a refresh after one publication reads one of each.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/platform.h"
#include "core/base/result.h"
#include "core/bundle/bundle_name.h"

namespace pgx {

struct CatalogArtifact {
    BundleName name;         // of the bundle; package and version as in the release
    std::uint64_t size = 0;  // bytes
    std::string sha256;      // 64 lower-case hex digits
};

struct CatalogExtension {
    std::string name, version;
    std::vector<std::string> requires_;
};

struct CatalogRelease {
    std::string version;  // a semantic version
    std::string date;     // of publication, "2026-11-20T10:00:00Z"
    std::vector<CatalogExtension> extensions;
    std::vector<std::string> modules;  // library names without suffix
    std::vector<std::string> preload;  // those that have to be preloaded
    std::map<std::string, std::string>
        dependencies;  // package URL to version range, as in META.json
    std::vector<CatalogArtifact> artifacts;
};

struct CatalogPackage {
    std::string summary, description, homepage, license, module_path;
    std::vector<CatalogRelease> releases;  // newest first
    // Files that were published once and must not come again with other bytes: name to SHA-256.
    std::map<std::string, std::string> withdrawn = {};
};

using Catalog = std::map<std::string, CatalogPackage>;

// The most that a catalog file may have once it is decompressed, in bytes.
inline constexpr std::uint64_t catalog_limit = 32 * 1024 * 1024;

// registry_malformed, naming the package, when a member has another type than it should, or a name,
// version, digest or artifact name is not one, or there is more of something than the limits allow;
// feature_not_supported for a later format. `what`
// names the file in messages.
Result<Catalog> parse_catalog(std::string_view text, std::string_view what);

// Compact, sorted, the same for the same content.
std::string write_catalog(const Catalog &catalog);

// Shard files are compressed. registry_malformed; limit_exceeded beyond catalog_limit.
Result<std::string> compress_shard(std::string_view text);
Result<std::string> decompress_shard(std::string_view bytes, std::string_view what);

// The target path of the shard of a package, with 2^bits shards, bits from 0 to 12:
// "catalog/3f00.json.zst".
Result<std::string> shard_path(std::string_view package, unsigned bits);
// The role that lists a shard, by the first digit of its number: "bin-3".
std::string bin_role(std::string_view shard_path);
// "packages/semver.json", and back (empty when the path is not of that form).
std::string package_path(std::string_view package);
std::string package_of_path(std::string_view path);

// Where the bundle of an artifact is, relative to the registry's address:
// "bundles/semver/semver-0.40.0+pg18-any.trunk".
std::string bundle_path(const CatalogArtifact &artifact);
// The same as a part of a URL, percent-encoded: "bundles/semver/semver-0.40.0%2Bpg18-any.trunk".
// (Some object stores read "+" in a path as a blank.)
std::string bundle_location(const CatalogArtifact &artifact);

// The artifact of a release for a platform: of those that fit, the one for the newest C library;
// nullptr when none does.
const CatalogArtifact *best_artifact(const CatalogRelease &release, const Platform &platform);

}  // namespace pgx
