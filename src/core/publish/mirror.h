// mirror.h - a verified copy of a registry, with the bundles that one wants.
//
// For machines without a network. The metadata and the catalog are copied whole and unchanged, so
// that the copy is signed by the same keys and has the same fingerprint: who carries it need not be
// trusted. Only bundles are chosen from; of what was not copied a client learns that it exists and
// that it is not here.
//
// What the copy has from earlier is what this client trusts already, so it is protected against
// being given something older, and a second run fetches only what is new.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "core/catalog/catalog.h"
#include "core/publish/registry_folder.h"
#include "core/tuf/fingerprint.h"

namespace pgx {

struct MirrorRequest {
    tuf::Fingerprint root;
    std::vector<std::string> packages;  // patterns of names; empty: all
    std::set<unsigned> postgres;        // major versions; empty: all
};

// A bundle to get, and where to put it.
struct WantedBundle {
    CatalogArtifact artifact;
    std::string path;
};

struct MirrorResult {
    std::uint64_t packages = 0, packages_chosen = 0;
    std::uint64_t bundles = 0, bundles_fetched = 0, bytes_fetched = 0, bundles_deleted = 0;
    std::uint64_t catalog_files = 0;         // fetched
    bool newer = false;                      // than what was here
    std::vector<std::string> missing_roles;  // publishers whose metadata cannot be had
    tuf::Time expires;                       // the first of the roles that every client needs
};

// Gets bundles to their paths (the directories exist), each with the size and digest of its
// artifact, not synced.
using FetchBundles = std::function<Result<void>(const std::vector<WantedBundle> &bundles)>;

// `transport` is of the registry to copy, `folder` the copy, which is made if need be. wrong_state:
// another registry is there; unknown_package: a pattern that matches nothing.
Result<MirrorResult> mirror_registry(FileSystem &fs, tuf::Transport &transport,
                                     const FetchBundles &fetch_bundles,
                                     const RegistryFolder &folder, const MirrorRequest &request,
                                     tuf::Time now);

}  // namespace pgx
