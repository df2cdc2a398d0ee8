#include "core/registry/apt_index.h"

#include <gtest/gtest.h>

#include "apt_test_support.h"

namespace pgx {
namespace {

const std::string digest_a(64, 'a');

std::string stanza(const std::string &name, const std::string &version, const std::string &architecture,
                   const std::string &more = {}) {
    return "Package: " + name + "\nVersion: " + version + "\nArchitecture: " + architecture +
           "\nSize: 12\nSHA256: " + digest_a + "\nFilename: pool/x_1.deb\n" + more + "\n";
}

TEST(AptIndex, NamesOfExtensionPackages) {
    for (const char *name : {"postgresql-18-semver", "postgresql-18-x", "postgresql-plpython3-18", "postgresql-pltcl-18",
                             "postgresql-18-postgis-3", "postgresql-18-postgis-3-scripts"})
        EXPECT_TRUE(is_extension_package(name, 18)) << name;
    for (const char *name : {"postgresql-18", "postgresql-17-semver", "postgresql-180-x", "postgresql-plperl-17", "pgxn",
                             "postgresql-18-semver-dbgsym", "postgresql-", "postgresql--18", "postgresql-18-",
                             "postgresql-client-18", "postgresql-doc-18", "postgresql-server-dev-18", "postgresql-118"})
        EXPECT_FALSE(is_extension_package(name, 18)) << name;
}

class Packages : public ::testing::TestWithParam<const char *> {
   protected:
    Result<FilteredPackages> filter(const std::string &content) {
        return filter_packages(directory.put("Packages", compressed(content, GetParam())), GetParam(), 18, "amd64");
    }
    TemporaryDirectory directory;
};

TEST_P(Packages, AreFiltered) {
    auto result = filter(
        stanza("postgresql-18", "18.1", "amd64") + stanza("postgresql-18-a", "1:1.0-2+b1", "amd64",
               "Homepage: https://example.org\nDepends: postgresql-18,\n libc6\nDescription: short\n Long.\n .\n More.\n") +
        stanza("postgresql-18-a-dbgsym", "1", "amd64") + stanza("postgresql-18-b", "2", "all", "Description: only short\n") +
        stanza("postgresql-18-c", "3", "arm64") + stanza("postgresql-17-a", "1", "amd64", "Field without colon\n") +
        "Version: 7\nPackage: postgresql-18-late\nArchitecture: all\nSize: 1\nSHA256: " + digest_a + "\nFilename: ./l.deb");
    ASSERT_TRUE(result) << whole(result);
    EXPECT_TRUE(result->left_out.empty());
    ASSERT_EQ(result->packages.size(), 3u);
    const AptPackage &a = result->packages[0];
    EXPECT_EQ(a.package, "postgresql-18-a");
    EXPECT_EQ(a.version, "1:1.0-2+b1");
    EXPECT_EQ(a.depends, "postgresql-18, libc6");
    EXPECT_EQ(a.homepage, "https://example.org");
    EXPECT_EQ(a.summary, "short");
    EXPECT_EQ(a.description, "Long.\n\nMore.");
    EXPECT_EQ(a.size, 12u);
    EXPECT_EQ(a.sha256, digest_a);
    EXPECT_EQ(a.filename, "pool/x_1.deb");
    EXPECT_EQ(result->packages[1].description, "");
    EXPECT_EQ(result->packages[1].summary, "only short");
    EXPECT_EQ(result->packages[2].package, "postgresql-18-late");

    auto again = filtered_packages_from_json(Json::parse(dump_json(to_json(*result))));
    ASSERT_TRUE(again) << whole(again);
    EXPECT_EQ(to_json(*again), to_json(*result));
}

INSTANTIATE_TEST_SUITE_P(Compressions, Packages, ::testing::Values("", "gz", "xz", "zst"));

TEST(PackagesErrors, WhatCannotBeUsedIsLeftOutAndSaid) {
    TemporaryDirectory directory;
    struct {
        const char *field, *value, *says;
    } cases[] = {{"Size: 12", "Size: many", "field Size"},       {"Size: 12", "Size: 0", "field Size"},
                 {"Size: 12", "Other: 1", "field Size"},          {"SHA256: ", "SHA1: ", "field SHA256"},
                 {"SHA256: a", "SHA256: X", "field SHA256"},      {"Filename: pool/", "Filename: ../", "leads out"},
                 {"Filename: pool/", "Filename: http://", "leads out"}, {"Filename: pool/", "Filename: /", "leads out"},
                 {"Filename: ", "Other: ", "leads out"},          {"Version: 1", "Version: 1;x", "field Version"},
                 {"Version: 1", "Other: 1", "field Version"},     {"18-a", "18-a;b", "name is not acceptable"},
                 {"18-a", "18-a--b", "name is not acceptable"}};
    for (const auto &c : cases) {
        std::string text = stanza("postgresql-18-a", "1", "amd64");
        text.replace(text.find(c.field), std::string(c.field).size(), c.value);
        auto result = filter_packages(directory.put("Packages", text + stanza("postgresql-18-good", "1", "all")), "", 18, "amd64");
        ASSERT_TRUE(result) << whole(result);
        ASSERT_EQ(result->packages.size(), 1u) << text;
        ASSERT_EQ(result->left_out.size(), 1u) << text;
        EXPECT_NE(result->left_out[0].find(c.says), std::string::npos) << result->left_out[0];
    }
}

TEST(PackagesErrors, NotAPackagesFile) {
    TemporaryDirectory directory;
    auto result = filter_packages(directory.put("Packages", "<html>\n"), "", 18, "amd64");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::registry_malformed);
    EXPECT_FALSE(filter_packages(directory / "none", "xz", 18, "amd64"));
    EXPECT_FALSE(filtered_packages_from_json(Json::object()));
    EXPECT_FALSE(filtered_packages_from_json({{"packages", {{{"package", "x"}}}}}));
    EXPECT_FALSE(extension_names_from_json(Json::array()));
    EXPECT_FALSE(extension_names_from_json({{"x", 1}}));
}

TEST(AptIndex, EachVersionOnce) {
    std::vector<AptPackage> packages(5);
    const char *rows[][2] = {{"a", "1.9"}, {"b", "1"}, {"a", "1.10"}, {"a", "1.10~rc1"}, {"b", "1"}};
    for (std::size_t i = 0; i < 5; ++i) {
        packages[i].package = rows[i][0];
        packages[i].version = rows[i][1];
        packages[i].size = i;
    }
    keep_versions(packages);
    ASSERT_EQ(packages.size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(packages[i].size, i);
}

TEST(AptIndex, Contents) {
    TemporaryDirectory directory;
    std::string base = "usr/share/postgresql/18/extension/";
    std::string content =
        "FILE                LOCATION\n" + base + "semver.control      database/postgresql-18-semver\n" + base +
        "semver--1.sql database/postgresql-18-semver\n" + base + "b.control\tdatabase/postgresql-18-two,universe/database/postgresql-18-one\n./" +
        base + "a.control postgresql-18-two\n/" + base + "postgis-3.control  postgresql-18-two\n" + base +
        "postgis--3.6.sql postgresql-18-two\n" + base + "bare-2.control postgresql-18-two\n" + base +
        "own-2.control postgresql-18-two\n" + base + "own-2--1.sql postgresql-18-two\n" + base + "own--1.sql postgresql-18-two\n" + base +
        "sub/x.control postgresql-18-two\n" + base + "with blank.control postgresql-18-two\n" + base +
        "evil.control database/postgresql-18-e\x01\n" + base + "evil.control postgresql-18-" + std::string(100, 'e') + "\n" + base +
        "core.control database/postgresql-18\nusr/share/postgresql/17/extension/old.control database/postgresql-17-old\n" + base + "odd.control\n";
    for (const char *compression : {"", "gz", "xz", "zst"}) {
        auto names = filter_contents(directory.put("Contents", compressed(content, compression)), compression, 18);
        ASSERT_TRUE(names) << whole(names);
        ExtensionNames expected = {{"postgresql-18-one", {"b"}},
                                   {"postgresql-18-semver", {"semver"}},
                                   {"postgresql-18-two", {"a", "b", "bare-2", "own-2", "postgis"}}};
        EXPECT_EQ(*names, expected);
        auto again = extension_names_from_json(Json::parse(dump_json(to_json(*names))));
        ASSERT_TRUE(again) << whole(again);
        EXPECT_EQ(*again, expected);
    }
    EXPECT_FALSE(filter_contents(directory / "none", "gz", 18));
}

TEST(AptIndex, BestCompressionThatIsListed) {
    AptRelease release;
    EXPECT_FALSE(find_index(release, "main/Packages"));
    const char *expected[] = {"", "gz", "zst", "xz"};
    for (const char *compression : expected) {
        std::string name = std::string("main/Packages") + (*compression ? "." : "") + compression;
        release.files[name] = {1, digest_a};
        auto index = find_index(release, "main/Packages");
        ASSERT_TRUE(index);
        EXPECT_EQ(index->path, name);
        EXPECT_EQ(index->compression, compression);
    }
    EXPECT_EQ(by_hash_path(*find_index(release, "main/Packages")), "main/by-hash/SHA256/" + digest_a);
    EXPECT_EQ(by_hash_path({"Packages.gz", "gz", {1, digest_a}}), "by-hash/SHA256/" + digest_a);
}

TEST(AptIndex, Urls) {
    struct {
        const char *base, *path, *url;
    } cases[] = {
        {"http://example.org/debian/", "pool/a_1.0.deb", "http://example.org/debian/pool/a_1.0.deb"},
        {"http://example.org/debian/", "./a_1%3a1+b~c d.deb", "http://example.org/debian/a_1%253a1%2Bb~c%20d.deb"},
        {"http://example.org/", "pool/a_1:2.deb", "http://example.org/pool/a_1:2.deb"},
        {"file:/srv/x/", "a", "file:///srv/x/a"},
        {"file:///srv/x/", "a", "file:///srv/x/a"},
        {"copy:/srv/x/", "a", "file:///srv/x/a"},
        {"http://example.org/", "", ""},
        {"http://example.org/", "/etc/passwd", ""},
        {"http://example.org/", "../a", ""},
        {"http://example.org/", "a/../../b", ""},
        {"http://example.org/", "a/..", ""},
        {"http://example.org/", "http://evil.example.org/a", ""},
        {"http://example.org/", "x:a", ""},
        {"http://example.org/", "a\nb", ""},
        {"http://example.org/", "a\\..\\b", ""},
        {"http://example.org/", "a/", ""},
    };
    for (const auto &c : cases) EXPECT_EQ(url_below(c.base, c.path), c.url) << c.path;
}

}  // namespace
}  // namespace pgx
