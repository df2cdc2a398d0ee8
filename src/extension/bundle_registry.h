// bundle_registry.h - bundles that were brought to this server by hand, as a registry.
//
// A bundle that install_bundle() has accepted is kept in pgx.stored_bundles and offered by the registry
// "bundles", so that everything else treats it like any release: it is in versions(), can be rolled
// back to, repaired, and exported. The bytes are in the catalog and not in a directory because a
// standby and a restored dump have no other place to get them from.
#pragma once

#include <string>

#include "core/base/directory_layout.h"
#include "core/base/json.h"
#include "core/base/result.h"
#include "extension/release.h"

namespace pgx {

inline constexpr const char *bundle_kind = "bundles";
inline constexpr const char *bundle_registry_name = "bundles";

// Keeps the bundle in the file at `path`, which the helper has verified; `described` is what it
// answered (protocol.h, "describe_bundle"), `sql` null or what install_sql() needs again. Makes the
// registry if it is not there, replaces an earlier bundle of the same package, version and signer;
// wrong_state when another signer's is there. The caller holds the cluster lock.
Result<Release> keep_bundle(const std::string &path, const Json &described, const Json &sql);

// Puts the bundle of a release where the helper looks for artifacts, unless it is there.
Result<void> provide_bundle(const Release &release, const DirectoryLayout &layout);

// Makes the rows of the registry of bundles in pgx.releases those of pgx.stored_bundles, without those
// whose key is trusted no more. The number of rows.
std::uint64_t refresh_bundles(const std::string &registry);

}  // namespace pgx
