// publish_take_in_test.cpp - a publisher who means no good, and a registry that goes on without
// him.
#include "core/publish/take_in.h"

#include <functional>

#include "core/publish/delegate.h"
#include "publish_test_support.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

class TakeInTest : public PublishTest {
   protected:
    TakeInTest() {
        make_registry();
        delegate("acme", {"acme_*"});
        delegate("bob", {"bob_*"});
        EXPECT_TRUE(add({bundle("bob_one")}, real_file_system(), "bob", "bob"));
        EXPECT_TRUE(add({bundle("acme_one")}, real_file_system(), "acme", "acme"));
        EXPECT_TRUE(add({bundle("ours")}));
        EXPECT_TRUE(renew()->refused.empty());
        expect_releases({"acme_one@1.0.0", "bob_one@1.0.0", "ours@1.0.0"});
    }
    void delegate(const std::string &publisher, const Strings &patterns) {
        KeyFolder his = keys(publisher), at_hand = keys();
        const tuf::PublicKey key = *his.generate("publisher");
        auto generation = open();
        EXPECT_TRUE(delegate_packages(*generation, {publisher, {key}, patterns, 1}, at_hand,
                                      lifetimes_, now_));
    }
    // Signs, with a publisher's keys, something that "pgx registry add" would not.
    void forge(const std::string &publisher, const std::string &path,
               const std::function<void(Catalog &)> &edit) {
        KeyFolder his = keys(publisher);
        auto generation = open();
        const std::string role = publisher_role(publisher);
        auto catalog = generation->read_catalog(role, path);
        ASSERT_OK(catalog);
        edit(*catalog);
        ASSERT_OK(generation->put_catalog(role, path, *catalog));
        ASSERT_OK(generation->publish(his, lifetimes_, now_));
    }
    // Nothing was taken in for that reason, and everybody reads on.
    void expect_refused(const std::string &reason) {
        const auto renewal = renew();
        ASSERT_OK(renewal);
        ASSERT_EQ(renewal->refused.size(), 1U) << reason;
        const Error &error = renewal->refused[0].second;
        EXPECT_EQ(renewal->refused[0].first, "acme");
        EXPECT_NE((error.message + error.detail).find(reason), std::string::npos) << error.message;
        EXPECT_TRUE(renewal->taken_in.empty());
        expect_releases({"acme_one@1.0.0", "bob_one@1.0.0", "ours@1.0.0"});
    }
    static constexpr const char *one = "packages/acme_one.json";
};

TEST_F(TakeInTest, WhatIsRefused) {
    const struct {
        const char *reason, *path;
        std::function<void(Catalog &)> edit;
    } table[] = {
        {"extension \"postgis\", whose name", one,
         [](Catalog &c) {
             c["acme_one"].releases[0].extensions.push_back({"postgis", "3", {}});
         }},
        {"names extension \"acme_two\", and its bundles have none", one,
         [](Catalog &c) {
             c["acme_one"].releases[0].extensions.push_back({"acme_two", "3", {}});
         }},
        {"the module to preload \"acme\"", one,
         [](Catalog &c) { c["acme_one"].releases[0].preload = {"acme"}; }},
        {"the summary has 501 bytes", one,
         [](Catalog &c) { c["acme_one"].summary = std::string(501, 'x'); }},
        {"control characters", one, [](Catalog &c) { c["acme_one"].homepage = "a\nb"; }},
        {"\"acme_one-1.0.0+pg18-any.trunk\" was published with other content", one,
         [](Catalog &c) { c["acme_one"].releases[0].artifacts[0].sha256 = std::string(64, 'a'); }},
        {"package \"bob_one\" is in", one, [](Catalog &c) { c["bob_one"].summary = "his"; }},
        {"not for publisher \"acme\" to publish", "packages/bob_one.json",
         [](Catalog &c) { c["bob_one"].summary = "his"; }},
        {"not for publisher \"acme\" to publish", "catalog/0000.json.zst",
         [](Catalog &c) { c["ours"].summary = "his"; }},
        {"there is no bundle", "packages/acme_two.json",
         [](Catalog &c) {
             CatalogRelease release;
             release.version = "1.0.0";
             release.artifacts = {{*parse_bundle_file_name("acme_two-1.0.0+pg18-any.trunk"), 1,
                                   std::string(64, 'a')}};
             c["acme_two"].releases = {release};
         }},
    };
    for (const auto &row : table) {
        // each is alone: what was forged before is deleted
        std::filesystem::remove(folder().role_file("publisher-acme", 2));
        forge("acme", row.path, row.edit);
        expect_refused(row.reason);
    }
    // and an honest one replaces it
    std::filesystem::remove(folder().role_file("publisher-acme", 2));
    ASSERT_OK(add({bundle("acme_one", "1.1.0")}, real_file_system(), "acme", "acme"));
    const auto renewal = renew();
    EXPECT_EQ(renewal->taken_in, Strings{"acme"});
    expect_releases({"acme_one@1.1.0", "acme_one@1.0.0", "bob_one@1.0.0", "ours@1.0.0"});
}

