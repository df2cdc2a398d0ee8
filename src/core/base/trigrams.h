// trigrams.h - the groups of three characters in names, for an index that finds parts of names.
//
// A name that contains a word contains all of the word's trigrams. So an index of trigrams leaves a
// few names to be looked at, where a search without would look at every one. It is what
// PostgreSQL's pg_trgm does; that is an extension of its own, which a server may not have, and it
// takes apart words where pgx looks for parts of names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pgx {

// The trigrams of all names, each once, in rising order, three bytes in a number; ASCII letters
// count as lower case. Names of fewer than three bytes have none.
std::vector<std::int32_t> trigrams(const std::vector<std::string> &names);

}  // namespace pgx
