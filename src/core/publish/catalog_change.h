// catalog_change.h - releases into and out of a registry's catalog.
//
// One rule stands above all: a file name that was published stands for the same bytes for ever.
// Whoever has installed it, or mirrors it, compares digests.
//
// Where a package is written follows from its name: a publisher's own file where a publisher has
// been given the name, else the shard that the name's digest chooses. A new release touches one
// shard, however many there are. When they have become too full, all are written anew, twice as
// many, which happens as rarely as a registry doubles.
#pragma once

#include <string>
#include <vector>

#include "core/publish/generation.h"
#include "core/publish/publisher_rules.h"

namespace pgx {

// Packages to a shard, on average, beyond which there are to be more shards.
inline constexpr std::uint64_t packages_per_shard = 100;

struct ReleaseToAdd {
    std::string package;
    CatalogPackage about;    // without releases
    CatalogRelease release;  // with one artifact
};

struct CatalogChange {
    std::vector<bool> added;  // for each release: false where just this was published before
    unsigned shard_bits_before = 0, shard_bits = 0;
};

// Puts releases into the next generation. `publisher`: in whose name, empty for the registry's own
// packages. invalid_argument: the package's name belongs to a publisher, or not to this one.
// wrong_state: the file name is, or was, published with other bytes. limit_exceeded ...: as
// check_catalog_package(). invalid_argument too: an extension's name, or a module path, is
// another's.
Result<CatalogChange> add_releases(Generation &generation,
                                   const std::vector<ReleaseToAdd> &releases,
                                   const std::string &publisher);

struct RemovedReleases {
    std::vector<std::string> versions;
    std::vector<std::string> bundles;  // paths relative to the registry's folder
};
// Takes a package, or one version of it, out of the next generation; of its files the names and
// digests stay. unknown_package, unknown_version.
Result<RemovedReleases> remove_releases(Generation &generation, const std::string &package,
                                        const std::string &version);

// All packages that the role lists, for those who look through everything.
Result<Catalog> read_packages(Generation &generation, const std::string &role);

// The module paths of all packages: in shards, and of publishers as far as they are taken in.
Result<ModulePaths> read_module_paths(Generation &generation);

// How many packages there are in shards, as their lists tell.
Result<std::uint64_t> count_packages(Generation &generation);

}  // namespace pgx
