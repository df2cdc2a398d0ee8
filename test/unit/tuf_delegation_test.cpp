// tuf_delegation_test.cpp - patterns, hash prefixes, succinct roles, and names as parts of paths.
#include <gtest/gtest.h>

#include "core/tuf/metadata.h"

namespace pgx::tuf {
namespace {

TEST(TufDelegation, Patterns) {
    const struct {
        const char *pattern, *path;
        bool matches;
    } cases[] = {
        {"*", "a", true},
        {"*", "", true},
        {"*", "a/b", false},
        {"*/*", "a/b", true},
        {"*/*", "a", false},
        {"*/*", "a/b/c", false},
        {"a/b", "a/b", true},
        {"a/b", "a/b/", false},
        {"a/b", "A/b", false},
        {"a?c", "abc", true},
        {"a?c", "a/c", false},
        {"a?c", "ac", false},
        {"*.json", "x.json", true},
        {"*.json", "x.jsonx", false},
        {"a*b*c", "axxbxxbxc", true},
        {"a*b*c", "axxbxxb", false},
        {"packages/acme_*.json", "packages/acme_x.json", true},
        {"packages/acme_*.json", "packages/acme.json", false},
        {"packages/*", "packages/../x", false},
        {"catalog/0*.json.zst", "catalog/0400.json.zst", true},
        {"catalog/0*.json.zst", "catalog/1400.json.zst", false},
        // only these two are special
        {"[ab]", "a", false},
        {"[ab]", "[ab]", true},
        {"\\*", "\\x", true},
        {"**", "a", true},
        {"", "", true},
        {"", "a", false},
    };
    for (const auto &one : cases)
        EXPECT_EQ(matches_pattern(one.pattern, one.path), one.matches)
            << one.pattern << " " << one.path;
    // takes no more than a moment
    std::string stars;
    for (int i = 0; i < 1000; ++i) stars += "*a";
    EXPECT_FALSE(matches_pattern(stars + "b", std::string(4000, 'a')));
}

TEST(TufDelegation, Coverage) {
    Delegation delegation;
    EXPECT_FALSE(covers(delegation, "a").value());
    delegation.paths = {"x/*", "y"};
    EXPECT_TRUE(covers(delegation, "y").value());
    EXPECT_FALSE(covers(delegation, "z").value());
    // sha256("a") begins with ca97
    Delegation by_hash;
    by_hash.path_hash_prefixes = {"00", "ca9"};
    EXPECT_TRUE(covers(by_hash, "a").value());
    by_hash.path_hash_prefixes = {"00", "ca8"};
    EXPECT_FALSE(covers(by_hash, "a").value());
}

TEST(TufDelegation, SuccinctRoles) {
    // the leading bits of ca97... are 1100 1010 1001 0111
    const std::pair<unsigned, const char *> cases[] = {
        {1, "bin-1"},  {2, "bin-3"},   {3, "bin-6"},    {4, "bin-c"},     {5, "bin-19"},
        {8, "bin-ca"}, {9, "bin-195"}, {12, "bin-ca9"}, {16, "bin-ca97"}, {32, "bin-ca978112"},
    };
    for (const auto &[bits, name] : cases)
        EXPECT_EQ(succinct_role({{}, bits, "bin"}, "a").value(), name);
    EXPECT_EQ(succinct_role_name({{}, 5, "x"}, 3), "x-03");
}

TEST(TufDelegation, EncodedNames) {
    EXPECT_EQ(encode_role_name("bin-0"), "bin-0");
    EXPECT_EQ(encode_role_name("../x"), "..%2Fx");
    EXPECT_EQ(encode_role_name("?#%\x01\xc3\xa4~_"), "%3F%23%25%01%C3%A4~_");
    EXPECT_EQ(encode_target_path("a/b c%2f"), "a/b%20c%252f");
}

TEST(TufDelegation, TargetPaths) {
    for (const char *path : {"a", "a/b", ".a/..b", "a b"}) EXPECT_TRUE(check_target_path(path));
    for (const char *path : {"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/./b",
                             "a\\b", "a\nb", "a\x7f"}) {
        const auto result = check_target_path(path);
        ASSERT_FALSE(result) << path;
        EXPECT_EQ(result.error().code, ErrorCode::invalid_name);
    }
}

}  // namespace
}  // namespace pgx::tuf
