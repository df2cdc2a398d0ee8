// bundle_reader_test.cpp - bundles whose parts agree, and all that do not.
#include "core/bundle/bundle_reader.h"

#include <gtest/gtest.h>

#include "bundle_builder.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

class BundleReaderTest : public ::testing::Test {
   protected:
    Result<Bundle> open(const std::string &bytes) {
        return open_bundle(real_file_system(), directory_.put("test.trunk", bytes));
    }
    // The paths of all files, each read to its end or none.
    Result<std::string> walk(const std::string &bytes, bool reading = true) {
        const std::string path = directory_.put("test.trunk", bytes);
        const Bundle bundle = TRY(open_bundle(real_file_system(), path));
        auto reader = TRY(read_bundle(real_file_system(), path, bundle));
        std::string all;
        while (true) {
            const std::optional<ArchiveEntry> entry = TRY(reader->next());
            if (!entry) return all;
            if (entry->type != ArchiveEntry::Type::file) continue;
            all += entry->path + " ";
            if (reading) TRY(reader->read([](std::string_view) -> Result<void> { return {}; }));
        }
    }
    void expect_error(const std::string &bytes, ErrorCode code, const std::string &text) {
        for (const bool reading : {true, false}) {
            const auto result = walk(bytes, reading);
            ASSERT_FALSE(result) << *result;
            EXPECT_EQ(result.error().code, code) << result.error().message;
            const std::string all = result.error().message + "\n" + result.error().detail;
            EXPECT_NE(all.find(text), std::string::npos) << all;
        }
    }
    void expect_malformed(const BundleBuilder &bundle, const std::string &text) {
        expect_error(bundle.finish(), ErrorCode::artifact_malformed, text);
    }

    TemporaryDirectory directory_;
};

TEST_F(BundleReaderTest, AllContainers) {
    const BundleBuilder builder = BundleBuilder::thing("gnulinux-2.36-amd64");
    for (const std::string &bytes : {builder.finish("zst"), builder.finish("gz"), builder.zip(),
                                     builder.zip("zip:compression=store")}) {
        const auto bundle = open(bytes);
        ASSERT_TRUE(bundle) << bundle.error().message << bundle.error().detail;
        EXPECT_EQ(bundle->name, (BundleName{"thing", "1.0.0", 18, "gnulinux", "2.36", "amd64"}));
        ASSERT_TRUE(bundle->meta);
        EXPECT_EQ(bundle->meta->abstract, "A thing");
        EXPECT_EQ(bundle->digests.size(), 4U);
        const auto paths = walk(bytes);
        ASSERT_TRUE(paths) << paths.error().message << paths.error().detail;
        EXPECT_EQ(*paths,
                  "trunk.json META.json pgsql/share/extension/thing.control "
                  "pgsql/share/extension/thing--1.0.sql digests ");
    }
}

TEST_F(BundleReaderTest, TheThreeFilesMayBeAnywhereAndMetaMayBeMissing) {
    BundleBuilder builder("thing-1.0.0+pg18-any");
    builder.file("a", "a").file("trunk.json", BundleBuilder::manifest("any"));
    const auto bundle = open(builder.finish());
    ASSERT_TRUE(bundle) << bundle.error().detail;
    EXPECT_FALSE(bundle->meta);
    EXPECT_TRUE(walk(builder.finish()));
}

TEST_F(BundleReaderTest, BetterDigests) {
    BundleBuilder builder = BundleBuilder::thing();
    builder.file("a", "a", DigestAlgorithm::sha512).file("b", "b", DigestAlgorithm::sha384);
    EXPECT_TRUE(walk(builder.finish()));
    builder.put("a", "b");
    expect_error(builder.finish(), ErrorCode::digest_mismatch, "file \"a\"");
}

