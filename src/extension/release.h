// release.h - finding the release that a person means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/package_universe.h"
#include "core/base/receipt.h"
#include "core/base/result.h"
#include "extension/progress.h"
#include "extension/query.h"

namespace pgx {

// A row of pgx.releases with its registry, as the helper needs it. What the registry says of other
// packages is empty for one that was recorded.
struct Release : Offer {
    std::string kind, source;
    std::string repository, url, signer;
    std::uint64_t size = 0;
    // The registry did not say which extensions the package holds, and only its name speaks for it:
    // once it is unpacked, it has to hold the extension that was asked for.
    bool is_guess = false;
    // The registry's publisher said that it holds the extension that was asked for. What a
    // publisher may say of names is not limited by what his package holds, so this is checked
    // likewise.
    bool is_claim = false;
    // What was installed with it before, to be installed with it again; nullopt: to be found out.
    std::optional<std::vector<ReceiptLibrary>> libraries = {};

    Json artifact() const;  // for the helper's request "fetch"
};

// A release that was installed once, from a row (version, registry, kind, source, url, size,
// sha256, signer, libraries) of installed or history joined with registries. unknown_registry when
// that does not exist any more.
Result<Release> recorded_release(const std::string &package, const pg::Row &row);

class Policy;

// What is asked for. The name may be an extension's, a package's, a package's short name, or the
// path of its source ("github.com/theory/pg-semver").
struct Wish {
    std::string name;
    std::optional<std::string> version = {};   // as the registry writes it, or its upstream part
    std::optional<std::string> registry = {};  // only from this one
    std::string required_by =
        {};  // the extension whose control file asks for it, empty when a person does
    std::optional<Release> release = {};  // exactly this one; nothing is looked up then
    // The package is installed, and the newest version with which everything fits is wanted.
    bool update = false;
};

// What a person writes: [registry:]name[@version]. invalid_name, invalid_argument.
Result<Wish> parse_wish(const std::string &text);

// The releases that a wish means, the best one first: of the registry with the highest priority
// that has such a name, extension names before package names, of one package. When no list at hand
// knows the name, the registries are asked for the extension names of their packages, once, unless
// `may_learn` is false. Errors: unknown_package with near names, unknown_version with those that
// exist, ambiguous_package.
Result<std::vector<Release>> find_releases(const Wish &wish, ProgressSlot &progress,
                                           const Policy &policy, bool may_learn = true);

// All releases of packages in registries that are enabled.
std::vector<Release> releases_of(const std::vector<std::string> &packages);

// unknown_registry when the wish names one that does not exist.
Result<void> check_registry(const Wish &wish);

// Asks the registries that have not told yet which extensions their packages hold, and that the
// policy reaches. False when there are none.
Result<bool> learn_extension_names(const Wish &wish, ProgressSlot &progress, const Policy &policy);

}  // namespace pgx
