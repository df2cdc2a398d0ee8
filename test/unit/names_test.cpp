// names_test.cpp - what is a name, and what a mistyped one may have meant.
#include "core/base/names.h"

#include <gtest/gtest.h>

#include <string>

namespace pgx {
namespace {

using Names = std::vector<std::string>;

TEST(Names, ValidOnes) {
    for (const char *name : {"vector", "uuid-ossp", "postgresql-18-pgvector", "_private", "2nd",
                             "pg_cron", "libstdc++6", "a", "A.b", "pg_semver", "plpython3u"}) {
        EXPECT_TRUE(is_valid_name(name)) << name;
        EXPECT_TRUE(check_name("extension", name)) << name;
    }
    EXPECT_TRUE(is_valid_name(std::string(63, 'x')));
}

TEST(Names, InvalidOnesSayWhichRule) {
    struct {
        std::string name, rule;
    } const cases[] = {
        {"", "empty"},
        {std::string(64, 'x'), "63 bytes"},
        {"-x", "begin"},
        {".hidden", "begin"},
        {"..", "begin"},
        {"+x", "begin"},
        {"/etc/passwd", "begin"},
        {"a/b", "consist"},
        {"a/../b", "consist"},
        {"a\\b", "consist"},
        {"a b", "consist"},
        {"a'b", "consist"},
        {"a\"b", "consist"},
        {"a;b", "consist"},
        {"a\nb", "consist"},
        {std::string("a\0b", 3), "consist"},
        {"caf\xc3\xa9", "consist"},
        {"a--b", "\"--\""},
        {"a--", "\"--\""},
        {"a-", "end"},
    };
    for (const auto &c : cases) {
        EXPECT_FALSE(is_valid_name(c.name)) << c.name;
        const auto result = check_name("package", c.name);
        ASSERT_FALSE(result) << c.name;
        EXPECT_EQ(result.error().code, ErrorCode::invalid_name);
        EXPECT_NE(result.error().detail.find(c.rule), std::string::npos)
            << c.name << ": " << result.error().detail;
        EXPECT_TRUE(result.error().message.starts_with("invalid package name: \""))
            << result.error().message;
    }
}

TEST(Names, MessagesOfWrongNamesAreShortAndPrintable) {
    const auto control = check_name("extension", "a\nb\x1b[0m\x7f");
    ASSERT_FALSE(control);
    EXPECT_EQ(control.error().message, "invalid extension name: \"a?b?[0m?\"");
    const auto page = check_name("extension", std::string(100000, 'x'));
    ASSERT_FALSE(page);
    EXPECT_LT(page.error().message.size(), 120U);
    // Cut between characters, not within one.
    std::string umlauts;
    for (int i = 0; i < 100; ++i) umlauts += "\xc3\xbc";
    const auto cut = check_name("extension", "x" + umlauts);
    ASSERT_FALSE(cut);
    EXPECT_NE(cut.error().message.find("\xc3\xbc...\""), std::string::npos) << cut.error().message;
}

TEST(NearNames, FindsWhatWasMeant) {
    const Names candidates{"vector", "vectorscale", "semver", "pg_cron", "hypopg",
                           "hll",    "pgtap",       "ip4r",   "cube"};
    struct {
        std::string typed;
        Names expected;
    } const cases[] = {
        {"vecotr", {"vector"}},
        {"semvar", {"semver"}},
        {"SEMVER", {"semver"}},
        {"pgcron", {"pg_cron"}},
        {"pgvector", {"vector", "vectorscale"}},
        {"cron", {"pg_cron"}},
        {"ip5r", {"ip4r"}},
        {"hl", {"hll"}},
        {"completely-different", {}},
        {"", {}},
    };
    for (const auto &c : cases) {
        const Names found = near_names(c.typed, candidates);
        if (c.expected.empty())
            EXPECT_EQ(found, c.expected) << c.typed;
        else
            EXPECT_EQ(found.empty() ? "" : found.front(), c.expected.front()) << c.typed;
    }
}

TEST(NearNames, NearestFirstAtMostSoManyNoneTwice) {
    EXPECT_EQ(near_names("abcdef", {"abcdxx", "abcdex", "abcdef_x_long_tail", "abcdex"}),
              (Names{"abcdex", "abcdxx", "abcdef_x_long_tail"}));
    EXPECT_EQ(near_names("abcdef", {"abcdea", "abcdeb", "abcdec", "abcded"}),
              (Names{"abcdea", "abcdeb", "abcdec"}));
    EXPECT_EQ(near_names("abcdef", {"abcdea", "abcdeb", "abcdec"}, 1), (Names{"abcdea"}));
}

TEST(NearNames, ShortAndLongOnes) {
    EXPECT_EQ(near_names("a", {"b", "pgtap", "ab", ""}), Names{});
    EXPECT_EQ(near_names(std::string(100000, 'a'), {"aaa", std::string(1000, 'a')}), Names{});
    EXPECT_EQ(near_names("abc", {std::string(100000, 'a')}), Names{});
}

TEST(QuotedList, ReadsWell) {
    EXPECT_EQ(quoted_list({}), "");
    EXPECT_EQ(quoted_list({"a"}), "\"a\"");
    EXPECT_EQ(quoted_list({"a", "b"}), "\"a\" and \"b\"");
    EXPECT_EQ(quoted_list({"a", "b", "c"}), "\"a\", \"b\" and \"c\"");
}

TEST(FormatBytes, PicksTheUnit) {
    struct {
        std::uint64_t bytes;
        const char *text;
    } const cases[] = {
        {0, "0 bytes"},         {1, "1 byte"},           {999, "999 bytes"}, {1000, "1.0 kB"},
        {1536, "1.5 kB"},       {999949, "999.9 kB"},    {999950, "1.0 MB"}, {1500000, "1.5 MB"},
        {2000000000, "2.0 GB"}, {UINT64_MAX, "18.4 EB"},
    };
    for (const auto &c : cases) EXPECT_EQ(format_bytes(c.bytes), c.text) << c.bytes;
}

}  // namespace
}  // namespace pgx
