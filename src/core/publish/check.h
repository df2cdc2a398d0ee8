// check.h - looks through a whole registry as its clients will.
//
// With the client's own code, from the first root to the last bundle, so that it finds what would
// stop a client and nothing that would not. Only of dates it has an eye of its own: a client sees
// that something has expired, and whoever runs the registry wants to know before.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/catalog/catalog.h"
#include "core/publish/lifetimes.h"
#include "core/publish/registry_folder.h"
#include "core/tuf/fingerprint.h"

namespace pgx {

struct CheckFinding {
    bool defect = true;  // else a warning
    std::string message, detail, hint;
};

struct CheckedRole {
    std::string name;
    std::uint64_t version = 0, keys = 0, threshold = 0;
    tuf::Time expires;
    bool signed_yet = true;  // false: a publisher who has not published anything
};

struct RegistryCheck {
    tuf::Fingerprint fingerprint;
    std::vector<CheckedRole> roles;  // root, timestamp, snapshot, targets, then the delegated
    std::uint64_t packages = 0, releases = 0, bundles = 0, bytes = 0, shards = 0;
    std::vector<CheckFinding> findings;

    bool sound() const;
};

// Compares a bundle with what was signed of it, and tells what it holds (bundle_claims.h);
// digest_mismatch, registry_refused ... Without one, bundles are not looked at.
using BundleCheck = std::function<Result<CatalogRelease>(const CatalogArtifact &artifact)>;

// An error is what made looking impossible; what was found is in the result. `root`: that the
// registry has to have; without, its own first root is believed.
Result<RegistryCheck> check_registry(tuf::Transport &transport,
                                     const std::optional<tuf::Fingerprint> &root,
                                     const BundleCheck &check_bundle, const Lifetimes &lifetimes,
                                     tuf::Time now);

// For bundles in a folder: that they are the ones published; and a BundleCheck, `scratch` being a
// directory that does not exist.
Result<void> check_bundle_file(FileSystem &fs, const RegistryFolder &folder,
                               const CatalogArtifact &artifact);
BundleCheck look_into_bundles(FileSystem &fs, const RegistryFolder &folder,
                              const std::string &scratch);

}  // namespace pgx
