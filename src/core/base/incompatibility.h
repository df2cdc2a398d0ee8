// incompatibility.h - what the resolver knows: sets of statements of which at least one is false.
//
// Everything is said in this one form, as PubGrub does. "a 2.0 depends on b >= 3" is: not both, a
// is 2.0, and b is something else than 3 or higher. What the resolver finds out itself has the two
// incompatibilities that it follows from, so that the last one, which says that nothing will do, is
// the root of a tree of reasons (explanation.h).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/candidate_set.h"

namespace pgx {

// "The package's candidate, or none, is in the set."
struct Term {
    std::size_t package;  // its number with the resolver
    CandidateSet set;
};

struct Incompatibility {
    enum class Kind {
        asked,       // a requirement of nobody's; `text` is a clause: "you asked for a"
        dependency,  // of the first term's package; `text` goes behind it: "depends on b (>= 3)"
        conflict,    // the same: "breaks b (<< 2)"
        derived,
    };
    Kind kind = Kind::derived;
    std::vector<Term> terms;  // no package twice; an empty list is never true: nothing will do
    std::string text;
    std::string hint;  // a sentence: what a person could change about it; may be empty
    std::size_t left = 0, right = 0;  // derived: from which, as numbers of a list
};

}  // namespace pgx
