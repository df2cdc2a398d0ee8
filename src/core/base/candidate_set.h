// candidate_set.h - which of a package's candidates, or none of them, are still possible.
//
// The versions of a package are a finite list, so what is known of it is a set of numbers of that
// list, and intersection and complement are exact whatever versions look like. "None", the package
// is not installed, is one more member: then "a or not installed" and "at least b" are sets like
// any other, and the solver needs no signs. That is where this differs from PubGrub as it is
// usually written, with version ranges and positive and negative terms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace pgx {

class CandidateSet {
   public:
    // The empty set over candidates 0 to `candidates` - 1 and none.
    explicit CandidateSet(std::size_t candidates);

    static CandidateSet everything(std::size_t candidates);
    // Candidates that the package does not have are passed over.
    static CandidateSet of(std::size_t candidates, const std::vector<std::size_t> &members);

    std::size_t candidates() const { return candidates_; }
    void add(std::size_t candidate) { words_[candidate / 64] |= bit(candidate); }
    bool contains(std::size_t candidate) const {
        return (words_[candidate / 64] & bit(candidate)) != 0;
    }
    bool contains_none() const { return contains(candidates_); }
    bool is_empty() const;
    bool is_everything() const;

    // The smallest candidate, which is the best one; nullopt when there is none.
    std::optional<std::size_t> first() const;
    // All candidates in it, in order.
    std::vector<std::size_t> members() const;

    CandidateSet complement() const;
    CandidateSet operator&(const CandidateSet &other) const;
    CandidateSet operator|(const CandidateSet &other) const;
    bool is_subset_of(const CandidateSet &other) const;
    bool intersects(const CandidateSet &other) const;
    bool operator==(const CandidateSet &) const = default;

   private:
    static std::uint64_t bit(std::size_t candidate) { return std::uint64_t{1} << candidate % 64; }

    std::size_t candidates_;
    std::vector<std::uint64_t> words_;  // candidate i is bit i, none is bit `candidates_`
};

}  // namespace pgx
