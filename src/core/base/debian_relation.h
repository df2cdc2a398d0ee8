// debian_relation.h - what Debian packages say of each other: Depends, Recommends, Breaks,
// Conflicts.
//
// A field is a list of groups, a group alternatives, an alternative a package with an optional
// range of versions (Debian Policy 7.1): "libc6 (>= 2.38), postgresql-18-a | postgresql-18-b".
// Architecture qualifiers and restrictions are for the building of packages and for foreign
// architectures; they are passed over.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgx {

struct DebianRelation {
    std::string package;
    std::string comparison;  // "<<", "<=", "=", ">=", ">>"; empty: any version
    std::string version;

    bool holds_for(std::string_view other_version) const;
    // Whether it can hold for a package of which only the upstream version is known: any revision
    // of it would do.
    bool may_hold_for_upstream(std::string_view upstream) const;
    // "postgresql-18-postgis-3 (>= 3.7)", for messages.
    std::string text() const;
};

using DebianAlternatives = std::vector<DebianRelation>;

// What cannot be read is left out: the field comes from a signed list, and an order to install
// something is worth no more than what can be understood of it.
std::vector<DebianAlternatives> parse_debian_relations(std::string_view field);

}  // namespace pgx
