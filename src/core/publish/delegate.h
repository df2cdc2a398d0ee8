// delegate.h - names of packages that a publisher signs for himself.
//
// A pattern of names goes to the publisher's keys and is final: what he has not signed under such a
// name does not exist, whatever the registry's own shards say. So neither can the registry's other
// keys put a package under his name, nor can he put one under another's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/publish/catalog_change.h"

namespace pgx {

struct PublisherRights {
    std::string publisher;
    std::vector<tuf::PublicKey> keys;
    std::vector<std::string> patterns;  // of package names: "acme_*"
    std::uint64_t threshold = 1;
};

struct DelegationChange {
    std::vector<std::string> hidden;  // packages in shards that are the publisher's to publish now
    std::vector<std::string> deleted_packages;  // of a publisher who is gone
    bool replaced = false;                      // he had rights before
    // Patterns that, in whole or in part, are of no effect: names that more than one publisher has
    // are the one's who got them first.
    struct Overlap {
        std::string pattern, publisher;  // without effect
        std::string owner;               // who has the names
        bool whole = false;              // all names of the pattern, else some
    };
    std::vector<Overlap> overlaps;
    Publication publication;
};

// Gives the publisher these rights, in place of any that he had. invalid_name, invalid_argument.
Result<DelegationChange> delegate_packages(Generation &generation, const PublisherRights &rights,
                                           KeyFolder &keys, const Lifetimes &lifetimes,
                                           tuf::Time now);

// Takes them away, and deletes the bundles of packages that were his. invalid_argument: has none.
Result<DelegationChange> undelegate_packages(Generation &generation, const std::string &publisher,
                                             KeyFolder &keys, const Lifetimes &lifetimes,
                                             tuf::Time now);

}  // namespace pgx
