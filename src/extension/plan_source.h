// plan_source.h - what the resolver asks of the catalog, the server and the helper.
//
// The rules of what goes with what are core/base/package_universe.h's. Here is where their facts
// come from: rows of pgx.releases and pgx.installed, the server's directories, and, for what a
// package holds and requires, the helper, which fetches into the plan's staging directory. What was
// fetched and is not in the answer is deleted.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/package_universe.h"
#include "extension/plan.h"
#include "extension/policy.h"

namespace pgx {

class PlanSource : public PackageSource {
   public:
    PlanSource(const DirectoryLayout &layout, ProgressSlot &progress, std::string staging,
               Policy &policy)
        : layout_(layout), progress_(progress), staging_(std::move(staging)), policy_(policy) {}

    // Adds a wish: a request, or something that needs nothing. Errors are those of a wish that
    // cannot be met whatever else is installed.
    Result<void> consider(const Wish &wish);

    // What the chosen releases require and the server or an installed package has, and what
    // installed packages that are relied upon have lost: true when that has become a new request.
    Result<bool> consider_requirements(const std::vector<ChosenOffer> &chosen);

    // Says so, with the reasons, where not the newest version of what was asked for was chosen.
    void tell_older(const std::vector<ChosenOffer> &chosen);

    // Says so where a script names a library that is nowhere.
    Result<void> tell_lacking(const std::vector<ChosenOffer> &chosen);

    std::vector<Satisfied> take_satisfied() { return std::move(satisfied_); }
    // In the order in which they were asked for and found out.
    // Of packages, why their best version cannot be used here.
    std::map<std::string, std::string> unfit_packages() const;
    Result<std::vector<PlannedPackage>> take_planned(const std::vector<ChosenOffer> &chosen);

    Result<std::vector<PackageRequest>> requests() override;
    Result<std::vector<InstalledOffer>> installed() override;
    std::optional<std::string> server_version(const std::string &package) const override;
    Result<std::vector<Offer>> offers_of(const std::string &package) override;
    Result<ExtensionMeaning> meaning_of(const std::string &extension,
                                        const std::string &required_by) override;
    const OfferContents *contents_of(const Offer &offer) const override;
    const Error *unfit(const Offer &offer) const override;
    std::vector<Offer> holders_of(const std::string &extension) const override;
    Result<void> inspect(const std::vector<Offer> &offers) override;
    Result<std::vector<LackingLibrary>> lacking_libraries(
        const std::vector<Offer> &offers) override;
    Result<std::vector<Offer>> likely_holders(const LackingLibrary &lacking) override;

   private:
    // A name, and the releases that it means.
    struct Meant {
        Wish wish;
        std::vector<Release> releases;
        bool is_certain = false;  // the registries have told all that they know
    };
    struct Fetched {
        Receipt receipt;
        std::string staged;
        OfferContents contents;
    };

    Result<std::optional<Satisfied>> is_satisfied(const Wish &wish);
    Result<void> consider_installed(const Satisfied &satisfied);
    std::vector<Release> newer_releases(const Wish &wish);
    Result<Wish> bound(const Wish &wish);
    Result<std::vector<Release>> releases_for(const Wish &wish, const Wish &bound);
    Result<void> fetch(const std::vector<Release> &releases);
    Result<void> try_each(const std::vector<Release> &releases);
    bool is_named_exactly(std::size_t id) const;
    Release numbered(Release release);
    void number(std::vector<Release> &releases);
    Result<void> check_names(std::size_t id);
    Result<void> leave_out_requirements(std::size_t id);
    Result<std::vector<LackingLibrary>> lost_libraries(const Satisfied &satisfied);
    Result<bool> is_nowhere(const std::string &extension, const std::string &required_by);
    bool is_asked_for(const std::string &extension) const;
    bool has_extension(std::size_t id, const std::string &extension) const;

    const DirectoryLayout &layout_;
    ProgressSlot &progress_;
    const std::string staging_;
    Policy &policy_;

    std::set<std::string> considered_;
    std::vector<Satisfied> satisfied_;
    std::vector<Meant> wanted_;
    std::vector<std::pair<Satisfied, std::string>> relied_upon_;  // and the request's clause
    std::map<std::string, Meant> required_;
    std::map<std::string, ExtensionMeaning> meanings_;
    std::map<std::string, std::vector<Offer>> offers_;
    std::vector<Release> releases_;    // an offer's id is its place here
    std::set<std::string> mentioned_;  // packages that these name
    std::map<std::size_t, Fetched> fetched_;
    std::vector<std::size_t> fetched_in_order_;
    std::map<std::size_t, Error> unfit_;
    std::vector<std::size_t> unfit_in_order_;
    unsigned fetches_ = 0;
    // Only the newest release of this wish counts, and nothing is fetched any more.
    const Meant *only_newest_ = nullptr;
};

}  // namespace pgx
