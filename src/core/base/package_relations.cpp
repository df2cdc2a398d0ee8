// package_relations.cpp - what a candidate needs and what it does not go with, in words that say
// why.
#include <algorithm>
#include <set>

#include "core/base/debian_version.h"
#include "core/base/package_rules.h"

namespace pgx {

namespace {

Offer as_offer(const InstalledOffer &installed) {
    Offer offer;
    offer.registry = installed.registry;
    offer.package = installed.package;
    offer.version = installed.version;
    offer.sha256 = installed.sha256;
    return offer;
}

}  // namespace

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

}  // namespace pgx
