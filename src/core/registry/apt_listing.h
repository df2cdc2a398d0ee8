// apt_listing.h - from verified Release files to release rows: Packages and Contents, fetched, checked and cached.
#pragma once

#include <string>
#include <vector>

#include "core/base/platform.h"
#include "core/registry/apt_index.h"
#include "core/registry/apt_suite.h"

namespace pgx {

// One component of a repository with its packages.
struct AptListing {
    const AptSuite *suite = nullptr;
    std::string repository;            // "trixie/main"
    std::vector<AptPackage> packages;  // the newest of each
    std::optional<ExtensionNames> names;      // from the Contents of this architecture, when known
    std::optional<ExtensionNames> names_all;  // from the Contents for all architectures, when they are apart and known
    std::vector<IndexFile> missing;    // Contents that are offered and would tell more, but were not fetched
    bool all_apart = false;            // there are Contents for all architectures
    std::vector<std::string> libraries;  // names in the cache of what was kept of its library packages
};

// Reads all components of all suites. Contents are fetched when `extension_names` says so or when those that are lacking
// are at most 2 MB together; what is in the cache is always used. `suites` must outlive the result.
Result<std::vector<AptListing>> load_listings(const std::vector<AptSuite> &suites, const Platform &platform,
                                              bool extension_names, const SuiteContext &context);

// The row of protocol.h for one package.
Json release_row(const AptListing &listing, const AptPackage &package);

}  // namespace pgx
