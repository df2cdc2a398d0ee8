// publish_catalog_change_test.cpp - where releases go, and registries that grow.
#include "core/publish/catalog_change.h"

#include "publish_test_support.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

ReleaseToAdd release_of(const std::string &package, const std::string &version,
                        const std::string &platform = "any", char digest = 'a') {
    ReleaseToAdd addition;
    addition.package = package;
    addition.about.summary = "about " + version;
    addition.release.version = version;
    addition.release.date = "2026-01-01T00:00:00Z";
    CatalogArtifact artifact;
    artifact.name = *parse_bundle_folder_name(package + "-" + version + "+pg18-" + platform);
    artifact.size = 1;
    artifact.sha256 = std::string(64, digest);
    addition.release.artifacts.push_back(artifact);
    return addition;
}

class CatalogChangeTest : public PublishTest {
   protected:
    CatalogChangeTest() { make_registry(); }

    Result<CatalogChange> publish(const std::vector<ReleaseToAdd> &releases) {
        KeyFolder at_hand = keys();
        Generation generation = TRY(open());
        const CatalogChange change = TRY(add_releases(generation, releases, ""));
        publication_ = TRY(generation.publish(at_hand, lifetimes_, now_));
        return change;
    }
    std::vector<ReleaseToAdd> packages(int from, int to) {
        std::vector<ReleaseToAdd> releases;
        for (int i = from; i < to; ++i)
            releases.push_back(release_of("package_" + std::to_string(i), "1.0.0"));
        return releases;
    }
    Publication publication_;
};

TEST_F(CatalogChangeTest, OneReleaseTouchesOneShard) {
    ASSERT_OK(publish(packages(0, 150)));
    const auto before = files("targets");
    ASSERT_OK(publish({release_of("another", "1.0.0")}));
    EXPECT_EQ(files("targets").size(), before.size() + 1);
    Strings roles;
    for (const auto &role : publication_.roles) roles.push_back(role.role);
    EXPECT_EQ(roles, (Strings{bin_role(*shard_path("another", 1)), "snapshot", "timestamp"}));
}

TEST_F(CatalogChangeTest, NewestFirstAndDescribedByTheNewest) {
    ASSERT_OK(publish({release_of("thing", "1.0.0"), release_of("thing", "1.10.0"),
                       release_of("thing", "1.9.0"), release_of("thing", "1.10.0-beta.1")}));
    const CatalogPackage thing = client().packages.at("thing");
    EXPECT_EQ(thing.summary, "about 1.10.0");
    Strings versions;
    for (const CatalogRelease &release : thing.releases) versions.push_back(release.version);
    EXPECT_EQ(versions, (Strings{"1.10.0", "1.10.0-beta.1", "1.9.0", "1.0.0"}));
    ASSERT_OK(publish({release_of("thing", "2.0.0")}));
    EXPECT_EQ(client().packages.at("thing").summary, "about 2.0.0");
}

TEST_F(CatalogChangeTest, SeveralPlatformsOfARelease) {
    ASSERT_OK(publish({release_of("thing", "1.0.0", "gnulinux-2.36-amd64")}));
    ReleaseToAdd later = release_of("thing", "1.0.0", "gnulinux-2.36-arm64", 'b');
    later.release.date = "2026-02-02T00:00:00Z";
    later.release.modules = {"thing"};
    later.release.extensions = {{"thing", "1.0.0", {}}};
    ASSERT_OK(publish({later, release_of("thing", "1.0.0", "gnulinux-2.31-amd64", 'c')}));
    const CatalogPackage thing = client().packages.at("thing");
    ASSERT_EQ(thing.releases.size(), 1U);
    EXPECT_EQ(thing.releases[0].date, "2026-01-01T00:00:00Z");
    EXPECT_EQ(thing.releases[0].modules, Strings{"thing"});  // of whichever build has it
    ReleaseToAdd different = release_of("thing", "1.0.0", "gnulinux-2.41-amd64", 'd');
    different.release.extensions = {{"thing", "2.0.0", {}}};
    EXPECT_EQ(publish({different}).error().code, ErrorCode::wrong_state);
    Strings names;
    for (const CatalogArtifact &artifact : thing.releases[0].artifacts)
        names.push_back(bundle_file_name(artifact.name));
    EXPECT_EQ(names, (Strings{"thing-1.0.0+pg18-gnulinux-2.31-amd64.trunk",
                              "thing-1.0.0+pg18-gnulinux-2.36-amd64.trunk",
                              "thing-1.0.0+pg18-gnulinux-2.36-arm64.trunk"}));
}

