// links_test.cpp - names and links of archives, without an archive.
#include "core/registry/links.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

TEST(CleanArchivePath, KeepsWhatIsPlain) {
    const std::pair<const char *, const char *> cases[] = {
        {"a", "a"},     {"./a", "a"},   {"././a/b", "a/b"}, {"./a/b/", "a/b"}, {".", ""},
        {"./", ""},     {"", ""},       {"a\\b", "a\\b"},   {"a b", "a b"},    {".a", ".a"},
        {"..a", "..a"}, {"a..", "a.."}, {"...", "..."},
    };
    for (const auto &[path, clean] : cases) {
        const auto result = clean_archive_path(path);
        ASSERT_TRUE(result) << path;
        EXPECT_EQ(*result, clean);
    }
}

TEST(CleanArchivePath, RefusesWhatLeaves) {
    const std::string_view cases[] = {
        "/",      "/a",        "//a",  "..",    "../a", "./../a", "a/..",
        "a/../b", "a/../../b", "a//b", "a/./b", "a//",  ".//a",   std::string_view("a\0b", 3),
    };
    for (const std::string_view path : cases) {
        const auto result = clean_archive_path(path);
        ASSERT_FALSE(result) << path;
        EXPECT_EQ(result.error().code, ErrorCode::artifact_unsafe);
    }
}

TEST(ShownPath, IsPrintableAndShort) {
    EXPECT_EQ(shown_path("a/b"), "a/b");
    EXPECT_EQ(shown_path("a\n\x1b[31m\x7f"), "a??[31m?");
    EXPECT_EQ(shown_path(std::string(1000, 'x')), std::string(200, 'x') + "...");
}

TEST(ResolveLink, FollowsThroughFilesAndDirectories) {
    const LinkMap links = {
        {"d/link", "file"},          {"d/up", "../e/file"}, {"d/absolute", "/e/file"},
        {"d/chain", "link"},         {"dirlink", "d"},      {"e/through", "../dirlink/link"},
        {"d/dots", "./.././d/file"}, {"hard", "/d/chain"},  {"d/slash", "file/"},
    };
    const std::pair<const char *, const char *> cases[] = {
        {"d/link", "d/file"},  {"d/up", "e/file"},          {"d/absolute", "e/file"},
        {"d/chain", "d/file"}, {"e/through", "d/file"},     {"d/dots", "d/file"},
        {"hard", "d/file"},    {"dirlink/chain", "d/file"}, {"no/link", "no/link"},
        {"d/slash", "d/file"},
    };
    for (const auto &[path, end] : cases) {
        const auto result = resolve_link(path, links);
        ASSERT_TRUE(result) << path;
        EXPECT_EQ(*result, end) << path;
    }
}

TEST(ResolveLink, RefusesLoopsAndEscapes) {
    const LinkMap links = {
        {"loop", "loop"},        {"a", "b"},     {"b", "a"}, {"out", "../x"}, {"d/out", "../../x"},
        {"d/via", "up/../../x"}, {"d/up", ".."},
    };
    for (const char *path : {"loop", "a", "out", "d/out", "d/via"}) {
        const auto result = resolve_link(path, links);
        ASSERT_FALSE(result) << path;
        EXPECT_EQ(result.error().code, ErrorCode::artifact_unsafe);
    }
}

TEST(ResolveLink, LongChains) {
    LinkMap links;
    for (int i = 0; i < 60; ++i) links["l" + std::to_string(i)] = "l" + std::to_string(i + 1);
    EXPECT_TRUE(resolve_link("l20", links));
    EXPECT_FALSE(resolve_link("l19", links));
}

}  // namespace
}  // namespace pgx
