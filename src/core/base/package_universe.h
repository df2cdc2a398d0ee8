// package_universe.h - which releases to install: pgx's rules, told to the resolver.
//
// The resolver knows packages, candidates, and what goes with what. The rules that make these of
// registries' lists and a server's state are here, and have no SQL and no network in them, so that
// they are tested with data (test/resolver):
//
//  - A name means the package of one registry, the one with the highest priority. Its versions are
//    the candidates, and another registry's package of that name is never taken instead because it
//    would fit better: that is how the wrong code gets into a server.
//  - What is installed stays: in its version if that goes with the rest, else in a newer one of the
//    same registry. An older one, or one of another registry, is only taken when it is asked for.
//    What is pinned does not change.
//  - A pre-release is only taken where nothing else would do.
//  - Depends of a package count as far as they name packages that the registry has; its Recommends
//    where they may bring a library that is nowhere, and after them the packages of its registry
//    that depend on it: PostGIS recommends the package with its library from the one with its
//    scripts, pgRouting's library depends on its scripts. Who really has it is seen after a look
//    into the package.
//
// What an extension requires is known when its package was looked into; until then it is assumed to
// require nothing.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace pgx {

// A release of a registry.
struct Offer {
    std::size_t id = 0;  // whatever the source knows it by
    std::string registry, package, version, sha256;
    int priority = 0;  // of the registry
    int rank = 0;      // how well it fits the name that was asked for, 1 is best
    std::string depends, recommends, breaks;
    // How much the package is called like the extension that was asked for: 2, as those with it
    // usually are; 1, its name is the beginning of the extension's; 0, not at all.
    int likeness = 0;

    std::string origin() const { return registry + ": " + package + " " + version; }
};

// A package that is installed, with what its registry says of that release.
struct InstalledOffer {
    std::string package, version, registry, sha256;
    bool has_registry = true;  // it still exists
    bool pinned = false;
    std::string depends, breaks;
    std::string companions = {};  // where a library may be that its scripts name: also Recommends
};

// Something that has to be there in the end.
struct PackageRequest {
    std::vector<Offer> offers;  // one of these, the best first; they are of one package
    std::string installed;      // or else this package, which is installed, in whatever version,
    bool is_update = false;     // a newer one if that is possible
    bool is_exact = false;      // the offers were named by their version
    std::string text;           // a clause: "you asked for a"
    std::string required_by;    // an installed extension; empty: a person wants it
};

// What an extension's name means when another extension requires it.
struct ExtensionMeaning {
    bool is_on_server = false;
    std::string installed;      // a package of pgx's has it
    std::vector<Offer> offers;  // else, as in PackageRequest; none: nobody has it
};

// What is in a release.
struct OfferContents {
    // Each with what it requires.
    std::vector<std::pair<std::string, std::vector<std::string>>> extensions;
    std::vector<std::string> modules = {};  // by the names that scripts have for them
};

// A library that the scripts of an extension name, and that is nowhere.
struct LackingLibrary {
    Offer offer;  // the extension's package, which may be installed already
    bool is_installed = false;
    std::string extension, library;
};

class PackageSource {
   public:
    virtual ~PackageSource() = default;

    virtual Result<std::vector<PackageRequest>> requests() = 0;
    virtual Result<std::vector<InstalledOffer>> installed() = 0;
    // The version of the server's own package, without what a packager adds to it ("18.1"); nullopt
    // for every other package.
    virtual std::optional<std::string> server_version(const std::string &package) const = 0;
    // Every release of a package in registries that are enabled, or that a request names.
    virtual Result<std::vector<Offer>> offers_of(const std::string &package) = 0;
    virtual Result<ExtensionMeaning> meaning_of(const std::string &extension,
                                                const std::string &required_by) = 0;
    // nullptr when nobody has looked yet.
    virtual const OfferContents *contents_of(const Offer &offer) const = 0;
    // Why a release that was looked into cannot be used here, whatever else is installed; nullptr
    // when it can, or nobody has looked yet.
    virtual const Error *unfit(const Offer &offer) const = 0;
    // Releases that were looked into and have the extension.
    virtual std::vector<Offer> holders_of(const std::string &extension) const = 0;
    // Looks into these. Those that turn out to be unfit are no error.
    virtual Result<void> inspect(const std::vector<Offer> &offers) = 0;
    // Libraries that scripts of these name, or those of an installed package that is relied upon,
    // and that are neither in one of these nor on the server. All of them were looked into.
    virtual Result<std::vector<LackingLibrary>> lacking_libraries(
        const std::vector<Offer> &offers) = 0;
    // Releases of its registry that may have such a library, because they depend on its package;
    // what is likely comes first.
    virtual Result<std::vector<Offer>> likely_holders(const LackingLibrary &lacking) = 0;
};

struct ChosenOffer {
    Offer offer;
    std::string required_by;  // an extension, or a package without one; empty: it was asked for
};

// What has to be installed so that all requests are met, without what is there already. Errors: as
// resolve(), and the source's; where every release of something is unfit, the best one's.
Result<std::vector<ChosenOffer>> choose_offers(PackageSource &source);

// Of offers for one name, sorted by falling priority, then rank, those that the name means: of the
// registry with the highest priority. Of several packages of one registry that hold the extension
// it is the one that is usually called so: address_standardizer is in a package of that name and in
// PostGIS's. ambiguous_package when there are several packages or registries to choose from.
Result<std::vector<Offer>> meant_offers(const std::string &name, const std::vector<Offer> &offers);

}  // namespace pgx
