#include "core/base/trigrams.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace pgx {
namespace {

std::int32_t packed(const char *three) {
    return static_cast<unsigned char>(three[0]) << 16 | static_cast<unsigned char>(three[1]) << 8 |
           static_cast<unsigned char>(three[2]);
}

TEST(Trigrams, OfNames) {
    const struct {
        std::vector<std::string> names;
        std::vector<std::int32_t> expected;
    } cases[] = {
        {{}, {}},
        {{"", "a", "ab"}, {}},
        {{"abc"}, {packed("abc")}},
        {{"abcd"}, {packed("abc"), packed("bcd")}},
        {{"aaaaa"}, {packed("aaa")}},
        {{"ABC", "abc"}, {packed("abc")}},
        {{"bcd", "abc"}, {packed("abc"), packed("bcd")}},
        {{"ab", "cd"}, {}},  // none across two names
        {{"pg_1"}, {packed("g_1"), packed("pg_")}},
        {{"\xc3\xa9z"}, {packed("\xc3\xa9z")}},
        {{"\xff\xff\xff"}, {0xffffff}},
    };
    for (const auto &one : cases) EXPECT_EQ(trigrams(one.names), one.expected);
}

// What an index relies on.
TEST(Trigrams, OfAPartAreAmongThoseOfTheWhole) {
    const std::string whole = "postgresql-18-Semver_Utilities.so";
    const std::vector<std::int32_t> all = trigrams({"other", whole});
    for (std::size_t begin = 0; begin < whole.size(); ++begin)
        for (std::size_t length = 0; length <= whole.size() - begin; ++length)
            EXPECT_TRUE(std::ranges::includes(all, trigrams({whole.substr(begin, length)})))
                << whole.substr(begin, length);
}

}  // namespace
}  // namespace pgx
