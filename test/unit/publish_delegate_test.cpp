// publish_delegate_test.cpp - publishers with keys of their own.
#include "core/publish/delegate.h"

#include "publish_test_support.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

class DelegateTest : public PublishTest {
   protected:
    DelegateTest() { make_registry(); }

    // A publisher's folder of keys; gives the public one.
    tuf::PublicKey publisher_key(const std::string &key_folder) {
        KeyFolder at_hand = keys(key_folder);
        return *at_hand.generate("publisher");
    }
    Result<DelegationChange> delegate(const std::string &publisher,
                                      const std::vector<tuf::PublicKey> &public_keys,
                                      const Strings &patterns, std::uint64_t threshold = 1) {
        KeyFolder at_hand = keys();
        Generation generation = TRY(open());
        return delegate_packages(generation, {publisher, public_keys, patterns, threshold}, at_hand,
                                 lifetimes_, now_);
    }
    Result<DelegationChange> undelegate(const std::string &publisher) {
        KeyFolder at_hand = keys();
        Generation generation = TRY(open());
        return undelegate_packages(generation, publisher, at_hand, lifetimes_, now_);
    }
    Result<PublishedBundles> publish(const std::string &path, const std::string &publisher,
                                     const std::string &key_folder) {
        return add({path}, real_file_system(), publisher, key_folder);
    }
};

TEST_F(DelegateTest, APublisherSignsAndTheOwnerTakesItIn) {
    ASSERT_OK(delegate("acme", {publisher_key("acme")}, {"acme_*"}));
    EXPECT_EQ(client().error, "");  // nothing of his is there yet
    const auto published = publish(bundle("acme_one"), "acme", "acme");
    ASSERT_OK(published);
    EXPECT_TRUE(published->publication.pending);
    expect_releases({});
    // a second time, before the first was taken in
    ASSERT_OK(publish(bundle("acme_two"), "acme", "acme"));
    const auto renewal = renew();
    ASSERT_OK(renewal);
    EXPECT_EQ(renewal->taken_in, Strings{"acme"});
    EXPECT_TRUE(renewal->refused.empty());
    expect_releases({"acme_one@1.0.0", "acme_two@1.0.0"});
    EXPECT_TRUE(renew()->publication.roles.empty());
    ASSERT_OK(add({bundle("ours")}));
    expect_releases({"acme_one@1.0.0", "acme_two@1.0.0", "ours@1.0.0"});
    ASSERT_OK(publish(bundle("acme_one", "1.1.0"), "acme", "acme"));
    ASSERT_OK(renew());
    expect_releases({"acme_one@1.1.0", "acme_one@1.0.0", "acme_two@1.0.0", "ours@1.0.0"});
}

TEST_F(DelegateTest, WithAllKeysAtHandItIsOneStep) {
    ASSERT_OK(delegate("acme", {publisher_key("keys")}, {"acme_*"}));
    const auto published = publish(bundle("acme_one"), "acme", "keys");
    ASSERT_OK(published);
    EXPECT_FALSE(published->publication.pending);
    expect_releases({"acme_one@1.0.0"});
    ASSERT_OK(remove("acme_one"));
    expect_releases({});
}

TEST_F(DelegateTest, NamesHaveOneOwner) {
    ASSERT_OK(delegate("acme", {publisher_key("acme")}, {"acme_*", "tool"}));
    ASSERT_OK(delegate("zebra", {publisher_key("zebra")}, {"z*"}));
    struct {
        const char *package, *publisher, *keys, *message;
    } const table[] = {
        {"acme_one", "", "keys", "belongs to publisher \"acme\""},
        {"acme_one", "zebra", "zebra", "belongs to publisher \"acme\""},
        {"other", "acme", "acme", "is not the publisher's"},
        {"thing", "nobody", "keys", "no role \"publisher-nobody\""},
    };
    for (const auto &row : table) {
        const auto published = publish(bundle(row.package), row.publisher, row.keys);
        ASSERT_FALSE(published) << row.message;
        EXPECT_EQ(published.error().code, ErrorCode::invalid_argument);
        EXPECT_NE(published.error().message.find(row.message), std::string::npos)
            << published.error().message;
        EXPECT_FALSE(published.error().hint.empty());
    }
    EXPECT_TRUE(publish(bundle("tool"), "acme", "acme"));
    // without his key
    EXPECT_EQ(publish(bundle("acme_one"), "acme", "zebra").error().code, ErrorCode::wrong_state);
}

