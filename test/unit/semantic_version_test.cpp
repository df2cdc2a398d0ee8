// semantic_version_test.cpp - the rules of semver.org, and what people write instead.
#include "core/bundle/semantic_version.h"

#include <gtest/gtest.h>

#include <vector>

namespace pgx {
namespace {

TEST(SemanticVersionTest, Valid) {
    for (const char *version :
         {"0.0.0", "1.2.3", "10.20.30", "1.0.0-beta", "1.0.0-beta.1", "1.0.0-0.3.7",
          "1.0.0-x-y-z.4", "1.0.0--", "2024.1.31", "99999999999999999999.0.0"})
        EXPECT_TRUE(is_semantic_version(version)) << version;
    for (const char *version :
         {"",       "1",          "1.2",      "1.2.3.4",     "01.2.3",    "1.02.3", "1.2.03",
          "1.2.3-", "1.2.3-a..b", "1.2.3-01", "1.2.3+build", "1.2.3-a+b", "v1.2.3", "1.2.3 ",
          " 1.2.3", "1.2.x",      "-1.2.3",   "1.2.3-a/b",   "1.2.3-a_b", "1..3",   ".1.2"})
        EXPECT_FALSE(is_semantic_version(version)) << version;
    EXPECT_FALSE(is_semantic_version("1.0.0-" + std::string(60, 'a')));
}

TEST(SemanticVersionTest, Converted) {
    const std::vector<std::pair<const char *, const char *>> cases{
        {"1.2.3", "1.2.3"},
        {"1.0", "1.0.0"},
        {"4", "4.0.0"},
        {"v1.2", "1.2.0"},
        {"2024.01", "2024.1.0"},
        {"1.6dev", "1.6.0-dev"},
        {"1.0beta2", "1.0.0-beta2"},
        {"1.0.0rc1", "1.0.0-rc1"},
        {"3.5.0-2", "3.5.0-2"},
        {"1.0_alpha", "1.0.0-alpha"},
        {"1.0~rc1", "1.0.0-rc1"},
        {"00.1", "0.1.0"},
        {"1.2.3-beta.1", "1.2.3-beta.1"}};
    for (const auto &[written, expected] : cases) {
        const auto converted = to_semantic_version(written);
        ASSERT_TRUE(converted) << written;
        EXPECT_EQ(*converted, expected);
        EXPECT_TRUE(is_semantic_version(*converted));
    }
    for (const char *version : {"", "v", "unpackaged", "1.2.3.4", "1.0-", "1.0+dfsg", "1.0 beta",
                                "1..2", "next", "1.", "1.0-01", "-1"})
        EXPECT_FALSE(to_semantic_version(version)) << version << *to_semantic_version(version);
}

TEST(SemanticVersionTest, Order) {
    // Section 11 has this chain.
    const std::vector<std::string> ascending{"0.9.9",
                                             "1.0.0-1",
                                             "1.0.0-2",
                                             "1.0.0-11",
                                             "1.0.0-alpha",
                                             "1.0.0-alpha.1",
                                             "1.0.0-alpha.beta",
                                             "1.0.0-beta",
                                             "1.0.0-beta.2",
                                             "1.0.0-beta.11",
                                             "1.0.0-rc.1",
                                             "1.0.0",
                                             "1.0.1",
                                             "1.0.10",
                                             "1.2.0",
                                             "1.10.0",
                                             "2.0.0",
                                             "10.0.0",
                                             "100000000000000000000.0.0"};
    for (std::size_t i = 0; i < ascending.size(); ++i)
        for (std::size_t j = 0; j < ascending.size(); ++j)
            EXPECT_EQ(compare_semantic_versions(ascending[i], ascending[j]), i <=> j)
                << ascending[i] << " " << ascending[j];
}

}  // namespace
}  // namespace pgx
