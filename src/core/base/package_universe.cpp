#include "core/base/package_universe.h"

#include <algorithm>
#include <functional>
#include <set>

#include "core/base/debian_relation.h"
#include "core/base/debian_version.h"
#include "core/base/names.h"
#include "core/base/resolver.h"

namespace pgx {

namespace {

bool is_prerelease(const std::string &version) {
    return prerelease_hyphen(version) != std::string::npos;
}

bool is_same(const Offer &a, const Offer &b) {
    return a.registry == b.registry && a.package == b.package && a.version == b.version &&
           a.sha256 == b.sha256;
}

bool is_what_is_there(const Offer &offer, const InstalledOffer &installed) {
    return offer.version == installed.version && offer.registry == installed.registry &&
           offer.sha256 == installed.sha256;
}

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

Offer as_offer(const InstalledOffer &installed) {
    Offer offer;
    offer.registry = installed.registry;
    offer.package = installed.package;
    offer.version = installed.version;
    offer.sha256 = installed.sha256;
    return offer;
}

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

// Candidates that a relation of this offer's allows; nullopt when the package is no business of
// pgx's: a system library, or the server.
Result<std::optional<PackageChoice>> PackageUniverse::choice_for(const DebianRelation &relation,
                                                                 const Offer &from) {
    const Candidates &all = *TRY(candidates_of(relation.package));
    const auto is_ours = [&](std::size_t i) {
        return all.installed != nullptr || all.offer(i).registry == from.registry ||
               is_requested(all.offer(i), false);
    };
    bool is_known = false;
    for (std::size_t i = 0; i < all.size(); i++) is_known = is_known || is_ours(i);
    if (!is_known) return std::nullopt;
    return TRY(choice(relation.package, [&](std::size_t i) {
        return is_ours(i) && relation.holds_for(all.version(i));
    }));
}

// Which registry's is meant, where there are several and the text does not say.
Result<std::string> PackageUniverse::whose(const Offer &offer, const std::string &text) {
    const std::string of = " of registry \"" + offer.registry + "\"";
    if (text.ends_with(" from registry \"" + offer.registry + "\"")) return std::string();
    const Candidates &all = *TRY(candidates_of(offer.package));
    if (all.installed != nullptr && all.installed->registry != offer.registry) return of;
    const bool is_other = std::ranges::any_of(
        all.offers, [&](const Offer &other) { return other.registry != offer.registry; });
    return is_other ? of : std::string();
}

// That a package depends on one of its own registry, where another one's is there as well.
Result<void> PackageUniverse::tell_registry(const Offer &offer, Requirement &requirement) {
    const PackageChoice &choice = requirement.any_of.front();
    const Candidates &all = *TRY(candidates_of(choice.package));
    const Offer *best = nullptr;
    for (const std::size_t i : choice.candidates) {
        if (all.is_installed(i) || all.offer(i).registry != offer.registry) return {};
        if (best == nullptr) best = &all.offer(i);
    }
    const std::string of = TRY(whose(*best, ""));
    if (of.empty()) return {};
    requirement.text += of;
    requirement.hint =
        "Another registry's package does not stand in for it. Name it in the same "
        "call: '" +
        best->registry + ":" + best->package + "'.";
    return {};
}

// Why a registry's package cannot have what it depends on.
Result<void> PackageUniverse::tell_unavailable(const DebianAlternatives &alternatives,
                                               const Offer &offer, Requirement &requirement) {
    for (const DebianRelation &relation : alternatives) {
        if (const auto version = source_.server_version(relation.package)) {
            requirement.text += ", and this server is " + *version;
            requirement.hint = "Take another version of it, or another version of the server.";
            return {};
        }
        const auto installed = installed_.find(relation.package);
        if (installed == installed_.end() || installed->second.registry == offer.registry) continue;
        const Offer *best = nullptr;
        const std::vector<Offer> offers = TRY(source_.offers_of(relation.package));
        for (const Offer &other : offers)
            if (other.registry == offer.registry && relation.holds_for(other.version) &&
                (best == nullptr || compare_debian_versions(other.version, best->version) > 0))
                best = &other;
        if (best == nullptr) continue;
        requirement.text += ", which registry \"" + offer.registry + "\" offers, but " +
                            relation.package + " " + installed->second.version +
                            " is installed from registry \"" + installed->second.registry +
                            "\" and is not replaced by another registry's unless that is asked "
                            "for by name";
        requirement.hint = "It is replaced when it is named in the same call: '" + best->registry +
                           ":" + best->package + "@" + best->version + "'.";
        return {};
    }
    requirement.text += ", which registry \"" + offer.registry + "\" does not offer";
    return {};
}

// `is_needed`: it is a failure when no version that the registry has will do.
Result<void> PackageUniverse::add_depends(const Offer &offer, const std::string &field,
                                          bool is_needed, Relations &relations,
                                          const std::string &by) {
    for (const DebianAlternatives &alternatives : parse_debian_relations(field)) {
        Requirement requirement{{}, "depends on "};
        requirement.by = by;
        bool is_known = true, can_be_met = false;
        for (const DebianRelation &relation : alternatives) {
            if (&relation != &alternatives.front()) requirement.text += " or ";
            requirement.text += relation.text();
            if (const auto version = source_.server_version(relation.package)) {
                is_known = is_known && !relation.may_hold_for_upstream(*version);
                continue;
            }
            std::optional<PackageChoice> one = TRY(choice_for(relation, offer));
            is_known = is_known && one;
            if (!one || one->candidates.empty()) continue;
            can_be_met = true;
            requirement.any_of.push_back(std::move(*one));
        }
        // The host may have it.
        if (!can_be_met && (!is_known || !is_needed)) continue;
        if (!can_be_met) TRY(tell_unavailable(alternatives, offer, requirement));
        if (can_be_met && alternatives.size() == 1) TRY(tell_registry(offer, requirement));
        relations.requirements.push_back(std::move(requirement));
    }
    return {};
}

Result<void> PackageUniverse::add_requires(const Offer &offer, Relations &relations) {
    const OfferContents *contents = source_.contents_of(offer);
    if (contents == nullptr) return {};
    std::set<std::string> names;
    for (const auto &[extension, required] : contents->extensions)
        for (const std::string &name : required) {
            const bool is_inside = std::ranges::any_of(
                contents->extensions, [&](const auto &other) { return other.first == name; });
            if (is_inside || !names.insert(name).second) continue;
            const ExtensionMeaning meaning = TRY(source_.meaning_of(name, extension));
            // What was installed meanwhile is as good.
            if (meaning.is_on_server ||
                (!meaning.installed.empty() && !installed_.contains(meaning.installed)))
                continue;
            Requirement requirement{{}, "requires extension \"" + name + "\""};
            requirement.by = extension;
            if (!meaning.installed.empty())
                requirement.any_of.push_back(
                    TRY(choice(meaning.installed, [](std::size_t) { return true; })));
            std::vector<Offer> offers = meaning.offers;
            // A registry may have promised more than there is.
            std::erase_if(offers, [&](const Offer &one) { return is_without(one, name); });
            if (requirement.any_of.empty() && !offers.empty())
                requirement.any_of.push_back(TRY(choice_of(offers)));
            for (const Offer &holder : source_.holders_of(name)) {
                PackageChoice held = TRY(choice_of({holder}));
                if (!held.candidates.empty()) requirement.any_of.push_back(std::move(held));
            }
            if (requirement.any_of.empty())
                requirement.text += ", which no registry offers and the server does not have";
            relations.requirements.push_back(std::move(requirement));
        }
    return {};
}

// What may bring the libraries that are nowhere.
Result<void> PackageUniverse::add_libraries(const Offer &offer, const std::string &companions,
                                            Relations &relations) {
    for (const LackingLibrary &lacking : with_recommends_)
        if (is_same(lacking.offer, offer)) {
            TRY(add_depends(offer, companions, false, relations, lacking.extension));
            break;
        }
    for (const Search &one : searches_) {
        if (!is_same(one.lacking.offer, offer)) continue;
        const std::string &library = one.lacking.library;
        Requirement requirement{{}, "uses library \"" + library + "\""};
        requirement.by = one.lacking.extension;
        std::map<std::string, std::vector<Offer>> by_package;
        std::vector<std::string> packages;
        for (const Offer &holder : one.holders) {
            const OfferContents *contents = source_.contents_of(holder);
            if (contents != nullptr &&
                std::ranges::find(contents->modules, library) == contents->modules.end())
                continue;
            if (source_.unfit(holder) != nullptr) continue;
            std::vector<Offer> &offers = by_package[holder.package];
            if (offers.empty()) packages.push_back(holder.package);
            offers.push_back(holder);
        }
        for (const std::string &package : packages) {
            PackageChoice choice = TRY(choice_of(by_package.at(package)));
            if (!choice.candidates.empty()) requirement.any_of.push_back(std::move(choice));
        }
        // Nobody has it: that is told, and may be no harm.
        if (!requirement.any_of.empty()) relations.requirements.push_back(std::move(requirement));
    }
    return {};
}

// Two installed packages of which one breaks the other keep nobody from installing a third.
Result<void> PackageUniverse::add_breaks(const std::string &package, const std::string &field,
                                         bool is_installed, Relations &relations) {
    for (const DebianAlternatives &alternatives : parse_debian_relations(field))
        for (const DebianRelation &relation : alternatives) {
            if (relation.package == package) continue;
            const Candidates &all = *TRY(candidates_of(relation.package));
            PackageChoice broken{relation.package, {}};
            for (std::size_t i = 0; i < all.size(); i++)
                if (!(is_installed && all.is_installed(i)) && relation.holds_for(all.version(i)))
                    broken.candidates.push_back(i);
            if (!broken.candidates.empty())
                relations.exclusions.push_back({std::move(broken), "breaks " + relation.text()});
        }
    return {};
}

// Of what is installed only what holds now has to hold afterwards.
Result<Relations> PackageUniverse::installed_relations(const InstalledOffer &installed) {
    Relations relations;
    for (const DebianAlternatives &alternatives : parse_debian_relations(installed.depends)) {
        Requirement requirement{{}, "depends on "};
        bool holds = false;
        for (const DebianRelation &relation : alternatives) {
            if (&relation != &alternatives.front()) requirement.text += " or ";
            requirement.text += relation.text();
            const auto other = installed_.find(relation.package);
            if (other == installed_.end()) continue;
            holds = holds || relation.holds_for(other->second.version);
            const Candidates &all = *TRY(candidates_of(relation.package));
            requirement.any_of.push_back(TRY(choice(relation.package, [&](std::size_t i) {
                return relation.holds_for(all.version(i));
            })));
        }
        if (holds) relations.requirements.push_back(std::move(requirement));
    }
    TRY(add_libraries(as_offer(installed), installed.companions, relations));
    TRY(add_breaks(installed.package, installed.breaks, true, relations));
    return relations;
}

Result<Relations> PackageUniverse::relations(const std::string &package, std::size_t candidate) {
    const Candidates &all = *TRY(candidates_of(package));
    if (all.is_installed(candidate)) return installed_relations(*all.installed);
    const Offer offer = all.offer(candidate);
    Relations relations;
    if (const Error *why = source_.unfit(offer)) {
        relations.requirements.push_back({{}, "cannot be used, as " + why->message});
        return relations;
    }
    TRY(add_depends(offer, offer.depends, true, relations));
    TRY(add_libraries(offer, offer.recommends, relations));
    TRY(add_requires(offer, relations));
    TRY(add_breaks(package, offer.breaks, false, relations));
    return relations;
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

}  // namespace

Result<std::vector<ChosenOffer>> choose_offers(PackageSource &source) {
    PackageUniverse universe(source);
    TRY(universe.begin());
    Result<Selection> selection = resolve(universe);
    if (!selection && universe.gives_up_searching()) selection = resolve(universe);
    if (!selection)
        if (const Error *why = universe.unfit()) return fail(*why);
    return universe.chosen(TRY(std::move(selection)));
}

Result<std::vector<Offer>> meant_offers(const std::string &name, const std::vector<Offer> &offers) {
    std::vector<Offer> meant;
    std::map<std::string, std::set<std::string>> usual;  // by registry
    for (const Offer &offer : offers) {
        if (offer.rank != offers.front().rank || offer.priority != offers.front().priority)
            continue;
        meant.push_back(offer);
        if (offer.is_usual) usual[offer.registry].insert(offer.package);
    }
    std::erase_if(meant, [&](const Offer &offer) {
        const auto found = usual.find(offer.registry);
        return found != usual.end() && found->second.size() == 1 &&
               !found->second.contains(offer.package);
    });
    std::vector<Offer> choices;  // the best of each package of each registry
    bool is_one_registry = true;
    for (const Offer &offer : meant) {
        is_one_registry = is_one_registry && offer.registry == meant.front().registry;
        if (std::ranges::none_of(choices, [&](const Offer &other) {
                return other.registry == offer.registry && other.package == offer.package;
            }))
            choices.push_back(offer);
    }
    if (choices.size() < 2) return meant;
    // Choosing silently between two registries, or between two packages, is how the wrong code gets
    // into a server.
    std::vector<std::string> origins;
    std::string names;
    for (const Offer &offer : choices) {
        origins.push_back(offer.origin());
        if (origins.size() > 3) continue;
        names += std::string(names.empty() ? "" : " or ") + "pgx.install('" +
                 (is_one_registry ? "" : offer.registry + ":") + offer.package + "')";
    }
    return fail(ErrorCode::ambiguous_package, "\"" + name + "\" is offered more than once",
                "It is offered by " + quoted_list(origins) + ".",
                "Name the package: " + names +
                    (is_one_registry ? "."
                                     : ". Or give one registry a higher priority with "
                                       "pgx.alter_registry()."));
}

}  // namespace pgx
