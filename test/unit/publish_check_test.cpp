// publish_check_test.cpp - a check finds each defect, and nothing in a sound registry.
#include "core/publish/check.h"

#include "core/publish/delegate.h"
#include "publish_test_support.h"

namespace pgx {
namespace {

using std::chrono::days;

class CheckTest : public PublishTest {
   protected:
    CheckTest() {
        make_registry();
        EXPECT_TRUE(add({bundle("thing"), bundle("other"), bundle("thing", "2.0.0")}));
    }
    Result<RegistryCheck> check(const std::optional<tuf::Fingerprint> &root = {},
                                bool bundles = true) {
        FolderTransport transport(real_file_system(), folder());
        BundleCheck check_bundle;
        if (bundles)
            check_bundle = look_into_bundles(real_file_system(), folder(), directory_ / "scratch");
        return check_registry(transport, root, check_bundle, lifetimes_, now_);
    }
    void expect_finding(const std::string &text, bool defect = true) {
        const auto result = check();
        ASSERT_OK(result);
        bool found = false;
        for (const CheckFinding &finding : result->findings)
            found = found || (finding.defect == defect &&
                              (finding.message + finding.detail).find(text) != std::string::npos);
        EXPECT_TRUE(found) << text << " in " << result->findings.size() << " findings"
                           << (result->findings.empty() ? "" : result->findings[0].message);
        EXPECT_EQ(result->sound(), !defect);
    }
    std::string first_file(const std::string &below) { return "registry/" + files(below).at(0); }
};

TEST_F(CheckTest, Sound) {
    for (const auto &root : {std::optional<tuf::Fingerprint>(), std::optional(fingerprint_)}) {
        const auto result = check(root);
        ASSERT_OK(result);
        EXPECT_TRUE(result->findings.empty());
        EXPECT_TRUE(result->sound());
        EXPECT_EQ(result->fingerprint.sha256, fingerprint_.sha256);
        EXPECT_EQ(result->packages, 2U);
        EXPECT_EQ(result->releases, 3U);
        EXPECT_EQ(result->bundles, 3U);
        EXPECT_EQ(result->shards, 1U);
        EXPECT_EQ(result->roles.size(), 20U);
        EXPECT_EQ(result->roles[1].name, "timestamp");
        EXPECT_EQ(result->roles[1].version, 2U);
    }
}

TEST_F(CheckTest, Dates) {
    now_ += days(5);
    expect_finding("\"timestamp\" expires soon", false);
    now_ += days(2);
    expect_finding("\"timestamp\" has expired");
    now_ += days(24);
    expect_finding("\"snapshot\" has expired");
    now_ += days(340);
    expect_finding("\"root\" has expired");
    expect_finding("\"bin-7\" has expired");
}

TEST_F(CheckTest, Bundles) {
    const std::string path = first_file("bundles");
    const std::string bytes = directory_.get(path);
    directory_.put(path, "x" + bytes.substr(1));
    expect_finding("is not what was published");
    EXPECT_TRUE(check({}, false)->sound());
    std::filesystem::remove(directory_ / path);
    expect_finding("there is no bundle");
}

TEST_F(CheckTest, Metadata) {
    for (const char *name :
         {"timestamp.json", "2.snapshot.json", "1.targets.json", "1.root.json", "1.bin-5.json"}) {
        const std::string path = "registry/metadata/" + std::string(name);
        const std::string right = directory_.get(path);
        ASSERT_FALSE(right.empty()) << name;
        std::string wrong = right;
        wrong.replace(wrong.find("\"expires\":\"20") + 13, 1, "9");
        directory_.put(path, wrong);
        expect_finding("sign");  // "... signatures", "signed by ..."
        directory_.put(path, right);
    }
    std::filesystem::remove(directory_ / "registry/metadata/1.bin-5.json");
    expect_finding("bin-5");
    EXPECT_NE(check()->packages, 0U);
    std::filesystem::remove(directory_ / "registry/metadata/1.root.json");
    const auto gone = check();
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().message, "there is no registry");
}

TEST_F(CheckTest, Shards) {
    const std::string path = first_file("targets");
    const std::string right = directory_.get(path);
    directory_.put(path, right.substr(0, right.size() - 1) + "x");
    expect_finding("catalog/0000.json.zst");
    std::filesystem::remove(directory_ / path);
    expect_finding("catalog/0000.json.zst");
}

TEST_F(CheckTest, AWrongFingerprint) {
    const auto result = check(tuf::Fingerprint{1, std::string(64, '0')});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::digest_mismatch);
}

// What only a faulty publisher can do, since it is signed.
TEST_F(CheckTest, WronglyPublished) {
    const auto change = [&](const std::function<Result<void>(Generation &)> &edit) {
        KeyFolder at_hand = keys();
        auto generation = open();
        EXPECT_TRUE(edit(*generation));
        EXPECT_TRUE(generation->publish(at_hand, lifetimes_, now_));
    };
    change([](Generation &generation) -> Result<void> {
        const Catalog catalog = TRY(generation.read_catalog("bin-0", "catalog/0000.json.zst"));
        (*TRY(generation.change("targets"))).custom["pgx"]["shard_bits"] = 12;
        return generation.put_catalog("bin-0", "catalog/0010.json.zst", catalog);
    });
    expect_finding("package \"thing\" is in \"catalog/0000.json.zst\"");
    change([](Generation &generation) -> Result<void> {
        (*TRY(generation.change("targets"))).custom = nullptr;
        return {};
    });
    expect_finding("the number of shards is not told");
}