TEST_F(CatalogChangeTest, APublishedFileNeverChanges) {
    const auto first = publish({release_of("thing", "1.0.0")});
    ASSERT_OK(first);
    EXPECT_EQ(first->added, std::vector<bool>{true});
    auto generation = open();
    const auto same = add_releases(*generation, {release_of("thing", "1.0.0")}, "");
    ASSERT_OK(same);
    EXPECT_EQ(same->added, std::vector<bool>{false});
    for (const std::string &bin : bin_roles()) EXPECT_FALSE(generation->changes(bin));

    const auto other = add_releases(*generation, {release_of("thing", "1.0.0", "any", 'b')}, "");
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::wrong_state);
    EXPECT_NE(other.error().message.find("thing-1.0.0+pg18-any.trunk"), std::string::npos);
    // also within one call
    EXPECT_FALSE(add_releases(
        *generation,
        {release_of("new", "1.0.0", "any", 'a'), release_of("new", "1.0.0", "any", 'b')}, ""));
}

TEST_F(CatalogChangeTest, ShardsGrowInOneGeneration) {
    struct {
        int packages;
        unsigned bits;
    } const table[] = {{100, 0}, {101, 1}, {200, 1}, {320, 2}, {1700, 5}};
    int have = 0;
    std::uint64_t timestamp = 1;
    for (const auto &row : table) {
        const auto change = publish(packages(have, row.packages));
        ASSERT_OK(change);
        have = row.packages;
        EXPECT_EQ(change->shard_bits, row.bits) << row.packages;
        const ClientView view = client();  // which also checks that each is in its shard
        EXPECT_EQ(view.error, "");
        EXPECT_EQ(view.packages.size(), static_cast<std::size_t>(row.packages));
        EXPECT_EQ(view.timestamp, ++timestamp);
        auto generation = open();
        EXPECT_EQ(*generation->shard_bits(), row.bits);
        EXPECT_EQ(*count_packages(*generation), static_cast<std::uint64_t>(row.packages));
        std::size_t listed = 0;
        for (const std::string &bin : bin_roles())
            listed += (*generation->role(bin))->targets.size();
        EXPECT_LE(listed, std::size_t{1} << row.bits);
    }
}

TEST_F(CatalogChangeTest, AFullShardAloneIsNoReason) {
    // more than a hundred in one shard, but not on average
    std::vector<ReleaseToAdd> releases = packages(0, 101);
    for (int i = 101; releases.size() < 190; ++i)
        if (*shard_path("package_" + std::to_string(i), 1) == "catalog/0000.json.zst")
            releases.push_back(release_of("package_" + std::to_string(i), "1.0.0"));
    const auto change = publish(releases);
    ASSERT_OK(change);
    EXPECT_EQ(change->shard_bits, 1U);
    EXPECT_EQ(client().packages.size(), 190U);
}

TEST_F(CatalogChangeTest, CountsWithoutNumbersInTheLists) {
    ASSERT_OK(publish(packages(0, 10)));
    KeyFolder at_hand = keys();
    auto generation = open();
    tuf::Targets &bin = **generation->change("bin-0");
    for (auto &[path, file] : bin.targets) file.custom = nullptr;
    ASSERT_OK(generation->publish(at_hand, lifetimes_, now_));
    auto again = open();
    EXPECT_EQ(*count_packages(*again), 10U);
}

