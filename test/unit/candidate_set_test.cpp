#include "core/base/candidate_set.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

// Sizes around the ends of words, where a bit more or less would be lost.
class CandidateSets : public testing::TestWithParam<std::size_t> {};

TEST_P(CandidateSets, EverythingAndNothing) {
    const std::size_t count = GetParam();
    const CandidateSet nothing(count), everything = CandidateSet::everything(count);
    EXPECT_TRUE(nothing.is_empty());
    EXPECT_FALSE(nothing.is_everything());
    EXPECT_FALSE(nothing.contains_none());
    EXPECT_EQ(nothing.first(), std::nullopt);
    EXPECT_TRUE(everything.is_everything());
    EXPECT_TRUE(everything.contains_none());
    EXPECT_EQ(everything.members().size(), count);
    EXPECT_EQ(everything.complement(), nothing);
    EXPECT_EQ(nothing.complement(), everything);
    EXPECT_TRUE(nothing.is_subset_of(everything));
    EXPECT_FALSE(everything.is_subset_of(nothing));
    EXPECT_FALSE(everything.intersects(nothing));
}

TEST_P(CandidateSets, OneMember) {
    const std::size_t count = GetParam();
    for (std::size_t i = 0; i < count; i++) {
        const CandidateSet one = CandidateSet::of(count, {i, count, count + 1});
        EXPECT_EQ(one.members(), std::vector<std::size_t>{i});
        EXPECT_EQ(one.first(), i);
        EXPECT_FALSE(one.contains_none()) << "what the package does not have is passed over";
        EXPECT_EQ(one.complement().complement(), one);
        EXPECT_TRUE(one.complement().contains_none());
        EXPECT_FALSE(one.complement().contains(i));
        EXPECT_TRUE((one & one.complement()).is_empty());
        EXPECT_TRUE((one | one.complement()).is_everything());
        EXPECT_FALSE(one.intersects(one.complement()));
        EXPECT_TRUE(one.is_subset_of(one));
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, CandidateSets,
                         testing::Values(0, 1, 2, 62, 63, 64, 65, 127, 128, 129));

}  // namespace
}  // namespace pgx
