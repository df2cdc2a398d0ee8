// Ranges, and what is too long to be told. Whole explanations are in test/resolver.
#include "core/base/explanation.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pgx {
namespace {

TEST(Explanation, Ranges) {
    const struct {
        std::vector<std::string> versions;
        std::vector<std::size_t> members;
        const char *expected;
    } cases[] = {
        {{"1.0"}, {0}, "a 1.0"},
        {{"2.0", "1.0"}, {0, 1}, "every version of a"},
        {{"2.0", "1.0"}, {1}, "a 1.0"},
        {{"4", "3", "2", "1"}, {0, 1}, "a >= 3"},
        {{"4", "3", "2", "1"}, {2, 3}, "a <= 2"},
        {{"4", "3", "2", "1"}, {1, 2}, "a 2 to 3"},
        {{"4", "3", "2", "1"}, {0, 2}, "a 2 or 4"},
        {{"5", "4", "3", "2", "1"}, {0, 1, 4}, "a 1 or >= 4"},
        {{"6", "5", "4", "3", "2", "1"}, {0, 2, 4}, "a 2, 4 or 6"},
        // in order of version, not of preference: what is installed comes first
        {{"2", "10", "9", "1"}, {0, 1, 2}, "a >= 2"},
        {{"2.0", "2.0~rc1", "1.0"}, {1, 2}, "a <= 2.0~rc1"},
        // the same version twice is one
        {{"2", "2", "1"}, {0, 1}, "a 2"},
    };
    for (const auto &[versions, members, expected] : cases)
        EXPECT_EQ(range_text({"a", versions}, CandidateSet::of(versions.size(), members)),
                  expected);
}

TEST(Explanation, LongChainsAreCut) {
    // p0 needs p1, and so on, and the last one cannot be had.
    constexpr std::size_t length = 100;
    std::vector<PackageVersions> packages;
    std::vector<Incompatibility> all;
    for (std::size_t i = 0; i < length; i++) {
        packages.push_back({"p" + std::to_string(i), {"1"}});
        Incompatibility next;
        next.kind = Incompatibility::Kind::dependency;
        next.text = "depends on p" + std::to_string(i + 1);
        next.terms = {{i, CandidateSet::of(1, {0})}};
        if (i + 1 < length) next.terms.push_back({i + 1, CandidateSet::of(1, {0}).complement()});
        all.push_back(std::move(next));
    }
    std::size_t last = length - 1;
    for (std::size_t i = length - 1; i-- > 0;) {
        Incompatibility derived;
        derived.terms = {{i, CandidateSet::of(1, {0})}};
        derived.left = last;
        derived.right = i;
        last = all.size();
        all.push_back(std::move(derived));
    }
    const std::string text = explanation(all, last, packages);
    EXPECT_EQ(text.substr(0, text.find('\n')), "(10 steps before these are left out.)");
    EXPECT_EQ(std::ranges::count(text, '\n'), 40);
    EXPECT_NE(text.find("p0 1 cannot be installed."), std::string::npos);
}

TEST(Explanation, OneKnownReason) {
    Incompatibility asked;
    asked.kind = Incompatibility::Kind::asked;
    asked.text = "you asked for a";
    EXPECT_EQ(explanation({asked}, 0, {}), "You asked for a.");
}

}  // namespace
}  // namespace pgx