TEST_F(CheckTest, Publishers) {
    KeyFolder at_hand = keys();
    const tuf::PublicKey key = *at_hand.generate("acme");
    auto generation = open();
    ASSERT_OK(
        delegate_packages(*generation, {"acme", {key}, {"th*"}, 1}, at_hand, lifetimes_, now_));
    expect_finding("\"thing\" is hidden", false);
    const auto result = check();
    EXPECT_EQ(result->roles[4].name, "publisher-acme");
    EXPECT_FALSE(result->roles[4].signed_yet);
    ASSERT_OK(add({bundle("thing", "3.0.0")}, real_file_system(), "acme"));
    const auto published = check();
    EXPECT_TRUE(published->roles[4].signed_yet);
    EXPECT_EQ(published->releases, 4U);
    const tuf::PublicKey other = *at_hand.generate("acme");
    generation = open();
    ASSERT_OK(
        delegate_packages(*generation, {"acme", {other}, {"th*"}, 1}, at_hand, lifetimes_, now_));
    expect_finding("role \"publisher-acme\"");
}

TEST_F(CheckTest, ACatalogThatSaysWhatItsBundlesDoNot) {
    const auto say = [&](const std::function<void(Catalog &)> &edit) {
        KeyFolder at_hand = keys();
        auto generation = open();
        Catalog catalog = *generation->read_catalog("bin-0", "catalog/0000.json.zst");
        edit(catalog);
        ASSERT_OK(generation->put_catalog("bin-0", "catalog/0000.json.zst", catalog));
        ASSERT_OK(generation->publish(at_hand, lifetimes_, now_));
    };
    say([](Catalog &c) { c["thing"].releases[0].extensions.push_back({"postgis", "3", {}}); });
    expect_finding("names extension \"postgis\"");
    EXPECT_TRUE(check({}, false)->sound());
    say([](Catalog &c) { c["thing"].releases[0].extensions.clear(); });
    expect_finding("does not name extension \"thing\"");
    ASSERT_OK(remove("thing"));
    EXPECT_TRUE(check()->sound());
    EXPECT_EQ(check()->packages, 1U);  // what is withdrawn is not counted
    say([](Catalog &c) {
        c["other"].module_path = "example.org/one";
        c["thing"].module_path = "example.org/one";
    });
    expect_finding("belongs to package \"other\"");
}

TEST_F(CheckTest, WhatPublishersShouldNotSign) {
    KeyFolder at_hand = keys();
    const tuf::PublicKey key = *at_hand.generate("acme");
    auto generation = open();
    ASSERT_OK(
        delegate_packages(*generation, {"acme", {key}, {"acme_*"}, 1}, at_hand, lifetimes_, now_));
    ASSERT_OK(add({bundle("acme_one")}, real_file_system(), "acme"));
    EXPECT_TRUE(check()->findings.empty());
    const auto say = [&](const std::string &path, const std::function<void(Catalog &)> &edit) {
        auto next = open();
        Catalog catalog = *next->read_catalog("publisher-acme", path);
        edit(catalog);
        ASSERT_OK(next->put_catalog("publisher-acme", path, catalog));
        ASSERT_OK(next->publish(at_hand, lifetimes_, now_));
    };
    const std::string one = "packages/acme_one.json", others = "packages/other.json";
    say(one, [](Catalog &c) {
        c["acme_one"].releases[0].extensions.push_back({"other", "1", {}});
    });
    expect_finding("whose name is not publisher \"acme\"'s");
    say(one, [](Catalog &c) {
        c["acme_one"].releases[0].extensions.pop_back();
        c["other"] = c["acme_one"];
        c["other"].releases.clear();
    });
    expect_finding("package \"other\" is in");
    say(one, [](Catalog &c) { c.erase("other"); });
    say(others, [](Catalog &c) { c["other"].summary = "his"; });
    expect_finding("\"packages/other.json\" is not for publisher");
    say(others, [](Catalog &c) { c.clear(); });
    EXPECT_TRUE(check()->findings.empty());
    // files that wait
    const std::uint64_t next = check()->roles[4].version + 1;
    const std::string name = std::to_string(next) + ".publisher-acme.json";
    for (const std::string &content :
         {std::string("nonsense"), std::string(metadata_limit + 1, ' '),
          directory_.get("registry/metadata/1.bin-5.json")}) {
        directory_.put("registry/metadata/" + name, content);
        expect_finding("\"metadata/" + name + "\"");
    }
    KeyFolder his = keys("his");
    ASSERT_OK(his.add(at_hand.file_of(key.id())));
    std::filesystem::remove(directory_ / ("registry/metadata/" + name));
    generation = open();
    ASSERT_OK(generation->change("publisher-acme"));
    ASSERT_OK(generation->publish(his, lifetimes_, now_));
    expect_finding("has not been taken in yet", false);
}

}  // namespace
}  // namespace pgx
