#include "core/publish/delegate.h"

#include <algorithm>
#include <set>

#include "core/base/names.h"

namespace pgx {

namespace {

Result<void> check_pattern(const std::string &pattern) {
    std::string name;
    // A name with wildcards is a pattern for names if one of letters in their place is a name.
    for (const char character : pattern)
        name += character == '*' || character == '?' ? 'a' : character;
    if (is_valid_name(name)) return {};
    return fail(ErrorCode::invalid_argument,
                "\"" + pattern + "\" is not a pattern for names of packages", {},
                "Give names, with \"*\" for any letters and \"?\" for one: --packages \"acme_*\".");
}

Result<tuf::Delegation> make_delegation(const PublisherRights &rights) {
    TRY(check_name("publisher", rights.publisher));
    tuf::Delegation delegation;
    delegation.name = publisher_role(rights.publisher);
    delegation.terminating = true;
    delegation.role.threshold = rights.threshold;
    std::set<std::string> ids;
    for (const tuf::PublicKey &key : rights.keys)
        if (ids.insert(key.id()).second) delegation.role.key_ids.push_back(key.id());
    if (rights.threshold < 1 || rights.threshold > ids.size())
        return fail(ErrorCode::invalid_argument,
                    "a publisher cannot have a threshold of " + std::to_string(rights.threshold) +
                        " with " + std::to_string(ids.size()) + " keys",
                    {}, "Give each of the publisher's keys with --key.");
    if (rights.patterns.empty())
        return fail(ErrorCode::invalid_argument, "the publisher needs names to publish under", {},
                    "Give them with --packages.");
    for (const std::string &pattern : rights.patterns) {
        TRY(check_pattern(pattern));
        delegation.paths.push_back(package_path(pattern));
    }
    return delegation;
}

Result<void> check_patterns_free(const tuf::Delegation &wanted, const tuf::Delegation &other) {
    for (const std::string &path : wanted.paths)
        if (std::find(other.paths.begin(), other.paths.end(), path) != other.paths.end())
            return fail(ErrorCode::invalid_argument,
                        "the names \"" + package_of_path(path) + "\" belong to publisher \"" +
                            publisher_of_role(other.name) + "\"",
                        {}, "Take them away first with \"pgx registry undelegate\".");
    return {};
}

}  // namespace

Result<DelegationChange> delegate_packages(Generation &generation, const PublisherRights &rights,
                                           KeyFolder &keys, const Lifetimes &lifetimes,
                                           tuf::Time now) {
    const tuf::Delegation delegation = TRY(make_delegation(rights));
    DelegationChange change;
    tuf::Targets &targets = *TRY(generation.change("targets"));
    auto &roles = targets.delegations->roles;
    auto place = std::find_if(roles.begin(), roles.end(), [](const tuf::Delegation &other) {
        return publisher_of_role(other.name).empty();
    });
    for (auto other = roles.begin(); other != roles.end(); ++other) {
        if (other->name == delegation.name)
            place = other;
        else
            TRY(check_patterns_free(delegation, *other));
    }
    change.replaced = place != roles.end() && place->name == delegation.name;
    if (change.replaced)
        *place = delegation;
    else
        roles.insert(place, delegation);
    for (const tuf::PublicKey &key : rights.keys)
        targets.delegations->keys.insert_or_assign(key.id(), key);
    drop_unused_keys(*targets.delegations);

    for (const std::string &name : bin_roles())
        for (const auto &[package, content] : TRY(read_packages(generation, name)))
            if (TRY(tuf::covers(delegation, package_path(package))))
                change.hidden.push_back(package);
    change.publication = TRY(generation.publish(keys, lifetimes, now));
    return change;
}

Result<DelegationChange> undelegate_packages(Generation &generation, const std::string &publisher,
                                             KeyFolder &keys, const Lifetimes &lifetimes,
                                             tuf::Time now) {
    const std::string role = publisher_role(publisher);
    tuf::Targets &targets = *TRY(generation.change("targets"));
    auto &roles = targets.delegations->roles;
    const auto found = std::find_if(roles.begin(), roles.end(), [&](const tuf::Delegation &other) {
        return other.name == role;
    });
    if (found == roles.end()) {
        std::vector<std::string> names;
        for (const tuf::Delegation &delegation : roles)
            if (const std::string name = publisher_of_role(delegation.name); !name.empty())
                names.push_back(name);
        return fail(ErrorCode::invalid_argument,
                    "the registry has no publisher \"" + publisher + "\"",
                    names.empty() ? "" : "It has " + quoted_list(names) + ".",
                    "Name a publisher that was made with \"pgx registry delegate\".");
    }
    // Read while his keys are known. What cannot be read is as good as gone.
    const auto packages = read_packages(generation, role);
    generation.postpone(role);
    TRY(generation.change("targets"));
    roles.erase(found);
    drop_unused_keys(*targets.delegations);
    DelegationChange change;
    change.publication = TRY(generation.publish(keys, lifetimes, now));
    if (!packages) return change;
    for (const auto &[package, content] : *packages) {
        // The registry itself may have had a package of that name before, which is back now.
        const std::string shard = TRY(shard_path(package, TRY(generation.shard_bits())));
        if (TRY(generation.read_catalog(bin_role(shard), shard)).contains(package)) continue;
        change.deleted_packages.push_back(package);
        (void)generation.fs().remove_tree(join_path(generation.folder().bundles(), package));
    }
    return change;
}

}  // namespace pgx
