#include "core/publish/delegate.h"

#include <algorithm>
#include <set>

#include "core/base/names.h"
#include "core/publish/publisher_rules.h"

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

// Some names that a pattern stands for.
std::vector<std::string> examples_of(const std::string &pattern) {
    std::vector<std::string> examples;
    for (const char *letters : {"", "q", "zq7"}) {
        std::string name;
        for (const char character : pattern) {
            if (character == '*')
                name += letters;
            else
                name += character == '?' ? '5' : character;
        }
        examples.push_back(std::move(name));
    }
    return examples;
}

// The packages of a publisher under names that are his; what he has put under others is not his
// to lose. What cannot be read is as good as gone.
std::vector<std::string> read_own_packages(Generation &generation, const std::string &role) {
    std::vector<std::string> packages;
    const auto targets = generation.role(role);
    const auto delegations = generation.delegations();
    if (!targets || !delegations) return packages;
    for (const auto &[path, file] : (*targets)->targets) {
        auto package = check_publisher_path(*delegations, role, path);
        if (package) packages.push_back(std::move(*package));
    }
    return packages;
}

// How two patterns relate is told by examples, which is enough for a warning.
void find_overlaps(const tuf::Delegation &first, const tuf::Delegation &later,
                   std::vector<DelegationChange::Overlap> &overlaps) {
    const auto covered = [](const tuf::Delegation &delegation, const std::string &name) {
        return tuf::covers(delegation, package_path(name)).value_or(false);
    };
    for (const std::string &path : later.paths) {
        const std::string pattern = package_of_path(path);
        const std::vector<std::string> names = examples_of(pattern);
        const bool whole = std::all_of(names.begin(), names.end(), [&](const std::string &name) {
            return covered(first, name);
        });
        bool part = whole;
        for (const std::string &other : first.paths)
            for (const std::string &name : examples_of(package_of_path(other)))
                part = part || tuf::matches_pattern(path, package_path(name));
        if (part)
            overlaps.push_back(
                {pattern, publisher_of_role(later.name), publisher_of_role(first.name), whole});
    }
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
    for (std::size_t i = 0; i < roles.size(); ++i)
        for (std::size_t j = i + 1; j < roles.size(); ++j)
            if ((roles[i].name == delegation.name || roles[j].name == delegation.name) &&
                !publisher_of_role(roles[i].name).empty() &&
                !publisher_of_role(roles[j].name).empty())
                find_overlaps(roles[i], roles[j], change.overlaps);

    for (const std::string &name : bin_roles())
        for (const auto &[package, content] : TRY(read_packages(generation, name)))
            if (!content.releases.empty() && TRY(tuf::covers(delegation, package_path(package))))
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
    // Read while his keys are known.
    const std::vector<std::string> packages = read_own_packages(generation, role);
    generation.postpone(role);
    TRY(generation.change("targets"));
    roles.erase(found);
    drop_unused_keys(*targets.delegations);
    DelegationChange change;
    change.publication = TRY(generation.publish(keys, lifetimes, now));
    for (const std::string &package : packages) {
        // The registry itself, or another publisher, may have had a package of that name before,
        // which is back now.
        std::string path = package_path(package);
        std::string owner = TRY(generation.publisher_of(package));
        if (owner.empty()) {
            path = TRY(shard_path(package, TRY(generation.shard_bits())));
            owner = bin_role(path);
        }
        const Catalog catalog = TRY(generation.read_catalog(owner, path));
        const auto other = catalog.find(package);
        if (other != catalog.end() && !other->second.releases.empty()) continue;
        change.deleted_packages.push_back(package);
        (void)generation.fs().remove_tree(join_path(generation.folder().bundles(), package));
    }
    return change;
}

}  // namespace pgx
