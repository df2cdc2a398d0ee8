// publish_generation_test.cpp - reading a registry as suspiciously as a client, and the next
// generation of it.
#include "core/publish/generation.h"

#include "core/publish/catalog_change.h"
#include "publish_test_support.h"

namespace pgx {
namespace {

class GenerationTest : public PublishTest {
   protected:
    GenerationTest() { make_registry(); }
    std::string metadata(const std::string &name) const { return "registry/metadata/" + name; }
    void expect_refused(ErrorCode code, const std::string &text = {}) {
        const auto opened = open();
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, code) << opened.error().message;
        EXPECT_NE(opened.error().message.find(text), std::string::npos) << opened.error().message;
        EXPECT_FALSE(opened.error().hint.empty());
    }
};

TEST_F(GenerationTest, Names) {
    EXPECT_EQ(bin_roles().size(), 16U);
    EXPECT_EQ(bin_roles().front(), "bin-0");
    EXPECT_EQ(bin_roles().back(), "bin-f");
    EXPECT_EQ(publisher_role("acme"), "publisher-acme");
    EXPECT_EQ(publisher_of_role("publisher-acme"), "acme");
    EXPECT_EQ(publisher_of_role("bin-0"), "");
}

TEST_F(GenerationTest, NoRegistry) {
    for (const char *missing : {"timestamp.json", "1.root.json"}) {
        std::filesystem::remove(directory_ / metadata(missing));
        expect_refused(ErrorCode::wrong_state, "there is no registry in");
    }
}

TEST_F(GenerationTest, WhatSomebodyElseChangedIsNotBuiltUpon) {
    for (const char *name : {"timestamp.json", "1.snapshot.json", "1.targets.json"}) {
        const std::string right = directory_.get(metadata(name));
        std::string wrong = right;
        const std::size_t version = wrong.find("\"version\":1");
        wrong.replace(wrong.rfind("\"version\":1"), 11, "\"version\":2");
        ASSERT_NE(version, std::string::npos);
        directory_.put(metadata(name), wrong);
        const auto opened = open();
        ASSERT_FALSE(opened) << name;
        EXPECT_EQ(opened.error().code, ErrorCode::signature_invalid) << opened.error().message;
        EXPECT_NE(opened.error().message.find(folder().root), std::string::npos);
        directory_.put(metadata(name), right.substr(0, right.size() / 2));
        expect_refused(ErrorCode::registry_malformed);
        directory_.put(metadata(name), right);
    }
    ASSERT_OK(open());
    // A bin is looked at when it is needed.
    const std::string path = *shard_path("thing", 0);
    const std::string bin = bin_role(path);
    directory_.put(metadata("1." + bin + ".json"), "{}");
    EXPECT_FALSE(add({bundle("thing")}));
}

TEST_F(GenerationTest, AShardThatWasChanged) {
    ASSERT_OK(add({bundle("thing")}));
    for (const std::string &file : files("targets")) {
        std::string bytes = directory_.get("registry/" + file);
        bytes[bytes.size() / 2] ^= 1;
        directory_.put("registry/" + file, bytes);
    }
    const auto added = add({bundle("other")});
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, ErrorCode::digest_mismatch) << added.error().message;
}

TEST_F(GenerationTest, AnotherRegistryInTheFolder) {
    const tuf::Fingerprint first = fingerprint_;
    std::filesystem::remove_all(folder().root);
    std::filesystem::remove_all(key_directory());
    make_registry();
    fingerprint_ = first;
    expect_refused(ErrorCode::signature_invalid, "is not the registry that the keys belong to");
    fingerprint_.version = 7;
    expect_refused(ErrorCode::signature_invalid, "is not the registry that the keys belong to");
}

TEST_F(GenerationTest, ExpiredIsNoObstacle) {
    now_ += std::chrono::days(4000);
    EXPECT_EQ(client().releases().size(), 0U);
    EXPECT_NE(client().error, "");
    ASSERT_OK(renew());
    EXPECT_EQ(client().error, "");
}

TEST_F(GenerationTest, LaterFormats) {
    KeyFolder at_hand = keys();
    auto generation = open();
    (*generation->change("targets"))->custom["pgx"]["format"] = 2;
    ASSERT_OK(generation->publish(at_hand, lifetimes_, now_));
    expect_refused(ErrorCode::feature_not_supported, "later format");
}

TEST_F(GenerationTest, ForeignRegistries) {
    for (const Json &custom :
         {Json(nullptr), Json{{"pgx", 1}}, Json{{"pgx", {{"format", 1}, {"shard_bits", 13}}}}}) {
        std::filesystem::remove_all(folder().root);
        std::filesystem::remove_all(key_directory());
        make_registry();
        KeyFolder at_hand = keys();
        auto generation = open();
        (*generation->change("targets"))->custom = custom;
        ASSERT_OK(generation->publish(at_hand, lifetimes_, now_));
        expect_refused(ErrorCode::registry_malformed);
    }
}

TEST_F(GenerationTest, AMissingKeyIsNamed) {
    for (const char *key : {"targets", "snapshot", "timestamp"}) {
        std::filesystem::rename(directory_ / ("keys/" + std::string(key) + ".key"),
                                directory_ / "away");
        const auto before = files();
        const auto added = add({bundle("thing")});
        ASSERT_FALSE(added) << key;
        EXPECT_EQ(added.error().code, ErrorCode::wrong_state);
        EXPECT_NE(added.error().detail.find(key_directory()), std::string::npos);
        EXPECT_EQ(files(), before);
        std::filesystem::rename(directory_ / "away",
                                directory_ / ("keys/" + std::string(key) + ".key"));
    }
    ASSERT_OK(add({bundle("thing")}));
}

TEST_F(GenerationTest, MetadataLargerThanClientsAccept) {
    KeyFolder at_hand = keys();
    auto generation = open();
    (*generation->change("bin-0"))->custom = {{"x", std::string(metadata_limit, 'x')}};
    const auto published = generation->publish(at_hand, lifetimes_, now_);
    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().code, ErrorCode::limit_exceeded);
    EXPECT_EQ(client().timestamp, 1U);
}

TEST_F(GenerationTest, NothingToWriteIsATimestamp) {
    KeyFolder at_hand = keys();
    auto generation = open();
    const auto published = generation->publish(at_hand, lifetimes_, now_);
    ASSERT_OK(published);
    ASSERT_EQ(published->roles.size(), 1U);
    EXPECT_EQ(published->roles[0].role, "timestamp");
    EXPECT_EQ(client().timestamp, 2U);
    EXPECT_EQ(client().snapshot, 1U);
}

TEST_F(GenerationTest, UnknownRoles) {
    auto generation = open();
    const auto signers = generation->signers("publisher-x");
    ASSERT_FALSE(signers);
    EXPECT_EQ(signers.error().code, ErrorCode::invalid_argument);
    EXPECT_FALSE(generation->role("publisher-x"));
    EXPECT_FALSE(generation->role("bin-g"));
    EXPECT_TRUE(generation->role("bin-a"));
    EXPECT_EQ(*generation->publisher_of("thing"), "");
    EXPECT_TRUE(generation->read_catalog("bin-a", "catalog/a000.json.zst")->empty());
}

}  // namespace
}  // namespace pgx
