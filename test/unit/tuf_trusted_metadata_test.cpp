// tuf_trusted_metadata_test.cpp - the order of things in the state machine; its rules are tested
// through the client.
#include <gtest/gtest.h>

#include "core/tuf/trusted_metadata.h"
#include "tuf_repository.h"

namespace pgx::tuf {
namespace {

class TufTrustedMetadata : public ::testing::Test {
   protected:
    std::string file(const std::string &name) { return repository_.files.at("metadata/" + name); }
    TrustedMetadata open() {
        return TrustedMetadata::open(file("1.root.json"), test_now(), Profile::strict).value();
    }
    TufRepository repository_;
};

TEST_F(TufTrustedMetadata, InOrder) {
    TrustedMetadata trusted = open();
    EXPECT_FALSE(trusted.has_timestamp());
    EXPECT_FALSE(trusted.has_snapshot());
    EXPECT_TRUE(trusted.update_timestamp(file("timestamp.json")).value());
    EXPECT_FALSE(trusted.update_timestamp(file("timestamp.json")).value());  // the same again
    EXPECT_TRUE(trusted.update_snapshot(file("1.snapshot.json")));
    EXPECT_FALSE(trusted.has_targets("targets", "root").value());
    EXPECT_EQ(trusted.targets("targets"), nullptr);
    EXPECT_TRUE(trusted.update_targets(file("1.targets.json"), "targets", "root"));
    EXPECT_TRUE(trusted.has_targets("targets", "root").value());
    EXPECT_EQ(trusted.targets("targets")->version, 1u);
}

TEST_F(TufTrustedMetadata, OutOfOrderIsADefectOfTheCaller) {
    TrustedMetadata trusted = open();
    EXPECT_EQ(trusted.check_timestamp().error().code, ErrorCode::internal);
    EXPECT_EQ(trusted.update_snapshot(file("1.snapshot.json")).error().code, ErrorCode::internal);
    EXPECT_EQ(trusted.load_snapshot(file("1.snapshot.json")).error().code, ErrorCode::internal);
    EXPECT_EQ(trusted.targets_file("targets").error().code, ErrorCode::internal);
    EXPECT_EQ(trusted.update_targets(file("1.targets.json"), "targets", "root").error().code,
              ErrorCode::internal);
    ASSERT_TRUE(trusted.update_timestamp(file("timestamp.json")));
    ASSERT_TRUE(trusted.update_snapshot(file("1.snapshot.json")));
    // a role that nobody delegates to
    repository_.snapshot.meta["other"] = {1, {}, {}};
    EXPECT_EQ(trusted.targets_file("other").error().code, ErrorCode::registry_malformed);
    EXPECT_EQ(trusted.update_targets(file("1.targets.json"), "targets", "nobody").error().code,
              ErrorCode::internal);
}

TEST_F(TufTrustedMetadata, AnOlderSnapshotIsOnlyForComparison) {
    const std::string older = file("1.snapshot.json");
    repository_.publish_next();
    TrustedMetadata trusted = open();
    ASSERT_TRUE(trusted.update_timestamp(file("timestamp.json")));
    EXPECT_FALSE(trusted.load_snapshot(older).value());
    EXPECT_EQ(trusted.update_targets(file("1.targets.json"), "targets", "root").error().code,
              ErrorCode::registry_malformed);
    EXPECT_TRUE(trusted.update_snapshot(file("2.snapshot.json")));
    EXPECT_TRUE(trusted.update_targets(file("2.targets.json"), "targets", "root"));
    // one that is kept and expired is fetched again
    repository_.snapshot.expires = test_now();
    ++repository_.timestamp.version;
    repository_.publish();
    EXPECT_FALSE(trusted.load_snapshot(file("2.snapshot.json")).value());
}

TEST_F(TufTrustedMetadata, ARefusedFileChangesNothing) {
    TrustedMetadata trusted = open();
    ASSERT_TRUE(trusted.update_timestamp(file("timestamp.json")));
    repository_.next_root([&] { repository_.signers["root"] = {9}; });
    EXPECT_FALSE(trusted.update_root(file("2.root.json")));
    EXPECT_EQ(trusted.root().version, 1u);
    ++repository_.timestamp.version;
    repository_.timestamp.expires = days_from_now(-1);
    repository_.publish_timestamp();
    EXPECT_EQ(trusted.update_timestamp(file("timestamp.json")).error().code,
              ErrorCode::metadata_expired);
    EXPECT_EQ(trusted.timestamp().version, 1u);
    EXPECT_FALSE(trusted.load_timestamp("{}"));
    EXPECT_FALSE(trusted.load_snapshot("{}"));
    EXPECT_FALSE(trusted.has_snapshot());
}

TEST_F(TufTrustedMetadata, OnlyLosingAnOnlineKeyForgetsTheOnlineMetadata) {
    const struct {
        const char *role;
        Role next;
        bool replaced;
    } cases[] = {
        {"timestamp", role_of({2, 9}), false},  // one more
        {"timestamp", role_of({9}), true},     {"snapshot", role_of({9}), true},
        {"targets", role_of({9}), false},      {"root", role_of({1, 9}), false},
    };
    for (const auto &one : cases) {
        TufRepository repository;
        repository.next_root([&] { repository.root.roles[one.role] = one.next; });
        TrustedMetadata trusted = open();
        const auto change = trusted.update_root(repository.files.at("metadata/2.root.json"));
        ASSERT_TRUE(change) << change.error().message;
        EXPECT_EQ(change->online_keys_replaced, one.replaced) << one.role;
    }
}

TEST_F(TufTrustedMetadata, ARoleIsCheckedForEachOfItsDelegators) {
    repository_.delegate("targets", "a", 5, {"*"});
    repository_.delegate("targets", "b", 6, {"*"});
    repository_.delegate("a", "c", 7, {"*"});
    repository_.delegate("b", "c", 8, {"*"});  // under another key
    repository_.signers["c"] = {7};
    repository_.publish();
    TrustedMetadata trusted = open();
    ASSERT_TRUE(trusted.update_timestamp(file("timestamp.json")));
    ASSERT_TRUE(trusted.update_snapshot(file("1.snapshot.json")));
    ASSERT_TRUE(trusted.update_targets(file("1.targets.json"), "targets", "root"));
    ASSERT_TRUE(trusted.update_targets(file("1.a.json"), "a", "targets"));
    ASSERT_TRUE(trusted.update_targets(file("1.b.json"), "b", "targets"));
    ASSERT_TRUE(trusted.update_targets(file("1.c.json"), "c", "a"));
    EXPECT_TRUE(trusted.has_targets("c", "a").value());
    EXPECT_EQ(trusted.has_targets("c", "b").error().code, ErrorCode::signature_invalid);

    repository_.signers["c"] = {7, 8};
    repository_.publish();
    ASSERT_TRUE(trusted.update_targets(file("1.c.json"), "c", "a"));
    EXPECT_TRUE(trusted.has_targets("c", "b").value());
}

TEST_F(TufTrustedMetadata, SuccinctRolesHaveTheNamesTheyHave) {
    Delegations delegations;
    delegations.keys = keys_of({5});
    delegations.succinct = {role_of({5}), 5, "bin"};
    repository_.targets["targets"].delegations = delegations;
    for (const char *role :
         {"bin-00", "bin-1f", "bin-20", "bin-0", "bin-1F", "bin-", "bin-000000000"}) {
        repository_.targets[role].expires = days_from_now(1);
        repository_.signers[role] = {5};
    }
    repository_.publish();
    TrustedMetadata trusted = open();
    ASSERT_TRUE(trusted.update_timestamp(file("timestamp.json")));
    ASSERT_TRUE(trusted.update_snapshot(file("1.snapshot.json")));
    ASSERT_TRUE(trusted.update_targets(file("1.targets.json"), "targets", "root"));
    for (const std::string role : {"bin-00", "bin-1f"})
        EXPECT_TRUE(trusted.update_targets(file("1." + role + ".json"), role, "targets")) << role;
    for (const std::string role : {"bin-20", "bin-0", "bin-1F", "bin-", "bin-000000000"})
        EXPECT_FALSE(trusted.update_targets(file("1." + role + ".json"), role, "targets")) << role;
}

}  // namespace
}  // namespace pgx::tuf
