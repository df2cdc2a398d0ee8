// pgx_registry_test.cpp - trust in a registry from one refresh to the next. What a registry offers
// is tested with servers (test/tap/020_registry.pl).
#include "core/registry/pgx_registry.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/tuf/fingerprint.h"
#include "silent_reporter.h"
#include "temporary_directory.h"
#include "tuf_repository.h"

namespace pgx {
namespace {

using tuf::TufRepository;

class PgxRegistryTest : public ::testing::Test {
   protected:
    PgxRegistryTest() {
        host_.now = [] { return tuf::test_now().time_since_epoch().count(); };
        request_.registry = "ours";
        request_.source = "file://" + (directory_ / "registry");
        request_.trust = directory_ / "trust";
        request_.cache = directory_ / "cache";
        request_.platform = host_platform();
        request_.platform.postgres_major = 18;
        fingerprint_ =
            tuf::fingerprint_of_root(repository_.files.at("metadata/1.root.json")).value();
        request_.root = tuf::format_fingerprint(fingerprint_);
        publish(repository_);
    }

    void publish(const TufRepository &repository) const {
        std::filesystem::remove_all(directory_ / "registry");
        for (const auto &[name, bytes] : repository.files)
            directory_.put("registry/" + name, bytes);
    }
    Result<RefreshResult> refresh() {
        return PgxRegistry(real_file_system(), host_).refresh(request_, reporter_);
    }
    std::string kept(const std::string &name) const {
        return trust_directory(request_).value().substr(directory_.path().size() + 1) + "/" + name;
    }

    TemporaryDirectory directory_;
    TufRepository repository_;
    tuf::Fingerprint fingerprint_;
    AptHost host_;
    RefreshRequest request_;
    SilentReporter reporter_;
};

// A registry in the hands of somebody else, complete and well signed.
TufRepository another_registry() {
    TufRepository other;
    for (const char *role : {"root", "timestamp", "snapshot", "targets"}) {
        const unsigned key = 30 + other.signers.at(role)[0];
        other.signers[role] = {key};
        other.root.roles[role] = tuf::role_of({key});
    }
    other.publish_root();
    other.publish();
    return other;
}

TEST_F(PgxRegistryTest, TrustGoesFromTheFingerprintThroughAllRootsEachTime) {
    for (const unsigned key : {0U, 21U, 22U}) {
        if (key != 0)
            repository_.next_root([&] {
                repository_.root.roles["root"] = tuf::role_of({key});
                repository_.signers["root"] = {key == 21 ? 1 : key - 1, key};
            });
        publish(repository_);
        const auto result = refresh();
        ASSERT_TRUE(result) << result.error().message << result.error().detail;
    }
    for (const std::string version : {"1", "2", "3"})
        EXPECT_EQ(directory_.get(kept("roots/" + version + ".json")),
                  repository_.files.at("metadata/" + version + ".root.json"));
    // The server need not have the old ones any more.
    std::filesystem::remove(directory_ / "registry/metadata/1.root.json");
    std::filesystem::remove(directory_ / "registry/metadata/2.root.json");
    EXPECT_TRUE(refresh());
}

TEST_F(PgxRegistryTest, AKeptRootOfOtherKeysIsRefused) {
    ASSERT_TRUE(refresh());
    const TufRepository other = another_registry();
    publish(other);
    const std::string &root = other.files.at("metadata/1.root.json");
    // All that whoever can write there may try. Where "2" is, its number would not fit either.
    for (const char *place : {"roots/1.json", "roots/2.json"}) {
        const std::string before = directory_.get(kept(place));
        directory_.put(kept(place), root);
        directory_.put(kept("root.json"), root);
        for (const char *role : {"timestamp", "snapshot", "targets"})
            std::filesystem::remove(directory_ / kept(role + std::string(".json")));
        const auto result = refresh();
        ASSERT_FALSE(result) << place;
        const Error &error = result.error();
        EXPECT_TRUE(error.code == ErrorCode::digest_mismatch ||
                    error.code == ErrorCode::signature_invalid)
            << error.message;
        EXPECT_NE(error.message.find("what is trusted of registry \"ours\": kept root metadata"),
                  std::string::npos)
            << error.message;
        EXPECT_NE(error.hint.find("Remove \"" + trust_directory(request_).value() + "\""),
                  std::string::npos)
            << error.hint;
        if (before.empty())
            std::filesystem::remove(directory_ / kept(place));
        else
            directory_.put(kept(place), before);
    }
    // Only the chain is asked, not what is said to be its end: the others' server is refused.
    const auto result = refresh();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::signature_invalid) << result.error().message;
    // The remedy.
    publish(repository_);
    directory_.put(kept("roots/1.json"), root);
    EXPECT_FALSE(refresh());
    std::filesystem::remove_all(trust_directory(request_).value());
    EXPECT_TRUE(refresh());
}

TEST_F(PgxRegistryTest, WithoutKeptRootsTheFingerprintIsAskedAgain) {
    const TufRepository other = another_registry();
    directory_.put(kept("root.json"), other.files.at("metadata/1.root.json"));
    publish(other);
    const auto result = refresh();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::digest_mismatch);
    publish(repository_);
    EXPECT_TRUE(refresh());
}

}  // namespace
}  // namespace pgx