TEST_F(CatalogChangeTest, Removal) {
    ASSERT_OK(publish({release_of("thing", "1.0.0"), release_of("thing", "2.0.0"),
                       release_of("thing", "2.0.0", "gnulinux-2.36-amd64", 'b'),
                       release_of("other", "1.0.0")}));
    const auto take = [&](const std::string &package, const std::string &version) {
        KeyFolder at_hand = keys();
        auto generation = open();
        auto removed = remove_releases(*generation, package, version);
        if (removed) {
            EXPECT_TRUE(generation->publish(at_hand, lifetimes_, now_));
        }
        return removed;
    };
    const auto one = take("thing", "2.0.0");
    ASSERT_OK(one);
    EXPECT_EQ(one->versions, Strings{"2.0.0"});
    EXPECT_EQ(one->bundles, (Strings{"bundles/thing/thing-2.0.0+pg18-any.trunk",
                                     "bundles/thing/thing-2.0.0+pg18-gnulinux-2.36-amd64.trunk"}));
    EXPECT_EQ(client().releases(), (Strings{"other@1.0.0", "thing@1.0.0"}));
    const auto unknown = take("thing", "2.0.0");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, ErrorCode::unknown_version);
    EXPECT_NE(unknown.error().detail.find("1.0.0"), std::string::npos);
    ASSERT_OK(take("thing", ""));
    ASSERT_OK(take("other", ""));
    EXPECT_EQ(client().releases(), Strings{});
    EXPECT_EQ(client().error, "");
    const auto gone = take("thing", "");
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, ErrorCode::unknown_package);
}

TEST_F(CatalogChangeTest, AWithdrawnFileDoesNotComeBackAsAnother) {
    ASSERT_OK(publish({release_of("thing", "1.0.0"), release_of("thing", "2.0.0")}));
    for (const char *version : {"2.0.0", ""}) {  // one of two; then what is left
        ASSERT_OK(remove("thing", version));
        const auto other = publish({release_of("thing", "2.0.0", "any", 'b')});
        ASSERT_FALSE(other);
        EXPECT_EQ(other.error().code, ErrorCode::wrong_state);
        EXPECT_NE(other.error().message.find("withdrawn"), std::string::npos);
        EXPECT_FALSE(other.error().hint.empty());
    }
    EXPECT_EQ(client().packages.at("thing").withdrawn.size(), 2U);
    EXPECT_EQ(client().packages.at("thing").summary, "");
    // itself it may come back, and another build of the same version may come
    ASSERT_OK(publish(
        {release_of("thing", "2.0.0"), release_of("thing", "2.0.0", "gnulinux-2.36-amd64", 'c')}));
    EXPECT_EQ(client().packages.at("thing").withdrawn.size(), 1U);
    EXPECT_EQ(client().packages.at("thing").summary, "about 2.0.0");
    ASSERT_OK(publish({release_of("thing", "3.0.0")}));
    EXPECT_FALSE(publish({release_of("thing", "1.0.0", "any", 'b')}));
    EXPECT_EQ(client().releases(), (Strings{"thing@3.0.0", "thing@2.0.0"}));
}

TEST_F(CatalogChangeTest, AModulePathBelongsToOnePackage) {
    ReleaseToAdd first = release_of("thing", "1.0.0"), second = release_of("other", "1.0.0");
    first.about.module_path = "example.org/thing";
    second.about.module_path = "example.org/Thing";
    EXPECT_FALSE(publish({first, second}));
    ASSERT_OK(publish({first}));
    const auto taken = publish({second});
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(taken.error().message.find("belongs to package \"thing\""), std::string::npos);
    first = release_of("thing", "1.1.0");
    first.about.module_path = "example.org/thing";
    ASSERT_OK(publish({first}));
    ASSERT_OK(remove("thing"));
    ASSERT_OK(publish({second}));  // it is free again
}

TEST_F(CatalogChangeTest, WhatNobodyWouldReadIsNotPublished) {
    ReleaseToAdd large = release_of("thing", "1.0.0");
    large.about.summary = std::string(501, 'x');
    const auto published = publish({large});
    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().code, ErrorCode::limit_exceeded);
    EXPECT_NE(published.error().message.find("could not publish \"thing\""), std::string::npos);
}

}  // namespace
}  // namespace pgx
