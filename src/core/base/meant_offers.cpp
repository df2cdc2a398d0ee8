// meant_offers.cpp - which package a name means.
#include <algorithm>
#include <map>
#include <set>

#include "core/base/names.h"
#include "core/base/package_universe.h"

namespace pgx {

Result<std::vector<Offer>> meant_offers(const std::string &name, const std::vector<Offer> &offers) {
    std::vector<Offer> meant;
    std::map<std::string, int> best;                     // likeness by registry
    std::map<std::string, std::set<std::string>> usual;  // packages of that likeness
    for (const Offer &offer : offers) {
        if (offer.rank != offers.front().rank || offer.priority != offers.front().priority)
            continue;
        meant.push_back(offer);
        best[offer.registry] = std::max(best[offer.registry], offer.likeness);
    }
    for (const Offer &offer : meant)
        if (offer.likeness > 0 && offer.likeness == best[offer.registry])
            usual[offer.registry].insert(offer.package);
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
