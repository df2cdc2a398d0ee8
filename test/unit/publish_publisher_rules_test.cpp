// publish_publisher_rules_test.cpp - names, and whose they are.
#include "core/publish/publisher_rules.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

// acme_* is acme's, but for acme_zoo, which zebra had before; all else under z is zebra's.
std::vector<tuf::Delegation> delegations() {
    std::vector<tuf::Delegation> all(3);
    all[0].name = "publisher-zebra";
    all[0].paths = {"packages/z*.json", "packages/acme_zoo.json"};
    all[1].name = "publisher-acme";
    all[1].paths = {"packages/acme_*.json", "packages/ledger.json"};
    all[2].name = "bin-0";
    all[2].paths = {"catalog/0*.json.zst"};
    return all;
}

CatalogPackage with_file(const std::string &file, char digest) {
    CatalogRelease release;
    const BundleName name = *parse_bundle_file_name(file);
    release.version = name.version;
    release.artifacts = {{name, 1, std::string(64, digest)}};
    CatalogPackage package;
    package.releases = {release};
    return package;
}

TEST(PublisherRules, ANameBelongsToTheFirst) {
    EXPECT_EQ(*owner_of_name(delegations(), "acme_x"), "publisher-acme");
    EXPECT_EQ(*owner_of_name(delegations(), "acme_zoo"), "publisher-zebra");
    EXPECT_EQ(*owner_of_name(delegations(), "other"), "");
}

TEST(PublisherRules, Extensions) {
    const struct {
        const char *package, *extension;
        bool good;
    } table[] = {
        {"acme_x", "acme_x", true},   {"acme_x", "acme_y", true}, {"acme_x", "ledger", true},
        {"acme_x", "postgis", false}, {"acme_x", "zoo", false},   {"acme_x", "acme_zoo", false},
        {"postgis", "postgis", true},
    };
    for (const auto &row : table) {
        CatalogRelease release;
        release.extensions = {{row.extension, "1", {"postgis"}}};
        const auto checked =
            check_extension_names(delegations(), "publisher-acme", row.package, release);
        EXPECT_EQ(checked.has_value(), row.good) << row.extension;
        if (checked) continue;
        EXPECT_NE(checked.error().message.find(row.extension), std::string::npos);
        EXPECT_FALSE(checked.error().hint.empty());
    }
}

TEST(PublisherRules, ATargetHoldsItsPackageAlone) {
    const struct {
        const char *path;
        std::vector<const char *> packages;
        bool good;
    } table[] = {
        {"packages/acme_x.json", {"acme_x"}, true},
        {"packages/acme_x.json", {"acme_y"}, false},
        {"packages/acme_x.json", {"acme_x", "bob"}, false},
        {"packages/acme_x.json", {}, false},
        {"packages/bob.json", {"bob"}, false},
        {"packages/acme_zoo.json", {"acme_zoo"}, false},
        {"packages/../acme_x.json", {"acme_x"}, false},
        {"packages/acme_x", {"acme_x"}, false},
        {"catalog/0000.json.zst", {"acme_x"}, false},
    };
    for (const auto &row : table) {
        Catalog catalog;
        for (const char *package : row.packages) catalog[package] = {};
        EXPECT_EQ(
            check_publisher_target(delegations(), "publisher-acme", row.path, catalog).has_value(),
            row.good)
            << row.path;
    }
    Catalog catalog = {{"acme_x", with_file("acme_x-1.0.0+pg18-any.trunk", 'a')}};
    catalog["acme_x"].releases[0].extensions = {{"postgis", "1", {}}};
    EXPECT_FALSE(
        check_publisher_target(delegations(), "publisher-acme", "packages/acme_x.json", catalog));
}

TEST(PublisherRules, FilesDoNotChange) {
    const std::string file = "x-1.0.0+pg18-any.trunk", other = "x-2.0.0+pg18-any.trunk";
    const CatalogPackage a = with_file(file, 'a'), b = with_file(file, 'b');
    CatalogPackage gone_a, gone_b;
    gone_a.withdrawn[file] = std::string(64, 'a');
    gone_b.withdrawn[file] = std::string(64, 'b');
    EXPECT_TRUE(check_files_unchanged({}, a));
    EXPECT_TRUE(check_files_unchanged(a, a));
    EXPECT_TRUE(check_files_unchanged(a, with_file(other, 'b')));
    EXPECT_TRUE(check_files_unchanged(a, gone_a));
    EXPECT_TRUE(check_files_unchanged(gone_a, a));
    for (const auto &[before, after] :
         {std::pair{a, b}, {a, gone_b}, {gone_a, b}, {gone_a, gone_b}}) {
        const auto checked = check_files_unchanged(before, after);
        ASSERT_FALSE(checked);
        EXPECT_EQ(checked.error().code, ErrorCode::wrong_state);
        EXPECT_NE(checked.error().message.find(file), std::string::npos);
    }
}

TEST(PublisherRules, AModulePathHasOnePackage) {
    ModulePaths paths;
    paths.add("semver", "github.com/theory/pg-semver");
    paths.add("nothing", "");
    EXPECT_TRUE(paths.check("semver", "github.com/theory/pg-semver"));
    EXPECT_TRUE(paths.check("other", "github.com/theory/other"));
    EXPECT_TRUE(paths.check("other", ""));
    for (const char *path : {"github.com/theory/pg-semver", "github.com/Theory/PG-semver"}) {
        const auto taken = paths.check("other", path);
        ASSERT_FALSE(taken);
        EXPECT_NE(taken.error().message.find("\"semver\""), std::string::npos);
    }
}

}  // namespace
}  // namespace pgx