TEST_F(TakeInTest, FilesThatCannotBeReadAreNamed) {
    const std::string file = "registry/metadata/2.publisher-acme.json";
    for (const std::string &content :
         {std::string("nonsense"), directory_.get("registry/metadata/1.publisher-bob.json"),
          directory_.get("registry/metadata/1.publisher-acme.json"),
          std::string(metadata_limit + 1, ' ')}) {
        directory_.put(file, content);
        expect_refused("2.publisher-acme.json");
    }
}

TEST_F(TakeInTest, AModulePathThatAnotherPackageHas) {
    // bob has it already
    forge("bob", "packages/bob_one.json",
          [](Catalog &c) { c["bob_one"].module_path = "example.org/one"; });
    ASSERT_EQ(renew()->taken_in, Strings{"bob"});
    forge("acme", one, [](Catalog &c) { c["acme_one"].module_path = "example.org/One"; });
    expect_refused("belongs to package \"bob_one\"");
    std::filesystem::remove(folder().role_file("publisher-acme", 2));
    // both want it at the same time: one gets it
    forge("acme", one, [](Catalog &c) { c["acme_one"].module_path = "example.org/two"; });
    forge("bob", "packages/bob_one.json",
          [](Catalog &c) { c["bob_one"].module_path = "example.org/two"; });
    const auto renewal = renew();
    EXPECT_EQ(renewal->taken_in, Strings{"acme"});
    ASSERT_EQ(renewal->refused.size(), 1U);
    EXPECT_EQ(renewal->refused[0].first, "bob");
}

TEST_F(TakeInTest, NewKeysThatHaveNotBeenUsedYet) {
    delegate("acme", {"acme_*"});  // a second key; the first one counts no more
    const auto renewal = renew();
    ASSERT_OK(renewal);
    EXPECT_EQ(renewal->waiting, Strings{"acme"});
    EXPECT_TRUE(renewal->refused.empty());
    for (const Renewal::Left &left : renewal->left) EXPECT_NE(left.role, "publisher-acme");
    ASSERT_OK(add({bundle("acme_one", "1.1.0")}, real_file_system(), "acme", "acme"));
    EXPECT_TRUE(renew()->waiting.empty());
    expect_releases({"acme_one@1.1.0", "bob_one@1.0.0", "ours@1.0.0"});
}

TEST_F(TakeInTest, NamesThatWereTakenAway) {
    KeyFolder his = keys("acme"), at_hand = keys();
    const tuf::PublicKey key = (*open()).role("targets").value()->delegations->keys.at(
        (*open()).signers("publisher-acme")->key_ids[0]);
    auto generation = open();
    ASSERT_OK(
        delegate_packages(*generation, {"acme", {key}, {"acme_t*"}, 1}, at_hand, lifetimes_, now_));
    // what he publishes next does not have them any more, and is taken in
    ASSERT_OK(add({bundle("acme_two")}, real_file_system(), "acme", "acme"));
    EXPECT_EQ(renew()->taken_in, Strings{"acme"});
    expect_releases({"acme_two@1.0.0", "bob_one@1.0.0", "ours@1.0.0"});
}

TEST_F(TakeInTest, UndelegationLeavesWhatIsOthers) {
    // taken in before anybody looked: signed with all keys in one folder
    KeyFolder his = keys("acme"), at_hand = keys();
    for (const auto &entry : std::filesystem::directory_iterator(directory_ / "acme"))
        ASSERT_OK(at_hand.add(entry.path().string()));
    auto generation = open();
    const Catalog bobs = *generation->read_catalog("publisher-bob", "packages/bob_one.json");
    ASSERT_OK(generation->put_catalog("publisher-acme", "packages/bob_one.json", bobs));
    ASSERT_OK(generation->publish(at_hand, lifetimes_, now_));
    KeyFolder owner = keys();
    generation = open();
    const auto change = undelegate_packages(*generation, "acme", owner, lifetimes_, now_);
    ASSERT_OK(change);
    EXPECT_EQ(change->deleted_packages, Strings{"acme_one"});
    expect_releases({"bob_one@1.0.0", "ours@1.0.0"});
}

}  // namespace
}  // namespace pgx
