// resolver.h - which versions of packages go together.
//
// The algorithm is PubGrub (Natalie Weizenbaum, "PubGrub: Next-Generation Version Solving", and
// pub's doc/solver.md), which is conflict-driven clause learning with versions: choose the best
// candidate of a package, follow what that implies, and where two implications contradict each
// other, work out the smallest set of statements that cannot all hold, remember it, and take back
// just as much as it concerns. What is remembered is also what explains a failure.
//
// What a candidate requires is asked when it is chosen, because for most registries that takes a
// download. So an answer is first found with what is known, then learn() looks at what was chosen,
// and if that tells something new, an answer is looked for again. What is certain is downloaded
// together, and a candidate that turns out not to fit is not chosen again.
//
// Not a SAT solver from elsewhere, because a user needs the reasons; not "newest first and hope",
// because a choice has to be taken back when a package further on does not go with it.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace pgx {

// Candidates of a package by their numbers in the list that the provider gave.
struct PackageChoice {
    std::string package;
    std::vector<std::size_t> candidates;
};

// At least one of these has to be installed; what comes first is preferred. With no candidate at
// all it cannot be met.
struct Requirement {
    std::vector<PackageChoice> any_of;
    // Of a candidate: what goes behind its name, "depends on b (>= 3)". Otherwise a clause, "you
    // asked for a".
    std::string text;
    std::string hint = {};  // a sentence: what a person could change about it
    // What is there already and is to stay: candidates are chosen for it after everything else.
    bool late = false;
    std::string by = {};  // of a candidate: which part of it requires this; the provider's own
};

// None of these may be installed together with the candidate; `text` as above: "breaks b (<< 2)".
struct Exclusion {
    PackageChoice with;
    std::string text;
    std::string hint = {};
};

struct Relations {
    std::vector<Requirement> requirements;
    std::vector<Exclusion> exclusions;
};

// From package to the number of its candidate.
using Selection = std::map<std::string, std::size_t>;

// What the resolver asks. Answers to the first three may change only by learn().
class ResolverProvider {
   public:
    virtual ~ResolverProvider() = default;

    // What is wanted.
    virtual Result<std::vector<Requirement>> requirements() = 0;
    // The versions of a package, the best one first.
    virtual Result<std::vector<std::string>> candidates(const std::string &package) = 0;
    // What a candidate needs and what it does not go with.
    virtual Result<Relations> relations(const std::string &package, std::size_t candidate) = 0;
    // Looks closer at what would be installed. True when an answer to one of the others is another
    // one now.
    virtual Result<bool> learn(const Selection &selection) = 0;
};

// What will be installed, without what nobody requires. When nothing goes together,
// dependency_missing or package_conflict, with the reasons as DETAIL and what the requirements
// concerned have as hints; limit_exceeded when it takes too long to find out; the provider's
// errors.
Result<Selection> resolve(ResolverProvider &provider);

}  // namespace pgx