TEST_F(DelegateTest, Refusals) {
    const tuf::PublicKey key = publisher_key("acme");
    ASSERT_OK(delegate("acme", {key}, {"acme_*"}));
    struct {
        const char *publisher;
        std::vector<tuf::PublicKey> keys;
        Strings patterns;
        std::uint64_t threshold;
        ErrorCode code;
    } const table[] = {
        {"", {key}, {"x"}, 1, ErrorCode::invalid_name},
        {"../x", {key}, {"x"}, 1, ErrorCode::invalid_name},
        {"x", {}, {"x"}, 1, ErrorCode::invalid_argument},
        {"x", {key}, {"x"}, 0, ErrorCode::invalid_argument},
        {"x", {key, key}, {"x"}, 2, ErrorCode::invalid_argument},
        {"x", {key}, {}, 1, ErrorCode::invalid_argument},
        {"x", {key}, {"../*"}, 1, ErrorCode::invalid_argument},
        {"x", {key}, {"a/*"}, 1, ErrorCode::invalid_argument},
        {"x", {key}, {""}, 1, ErrorCode::invalid_argument},
        {"x", {key}, {"b", "acme_*"}, 1, ErrorCode::invalid_argument},
    };
    const auto before = files();
    for (const auto &row : table) {
        const auto made = delegate(row.publisher, row.keys, row.patterns, row.threshold);
        ASSERT_FALSE(made) << row.publisher;
        EXPECT_EQ(made.error().code, row.code) << made.error().message;
    }
    EXPECT_EQ(files(), before);
    const auto gone = undelegate("x");
    ASSERT_FALSE(gone);
    EXPECT_NE(gone.error().detail.find("acme"), std::string::npos);
}

TEST_F(DelegateTest, PackagesOfTheSameNameAreHidden) {
    ASSERT_OK(add({bundle("acme_one"), bundle("other")}));
    const auto change = delegate("acme", {publisher_key("acme")}, {"acme_*"});
    ASSERT_OK(change);
    EXPECT_EQ(change->hidden, Strings{"acme_one"});
    EXPECT_FALSE(change->replaced);
    expect_releases({"other@1.0.0"});
    ASSERT_OK(publish(bundle("acme_one", "2.0.0"), "acme", "acme"));
    ASSERT_OK(renew());
    expect_releases({"acme_one@2.0.0", "other@1.0.0"});
    // and back: the registry's own is there again, with its bundle
    const auto back = undelegate("acme");
    ASSERT_OK(back);
    EXPECT_TRUE(back->deleted_packages.empty());
    expect_releases({"acme_one@1.0.0", "other@1.0.0"});
}

TEST_F(DelegateTest, UndelegationTakesPackagesAway) {
    ASSERT_OK(delegate("acme", {publisher_key("keys")}, {"acme_*"}));
    ASSERT_OK(publish(bundle("acme_one"), "acme", "keys"));
    const auto change = undelegate("acme");
    ASSERT_OK(change);
    EXPECT_EQ(change->deleted_packages, Strings{"acme_one"});
    expect_releases({});
    EXPECT_EQ(files("bundles"), Strings{});
    // the names are free again
    ASSERT_OK(add({bundle("acme_one")}));
    expect_releases({"acme_one@1.0.0"});
    // and can be given again; what was signed by the former keys stays gone, and versions go on
    ASSERT_OK(delegate("acme", {publisher_key("acme")}, {"acme_*"}));
    ASSERT_OK(publish(bundle("acme_two"), "acme", "acme"));
    ASSERT_OK(renew());
    expect_releases({"acme_two@1.0.0"});
    EXPECT_TRUE(std::filesystem::exists(folder().role_file("publisher-acme", 2)));
}

TEST_F(DelegateTest, KeysThatChange) {
    const tuf::PublicKey first = publisher_key("acme");
    ASSERT_OK(delegate("acme", {first}, {"acme_*"}));
    ASSERT_OK(publish(bundle("acme_one"), "acme", "acme"));
    ASSERT_OK(renew());
    tuf::MemoryStore store;
    EXPECT_EQ(client(&store).releases(), Strings{"acme_one@1.0.0"});
    // In good order: both keys, the publisher signs with both, then the new one alone.
    const tuf::PublicKey second = publisher_key("acme");
    ASSERT_OK(delegate("acme", {first, second}, {"acme_*"}));
    const auto signed_anew = renew("acme");
    ASSERT_OK(signed_anew);
    EXPECT_TRUE(signed_anew->publication.pending);
    EXPECT_TRUE(renew("acme")->publication.roles.empty());
    ASSERT_OK(renew());
    const auto change = delegate("acme", {second}, {"acme_*"});
    ASSERT_OK(change);
    EXPECT_TRUE(change->replaced);
    EXPECT_EQ(client(&store).releases(), Strings{"acme_one@1.0.0"});
    expect_releases({"acme_one@1.0.0"});
    // After a theft: what the old keys signed is gone, and he begins anew.
    const tuf::PublicKey third = publisher_key("acme3");
    ASSERT_OK(delegate("acme", {third}, {"acme_*"}));
    EXPECT_NE(client().error, "");  // his role; clients go on with the others
    ASSERT_OK(publish(bundle("acme_one", "3.0.0"), "acme", "acme3"));
    ASSERT_OK(renew());
    EXPECT_EQ(client(&store).releases(), Strings{"acme_one@3.0.0"});
}

