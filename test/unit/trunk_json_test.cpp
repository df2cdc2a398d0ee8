// trunk_json_test.cpp - the manifest of a bundle.
#include "core/bundle/trunk_json.h"

#include <gtest/gtest.h>

#include <vector>

namespace pgx {
namespace {

// As the proof of concept of RFC-2 writes it.
const std::string sample =
    R"({"trunk": "0.1.0",
        "package": {"name": "semver", "version": "0.32.1", "language": "c", "license": "PostgreSQL"},
        "postgres": {"version": "16.3", "major": "16", "number": 160003, "libs": "-lm"},
        "platform": {"os": "darwin", "version": "23.5.0", "arch": "arm64"}})";

std::string changed(const std::string &from, const std::string &to) {
    std::string text = sample;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(TrunkJsonTest, Read) {
    const auto manifest = parse_trunk_json(sample);
    ASSERT_TRUE(manifest) << manifest.error().detail;
    EXPECT_EQ(manifest->name, (BundleName{"semver", "0.32.1", 16, "darwin", "23.5.0", "arm64"}));
    EXPECT_EQ(manifest->language, "c");
    EXPECT_EQ(manifest->license, "PostgreSQL");
    EXPECT_TRUE(parse_trunk_json(changed("\"0.1.0\"", "\"1.9.0\"")));
    const auto any = parse_trunk_json(
        changed(R"("os": "darwin", "version": "23.5.0", "arch": "arm64")", R"("os": "any")"));
    ASSERT_TRUE(any);
    EXPECT_EQ(any->name.architecture, "");
}

TEST(TrunkJsonTest, WrittenAndReadAgain) {
    for (const BundleName &name : {BundleName{"semver", "0.40.0", 18, "gnulinux", "2.36", "amd64"},
                                   BundleName{"pgtap", "1.3.4", 18, "any", "", ""}}) {
        TrunkManifest manifest;
        manifest.name = name;
        manifest.license = "MIT";
        const std::string text = write_trunk_json(manifest);
        const auto read = parse_trunk_json(text);
        ASSERT_TRUE(read) << read.error().detail << text;
        EXPECT_EQ(read->name, name);
        EXPECT_EQ(read->license, "MIT");
        EXPECT_EQ(read->language, "");
        EXPECT_EQ(text.find("language"), std::string::npos);
    }
}

TEST(TrunkJsonTest, Refused) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "not JSON"},
        {"[]", "not an object"},
        {"null", "not an object"},
        {std::string(1000, '['), "not JSON"},
        {R"({"trunk": "0.1.0", "trunk": "0.1.0"})", "duplicate"},
        {"{}", "\"trunk\" is missing"},
        {changed("\"0.1.0\"", "1"), "\"trunk\""},
        {changed("\"0.1.0\"", "\"x\""), "not a number"},
        {changed("\"package\"", "\"Package\""), "\"package\" is not an object"},
        {changed("\"name\": \"semver\"", "\"name\": null"), "\"name\""},
        {changed("\"version\": \"0.32.1\"", "\"version\": 1"), "\"version\""},
        {changed("\"license\": \"PostgreSQL\"", "\"license\": []"), "\"license\""},
        {changed("\"major\": \"16\"", "\"major\": 16"), "\"major\""},
        {changed("\"major\": \"16\"", "\"major\": \"sixteen\""), "not a number"},
        {changed("\"major\": \"16\"", "\"major\": \"99999999999\""), "not a number"},
        {changed("\"os\": \"darwin\"", "\"os\": {}"), "\"os\""},
        {changed("\"arch\": \"arm64\"", "\"arch\": 64"), "\"arch\""},
        {changed("\"semver\"", "\"sem\\u0000ver\""), "\"name\""},
    };
    for (const auto &[text, reason] : cases) {
        const auto manifest = parse_trunk_json(text);
        ASSERT_FALSE(manifest) << text;
        EXPECT_EQ(manifest.error().code, ErrorCode::artifact_malformed) << text;
        EXPECT_NE(manifest.error().detail.find(reason), std::string::npos)
            << text << manifest.error().detail;
    }
    EXPECT_EQ(parse_trunk_json(changed("\"0.1.0\"", "\"2.0.0\"")).error().code,
              ErrorCode::feature_not_supported);
}

}  // namespace
}  // namespace pgx
