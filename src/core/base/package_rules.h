// package_rules.h - the rules of package_universe.h as the resolver asks for them. Internal to
// package_universe.cpp, which has what is wanted and what there is, and package_relations.cpp,
// which has what a candidate needs and does not go with.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/debian_relation.h"
#include "core/base/package_universe.h"
#include "core/base/resolver.h"

namespace pgx {

// Whether it is one before a release: "1.0.0-beta.1".
bool is_prerelease(const std::string &version);

bool is_same(const Offer &a, const Offer &b);

// The candidates of a package, the best one first. What is installed is the best one, unless an
// update is asked for.
struct Candidates {
    const InstalledOffer *installed = nullptr;
    std::size_t installed_at = 0;
    std::vector<Offer> offers;

    std::size_t size() const { return offers.size() + (installed == nullptr ? 0 : 1); }
    bool is_installed(std::size_t candidate) const {
        return installed != nullptr && candidate == installed_at;
    }
    const Offer &offer(std::size_t candidate) const {
        return offers[installed != nullptr && candidate > installed_at ? candidate - 1 : candidate];
    }
    const std::string &version(std::size_t candidate) const {
        return is_installed(candidate) ? installed->version : offer(candidate).version;
    }
    // Whether a version is only taken where nothing else would do. Whoever has one pre-release
    // installed wants others.
    bool is_early(const std::string &version_) const {
        return is_prerelease(version_) &&
               (installed == nullptr || !is_prerelease(installed->version));
    }
};

// Who may have a library that a package's Recommends have not brought.
struct Search {
    LackingLibrary lacking;
    std::vector<Offer> holders;
};

class PackageUniverse : public ResolverProvider {
   public:
    explicit PackageUniverse(PackageSource &source) : source_(source) {}

    Result<void> begin();
    Result<std::vector<ChosenOffer>> chosen(const Selection &selection);
    // When nothing fits: whether that may be because of packages that were only guessed to be
    // needed. They are not asked for any more then.
    bool gives_up_searching();
    // The same: a package of which no release can be used says more than what follows from that.
    const Error *unfit() const;

    Result<std::vector<Requirement>> requirements() override;
    Result<std::vector<std::string>> candidates(const std::string &package) override;
    Result<Relations> relations(const std::string &package, std::size_t candidate) override;
    Result<bool> learn(const Selection &selection) override;

   private:
    Result<const Candidates *> candidates_of(const std::string &package);
    Result<PackageChoice> choice(const std::string &package,
                                 const std::function<bool(std::size_t)> &is_allowed);
    Result<PackageChoice> choice_of(const std::vector<Offer> &offers);
    Result<PackageChoice> not_older(const std::string &package);
    Result<std::optional<PackageChoice>> choice_for(const DebianRelation &relation,
                                                    const Offer &from);
    Result<void> add_depends(const Offer &offer, const std::string &field, bool is_needed,
                             Relations &relations, const std::string &by = {});
    Result<void> add_requires(const Offer &offer, Relations &relations);
    Result<void> add_libraries(const Offer &offer, const std::string &companions,
                               Relations &relations);
    Result<bool> search(const LackingLibrary &lacking);
    Result<void> add_breaks(const std::string &package, const std::string &field, bool is_installed,
                            Relations &relations);
    Result<Relations> installed_relations(const InstalledOffer &installed);
    Result<std::optional<Requirement>> installed_requirement(const InstalledOffer &installed);
    bool is_requested(const Offer &offer, bool exactly) const;
    bool is_requested_otherwise(const std::string &package) const;
    bool is_to_be_updated(const std::string &package) const;
    std::vector<Offer> selected(const Selection &selection);
    Result<std::string> required_by(const std::string &package, std::size_t candidate,
                                    const Selection &selection);
    std::string who(const std::string &package, const Offer *offer) const;
    Result<std::string> whose(const Offer &offer, const std::string &text);
    Result<void> tell_registry(const Offer &offer, Requirement &requirement);
    Result<void> tell_unavailable(const DebianAlternatives &alternatives, const Offer &offer,
                                  Requirement &requirement);
    bool is_without(const Offer &offer, const std::string &extension) const;

    PackageSource &source_;
    std::map<std::string, InstalledOffer> installed_;
    std::vector<PackageRequest> requests_;
    std::map<std::string, Candidates> candidates_;
    std::vector<LackingLibrary> with_recommends_;
    std::vector<Search> searches_;
};

}  // namespace pgx
