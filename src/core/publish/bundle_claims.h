// bundle_claims.h - what a catalog says of a bundle against what is in it.
//
// Servers plan by the catalog: which package has an extension, what it needs, whether it has to be
// preloaded. Whoever signs could say there what is not in his bundles. `add` works these things out
// of the bundles, so a difference is never an accident.
//
// One release has one such statement for all its builds, which need not be quite the same (a module
// may be for one system only). So a release says what all of them together hold: no build has more,
// and nothing is said that none has.
#pragma once

#include <string>

#include "core/base/protocol.h"
#include "core/bundle/unpack_bundle.h"
#include "core/publish/catalog_change.h"
#include "core/publish/registry_folder.h"

namespace pgx {

// What the catalog is to say of a bundle; `now` is the date of publication.
ReleaseToAdd describe_bundle(const InspectedBundle &bundle, tuf::Time now);

// Adds what `more` has of extensions, modules and preloading. wrong_state: an extension has another
// version there.
Result<void> merge_claims(CatalogRelease &release, const CatalogRelease &more);

// registry_malformed: `release` says something else than `held`, which was merged of its bundles.
// `complete`: of all of them; else it may say more.
Result<void> compare_claims(const std::string &package, const CatalogRelease &release,
                            const CatalogRelease &held, bool complete);

// For the bundle of an artifact at `path`: its digest, and then what it holds. `scratch`: must not
// exist. digest_mismatch, or as inspect_bundle().
Result<CatalogRelease> read_claims(FileSystem &fs, const std::string &path,
                                   const CatalogArtifact &artifact, const std::string &scratch);

}  // namespace pgx
