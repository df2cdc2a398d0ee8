// tar_reader_test.cpp - compressed tar archives as files of their own; what is common with .deb
// files is in archive_test.cpp.
#include "core/registry/tar_reader.h"

#include <gtest/gtest.h>

#include "bundle_builder.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

class TarReaderTest : public ::testing::Test {
   protected:
    // "path=content" of all files, or the error.
    Result<std::string> read(const std::string &bytes, const ArchiveLimits &limits = {}) {
        const std::string path = directory_.put("archive", bytes);
        auto reader = TRY(open_archive(real_file_system(), path, limits));
        std::string all;
        while (true) {
            const std::optional<ArchiveEntry> entry = TRY(reader->next());
            if (!entry) return all;
            if (entry->type != ArchiveEntry::Type::file) continue;
            all += entry->path + "=";
            TRY(reader->read([&](std::string_view piece) -> Result<void> {
                all += piece;
                return {};
            }));
            all += ";";
        }
    }
    void expect_malformed(const std::string &bytes, const std::string &detail) {
        const auto result = read(bytes);
        ASSERT_FALSE(result) << *result;
        EXPECT_EQ(result.error().code, ErrorCode::artifact_malformed) << result.error().message;
        EXPECT_NE(result.error().detail.find(detail), std::string::npos) << result.error().detail;
    }

    TemporaryDirectory directory_;
};

TEST_F(TarReaderTest, ZstdAndGzip) {
    const TarBuilder tar = TarBuilder().directory("a/").file("a/b", "one").file("a/c", "");
    for (const char *compression : {"zst", "gz"}) {
        const auto result = read(compress(tar.finish(), compression));
        ASSERT_TRUE(result) << compression << result.error().detail;
        EXPECT_EQ(*result, "a/b=one;a/c=;");
    }
}

TEST_F(TarReaderTest, NothingElse) {
    const std::string tar = TarBuilder().file("a").finish();
    for (const std::string &bytes : {compress(tar, "xz"), tar, std::string(), std::string("\x1f"),
                                     std::string("PK"), std::string("#!/bin/sh\n"), make_deb(tar)})
        expect_malformed(bytes, "neither a tar archive");
}

TEST_F(TarReaderTest, PaxHeaders) {
    const std::string name(300, 'x');
    const TarBuilder tar = TarBuilder().pax({"path=" + name, "mtime=1.5"}).file("short", "content");
    const auto result = read(compress(tar.finish(), "zst"));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(*result, name + "=content;");
}

TEST_F(TarReaderTest, HeadersThatDisagree) {
    // One reader takes the eight bytes for the content, another one for the first of it.
    const std::string padded = std::string("content\n") + std::string(1016, 'y');
    for (const char *compression : {"zst", "gz"})
        expect_malformed(
            compress(TarBuilder().pax({"size=8"}).file("a", padded).finish(), compression),
            "disagree about its size");
    expect_malformed(compress(TarBuilder()
                                  .pax({"size=1024"})
                                  .file("a", "content\n")
                                  .raw(std::string(512, 'y'))
                                  .finish(),
                              "zst"),
                     "disagree about its size");
    const auto same = read(compress(TarBuilder().pax({"size=8"}).file("a").finish(), "zst"));
    ASSERT_TRUE(same) << same.error().detail;
}

TEST_F(TarReaderTest, EveryHeaderIsFoundAcrossBlocks) {
    // Headers at all kinds of places in the pieces that the decompressor gives.
    TarBuilder tar;
    std::string expected;
    for (int i = 0; i < 400; ++i) {
        const std::string name = "f" + std::to_string(i);
        const std::string content(static_cast<std::size_t>(i * 37 % 3000), 'c');
        tar.pax({"path=" + name}).file("short", content);
        expected += name + "=" + content + ";";
    }
    for (const char *compression : {"zst", "gz"}) {
        const auto result = read(compress(tar.finish(), compression));
        ASSERT_TRUE(result) << result.error().detail;
        EXPECT_EQ(*result, expected);
    }
}

TEST_F(TarReaderTest, WhatComesAfterTheEnd) {
    const std::string tar = TarBuilder().file("a").finish();
    const std::string more = TarBuilder().file("b").finish();
    expect_malformed(compress(tar + more, "zst"), "after the end");
    expect_malformed(compress(tar, "gz") + compress(more, "gz"), "after the end");
    expect_malformed(compress(tar, "gz") + compress(std::string(1024, '\0'), "gz"),
                     "several parts");
    expect_malformed(compress(tar, "gz") + "garbage", "");
    expect_malformed(compress(tar, "zst") + "garbage", "");
    expect_malformed(compress(tar, "zst") + compress(more, "zst"), "after the end");
    expect_malformed(compress(compress(tar, "gz"), "gz"), "");
}

TEST_F(TarReaderTest, TruncatedAnywhere) {
    const std::string tar = TarBuilder().file("a", std::string(3000, 'x')).file("b").finish();
    for (const char *compression : {"zst", "gz"}) {
        const std::string whole = compress(tar, compression);
        ASSERT_TRUE(read(whole));
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const auto result = read(whole.substr(0, size));
            ASSERT_FALSE(result) << compression << " " << size << " of " << whole.size();
            EXPECT_EQ(result.error().code, ErrorCode::artifact_malformed)
                << result.error().message << result.error().detail;
        }
    }
}

TEST_F(TarReaderTest, Limits) {
    const std::string bytes =
        compress(TarBuilder().file("a", std::string(200'000, 'x')).file("b").finish(), "zst");
    ArchiveLimits limits;
    limits.total = 100'000;
    EXPECT_EQ(read(bytes, limits).error().detail, "Its content is too large.");
    limits = {};
    limits.file = 199'999;
    EXPECT_NE(read(bytes, limits).error().detail.find("is too large"), std::string::npos);
    limits = {};
    limits.entries = 1;
    EXPECT_EQ(read(bytes, limits).error().detail, "It has too many entries.");
    limits = {};
    limits.ratio_from = 1000;
    limits.ratio = 2;
    EXPECT_EQ(read(bytes, limits).error().detail, "It is compressed more than any real package.");
    limits = {};
    limits.header = 1024;
    const std::string large = compress(
        TarBuilder().pax({"comment=" + std::string(300'000, 'x')}).file("a").finish(), "zst");
    EXPECT_EQ(read(large, limits).error().code, ErrorCode::artifact_unsafe);
    EXPECT_EQ(read(large, limits).error().detail, "The header of an entry is too large.");
}

}  // namespace
}  // namespace pgx
