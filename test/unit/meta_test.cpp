// meta_test.cpp - META.json, version 2.
#include "core/bundle/meta.h"

#include <gtest/gtest.h>

#include <vector>

namespace pgx {
namespace {

// After the example of RFC-3.
const std::string sample = R"({
  "name": "pg_partman", "version": "5.1.0", "abstract": "Partitions",
  "description": "Manages partitioned tables", "license": "PostgreSQL",
  "maintainers": [{"name": "Keith", "email": "keith@example.org"}, {"name": "Us", "url": "https://example.org"}],
  "contents": {
    "extensions": {"pg_partman": {"control": "pg_partman.control", "sql": "sql/types.sql", "doc": "doc/x.md", "tle": true}},
    "modules": {"pg_partman_bgw": {"type": "bgw", "lib": "src/pg_partman_bgw", "preload": "server"}},
    "apps": {"check": {"lang": "python", "bin": "bin/check.py"}}},
  "dependencies": {"pipeline": "pgxs", "postgres": {"version": "14.0", "with": ["xml"]},
    "packages": {"run": {"requires": {"pkg:generic/python": "2.0", "pkg:pypi/psycopg2": 0},
                         "recommends": {"pkg:pgxn/pg_jobmon": "1.4.1"}}}},
  "resources": {"homepage": "https://example.org/partman", "repository": "https://github.com/x/partman.git"},
  "classifications": {"tags": ["partition"]}, "x_ours": 1,
  "meta-spec": {"version": "2.0.0", "url": "https://rfcs.pgxn.org/0003-meta-spec-v2.html"}})";

