// explanation.h - why nothing goes together, in English sentences.
//
// The reasons are a graph: each incompatibility that the resolver derived follows from two others.
// It is told as pub does (doc/solver.md, "Error Reporting"): causes before what follows from them,
// one step a sentence, a chain of steps without naming what the sentence before has just said. What
// is used in two places is told once and gets a number.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/incompatibility.h"

namespace pgx {

struct PackageVersions {
    std::string name;
    std::vector<std::string> versions;  // by number of the candidate
};

// Candidates of a package as a range: "b 1.2", "b >= 2", "b 1.0 or >= 3"; all of several: "every
// version of b". Ranges are those of the versions there are.
std::string range_text(const PackageVersions &package, const CandidateSet &set);

// The sentences for incompatibility `root` of the list, one a line.
std::string explanation(const std::vector<Incompatibility> &incompatibilities, std::size_t root,
                        const std::vector<PackageVersions> &packages);

}  // namespace pgx
