// publish_bundles_test.cpp - bundles into a registry, with faults at every step.
#include "core/publish/publish_bundles.h"

#include "faulty_file_system.h"
#include "publish_test_support.h"
#include "test_library.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

class PublishBundlesTest : public PublishTest {
   protected:
    PublishBundlesTest() { make_registry(); }
};

TEST_F(PublishBundlesTest, WhatTheCatalogSaysIsWhatIsInTheBundle) {
    const auto added = add({bundle("thing", "1.2.0")});
    ASSERT_OK(added);
    ASSERT_EQ(added->bundles.size(), 1U);
    EXPECT_EQ(added->bundles[0].file, "thing-1.2.0+pg18-any.trunk");
    EXPECT_EQ(added->bundles[0].package, "thing");
    EXPECT_TRUE(added->bundles[0].added);
    expect_releases({"thing@1.2.0"});
    EXPECT_EQ(files("bundles"), Strings{"bundles/thing/thing-1.2.0+pg18-any.trunk"});
    EXPECT_FALSE(std::filesystem::exists(directory_ / "scratch"));

    const CatalogPackage thing = client().packages.at("thing");
    EXPECT_EQ(thing.summary, "about thing");
    EXPECT_EQ(thing.license, "PostgreSQL");
    const CatalogRelease &release = thing.releases.at(0);
    EXPECT_EQ(release.date, tuf::format_time(now_));
    ASSERT_EQ(release.extensions.size(), 1U);
    EXPECT_EQ(release.extensions[0].name, "thing");
    EXPECT_EQ(release.extensions[0].version, "1.2.0");
    EXPECT_EQ(release.extensions[0].requires_, Strings{"plpgsql"});
    EXPECT_TRUE(release.modules.empty());
}

TEST_F(PublishBundlesTest, ModulesDependenciesAndPreload) {
    const std::string platform = "gnulinux-2.99-" + host_platform().architecture;
    BundleBuilder builder("thing-1.0.0+pg18-" + platform);
    builder.file("trunk.json", BundleBuilder::manifest(platform));
    builder.file("META.json",
                 R"({"name": "thing", "version": "1.0.0", "abstract": "A", "description": "D",
        "license": "MIT", "meta-spec": {"version": "2.0.0"},
        "resources": {"homepage": "https://example.org/thing",
                      "repository": "https://example.org/me/thing.git"},
        "contents": {"modules": {"thing": {"type": "hook", "lib": "pgsql/pkglib/thing",
                                           "preload": "server"}}},
        "dependencies": {"packages": {"run": {"requires": {"pkg:postgres/plpgsql": 0}}}}})");
    builder.file("pgsql/share/extension/thing.control",
                 "default_version = '1.0'\nmodule_pathname = 'thing'\n");
    builder.file("pgsql/share/extension/thing--1.0.sql", "SELECT 'MODULE_PATHNAME';\n");
    builder.file("pgsql/pkglib/thing.so", module_bytes());
    ASSERT_OK(add({directory_.put(builder.file_name(), builder.finish())}));
    const CatalogPackage thing = client().packages.at("thing");
    EXPECT_EQ(thing.homepage, "https://example.org/thing");
    EXPECT_EQ(thing.description, "D");
    EXPECT_EQ(thing.module_path, "example.org/me/thing");
    EXPECT_EQ(thing.releases.at(0).modules, Strings{"thing"});
    EXPECT_EQ(thing.releases.at(0).preload, Strings{"thing"});
    EXPECT_TRUE(thing.releases.at(0).dependencies.contains("pkg:postgres/plpgsql"));
}

TEST_F(PublishBundlesTest, AllOrNone) {
    const std::string broken = directory_.put("new/broken-1.0.0+pg18-any.trunk", "nonsense");
    const auto before = files();
    const auto added = add({bundle("thing"), broken});
    ASSERT_FALSE(added);
    EXPECT_NE(added.error().message.find(broken), std::string::npos);
    EXPECT_FALSE(add({bundle("thing"), directory_ / "no-1.0.0+pg18-any.trunk"}));
    EXPECT_EQ(files(), before);
    EXPECT_FALSE(std::filesystem::exists(directory_ / "scratch"));
    expect_releases({});
    ASSERT_OK(add({bundle("thing"), bundle("other"), bundle("thing", "2.0.0")}));
    expect_releases({"other@1.0.0", "thing@2.0.0", "thing@1.0.0"});
    EXPECT_EQ(client().timestamp, 2U);
}

