#include "core/base/candidate_set.h"

#include <algorithm>

namespace pgx {

CandidateSet::CandidateSet(std::size_t candidates)
    : candidates_(candidates), words_(candidates / 64 + 1, 0) {}

CandidateSet CandidateSet::everything(std::size_t candidates) {
    return CandidateSet(candidates).complement();
}

CandidateSet CandidateSet::of(std::size_t candidates, const std::vector<std::size_t> &members) {
    CandidateSet set(candidates);
    for (const std::size_t member : members)
        if (member < candidates) set.add(member);
    return set;
}

bool CandidateSet::is_empty() const {
    return std::ranges::all_of(words_, [](std::uint64_t word) { return word == 0; });
}

bool CandidateSet::is_everything() const { return complement().is_empty(); }

std::optional<std::size_t> CandidateSet::first() const {
    for (std::size_t candidate = 0; candidate < candidates_; candidate++)
        if (contains(candidate)) return candidate;
    return std::nullopt;
}

std::vector<std::size_t> CandidateSet::members() const {
    std::vector<std::size_t> members;
    for (std::size_t candidate = 0; candidate < candidates_; candidate++)
        if (contains(candidate)) members.push_back(candidate);
    return members;
}

CandidateSet CandidateSet::complement() const {
    CandidateSet result = *this;
    for (std::uint64_t &word : result.words_) word = ~word;
    // Bits behind that of none stay clear, so that sets can be compared word by word.
    if (const std::size_t used = (candidates_ + 1) % 64; used != 0)
        result.words_[candidates_ / 64] &= (std::uint64_t{1} << used) - 1;
    return result;
}

CandidateSet CandidateSet::operator&(const CandidateSet &other) const {
    CandidateSet result = *this;
    for (std::size_t i = 0; i < words_.size(); i++) result.words_[i] &= other.words_[i];
    return result;
}

CandidateSet CandidateSet::operator|(const CandidateSet &other) const {
    CandidateSet result = *this;
    for (std::size_t i = 0; i < words_.size(); i++) result.words_[i] |= other.words_[i];
    return result;
}

bool CandidateSet::is_subset_of(const CandidateSet &other) const {
    for (std::size_t i = 0; i < words_.size(); i++)
        if ((words_[i] & ~other.words_[i]) != 0) return false;
    return true;
}

bool CandidateSet::intersects(const CandidateSet &other) const {
    for (std::size_t i = 0; i < words_.size(); i++)
        if ((words_[i] & other.words_[i]) != 0) return true;
    return false;
}

}  // namespace pgx
