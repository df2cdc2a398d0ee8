// zip_reader_test.cpp - zip archives, by their directory.
#include "core/registry/zip_reader.h"

#include <gtest/gtest.h>

#include "bundle_builder.h"
#include "faulty_file_system.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

class ZipReaderTest : public ::testing::Test {
   protected:
    Result<std::string> read(const std::string &bytes, const ArchiveLimits &limits = {}) {
        return read(bytes, real_file_system(), limits);
    }
    Result<std::string> read(const std::string &bytes, FileSystem &fs,
                             const ArchiveLimits &limits = {}) {
        const std::string path = directory_.put("archive", bytes);
        auto reader = TRY(open_archive(fs, path, limits));
        std::string all;
        while (true) {
            const std::optional<ArchiveEntry> entry = TRY(reader->next());
            if (!entry) return all;
            EXPECT_LE(reader->position(), bytes.size());
            all += entry->path + (entry->type == ArchiveEntry::Type::directory       ? "/"
                                  : entry->type == ArchiveEntry::Type::symbolic_link ? "@"
                                                                                     : "=");
            TRY(reader->read([&](std::string_view piece) -> Result<void> {
                all += piece;
                return {};
            }));
            all += ";";
        }
    }
    void expect_error(const std::string &bytes, ErrorCode code, const std::string &detail,
                      const ArchiveLimits &limits = {}) {
        const auto result = read(bytes, limits);
        ASSERT_FALSE(result) << *result;
        EXPECT_EQ(result.error().code, code) << result.error().message;
        EXPECT_NE(result.error().detail.find(detail), std::string::npos) << result.error().detail;
    }
    static std::string sample() {
        return make_zip({{"a/"}, {"a/b", std::string(5000, 'x')}, {"a/c", "short"}});
    }

    TemporaryDirectory directory_;
};

TEST_F(ZipReaderTest, StoredAndDeflated) {
    for (const char *options : {"zip:compression=store", "zip:compression=deflate"}) {
        const auto result = read(make_zip({{"a/"}, {"a/b", "one"}, {"a/c"}}, options));
        ASSERT_TRUE(result) << result.error().detail;
        EXPECT_EQ(*result, "a/;a/b=one;a/c=;");
    }
}

TEST_F(ZipReaderTest, SymbolicLinksAreSeenAsSuch) {
    const auto result = read(make_zip({{"a", "x"}, {"b", "", "a"}}));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(*result, "a=x;b@;");
}

TEST_F(ZipReaderTest, NoSecondDirectory) {
    const std::string zip = sample();
    expect_error(zip + "garbage", ErrorCode::artifact_malformed, "does not end with its directory");
    std::string comment = zip;
    comment[comment.size() - 2] = 7;
    expect_error(comment + "comment", ErrorCode::artifact_malformed, "does not end");
    expect_error(zip + sample(), ErrorCode::artifact_malformed, "not where it says");
    std::string moved = zip;
    moved[moved.size() - 6] ^= 1;
    expect_error(moved, ErrorCode::artifact_malformed, "not where it says");
    std::string parts = zip;
    parts[parts.size() - 18] = 1;
    expect_error(parts, ErrorCode::artifact_malformed, "one part of several");
    // The place of the 64 bit locator, in the directory itself: its size has to remain right.
    std::string two = zip;
    two.replace(two.size() - 42, 4, "PK\x06\x07");
    expect_error(two, ErrorCode::artifact_malformed, "two directories");
    expect_error("PK\x03\x04", ErrorCode::artifact_malformed, "truncated");
}

TEST_F(ZipReaderTest, Unsafe) {
    expect_error(make_zip({{"../x", "x"}}), ErrorCode::artifact_unsafe, "leaves the archive");
    expect_error(make_zip({{"/x", "x"}}), ErrorCode::artifact_unsafe, "absolute");
    ArchiveLimits limits;
    limits.entries = 2;
    expect_error(sample(), ErrorCode::artifact_unsafe, "too many entries", limits);
    limits = {};
    limits.file = 4999;
    expect_error(sample(), ErrorCode::artifact_unsafe, "is too large", limits);
    limits = {};
    limits.total = 5000;
    expect_error(sample(), ErrorCode::artifact_unsafe, "content is too large", limits);
    limits = {};
    limits.ratio = 2;
    limits.ratio_from = 10;
    expect_error(sample(), ErrorCode::artifact_unsafe, "compressed more", limits);
}

TEST_F(ZipReaderTest, Damaged) {
    // A changed byte of the content is found by its checksum.
    std::string zip = make_zip({{"a", "some content"}}, "zip:compression=store");
    zip[zip.find("some content")] = 'S';
    expect_error(zip, ErrorCode::artifact_malformed, "");
    // 12 is bzip2; both places that say the method.
    std::string other = make_zip({{"a", "some content"}}, "zip:compression=store");
    other[8] = 12;
    other[other.find("PK\x01\x02") + 10] = 12;
    expect_error(other, ErrorCode::artifact_malformed, "");
    const std::string encrypted =
        make_zip({{"a", "some content"}}, "zip:encryption=traditional", "secret");
    if (encrypted.find("some content") == std::string::npos && encrypted.size() > 60)
        expect_error(encrypted, ErrorCode::artifact_malformed, "encrypted");
}

TEST_F(ZipReaderTest, TruncatedAnywhere) {
    const std::string whole = sample();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto result = read(whole.substr(0, size));
        ASSERT_FALSE(result) << size;
        EXPECT_EQ(result.error().code, ErrorCode::artifact_malformed) << result.error().detail;
    }
}

TEST_F(ZipReaderTest, AFaultAtAnyCallIsAnError) {
    FaultyFileSystem counting(real_file_system());
    ASSERT_TRUE(read(sample(), counting));
    ASSERT_GT(counting.calls(), 5U);
    for (std::size_t n = 1; n <= counting.calls(); ++n) {
        FaultyFileSystem fs(real_file_system());
        fs.fail_at(n, EIO);
        const auto result = read(sample(), fs);
        ASSERT_FALSE(result) << n;
        EXPECT_EQ(result.error().code, ErrorCode::io) << n << result.error().message;
    }
}

}  // namespace
}  // namespace pgx