TEST_F(PublishBundlesTest, TheSameTwice) {
    ASSERT_OK(add({bundle("thing")}));
    const auto before = files();
    const auto again = add({bundle("thing")});
    ASSERT_OK(again);
    EXPECT_FALSE(again->bundles[0].added);
    EXPECT_TRUE(again->publication.roles.empty());
    EXPECT_EQ(files(), before);
    const auto other = add({bundle("thing", "1.0.0", "SELECT 2;\n"), bundle("new")});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::wrong_state);
    EXPECT_EQ(files(), before);
    expect_releases({"thing@1.0.0"});
}

TEST_F(PublishBundlesTest, ALeftoverOfTheSameNameIsReplaced) {
    directory_.put("registry/bundles/thing/thing-1.0.0+pg18-any.trunk", "half of it");
    ASSERT_OK(add({bundle("thing")}));
    expect_releases({"thing@1.0.0"});
}

TEST_F(PublishBundlesTest, RemovalDeletesBundles) {
    ASSERT_OK(add({bundle("thing"), bundle("thing", "2.0.0"), bundle("other")}));
    const auto removed = remove("thing", "1.0.0");
    ASSERT_OK(removed);
    EXPECT_EQ(removed->releases.versions, Strings{"1.0.0"});
    expect_releases({"other@1.0.0", "thing@2.0.0"});
    EXPECT_EQ(files("bundles"), (Strings{"bundles/other/other-1.0.0+pg18-any.trunk",
                                         "bundles/thing/thing-2.0.0+pg18-any.trunk"}));
    ASSERT_OK(remove("thing"));
    expect_releases({"other@1.0.0"});
    EXPECT_FALSE(std::filesystem::exists(directory_ / "registry/bundles/thing"));
    EXPECT_FALSE(remove("thing"));
}

TEST_F(PublishBundlesTest, AClientThatRemembersSeesEachGenerationOnce) {
    tuf::MemoryStore store;
    EXPECT_EQ(client(&store).error, "");
    ASSERT_OK(add({bundle("thing")}));
    EXPECT_EQ(client(&store).releases(), Strings{"thing@1.0.0"});
    ASSERT_OK(add({bundle("other")}));
    EXPECT_EQ(client(&store).releases(), (Strings{"other@1.0.0", "thing@1.0.0"}));
}

// At each call of an addition the disk fails once, or for good, or the program dies: a client sees
// the old generation or the new one, and the next addition works.
class FaultTest : public PublishBundlesTest, public ::testing::WithParamInterface<const char *> {};

TEST_P(FaultTest, AtEveryCall) {
    const std::string kind = GetParam();
    ASSERT_OK(add({bundle("old")}));
    const std::string path = bundle("thing");
    const std::string saved = directory_ / "saved";
    std::filesystem::copy(folder().root, saved, std::filesystem::copy_options::recursive);
    const Strings before = files();
    const Strings old{"old@1.0.0"}, both{"old@1.0.0", "thing@1.0.0"};
    bool seen_old = false;
    for (std::size_t n = 1;; ++n) {
        std::filesystem::remove_all(folder().root);
        std::filesystem::copy(saved, folder().root, std::filesystem::copy_options::recursive);
        std::filesystem::remove_all(directory_ / "scratch");
        tuf::MemoryStore store;
        ASSERT_EQ(client(&store).releases(), old);
        FaultyFileSystem fs(real_file_system());
        if (kind == "once")
            fs.fail_at(n, ENOSPC);
        else if (kind == "for good")
            fs.fail_from(n, EIO);
        else
            fs.on_call([&fs, n](std::string_view, const std::string &) {
                if (fs.calls() >= n) throw std::runtime_error("dead");
                return 0;
            });
        bool failed = true;
        try {
            failed = !add({path}, fs).has_value();
        } catch (const std::runtime_error &) {
        }
        const ClientView view = client(&store);
        EXPECT_EQ(view.error, "") << n;
        EXPECT_TRUE(view.releases() == old || view.releases() == both) << n;
        expect_bundles(view);
        if (!failed) {
            EXPECT_EQ(view.releases(), both);
            break;
        }
        seen_old = seen_old || view.releases() == old;
        if (kind == "once" && view.releases() == old) {
            // It cleaned up after itself, but for what a later call will write anyway.
            for (const std::string &file : files())
                EXPECT_FALSE(file.ends_with(".trunk") &&
                             std::find(before.begin(), before.end(), file) == before.end())
                    << n << " " << file;
        }
        std::filesystem::remove_all(directory_ / "scratch");
        ASSERT_OK(add({path}));
        EXPECT_EQ(client(&store).releases(), both) << n;
        ASSERT_LT(n, 2000U);
    }
    EXPECT_TRUE(seen_old);
}

INSTANTIATE_TEST_SUITE_P(PublishBundles, FaultTest, ::testing::Values("once", "for good", "death"));

}  // namespace
}  // namespace pgx
