// publish_bundles.h - bundles into a registry, and packages out of it.
//
// A bundle is looked into before it is published, exactly as a server would before it installs it:
// what nobody could install is not published, and what the catalog says of a bundle (extensions,
// modules, dependencies) is what is in it and not what somebody has typed.
#pragma once

#include <string>
#include <vector>

#include "core/base/protocol.h"
#include "core/bundle/unpack_bundle.h"
#include "core/publish/bundle_claims.h"
#include "core/publish/catalog_change.h"

namespace pgx {

struct PublishedBundle {
    std::string file;  // name
    std::string package, version;
    std::uint64_t size = 0;  // bytes
    bool added = false;      // false: was published before, byte for byte
};

struct PublishedBundles {
    std::vector<PublishedBundle> bundles;
    CatalogChange change;
    Publication publication;  // empty when nothing was added
};

// Copies the bundles at `paths` into the registry, all or none. `scratch`: a directory that does
// not exist, for unpacking. Errors: as inspect_bundle(), prefixed with the file, add_releases() and
// Generation::publish().
Result<PublishedBundles> add_bundles(Generation &generation, const std::vector<std::string> &paths,
                                     const std::string &publisher, const std::string &scratch,
                                     KeyFolder &keys, const Lifetimes &lifetimes, tuf::Time now,
                                     Reporter &reporter);

struct RemovedPackage {
    RemovedReleases releases;
    Publication publication;
};

// Takes a package, or one version, out of the catalog and then deletes its bundles.
Result<RemovedPackage> remove_package(Generation &generation, const std::string &package,
                                      const std::string &version, KeyFolder &keys,
                                      const Lifetimes &lifetimes, tuf::Time now);

}  // namespace pgx
