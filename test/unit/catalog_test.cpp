#include "core/catalog/catalog.h"

#include <gtest/gtest.h>

#include <set>

namespace pgx {
namespace {

CatalogArtifact artifact(const std::string &file, char digit = 'a') {
    return {*parse_bundle_file_name(file), 1234, std::string(64, digit)};
}

Catalog example() {
    CatalogRelease release;
    release.version = "0.40.0";
    release.date = "2026-11-20T10:00:00Z";
    release.extensions = {{"semver", "0.40.0", {"plpgsql"}}};
    release.modules = {"semver"};
    release.preload = {"semver"};
    release.dependencies = {{"pkg:postgres/plpgsql", "0"}};
    release.artifacts = {artifact("semver-0.40.0+pg18-gnulinux-2.36-amd64.trunk"),
                         artifact("semver-0.40.0+pg18-gnulinux-2.38-amd64.trunk", 'b'),
                         artifact("semver-0.40.0+pg18-gnulinux-2.9-amd64.trunk", 'c'),
                         artifact("semver-0.40.0+pg17-gnulinux-2.36-amd64.trunk", 'd')};
    CatalogPackage package{"Semantic versions",
                           "long",
                           "https://example.org",
                           "PostgreSQL",
                           "example.org/theory/pg-semver",
                           {release}};
    return {{"semver", package}};
}

TEST(Catalog, ComesBackAsItWasWritten) {
    const std::string text = write_catalog(example());
    const Result<Catalog> read = parse_catalog(text, "x");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(write_catalog(*read), text);
    const CatalogPackage &package = read->at("semver");
    EXPECT_EQ(package.summary, "Semantic versions");
    EXPECT_EQ(package.module_path, "example.org/theory/pg-semver");
    ASSERT_EQ(package.releases.size(), 1U);
    EXPECT_EQ(package.releases[0].extensions[0].requires_, std::vector<std::string>{"plpgsql"});
    EXPECT_EQ(package.releases[0].artifacts.size(), 4U);
}

TEST(Catalog, WhatIsUnknownIsPassedOver) {
    EXPECT_TRUE(parse_catalog(R"({"format": 1, "packages": {}, "later": [1]})", "x"));
}

// One edit of a good catalog, and what the error says.
TEST(Catalog, RefusesWhatItCannotBelieve) {
    const struct {
        const char *from, *to;
        ErrorCode code;
        const char *message;
    } cases[] = {
        {"\"format\":1", "\"format\":2", ErrorCode::feature_not_supported, "format 2"},
        {"\"format\":1", "\"format\":\"1\"", ErrorCode::registry_malformed, "format"},
        {"\"semver\":{\"desc", "\"../semver\":{\"desc", ErrorCode::registry_malformed, "../semver"},
        {"\"preload\":[\"semver\"],\"version\":\"0.40.0\"", "\"version\":\"0.40\"",
         ErrorCode::registry_malformed, "semantic"},
        {"\"size\":1234", "\"size\":0", ErrorCode::registry_malformed, "size and digest"},
        {"\"size\":1234", "\"size\":-1", ErrorCode::registry_malformed, "size"},
        {"aaaaaaaa", "AAAAAAAA", ErrorCode::registry_malformed, "digest"},
        {"\"postgres\":18", "\"postgres\":17", ErrorCode::registry_malformed, "another name"},
        {"\"libc\":\"2.36\"", "\"libc\":\"2.35\"", ErrorCode::registry_malformed, "another name"},
        {"semver-0.40.0+pg18-gnulinux-2.36", "other-0.40.0+pg18-gnulinux-2.36",
         ErrorCode::registry_malformed, "another name"},
        {"semver-0.40.0+pg18-gnulinux-2.36", "../semver-0.40.0+pg18-gnulinux-2.36",
         ErrorCode::registry_malformed, "semver"},
        {"\"name\":\"semver\"", "\"name\":\"--\"", ErrorCode::registry_malformed, "extension"},
        {"\"modules\":[\"semver\"]", "\"modules\":[1]", ErrorCode::registry_malformed, "modules"},
        {"\"summary\":\"Semantic versions\"", "\"summary\":null,\"x\":[[",
         ErrorCode::registry_malformed, "could not read"},
    };
    for (const auto &test : cases) {
        std::string text = write_catalog(example());
        const std::size_t at = text.find(test.from);
        ASSERT_NE(at, std::string::npos) << test.from;
        text.replace(at, std::string_view(test.from).size(), test.to);
        const Result<Catalog> read = parse_catalog(text, "catalog/x");
        ASSERT_FALSE(read) << test.to;
        EXPECT_EQ(read.error().code, test.code) << read.error().message;
        EXPECT_NE(read.error().message.find(test.message), std::string::npos)
            << read.error().message;
    }
    EXPECT_FALSE(parse_catalog("", "x"));
    EXPECT_FALSE(parse_catalog("null", "x"));
    EXPECT_FALSE(parse_catalog(R"({"format": 1, "packages": []})", "x"));
    EXPECT_FALSE(parse_catalog(R"({"format": 1, "packages": {"a": null}})", "x"));
}

TEST(Catalog, ShardsDivideNamesByTheirDigest) {
    // sha256("semver") begins with 5044.
    EXPECT_EQ(*shard_path("semver", 0), "catalog/0000.json.zst");
    EXPECT_EQ(*shard_path("semver", 4), "catalog/5000.json.zst");
    const std::string path = *shard_path("semver", 12);
    EXPECT_EQ(path, "catalog/5040.json.zst");
    EXPECT_EQ(bin_role(path), std::string("bin-") + path[8]);
    EXPECT_EQ(shard_path("semver", 13).error().code, ErrorCode::registry_malformed);
    std::set<std::string> paths;
    for (int i = 0; i < 1000; ++i) paths.insert(*shard_path("package" + std::to_string(i), 3));
    EXPECT_EQ(paths.size(), 8U);
}

TEST(Catalog, PackagesHaveAPath) {
    EXPECT_EQ(package_path("semver"), "packages/semver.json");
    EXPECT_EQ(package_of_path("packages/semver.json"), "semver");
    for (const char *other : {"", "packages/.json", "catalog/semver.json", "packages/semver"})
        EXPECT_EQ(package_of_path(other), "") << other;
    EXPECT_EQ(bundle_path(artifact("semver-0.40.0+pg18-any.trunk")),
              "bundles/semver/semver-0.40.0+pg18-any.trunk");
    EXPECT_EQ(bundle_location(artifact("semver-0.40.0+pg18-any.trunk")),
              "bundles/semver/semver-0.40.0%2Bpg18-any.trunk");
}

TEST(Catalog, WithdrawnFilesAreKept) {
    Catalog catalog = example();
    catalog["semver"].withdrawn["semver-0.1.0+pg18-any.trunk"] = std::string(64, 'e');
    catalog["semver"].releases.clear();
    const std::string text = write_catalog(catalog);
    const Result<Catalog> read = parse_catalog(text, "x");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->at("semver").withdrawn, catalog["semver"].withdrawn);
    for (const auto &[from, to] :
         {std::pair{"eeeee", "EEEEE"}, {"semver-0.1.0", "other-0.1.0"}, {"+pg18", "-pg18"}}) {
        std::string bad = text;
        bad.replace(bad.find(from), std::string_view(from).size(), to);
        EXPECT_EQ(parse_catalog(bad, "x").error().code, ErrorCode::registry_malformed) << to;
    }
}

TEST(Catalog, TheBestArtifactIsTheNewestThatRuns) {
    Platform platform;
    platform.postgres_major = 18;
    platform.libc = "glibc";
    platform.libc_version = "2.37";
    platform.architecture = "amd64";
    const CatalogRelease release = example().at("semver").releases[0];
    ASSERT_NE(best_artifact(release, platform), nullptr);
    EXPECT_EQ(best_artifact(release, platform)->name.libc, "2.36");
    platform.libc_version = "2.41";
    EXPECT_EQ(best_artifact(release, platform)->name.libc, "2.38");
    platform.libc_version = "2.4";
    EXPECT_EQ(best_artifact(release, platform), nullptr);
    platform.libc_version = "2.41";
    platform.architecture = "arm64";
    EXPECT_EQ(best_artifact(release, platform), nullptr);
}

TEST(Shard, IsCompressedAndComesBack) {
    const std::string text = write_catalog(example());
    const std::string bytes = *compress_shard(text);
    EXPECT_EQ(bytes, *compress_shard(text));
    EXPECT_EQ(bytes.substr(0, 4), "\x28\xb5\x2f\xfd");
    EXPECT_EQ(*decompress_shard(bytes, "x"), text);
}

TEST(Shard, ThatIsNotOneIsRefused) {
    const std::string bytes = *compress_shard(std::string(100'000, 'x') + "end");
    for (const std::string &bad : {std::string(), std::string("plain text"),
                                   bytes.substr(0, bytes.size() - 1), bytes.substr(1)})
        EXPECT_EQ(decompress_shard(bad, "x").error().code, ErrorCode::registry_malformed);
    EXPECT_EQ(
        decompress_shard(*compress_shard(std::string(catalog_limit + 1, 'x')), "x").error().code,
        ErrorCode::limit_exceeded);
}

}  // namespace
}  // namespace pgx
