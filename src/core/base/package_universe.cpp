#include "core/base/package_universe.h"

#include <algorithm>
#include <set>

#include "core/base/debian_version.h"
#include "core/base/package_rules.h"

namespace pgx {

namespace {

bool is_what_is_there(const Offer &offer, const InstalledOffer &installed) {
    return offer.version == installed.version && offer.registry == installed.registry &&
           offer.sha256 == installed.sha256;
}

}  // namespace

bool is_prerelease(const std::string &version) {
    return prerelease_hyphen(version) != std::string::npos;
}

bool is_same(const Offer &a, const Offer &b) {
    return a.registry == b.registry && a.package == b.package && a.version == b.version &&
           a.sha256 == b.sha256;
}

Result<void> PackageUniverse::begin() {
    for (InstalledOffer &installed : TRY(source_.installed())) {
        std::string package = installed.package;
        installed_.emplace(std::move(package), std::move(installed));
    }
    return {};
}

bool PackageUniverse::is_requested(const Offer &offer, bool exactly) const {
    return std::ranges::any_of(requests_, [&](const PackageRequest &request) {
        return (request.is_exact || !exactly) &&
               std::ranges::any_of(request.offers,
                                   [&](const Offer &other) { return is_same(other, offer); });
    });
}

// Whether somebody asks for certain releases of an installed package.
bool PackageUniverse::is_requested_otherwise(const std::string &package) const {
    return std::ranges::any_of(requests_, [&](const PackageRequest &request) {
        return !request.offers.empty() && request.offers.front().package == package;
    });
}

bool PackageUniverse::is_to_be_updated(const std::string &package) const {
    return std::ranges::any_of(requests_, [&](const PackageRequest &request) {
        return request.is_update && request.installed == package;
    });
}

Result<const Candidates *> PackageUniverse::candidates_of(const std::string &package) {
    if (const auto found = candidates_.find(package); found != candidates_.end())
        return &found->second;
    Candidates candidates;
    if (const auto found = installed_.find(package); found != installed_.end())
        candidates.installed = &found->second;
    const InstalledOffer *const installed = candidates.installed;
    const auto take = [&](const Offer &offer) {
        if (installed != nullptr && is_what_is_there(offer, *installed)) return;
        if (std::ranges::none_of(candidates.offers,
                                 [&](const Offer &other) { return is_same(other, offer); }))
            candidates.offers.push_back(offer);
    };
    for (const PackageRequest &request : requests_)
        for (const Offer &offer : request.offers)
            if (offer.package == package) take(offer);
    for (const Offer &offer : TRY(source_.offers_of(package)))
        if (installed == nullptr || !installed->has_registry ||
            offer.registry == installed->registry)
            take(offer);
    std::ranges::stable_sort(candidates.offers, [&](const Offer &a, const Offer &b) {
        if (a.priority != b.priority) return a.priority > b.priority;
        const bool is_early = candidates.is_early(a.version);
        if (is_early != candidates.is_early(b.version)) return !is_early;
        return compare_debian_versions(a.version, b.version) > 0;
    });
    if (is_to_be_updated(package))
        while (candidates.installed_at < candidates.offers.size() &&
               compare_debian_versions(candidates.offers[candidates.installed_at].version,
                                       installed->version) > 0)
            candidates.installed_at++;
    return &candidates_.emplace(package, std::move(candidates)).first->second;
}

Result<std::vector<std::string>> PackageUniverse::candidates(const std::string &package) {
    const Candidates &all = *TRY(candidates_of(package));
    std::set<std::string> registries;
    for (const Offer &offer : all.offers) registries.insert(offer.registry);
    if (all.installed != nullptr) registries.insert(all.installed->registry);
    std::vector<std::string> versions;
    for (std::size_t i = 0; i < all.size(); i++)
        versions.push_back(all.version(i) + (registries.size() < 2 ? ""
                                             : all.is_installed(i)
                                                 ? " from " + all.installed->registry
                                                 : " from " + all.offer(i).registry));
    return versions;
}

// The candidates that are allowed, without pre-releases where there are others.
Result<PackageChoice> PackageUniverse::choice(const std::string &package,
                                              const std::function<bool(std::size_t)> &is_allowed) {
    const Candidates &all = *TRY(candidates_of(package));
    PackageChoice result{package, {}};
    for (std::size_t i = 0; i < all.size(); i++)
        if (is_allowed(i)) result.candidates.push_back(i);
    const auto is_early = [&](std::size_t i) {
        return !all.is_installed(i) && all.is_early(all.version(i)) &&
               !is_requested(all.offer(i), true);
    };
    if (!std::ranges::all_of(result.candidates, is_early))
        std::erase_if(result.candidates, is_early);
    return result;
}

Result<PackageChoice> PackageUniverse::choice_of(const std::vector<Offer> &offers) {
    const Candidates &all = *TRY(candidates_of(offers.front().package));
    return choice(offers.front().package, [&](std::size_t i) {
        return std::ranges::any_of(offers, [&](const Offer &offer) {
            // Somebody else may have installed it since it was found.
            return all.is_installed(i) ? is_what_is_there(offer, *all.installed)
                                       : is_same(offer, all.offer(i));
        });
    });
}

// What is installed, or newer.
Result<PackageChoice> PackageUniverse::not_older(const std::string &package) {
    const Candidates &all = *TRY(candidates_of(package));
    return choice(package, [&](std::size_t i) {
        return all.is_installed(i) ||
               compare_debian_versions(all.version(i), all.installed->version) > 0;
    });
}

Result<std::optional<Requirement>> PackageUniverse::installed_requirement(
    const InstalledOffer &installed) {
    if (is_requested_otherwise(installed.package)) return std::nullopt;
    Requirement requirement{{}, installed.package + " " + installed.version + " is installed"};
    requirement.late = true;
    const Candidates &all = *TRY(candidates_of(installed.package));
    if (installed.pinned) {
        requirement.any_of = {PackageChoice{installed.package,
                                            {TRY(candidates_of(installed.package))->installed_at}}};
        requirement.text = installed.package + " is pinned to version " + installed.version;
        if (all.size() > 1)
            requirement.hint =
                "Allow other versions of it with pgx.unpin('" + installed.package + "').";
        return requirement;
    }
    requirement.any_of = {TRY(not_older(installed.package))};
    if (requirement.any_of.front().candidates.size() < all.size()) {
        requirement.text +=
            ", and is not replaced by an older version unless that is asked for by name";
        requirement.hint = "An older version is installed when it is named in the same call: '" +
                           installed.package + "@VERSION'.";
    }
    return requirement;
}

Result<std::vector<Requirement>> PackageUniverse::requirements() {
    requests_ = TRY(source_.requests());
    candidates_.clear();
    std::vector<Requirement> requirements;
    for (const PackageRequest &request : requests_) {
        Requirement requirement{{}, request.text};
        if (!request.offers.empty()) {
            requirement.any_of = {TRY(choice_of(request.offers))};
            requirement.text += TRY(whose(request.offers.front(), request.text));
        } else if (installed_.contains(request.installed))
            requirement.any_of = {TRY(not_older(request.installed))};
        else
            continue;  // removed meanwhile, which is noticed under the lock
        requirements.push_back(std::move(requirement));
    }
    for (const auto &[package, installed] : installed_)
        if (std::optional<Requirement> requirement = TRY(installed_requirement(installed)))
            requirements.push_back(std::move(*requirement));
    return requirements;
}

// What would change: what was asked for in that order, then the rest by name.
std::vector<Offer> PackageUniverse::selected(const Selection &selection) {
    std::vector<Offer> offers;
    std::set<std::string> taken;
    const auto take = [&](const std::string &package) {
        const auto found = selection.find(package);
        if (found == selection.end() || !taken.insert(package).second) return;
        if (const Candidates &all = candidates_.at(package); !all.is_installed(found->second))
            offers.push_back(all.offer(found->second));
    };
    for (const PackageRequest &request : requests_)
        take(request.offers.empty() ? request.installed : request.offers.front().package);
    for (const auto &[package, candidate] : selection) take(package);
    return offers;
}

Result<bool> PackageUniverse::learn(const Selection &selection) {
    std::vector<Offer> offers, unknown;
    for (Offer &offer : selected(selection)) {
        if (source_.contents_of(offer) == nullptr) unknown.push_back(offer);
        offers.push_back(std::move(offer));
    }
    if (!unknown.empty()) {
        TRY(source_.inspect(unknown));
        return true;
    }
    bool is_new = false;
    for (const LackingLibrary &lacking : TRY(source_.lacking_libraries(offers)))
        is_new = TRY(search(lacking)) || is_new;
    return is_new;
}

// The next place where a library may be; false when there is none.
Result<bool> PackageUniverse::search(const LackingLibrary &lacking) {
    if (std::ranges::none_of(with_recommends_, [&](const LackingLibrary &other) {
            return is_same(other.offer, lacking.offer);
        })) {
        with_recommends_.push_back(lacking);
        return true;
    }
    if (std::ranges::any_of(searches_, [&](const Search &other) {
            return is_same(other.lacking.offer, lacking.offer) &&
                   other.lacking.library == lacking.library;
        }))
        return false;
    searches_.push_back({lacking, TRY(source_.likely_holders(lacking))});
    return !searches_.back().holders.empty();
}

bool PackageUniverse::gives_up_searching() {
    bool any = false;
    for (Search &one : searches_) {
        any = any || !one.holders.empty();
        one.holders.clear();
    }
    return any;
}

const Error *PackageUniverse::unfit() const {
    const auto first_of = [&](const std::vector<Offer> &offers) -> const Error * {
        const bool is_all = std::ranges::all_of(
            offers, [&](const Offer &offer) { return source_.unfit(offer) != nullptr; });
        return offers.empty() || !is_all ? nullptr : source_.unfit(offers.front());
    };
    for (const PackageRequest &request : requests_)
        if (const Error *why = first_of(request.offers)) return why;
    for (const auto &[package, all] : candidates_)
        if (const Error *why = all.installed == nullptr ? first_of(all.offers) : nullptr)
            return why;
    return nullptr;
}

std::string PackageUniverse::who(const std::string &package, const Offer *offer) const {
    const OfferContents *contents = offer == nullptr ? nullptr : source_.contents_of(*offer);
    return contents == nullptr || contents->extensions.empty() ? package
                                                               : contents->extensions.front().first;
}

// Whether it was looked into and does not have the extension.
bool PackageUniverse::is_without(const Offer &offer, const std::string &extension) const {
    const OfferContents *contents = source_.contents_of(offer);
    return contents != nullptr && std::ranges::none_of(contents->extensions, [&](const auto &one) {
               return one.first == extension;
           });
}

// Whose requirement a candidate meets, or for whose sake what was installed had to change.
Result<std::string> PackageUniverse::required_by(const std::string &package, std::size_t candidate,
                                                 const Selection &selection) {
    for (const PackageRequest &request : requests_)
        if (request.installed == package ||
            (!request.offers.empty() && request.offers.front().package == package))
            return request.required_by;
    const auto names = [&](const PackageChoice &choice, std::size_t wanted) {
        return choice.package == package &&
               std::ranges::find(choice.candidates, wanted) != choice.candidates.end();
    };
    std::string somebody, for_the_sake_of;
    for (const auto &[other, chosen_candidate] : selection) {
        if (other == package) continue;
        const Candidates &all = candidates_.at(other);
        const Offer *offer =
            all.is_installed(chosen_candidate) ? nullptr : &all.offer(chosen_candidate);
        const Relations related = TRY(relations(other, chosen_candidate));
        for (const Requirement &requirement : related.requirements)
            for (const PackageChoice &one : requirement.any_of)
                if (names(one, candidate)) {
                    if (!requirement.by.empty()) return requirement.by;
                    if (offer != nullptr && somebody.empty()) somebody = who(other, offer);
                }
        for (const Exclusion &exclusion : related.exclusions)
            if (names(exclusion.with, candidates_.at(package).installed_at))
                for_the_sake_of = who(other, offer);
    }
    return somebody.empty() ? for_the_sake_of : somebody;
}

Result<std::vector<ChosenOffer>> PackageUniverse::chosen(const Selection &selection) {
    std::vector<ChosenOffer> result;
    for (const Offer &offer : selected(selection)) {
        const std::size_t candidate = selection.at(offer.package);
        result.push_back({offer, TRY(required_by(offer.package, candidate, selection))});
    }
    return result;
}

Result<std::vector<ChosenOffer>> choose_offers(PackageSource &source) {
    PackageUniverse universe(source);
    TRY(universe.begin());
    Result<Selection> selection = resolve(universe);
    if (!selection && universe.gives_up_searching()) selection = resolve(universe);
    if (!selection)
        if (const Error *why = universe.unfit()) return fail(*why);
    return universe.chosen(TRY(std::move(selection)));
}

}  // namespace pgx