std::string changed(const std::string &from, const std::string &to) {
    std::string text = sample;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(MetaTest, Read) {
    const auto meta = parse_meta(sample);
    ASSERT_TRUE(meta) << meta.error().detail;
    EXPECT_EQ(meta->name, "pg_partman");
    EXPECT_EQ(meta->version, "5.1.0");
    EXPECT_EQ(meta->abstract, "Partitions");
    EXPECT_EQ(meta->description, "Manages partitioned tables");
    EXPECT_EQ(meta->license, "PostgreSQL");
    ASSERT_EQ(meta->maintainers.size(), 2U);
    EXPECT_EQ(meta->maintainers[0].email, "keith@example.org");
    EXPECT_EQ(meta->maintainers[1].url, "https://example.org");
    EXPECT_EQ(meta->extensions.at("pg_partman").sql, "sql/types.sql");
    EXPECT_EQ(meta->modules.at("pg_partman_bgw").library, "src/pg_partman_bgw");
    EXPECT_EQ(meta->modules.at("pg_partman_bgw").preload, "server");
    EXPECT_EQ(meta->postgres, "14.0");
    EXPECT_EQ(meta->run_requires, (std::map<std::string, std::string>{{"pkg:generic/python", "2.0"},
                                                                      {"pkg:pypi/psycopg2", "0"}}));
    EXPECT_EQ(meta->homepage, "https://example.org/partman");
    EXPECT_EQ(meta->module_path, "github.com/x/partman");
}

TEST(MetaTest, TheLeastThereCanBe) {
    const auto meta =
        parse_meta(R"({"name": "x", "version": "1.0.0", "meta-spec": {"version": "2.0.0"}})");
    ASSERT_TRUE(meta) << meta.error().detail;
    EXPECT_TRUE(meta->extensions.empty());
    const auto again = parse_meta(write_meta(*meta));
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(again->name, "x");
    EXPECT_FALSE(again->document.contains("dependencies"));
    EXPECT_FALSE(again->document.contains("maintainers"));
}

TEST(MetaTest, WrittenWithWhatWeDoNotKnow) {
    Meta meta = *parse_meta(sample);
    meta.version = "5.2.0";
    meta.license = "";
    meta.maintainers = {{"Me", "me@example.org", ""}};
    meta.extensions.at("pg_partman").control = "pgsql/share/extension/pg_partman.control";
    meta.extensions["more"] = {"more.control", "more.sql", "", ""};
    meta.modules.clear();
    meta.run_requires["pkg:postgres/plpgsql"] = "0";
    meta.module_path = "example.org/x";
    meta.system_libraries = {"libssl.so.3"};
    const std::string text = write_meta(meta);
    EXPECT_EQ(text, write_meta(meta));
    const Json document = *parse_json(text);
    EXPECT_EQ(document["x_ours"], 1);
    EXPECT_EQ(document["classifications"]["tags"][0], "partition");
    EXPECT_EQ(document["contents"]["extensions"]["pg_partman"]["tle"], true);
    EXPECT_EQ(document["contents"]["apps"]["check"]["lang"], "python");
    EXPECT_FALSE(document["contents"].contains("modules"));
    EXPECT_FALSE(document.contains("license"));
    EXPECT_EQ(document["dependencies"]["postgres"]["with"][0], "xml");
    EXPECT_EQ(document["dependencies"]["pipeline"], "pgxs");
    EXPECT_TRUE(document["dependencies"]["packages"]["run"].contains("recommends"));
    EXPECT_EQ(document["x_module_path"], "example.org/x");
    const auto again = parse_meta(text);
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(again->version, "5.2.0");
    EXPECT_EQ(again->extensions.size(), 2U);
    EXPECT_EQ(again->run_requires.size(), 3U);
    EXPECT_EQ(again->system_libraries, std::vector<std::string>{"libssl.so.3"});
    EXPECT_EQ(again->module_path, "example.org/x");
    EXPECT_EQ(again->maintainers.size(), 1U);
    EXPECT_EQ(write_meta(*again), text);
}

TEST(MetaTest, TheModulePathOfTheRepositoryIsNotWritten) {
    EXPECT_EQ(write_meta(*parse_meta(sample)).find("x_module_path"), std::string::npos);
}

TEST(MetaTest, WrongTypes) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "not JSON"},
        {"[1]", "not an object"},
        {std::string(100'000, '['), "not JSON"},
        {changed("\"name\": \"pg_partman\"", "\"name\": 1"), "\"name\" is not a string"},
        {changed("\"name\": \"pg_partman\", ", ""), "\"name\" is missing"},
        {changed("\"name\": \"pg_partman\"", "\"name\": null"), "\"name\" is missing"},
        {changed("\"pg_partman\", \"version\"", "\"pg\\u0000\", \"version\""), "NUL"},
        {changed("\"5.1.0\"", "\"5.1\""), "\"version\" is not a semantic version"},
        {changed("\"5.1.0\"", "5.1"), "\"version\" is not a string"},
        {changed("\"Partitions\"", "[]"), "\"abstract\" is not a string"},
        {changed("\"PostgreSQL\"", "{}"), "\"license\" is not a string"},
        {changed("[{\"name\": \"Keith\"", "[{\"nick\": \"Keith\""), "\"maintainers[0].name\""},
        {changed("{\"name\": \"Us\", \"url\": \"https://example.org\"}", "\"Us\""),
         "\"maintainers[1]\" is not an object"},
        {changed("{\"control\": \"pg_partman.control\",", "{"),
         "\"contents.extensions.pg_partman.control\" is missing"},
        {changed("\"preload\": \"server\"", "\"preload\": \"always\""), "neither \"server\""},
        {changed("\"lib\": \"src/pg_partman_bgw\"", "\"lib\": 1"),
         "\"contents.modules.pg_partman_bgw.lib\" is not a string"},
        {changed("\"14.0\"", "14"), "\"dependencies.postgres.version\" is not a string"},
        {changed("psycopg2\": 0", "psycopg2\": 1"), "is not a string"},
        {changed("pkg:pypi/psycopg2", "psycopg2"), "package URL"},
        {changed("\"packages\": {\"run\": {\"requires\": {",
                 "\"packages\": {\"run\": {\"requires\": [{"),
         "not JSON"},
        {changed("\"meta-spec\": {\"version\": \"2.0.0\"", "\"meta-spec\": {\"version\": 2"),
         "\"meta-spec.version\" is not a string"},
        {changed("\"meta-spec\"", "\"meta\""), "\"meta-spec.version\" is missing"},
        {changed("\"x_ours\": 1", "\"x_system_libraries\": \"x\""), "is not a list"},
        {changed("\"x_ours\": 1", "\"x_module_path\": 1"), "is not a string"},
        {changed("\"resources\": {", "\"resources\": [], \"y\": {"),
         "\"resources\" is not an object"},
    };
    for (const auto &[text, reason] : cases) {
        const auto meta = parse_meta(text);
        ASSERT_FALSE(meta) << text;
        EXPECT_EQ(meta.error().code, ErrorCode::artifact_malformed) << meta.error().message;
        EXPECT_NE(meta.error().detail.find(reason), std::string::npos)
            << reason << ": " << meta.error().detail;
    }
    EXPECT_EQ(parse_meta(changed("\"version\": \"2.0.0\"", "\"version\": \"3.0.0\"")).error().code,
              ErrorCode::feature_not_supported);
}

TEST(MetaTest, PackageUrls) {
    EXPECT_EQ(package_url_of_extension("plpgsql"), "pkg:postgres/plpgsql");
    EXPECT_EQ(package_url_of_extension("uuid-ossp"), "pkg:postgres/uuid-ossp");
    EXPECT_EQ(package_url_of_extension("semver"), "pkg:pgxn/semver");
}

TEST(MetaTest, ModulePaths) {
    const std::vector<std::pair<const char *, const char *>> cases{
        {"https://github.com/theory/pg-semver", "github.com/theory/pg-semver"},
        {"https://github.com/theory/pg-semver.git", "github.com/theory/pg-semver"},
        {"https://github.com/theory/pg-semver/", "github.com/theory/pg-semver"},
        {"git://example.org/x", "example.org/x"},
        {"http://example.org/~a/b", "example.org/~a/b"},
        {"https://example.org", ""},
        {"https://example.org/", ""},
        {"https:///x", ""},
        {"https://user@example.org/x", ""},
        {"https://example.org/x?y", ""},
        {"https://example.org/../x", ""},
        {"https://example.org//x", ""},
        {"git@github.com:theory/pg-semver.git", ""},
        {"file:///x/y", ""},
        {"", ""},
    };
    for (const auto &[url, path] : cases) EXPECT_EQ(module_path_of_repository(url), path) << url;
}

}  // namespace
}  // namespace pgx
