#include "core/registry/deb822.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

using Comments = Deb822Reader::Comments;

TEST(Deb822, ReadsFieldsFoldsAndStanzas) {
    auto stanzas = parse_deb822(
        "\n\nPackage: a\nDescription: short\n long one\n .\n\tanother  \nEmpty:\n folded\n\n \nPACKAGE:b\r\n", Comments::none);
    ASSERT_TRUE(stanzas) << stanzas.error().message;
    ASSERT_EQ(stanzas->size(), 2u);
    const Deb822Stanza &first = stanzas->front();
    EXPECT_EQ(first.line(), 3u);
    EXPECT_EQ(first.get("package"), "a");
    EXPECT_EQ(first.get("Description"), "short\nlong one\n.\nanother");
    EXPECT_EQ(first.get("Empty"), "\nfolded");
    EXPECT_FALSE(first.find("Missing"));
    EXPECT_EQ(first.get("Missing"), "");
    EXPECT_EQ(stanzas->back().get("Package"), "b");
    EXPECT_EQ(stanzas->back().fields().size(), 1u);
}

TEST(Deb822, CommentsOnlyWhereTheyAreAllowed) {
    const char *text = "# first\nA: 1\n# inside\n 2\n#last\n";
    auto stanzas = parse_deb822(text, Comments::allowed);
    ASSERT_TRUE(stanzas);
    ASSERT_EQ(stanzas->size(), 1u);
    EXPECT_EQ(stanzas->front().get("A"), "1\n2");
    EXPECT_FALSE(parse_deb822(text, Comments::none));
}

TEST(Deb822, Malformed) {
    struct {
        std::string text;
        const char *says;
    } cases[] = {
        {" continued\n", "line 1 continues a field"},
        {"A: 1\n\n\tx\n", "line 3 continues a field"},
        {"A: 1\nno colon\n", "line 2 is not of the form"},
        {": value\n", "line 1 is not of the form"},
        {"-A: value\n", "no valid field name"},
        {"A B: value\n", "no valid field name"},
        {"A: 1\nB: 2\na: 3\n", "line 3 repeats"},
        {std::string("A: \0\n", 5), "zero byte"},
    };
    for (const auto &c : cases) {
        auto result = parse_deb822(c.text, Comments::none);
        ASSERT_FALSE(result) << c.text;
        EXPECT_EQ(result.error().code, ErrorCode::registry_malformed);
        EXPECT_NE(result.error().message.find(c.says), std::string::npos) << result.error().message;
    }
}

TEST(Deb822, SameFieldInAnotherStanzaIsNoRepetition) {
    auto stanzas = parse_deb822("A: 1\n\nA: 2", Comments::none);
    ASSERT_TRUE(stanzas);
    EXPECT_EQ(stanzas->size(), 2u);
}

TEST(Deb822, Flags) {
    auto stanzas = parse_deb822("Y: Yes\nN: off\nX: maybe\nE:\n", Comments::none);
    ASSERT_TRUE(stanzas);
    const Deb822Stanza &s = stanzas->front();
    EXPECT_TRUE(s.flag("Y", false));
    EXPECT_FALSE(s.flag("N", true));
    EXPECT_TRUE(s.flag("X", true));
    EXPECT_FALSE(s.flag("X", false));
    EXPECT_TRUE(s.flag("E", true));
    EXPECT_FALSE(s.flag("absent", false));
}

TEST(Deb822, SmallParts) {
    EXPECT_EQ(split_words("  a\tb\n c "), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_TRUE(split_words(" \n").empty());
    EXPECT_EQ(trimmed(" \ta b\r\n"), "a b");
    EXPECT_EQ(trimmed(" "), "");
    EXPECT_EQ(unfold_paragraphs("\none\n.\n two"), "one\n\n two");
    EXPECT_EQ(unfold_paragraphs(""), "");
    EXPECT_TRUE(equal_without_case("InRelease", "inrelease"));
    EXPECT_FALSE(equal_without_case("a", "ab"));
    EXPECT_EQ(lower_case("AbZ\xc4"), "abz\xc4");
    EXPECT_EQ(parse_apt_boolean("WITHOUT"), false);
    EXPECT_EQ(parse_apt_boolean("1"), true);
    EXPECT_EQ(parse_apt_boolean("2"), std::nullopt);
}

}  // namespace
}  // namespace pgx
