#include "core/registry/stream.h"

#include <gtest/gtest.h>

#include "apt_test_support.h"

namespace pgx {
namespace {

constexpr std::uint64_t plenty = 1u << 30;

Result<std::vector<std::string>> lines_of(const std::string &path, const std::string &compression,
                                          std::uint64_t limit = plenty) {
    std::vector<std::string> lines;
    auto collect = [&](std::string_view line) -> Result<void> {
        lines.emplace_back(line);
        return {};
    };
    auto read = for_each_line(path, compression, limit, collect);
    if (!read) return fail(read.error());
    return lines;
}

class Stream : public ::testing::TestWithParam<const char *> {
   protected:
    TemporaryDirectory directory;
    std::string put(const std::string &content) { return directory.put("f", compressed(content, GetParam())); }
};

TEST_P(Stream, GivesLinesWithoutNewline) {
    auto lines = lines_of(put("one\n\nthree\nlast"), GetParam());
    ASSERT_TRUE(lines) << whole(lines);
    EXPECT_EQ(*lines, (std::vector<std::string>{"one", "", "three", "last"}));
}

TEST_P(Stream, LinesMayCrossBlocks) {
    std::string content;
    std::vector<std::string> expected;
    for (int i = 0; i < 40; ++i) {
        expected.push_back(std::string(static_cast<std::size_t>(i) * 1777, static_cast<char>('a' + i % 26)));
        content += expected.back() + "\n";
    }
    auto lines = lines_of(put(content), GetParam());
    ASSERT_TRUE(lines) << whole(lines);
    EXPECT_EQ(*lines, expected);
}

TEST_P(Stream, LineOfTheLimitPassesAndOneMoreDoesNot) {
    auto lines = lines_of(put(std::string(1024 * 1024, 'x') + "\nnext\n"), GetParam());
    ASSERT_TRUE(lines) << whole(lines);
    EXPECT_EQ(lines->size(), 2u);
    for (const char *end : {"\n", ""}) {
        auto longer = lines_of(put(std::string(1024 * 1024 + 1, 'x') + end), GetParam());
        ASSERT_FALSE(longer);
        EXPECT_EQ(longer.error().code, ErrorCode::limit_exceeded);
    }
}

TEST_P(Stream, BytesBeyondTheLimitAreAnError) {
    std::string path = put(std::string(5000, '\n'));
    EXPECT_TRUE(lines_of(path, GetParam(), 5000));
    auto result = lines_of(path, GetParam(), 4999);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::limit_exceeded);
}

TEST_P(Stream, CallbackErrorEndsTheReading) {
    int seen = 0;
    auto stop = [&](std::string_view) -> Result<void> {
        if (++seen == 2) return fail(ErrorCode::cancelled, "enough");
        return {};
    };
    auto result = for_each_line(put("a\nb\nc\n"), GetParam(), plenty, stop);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::cancelled);
    EXPECT_EQ(seen, 2);
}

TEST_P(Stream, TruncatedIsAnErrorWhenCompressed) {
    std::string content;
    for (int i = 0; i < 20000; ++i) content += std::to_string(i * 7919) + "\n";
    std::string bytes = compressed(content, GetParam());
    std::string path = directory.put("f", bytes.substr(0, bytes.size() / 2));
    auto result = lines_of(path, GetParam());
    if (std::string(GetParam()).empty()) {
        EXPECT_TRUE(result);
    } else {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::registry_malformed);
    }
}

INSTANTIATE_TEST_SUITE_P(Compressions, Stream, ::testing::Values("", "gz", "xz", "zst"));

TEST(StreamErrors, WrongCompressionIsNotGuessed) {
    TemporaryDirectory directory;
    std::string gz = directory.put("gz", compressed("a\n", "gz"));
    std::string plain = directory.put("plain", "a\n");
    for (const char *compression : {"xz", "zst"}) EXPECT_FALSE(lines_of(gz, compression));
    for (const char *compression : {"gz", "xz", "zst"}) {
        auto result = lines_of(plain, compression);
        ASSERT_FALSE(result) << compression;
        EXPECT_EQ(result.error().code, ErrorCode::registry_malformed);
    }
    // As plain text the compressed file is one line of its bytes, never its content.
    auto bytes = lines_of(gz, "");
    ASSERT_TRUE(bytes);
    EXPECT_NE(bytes->front(), "a");
}

TEST(StreamErrors, NestedCompressionIsRefused) {
    TemporaryDirectory directory;
    auto lines = lines_of(directory.put("f", compressed(compressed("a\n", "gz"), "gz")), "gz");
    ASSERT_FALSE(lines);
    EXPECT_EQ(lines.error().code, ErrorCode::registry_malformed);
}

TEST(StreamErrors, EmptyFileHasNoLines) {
    TemporaryDirectory directory;
    auto lines = lines_of(directory.put("f", ""), "");
    ASSERT_TRUE(lines) << whole(lines);
    EXPECT_TRUE(lines->empty());
}

TEST(StreamErrors, MissingFileAndUnknownCompression) {
    TemporaryDirectory directory;
    auto missing = lines_of(directory / "none", "xz");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::io);
    auto unknown = lines_of(directory.put("f", "x"), "lz4");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace pgx
