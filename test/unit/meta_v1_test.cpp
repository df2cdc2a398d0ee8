// meta_v1_test.cpp - META.json, version 1, as the second version's document.
#include "core/bundle/meta_v1.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/bundle/meta.h"

namespace pgx {
namespace {

const std::string sample = R"({
  "name": "semver", "abstract": "A semantic version data type", "description": "More", "version": "0.40.0",
  "maintainer": ["David <david@example.org>", "Xavier"], "license": "postgresql",
  "provides": {"semver": {"abstract": "A type", "file": "sql/semver.sql", "docfile": "doc/semver.mmd", "version": "0.40.0"}},
  "prereqs": {"runtime": {"requires": {"PostgreSQL": "9.2.0", "plpgsql": 0, "citext": "1.0", "pair": "0.1.2"}},
              "test": {"requires": {"pgtap": "1.0"}}},
  "resources": {"homepage": "https://example.org", "bugtracker": {"web": "https://example.org/issues"},
                "repository": {"url": "git://github.com/theory/pg-semver.git", "web": "https://github.com/theory/pg-semver", "type": "git"}},
  "generated_by": "a person", "meta-spec": {"version": "1.0.0", "url": "https://pgxn.org/meta/spec.txt"},
  "tags": ["semver", "version"], "x_more": [1]})";

std::string changed(const std::string &from, const std::string &to) {
    std::string text = sample;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(MetaV1Test, Converted) {
    const auto meta = parse_meta(sample);
    ASSERT_TRUE(meta) << meta.error().detail;
    EXPECT_EQ(meta->name, "semver");
    EXPECT_EQ(meta->version, "0.40.0");
    EXPECT_EQ(meta->license, "PostgreSQL");
    ASSERT_EQ(meta->maintainers.size(), 2U);
    EXPECT_EQ(meta->maintainers[0].name, "David");
    EXPECT_EQ(meta->maintainers[0].email, "david@example.org");
    EXPECT_EQ(meta->maintainers[1].name, "Xavier");
    EXPECT_EQ(meta->extensions.at("semver").control, "semver.control");
    EXPECT_EQ(meta->extensions.at("semver").sql, "sql/semver.sql");
    EXPECT_EQ(meta->extensions.at("semver").doc, "doc/semver.mmd");
    EXPECT_EQ(meta->postgres, "9.2.0");
    EXPECT_EQ(meta->run_requires,
              (std::map<std::string, std::string>{{"pkg:postgres/plpgsql", "0"},
                                                  {"pkg:postgres/citext", "1.0"},
                                                  {"pkg:pgxn/pair", "0.1.2"}}));
    EXPECT_EQ(meta->homepage, "https://example.org");
    EXPECT_EQ(meta->repository, "https://github.com/theory/pg-semver");
    EXPECT_EQ(meta->module_path, "github.com/theory/pg-semver");
    EXPECT_EQ(meta->document["resources"]["issues"], "https://example.org/issues");
    EXPECT_EQ(meta->document["classifications"]["tags"][1], "version");
    EXPECT_EQ(meta->document["producer"], "a person");
    EXPECT_EQ(meta->document["x_more"][0], 1);
    EXPECT_EQ(meta->document["meta-spec"]["version"], "2.0.0");
    EXPECT_FALSE(meta->document.contains("prereqs"));
}

TEST(MetaV1Test, Licenses) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"\"mit\"", "MIT"},
        {"[\"postgresql\", \"perl_5\"]", "PostgreSQL OR (Artistic-1.0-Perl OR GPL-1.0-or-later)"},
        {"{\"PostgreSQL\": \"https://www.postgresql.org/about/licence\"}", "PostgreSQL"},
        {"\"restricted\"", ""},
        {"[\"mit\", \"unknown\"]", ""},
        {"[]", ""},
    };
    for (const auto &[written, expected] : cases) {
        const auto meta = parse_meta(changed("\"postgresql\"", written));
        ASSERT_TRUE(meta) << meta.error().detail;
        EXPECT_EQ(meta->license, expected) << written;
    }
}

TEST(MetaV1Test, Versions) {
    EXPECT_EQ(parse_meta(changed("\"version\": \"0.40.0\",", "\"version\": \"0.40\","))->version,
              "0.40.0");
    EXPECT_FALSE(parse_meta(changed("\"version\": \"0.40.0\",", "\"version\": \"x\",")));
}

TEST(MetaV1Test, WrongTypes) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {changed("\"name\": \"semver\"", "\"name\": []"), "\"name\""},
        {changed("\"postgresql\"", "1"), "\"license\""},
        {changed("\"postgresql\"", "[1]"), "\"license\""},
        {changed("[\"David <david@example.org>\", \"Xavier\"]", "{}"), "\"maintainer\""},
        {changed("{\"semver\": {\"abstract\"", "{\"x\": 1, \"semver\": {\"abstract\""),
         "\"provides\""},
        {changed("\"file\": \"sql/semver.sql\"", "\"file\": 1"), "\"file\""},
        {changed("\"plpgsql\": 0", "\"plpgsql\": []"), "\"requires\""},
        {changed("{\"runtime\": {", "{\"runtime\": 1, \"develop\": {"), "\"runtime\""},
        {changed("{\"web\": \"https://example.org/issues\"}", "1"), "\"bugtracker\""},
        {changed("[\"semver\", \"version\"]", "[1]"), "\"tags\""},
    };
    for (const auto &[text, member] : cases) {
        const auto meta = parse_meta(text);
        ASSERT_FALSE(meta) << member;
        EXPECT_EQ(meta.error().code, ErrorCode::artifact_malformed);
        EXPECT_NE(meta.error().detail.find(member), std::string::npos) << meta.error().detail;
    }
}

}  // namespace
}  // namespace pgx