TEST_F(BundleReaderTest, FilesAndDigests) {
    expect_malformed(BundleBuilder::thing().without_digests(), "no file \"digests\"");
    expect_malformed(BundleBuilder::thing().remove("trunk.json"), "no file \"trunk.json\"");
    expect_malformed(BundleBuilder::thing().put("pgsql/share/extension/x.sql", "x"),
                     "\"pgsql/share/extension/x.sql\" is not listed");
    expect_malformed(BundleBuilder::thing().list("missing", "x"), "\"missing\" is listed in");
    expect_malformed(BundleBuilder::thing().digests("MD5 (a) = 00\n"), "MD5");
    expect_error(BundleBuilder::thing().put("trunk.json", "{}").finish(),
                 ErrorCode::digest_mismatch, "trunk.json");
    expect_error(BundleBuilder::thing().put("META.json", "{}").finish(), ErrorCode::digest_mismatch,
                 "META.json");
    expect_error(BundleBuilder::thing().put("pgsql/share/extension/thing.control", "x").finish(),
                 ErrorCode::digest_mismatch, "thing.control");
    expect_error(
        compress(BundleBuilder::thing().tar().file("thing-1.0.0+pg18-any/META.json", "x").finish(),
                 "zst"),
        ErrorCode::artifact_unsafe, "appears twice");
    BundleBuilder unlisted("thing-1.0.0+pg18-any");
    unlisted.put("trunk.json", BundleBuilder::manifest("any"));
    expect_malformed(unlisted, "\"trunk.json\" is not listed");
}

TEST_F(BundleReaderTest, PartsThatDisagree) {
    expect_malformed(BundleBuilder::thing().folder("other-1.0.0+pg18-any"), "trunk.json describes");
    expect_malformed(BundleBuilder::thing().folder("thing-1.0.1+pg18-any"), "trunk.json describes");
    expect_malformed(BundleBuilder::thing().folder("thing-1.0.0+pg17-any"), "trunk.json describes");
    expect_malformed(BundleBuilder::thing().folder("thing-1.0.0+pg18-gnulinux-amd64"),
                     "trunk.json describes");
    expect_malformed(BundleBuilder::thing().folder("thing"), "has no \"+\"");
    expect_malformed(
        BundleBuilder::thing().file(
            "META.json", R"({"name":"thing","version":"2.0.0","meta-spec":{"version":"2.0.0"}})"),
        "META.json describes \"thing-2.0.0\"");
    expect_malformed(BundleBuilder::thing().file("META.json", "[]"), "META.json");
    expect_malformed(BundleBuilder::thing().file("trunk.json", "[]"), "trunk.json");
}

TEST_F(BundleReaderTest, OneTopFolder) {
    const BundleBuilder builder = BundleBuilder::thing();
    expect_error(compress(builder.tar().file("other/x", "x").finish(), "zst"),
                 ErrorCode::artifact_malformed, "more than one top folder");
    expect_error(compress(builder.tar().file("x", "x").finish(), "zst"),
                 ErrorCode::artifact_malformed, "more than one top folder");
    expect_error(compress(TarBuilder().file("x", "x").finish(), "zst"),
                 ErrorCode::artifact_malformed, "no top folder");
    expect_error(compress(TarBuilder().finish(), "zst"), ErrorCode::artifact_malformed, "digests");
    // As "tar -c ." writes it.
    EXPECT_TRUE(walk(
        compress(TarBuilder().directory("./").raw(builder.tar().unfinished()).finish(), "gz")));
}

TEST_F(BundleReaderTest, NoLinks) {
    const std::string top = "thing-1.0.0+pg18-any/";
    const BundleBuilder builder = BundleBuilder::thing();
    const std::string archives[] = {
        compress(builder.tar().symlink(top + "x", "digests").finish(), "zst"),
        compress(builder.tar().hard_link(top + "x", top + "digests").finish(), "zst"),
        compress(builder.tar().symlink(top + "pgsql", "/etc").finish(), "zst"),
    };
    for (const std::string &archive : archives)
        expect_error(archive, ErrorCode::artifact_unsafe, "is a link");
    std::vector<ZipEntry> entries;
    for (const auto &[path, content] : builder.files()) entries.push_back({top + path, content});
    entries.push_back({top + "x", "", "digests"});
    expect_error(make_zip(entries), ErrorCode::artifact_unsafe, "is a link");
    for (const char type : {'3', '4', '6'})
        expect_error(
            compress(builder.tar().entry({.name = top + "x", .type = type}).finish(), "zst"),
            ErrorCode::artifact_unsafe, "device");
}

TEST_F(BundleReaderTest, LargeDescriptions) {
    expect_error(
        BundleBuilder::thing().file("META.json", std::string(2 * 1024 * 1024, ' ')).finish(),
        ErrorCode::artifact_unsafe, "\"META.json\" is too large");
}

}  // namespace
}  // namespace pgx