TEST_F(DelegateTest, SeveralSignatures) {
    const tuf::PublicKey a = publisher_key("both"), b = publisher_key("both");
    KeyFolder one = keys("one");
    ASSERT_OK(delegate("acme", {a, b}, {"acme_*"}, 2));
    std::filesystem::create_directories(directory_ / "one");
    std::filesystem::copy(keys("both").file_of(a.id()), directory_ / "one");
    const auto published = publish(bundle("acme_one"), "acme", "one");
    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().code, ErrorCode::wrong_state);
    EXPECT_EQ(files("bundles"), Strings{});
    ASSERT_OK(publish(bundle("acme_one"), "acme", "both"));
    ASSERT_OK(renew());
    expect_releases({"acme_one@1.0.0"});
}

TEST_F(DelegateTest, WhatIsNotWholeIsNotTakenIn) {
    ASSERT_OK(delegate("acme", {publisher_key("acme")}, {"acme_*"}));
    ASSERT_OK(publish(bundle("acme_one"), "acme", "acme"));
    // the bundle was not copied along
    const std::string copied = "registry/" + files("bundles").at(0);
    const std::string bytes = directory_.get(copied);
    directory_.put(copied, bytes.substr(1));
    auto renewal = renew();
    ASSERT_OK(renewal);
    ASSERT_EQ(renewal->refused.size(), 1U);
    EXPECT_EQ(renewal->refused[0].first, "acme");
    EXPECT_TRUE(renewal->taken_in.empty());
    expect_releases({});
    directory_.put(copied, bytes);
    // somebody who is not the publisher
    const std::string file = "registry/metadata/1.publisher-acme.json";
    const std::string right = directory_.get(file);
    std::string wrong = right;
    wrong.replace(wrong.find("acme_one"), 8, "acme_two");
    directory_.put(file, wrong);
    renewal = renew();
    ASSERT_OK(renewal);
    EXPECT_TRUE(renewal->taken_in.empty());
    expect_releases({});
    directory_.put(file, right);
    ASSERT_OK(renew());
    expect_releases({"acme_one@1.0.0"});
}

TEST_F(DelegateTest, PatternsThatComeTooLate) {
    ASSERT_OK(delegate("acme", {publisher_key("acme")}, {"acme_*"}));
    const tuf::PublicKey eve = publisher_key("eve");
    const struct {
        Strings patterns;
        std::size_t overlaps;
        bool whole;
    } table[] = {
        {{"acme_t*"}, 1, true}, {{"acme_tool"}, 1, true},      {{"a*"}, 1, false},
        {{"acm?_*"}, 1, false}, {{"eve_*", "acme"}, 0, false},
    };
    for (const auto &row : table) {
        const auto change = delegate("eve", {eve}, row.patterns);
        ASSERT_OK(change);
        ASSERT_EQ(change->overlaps.size(), row.overlaps) << row.patterns[0];
        if (row.overlaps == 0) continue;
        EXPECT_EQ(change->overlaps[0].pattern, row.patterns[0]);
        EXPECT_EQ(change->overlaps[0].publisher, "eve");
        EXPECT_EQ(change->overlaps[0].owner, "acme");
        EXPECT_EQ(change->overlaps[0].whole, row.whole) << row.patterns[0];
    }
    // and an earlier one that grows over a later one
    const auto change = delegate("acme", {publisher_key("acme")}, {"acme*", "eve_tool"});
    ASSERT_OK(change);
    ASSERT_EQ(change->overlaps.size(), 2U);
    EXPECT_EQ(change->overlaps[0].publisher, "eve");
    EXPECT_EQ(change->overlaps[0].pattern, "eve_*");
    EXPECT_FALSE(change->overlaps[0].whole);
    EXPECT_EQ(change->overlaps[1].pattern, "acme");
    EXPECT_TRUE(change->overlaps[1].whole);
}

TEST_F(DelegateTest, ExtensionsOfOtherNames) {
    ASSERT_OK(delegate("acme", {publisher_key("acme")}, {"acme_*"}));
    KeyFolder at_hand = keys("acme");
    auto generation = open();
    ReleaseToAdd addition;
    addition.package = "acme_one";
    addition.release.version = "1.0.0";
    addition.release.extensions = {{"postgis", "3.5", {}}};
    addition.release.artifacts = {
        {*parse_bundle_file_name("acme_one-1.0.0+pg18-any.trunk"), 1, std::string(64, 'a')}};
    const auto added = add_releases(*generation, {addition}, "acme");
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(added.error().message.find("\"postgis\""), std::string::npos);
}

TEST_F(DelegateTest, PendingFilesOutliveTheirWaiting) {
    ASSERT_OK(delegate("acme", {publisher_key("acme")}, {"acme_*"}));
    ASSERT_OK(publish(bundle("acme_one"), "acme", "acme"));
    date_files(now_);
    now_ += std::chrono::hours(30);
    ASSERT_OK(renew("acme"));  // tidies, but cannot take it in
    ASSERT_OK(renew());
    expect_releases({"acme_one@1.0.0"});
}

}  // namespace
}  // namespace pgx
