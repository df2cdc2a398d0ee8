// tuf_client_test.cpp - the client workflow of the specification, section 5, step by step, against
// a repository that misbehaves.
#include <gtest/gtest.h>

#include "tuf_repository.h"

namespace pgx::tuf {
namespace {

using Versions = std::vector<std::uint64_t>;  // root, timestamp, snapshot, targets
using Log = std::vector<std::string>;

class TufClient : public ::testing::Test {
   protected:
    TufRepository repository_;
    TufUser user_{repository_};

    std::string &file(const std::string &name) { return repository_.files["metadata/" + name]; }
    void next_timestamp() {
        ++repository_.timestamp.version;
        repository_.publish_timestamp();
    }
};

// --- the ordinary course

TEST_F(TufClient, FirstRefreshAndOneWithNothingNew) {
    EXPECT_EQ(user_.versions(), (Versions{1, 0, 0, 0}));
    EXPECT_EQ(user_.refresh(), "");
    EXPECT_EQ(user_.transport.log,
              (Log{"2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"}));
    EXPECT_EQ(user_.versions(), (Versions{1, 1, 1, 1}));
    EXPECT_EQ(user_.refresh(), "");
    EXPECT_EQ(user_.transport.log, (Log{"2.root.json", "timestamp.json"}));
}

TEST_F(TufClient, TimestampTogetherWithTheRoot) {
    user_.options.timestamp_with_root = true;
    repository_.next_root();
    repository_.publish_next();
    EXPECT_EQ(user_.refresh(), "");
    EXPECT_EQ(user_.transport.log, (Log{"2.root.json", "timestamp.json", "3.root.json",
                                        "2.snapshot.json", "2.targets.json"}));
    EXPECT_EQ(user_.versions(), (Versions{2, 2, 2, 2}));
}

TEST_F(TufClient, ATimestampFetchedBeforeItsRootWasTrustedIsFetchedAgain) {
    user_.options.timestamp_with_root = true;
    ASSERT_EQ(user_.refresh(), "");
    // A server that replaces the key between the two answers: the timestamp that comes with the
    // root is the old one.
    const std::string old_timestamp = file("timestamp.json");
    repository_.next_root([&] {
        repository_.root.roles["timestamp"] = role_of({9});
        repository_.signers["timestamp"] = {9};
    });
    next_timestamp();
    class Racing : public RepositoryTransport {
       public:
        Racing(const TufRepository &repository, std::string old)
            : RepositoryTransport(repository), old_(std::move(old)) {}
        Result<std::vector<std::optional<std::string>>> fetch(
            const std::vector<FileRequest> &requests) override {
            auto answers = TRY(RepositoryTransport::fetch(requests));
            if (requests.size() == 2) answers[1] = old_;
            return answers;
        }

       private:
        std::string old_;
    } transport(repository_, old_timestamp);
    Client client = Client::open(transport, user_.store, test_now(), user_.options).value();
    const auto refreshed = client.refresh();
    ASSERT_TRUE(refreshed) << refreshed.error().message;
    EXPECT_EQ(user_.versions(), (Versions{2, 2, 1, 1}));
}

TEST_F(TufClient, KeepsTheBytesThatItReceived) {
    file("timestamp.json") += " \n";
    file("1.targets.json").insert(1, "  ");
    EXPECT_EQ(user_.refresh(), "");
    EXPECT_EQ(user_.store.load("timestamp").value(), file("timestamp.json"));
    EXPECT_EQ(user_.store.load("targets").value(), file("1.targets.json"));
}

TEST_F(TufClient, WithoutConsistentSnapshots) {
    repository_.next_root([&] { repository_.root.consistent_snapshot = false; });
    repository_.add_target("targets", "d/file", "content");
    repository_.publish();
    auto client = user_.refreshed();
    ASSERT_TRUE(client) << client.error().message;
    EXPECT_EQ(user_.transport.log, (Log{"2.root.json", "3.root.json", "timestamp.json",
                                        "snapshot.json", "targets.json"}));
    const Target target = client->find("d/file").value().value();
    EXPECT_EQ(client->location(target).value(), "d/file");
    EXPECT_EQ(client->download({target}).value(), Log{"content"});
}

TEST_F(TufClient, DigestsAndLengthsOfMetadata) {
    repository_.with_hashes = true;
    repository_.publish_next();
    EXPECT_EQ(user_.refresh(), "");
    repository_.publish_next();
    repository_.snapshot.meta["targets"].hashes["sha256"] = std::string(64, 'a');
    repository_.publish_snapshot();
    repository_.publish_timestamp();
    EXPECT_EQ(user_.refresh(), "digest_mismatch");
    EXPECT_EQ(user_.versions(), (Versions{1, 3, 3, 2}));
    repository_.publish_next();
    --*repository_.timestamp.snapshot.length;
    repository_.publish_timestamp();
    EXPECT_EQ(user_.refresh(), "limit_exceeded");
    repository_.publish_next();
    ++*repository_.timestamp.snapshot.length;
    repository_.publish_timestamp();
    EXPECT_EQ(user_.refresh(), "digest_mismatch");
    EXPECT_EQ(user_.versions(), (Versions{1, 5, 3, 2}));
}

// --- 5.2 and 5.3, root

TEST_F(TufClient, BeginsOnlyWithARootThatSignsItself) {
    const std::string root = file("1.root.json");
    std::string edited = root;
    const std::size_t at = edited.find("2027");
    ASSERT_NE(at, std::string::npos);
    edited[at + 3] = '9';
    for (const std::string &bytes :
         {std::string(), std::string("{}"), file("timestamp.json"), edited, root.substr(1)}) {
        MemoryStore store;
        EXPECT_FALSE(Client::open(user_.transport, store, bytes, test_now(), user_.options));
        EXPECT_FALSE(store.load("root").value());
        // and what is in a store is judged no less
        ASSERT_TRUE(store.save("root", bytes));
        EXPECT_FALSE(Client::open(user_.transport, store, test_now(), user_.options));
    }
    MemoryStore empty;
    EXPECT_EQ(Client::open(user_.transport, empty, test_now(), user_.options).error().code,
              ErrorCode::wrong_state);
    EXPECT_TRUE(user_.transport.log.empty());
}

struct RootVersion {
    std::vector<unsigned> keys;
    std::uint64_t threshold;
    std::vector<unsigned> signers;
};

TEST(TufClientRoot, RotationsOfKeysAndThresholds) {
    const struct {
        std::vector<RootVersion> versions;
        std::uint64_t reached;  // the last version that a client accepts
    } cases[] = {
        {{{{1}, 1, {1}}, {{2}, 1, {2, 1}}, {{2}, 1, {2}}}, 3},
        {{{{1}, 1, {3, 1, 4}}, {{2}, 1, {3, 2, 1, 4}}, {{2}, 1, {3, 2, 4}}}, 3},
        {{{{1, 2, 3, 4, 5}, 3, {1, 3, 5}}, {{1, 2, 3, 4, 5}, 3, {1, 5, 2}}}, 2},
        {{{{1, 2, 3, 4, 5}, 3, {1, 3, 5}}, {{1, 2, 4, 5, 6}, 3, {1, 5, 2}}}, 2},
        {{{{1, 2, 3, 4, 5}, 3, {1, 3, 5}}, {{6, 7, 8, 9, 10}, 3, {1, 3, 5, 6, 7, 8}}}, 2},
        {{{{1, 2, 3}, 1, {1}}, {{1, 2, 3}, 2, {1, 2}}}, 2},
        {{{{1, 2, 3}, 2, {1, 2}}, {{1, 2, 3}, 1, {1, 2}}, {{1, 2, 3}, 1, {3}}}, 3},
        {{{{1}, 1, {1}}, {{1, 2}, 2, {1, 2}}}, 2},
        // not by the former keys
        {{{{1}, 1, {1}}, {{2}, 1, {2, 3, 4}}}, 1},
        {{{{1, 2, 3, 4, 5}, 3, {1, 3, 5}}, {{1, 2, 4, 5, 6}, 3, {1, 5, 6}}}, 1},
        {{{{1, 2, 3}, 2, {1, 2}}, {{1, 2, 3}, 1, {1}}}, 1},
        // not by its own
        {{{{1}, 1, {1}}, {{2}, 1, {1, 3, 4}}}, 1},
        {{{{1, 2, 3, 4, 5}, 3, {1, 3, 5}}, {{1, 2, 4, 5, 6}, 3, {1, 3, 5}}}, 1},
        {{{{1, 2, 3}, 1, {1}}, {{1, 2, 3}, 2, {2}}}, 1},
    };
    for (const auto &one : cases) {
        TufRepository repository;
        repository.files.clear();
        repository.root.version = 0;
        for (const RootVersion &version : one.versions)
            repository.next_root([&] {
                repository.root.roles["root"] = role_of(version.keys, version.threshold);
                repository.signers["root"] = version.signers;
            });
        repository.publish();
        TufUser user(repository);
        const bool accepted = one.reached == one.versions.size();
        EXPECT_EQ(user.refresh(), accepted ? "" : "signature_invalid") << one.reached;
        EXPECT_EQ(user.version("root"), one.reached);
        EXPECT_EQ(user.store.load("root").value(),
                  repository.files["metadata/" + std::to_string(one.reached) + ".root.json"]);
    }
}

// --- trust that is taken up again

TEST_F(TufClient, ResumesFromTheFingerprintThroughAllRoots) {
    const Fingerprint first = fingerprint_of_root(file("1.root.json")).value();
    const auto resumed = [&](const Fingerprint &fingerprint) {
        return Client::resume(user_.transport, user_.store, fingerprint, test_now(), user_.options);
    };
    for (unsigned key : {21U, 22U, 23U})
        repository_.next_root([&] {
            repository_.root.roles["root"] = role_of({key});
            repository_.signers["root"] = {key - 1, key};
            if (key == 21) repository_.signers["root"] = {1, key};
        });
    ASSERT_EQ(user_.refresh(), "");
    user_.transport.log.clear();
    auto client = resumed(first);
    ASSERT_TRUE(client) << client.error().message;
    ASSERT_TRUE(*client);
    EXPECT_EQ((*client)->trusted().root().version, 4u);
    EXPECT_TRUE(user_.transport.log.empty());
    EXPECT_TRUE((*client)->refresh());
    // Another beginning is another registry, as far as the store is concerned.
    const Fingerprint third = fingerprint_of_root(file("3.root.json")).value();
    EXPECT_EQ((*resumed(third).value()).trusted().root().version, 4u);
    EXPECT_FALSE(resumed({9, std::string(64, 'a')}).value());
    // Each root is needed: without one, those behind it are asked for again.
    MemoryStore gap;
    for (const std::uint64_t version : {1U, 2U, 4U})
        ASSERT_TRUE(gap.save_root(version, file(std::to_string(version) + ".root.json")));
    EXPECT_EQ(Client::resume(user_.transport, gap, first, test_now(), user_.options)
                  .value()
                  ->trusted()
                  .root()
                  .version,
              2u);
}

// Whoever could write to the store gives it roots of his own.
TEST_F(TufClient, KeptRootsThatDoNotFollowFromTheFingerprintAreRefused) {
    const Fingerprint fingerprint = fingerprint_of_root(file("1.root.json")).value();
    repository_.next_root();
    ASSERT_EQ(user_.refresh(), "");
    TufRepository other;
    other.signers["root"] = {31};
    other.root.roles["root"] = role_of({31});
    other.publish_root();
    other.next_root();
    const std::string &first = other.files.at("metadata/1.root.json"),
                      &second = other.files.at("metadata/2.root.json");
    struct {
        std::uint64_t version;
        std::string bytes;
        ErrorCode code;
    } const cases[] = {
        {1, first, ErrorCode::digest_mismatch},
        {1, "", ErrorCode::digest_mismatch},
        {1, file("2.root.json"), ErrorCode::digest_mismatch},
        {2, second, ErrorCode::signature_invalid},
        {2, first, ErrorCode::signature_invalid},
        {2, file("1.root.json"), ErrorCode::registry_malformed},
        {2, "{}", ErrorCode::registry_malformed},
        {3, second, ErrorCode::signature_invalid},
        {3, file("2.root.json"), ErrorCode::registry_malformed},
    };
    for (const auto &one : cases) {
        MemoryStore store = user_.store;
        ASSERT_TRUE(store.save_root(one.version, one.bytes));
        // What it says of its own end is not asked.
        ASSERT_TRUE(store.save("root", second));
        const auto client =
            Client::resume(user_.transport, store, fingerprint, test_now(), user_.options);
        ASSERT_FALSE(client) << one.version << one.bytes;
        EXPECT_EQ(client.error().code, one.code) << one.version << client.error().message;
        EXPECT_NE(client.error().message.find("kept root metadata"), std::string::npos);
    }
}

TEST_F(TufClient, RootVersionsAreCountedOneByOne) {
    ASSERT_EQ(user_.refresh(), "");
    // version 3 in the place of 2, and the old version in the place of the next
    repository_.next_root([&] { ++repository_.root.version; });
    file("2.root.json") = file("3.root.json");
    EXPECT_EQ(user_.refresh(), "registry_malformed");
    file("2.root.json") = file("1.root.json");
    EXPECT_EQ(user_.refresh(), "registry_malformed");
    EXPECT_EQ(user_.version("root"), 1u);
}

TEST_F(TufClient, NoMoreRootsThanAllowedInOneRefresh) {
    for (int i = 0; i < 5; ++i) repository_.next_root();
    user_.options.limits.root_rotations = 3;
    EXPECT_EQ(user_.refresh(), "");
    EXPECT_EQ(user_.version("root"), 4u);
    EXPECT_EQ(user_.refresh(), "");
    EXPECT_EQ(user_.version("root"), 6u);
}

TEST_F(TufClient, OnlyTheLastRootMayNotHaveExpired) {
    repository_.next_root([&] { repository_.root.expires = days_from_now(-1); });
    EXPECT_EQ(user_.refresh(), "metadata_expired");
    // it is kept nevertheless, so that the next one can be verified
    EXPECT_EQ(user_.versions(), (Versions{2, 0, 0, 0}));
    repository_.next_root([&] { repository_.root.expires = days_from_now(365); });
    EXPECT_EQ(user_.refresh(), "");
    EXPECT_EQ(user_.versions(), (Versions{3, 1, 1, 1}));
}

TEST_F(TufClient, AServerThatFailsInTheMiddleOfARotation) {
    ASSERT_EQ(user_.refresh(), "");
    for (int i = 0; i < 3; ++i)
        repository_.next_root([&] {
            repository_.root.roles["timestamp"] = role_of({10u + static_cast<unsigned>(i)});
            repository_.signers["timestamp"] = {10u + static_cast<unsigned>(i)};
        });
    repository_.publish_next();
    for (const char *name : {"3.root.json", "4.root.json", "5.root.json", "timestamp.json",
                             "2.snapshot.json", "2.targets.json"}) {
        user_.transport.faults = {{name, ErrorCode::registry_refused}};
        EXPECT_EQ(user_.refresh(), "registry_refused") << name;
    }
    user_.transport.faults.clear();
    EXPECT_EQ(user_.refresh(), "");
    EXPECT_EQ(user_.versions(), (Versions{4, 2, 2, 2}));
}

TEST_F(TufClient, AnInterruptionNeverLeavesTheOldTimestampWithTheNewRoot) {
    ASSERT_EQ(user_.refresh(), "");
    repository_.next_root([&] {
        repository_.root.roles["snapshot"] = role_of({9});
        repository_.signers["snapshot"] = {9};
    });
    class Failing : public MemoryStore {
       public:
        Result<void> save(const std::string &role, const std::string &bytes) override {
            if (role == "root") return fail(ErrorCode::disk_full, "no room");
            return MemoryStore::save(role, bytes);
        }
    } store;
    ASSERT_TRUE(store.MemoryStore::save("root", file("1.root.json")));
    ASSERT_TRUE(store.save("timestamp", file("timestamp.json")));
    Client client = Client::open(user_.transport, store, test_now(), user_.options).value();
    EXPECT_EQ(client.refresh().error().code, ErrorCode::disk_full);
    EXPECT_FALSE(store.load("timestamp").value());
}

// --- 5.4, timestamp

TEST_F(TufClient, TimestampRollback) {
    const std::string first = file("timestamp.json");
    next_timestamp();
    ASSERT_EQ(user_.refresh(), "");
    file("timestamp.json") = first;
    EXPECT_EQ(user_.refresh(), "metadata_rolled_back");
    EXPECT_EQ(user_.version("timestamp"), 2u);
}

TEST_F(TufClient, ATimestampOfTheSameVersionIsNotTakenOver) {
    ASSERT_EQ(user_.refresh(), "");
    repository_.timestamp.snapshot.version = 100;
    repository_.publish_timestamp();
    EXPECT_EQ(user_.refresh(), "");
    EXPECT_EQ(user_.transport.log, (Log{"2.root.json", "timestamp.json"}));
}

TEST_F(TufClient, TimestampThatNamesAnOlderSnapshot) {
    repository_.publish_next();
    ASSERT_EQ(user_.refresh(), "");
    repository_.timestamp.snapshot.version = 1;
    next_timestamp();
    EXPECT_EQ(user_.refresh(), "metadata_rolled_back");
    EXPECT_EQ(user_.versions(), (Versions{1, 2, 2, 2}));
}

TEST_F(TufClient, ExpiredTimestamp) {
    ASSERT_EQ(user_.refresh(), "");
    repository_.timestamp.expires = days_from_now(-1);
    next_timestamp();
    EXPECT_EQ(user_.refresh(), "metadata_expired");
    EXPECT_EQ(user_.version("timestamp"), 1u);
}

TEST_F(TufClient, AFrozenServerIsNoticedWhenTheTimestampExpires) {
    ASSERT_EQ(user_.refresh(), "");
    user_.now = days_from_now(7) - std::chrono::seconds(1);
    EXPECT_EQ(user_.refresh(), "");
    user_.now = days_from_now(7);
    EXPECT_EQ(user_.refresh(), "metadata_expired");
    // An expired copy still tells what was seen ...
    next_timestamp();
    user_.now = days_from_now(6);
    ASSERT_EQ(user_.refresh(), "");
    user_.now = days_from_now(8);
    repository_.timestamp.version = 1;
    repository_.timestamp.expires = days_from_now(30);
    repository_.publish_timestamp();
    EXPECT_EQ(user_.refresh(), "metadata_rolled_back");
    // ... and does not stand in the way of the next.
    repository_.timestamp.version = 3;
    repository_.publish_timestamp();
    EXPECT_EQ(user_.refresh(), "");
}

TEST_F(TufClient, AClockThatIsWrongByAYear) {
    user_.now = days_from_now(365);
    const auto late = user_.refreshed();
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::metadata_expired);
    EXPECT_NE(late.error().detail.find("the time is 2027-11-20T10:00:00Z"), std::string::npos)
        << late.error().detail;
    // too early is no reason to refuse; the next refresh with the right time works in both cases
    user_.now = days_from_now(-365);
    EXPECT_EQ(user_.refresh(), "");
    user_.now = test_now();
    EXPECT_EQ(user_.refresh(), "");
}

TEST_F(TufClient, AStolenTimestampKeyCanOnlyFreeze) {
    ASSERT_EQ(user_.refresh(), "");
    // Whoever has it signs a timestamp for a snapshot of his own ...
    repository_.signers["snapshot"] = {2};
    ++repository_.snapshot.version;
    repository_.publish_snapshot();
    next_timestamp();
    EXPECT_EQ(user_.refresh(), "signature_invalid");
    EXPECT_EQ(user_.version("snapshot"), 1u);
    // ... or one far in the future; a new key recovers.
    repository_.timestamp.version = 1'000'000;
    repository_.publish_timestamp();
    EXPECT_EQ(user_.refresh(), "signature_invalid");
    EXPECT_EQ(user_.version("timestamp"), 1'000'000u);
    repository_.signers["snapshot"] = {3};
    repository_.signers["timestamp"] = {9};
    repository_.next_root([&] { repository_.root.roles["timestamp"] = role_of({9}); });
    repository_.timestamp.version = 4;
    repository_.publish();
    EXPECT_EQ(user_.refresh(), "");
    EXPECT_EQ(user_.versions(), (Versions{2, 4, 2, 1}));
}

// --- 5.5, snapshot

TEST_F(TufClient, SnapshotMustBeTheOneThatTheTimestampNames) {
    ++repository_.timestamp.snapshot.version;
    next_timestamp();
    EXPECT_EQ(user_.refresh(), "registry_refused");
    file("2.snapshot.json") = file("1.snapshot.json");
    EXPECT_EQ(user_.refresh(), "registry_malformed");
    EXPECT_EQ(user_.versions(), (Versions{1, 2, 0, 0}));
}

TEST_F(TufClient, SnapshotRollbackOfARole) {
    repository_.publish_next();
    ASSERT_EQ(user_.refresh(), "");
    for (const bool hashes : {false, true}) {
        repository_.with_hashes = hashes;
        ++repository_.snapshot.version;
        repository_.targets["targets"].version = 1;
        repository_.publish_targets("targets");
        repository_.publish_snapshot();
        next_timestamp();
        EXPECT_EQ(user_.refresh(), "metadata_rolled_back");
        EXPECT_EQ(user_.version("snapshot"), 2u);
        EXPECT_EQ(user_.version("targets"), 2u);
    }
}

TEST_F(TufClient, SnapshotMayNotLoseARole) {
    repository_.delegate("targets", "one", 5, {"x/*"});
    repository_.publish_next();
    ASSERT_EQ(user_.refresh(), "");
    repository_.snapshot.meta.erase("one");
    ++repository_.snapshot.version;
    repository_.publish_snapshot();
    next_timestamp();
    EXPECT_EQ(user_.refresh(), "metadata_rolled_back");
}

TEST_F(TufClient, ExpiredSnapshot) {
    ASSERT_EQ(user_.refresh(), "");
    repository_.snapshot.expires = days_from_now(-1);
    repository_.publish_next();
    EXPECT_EQ(user_.refresh(), "metadata_expired");
    EXPECT_EQ(user_.versions(), (Versions{1, 2, 1, 1}));
}

TEST_F(TufClient, MixedGenerations) {
    ASSERT_EQ(user_.refresh(), "");
    const auto old_files = repository_.files;
    repository_.publish_next();
    for (const char *name : {"snapshot", "targets"}) {
        const std::string newer = std::string("2.") + name + ".json";
        const std::string kept = file(newer);
        file(newer) = old_files.at("metadata/1." + std::string(name) + ".json");
        EXPECT_EQ(user_.refresh(), "registry_malformed") << name;
        file(newer) = kept;
    }
    EXPECT_EQ(user_.refresh(), "");
}

TEST_F(TufClient, RecoveryFromAFastForward) {
    for (const std::string role : {"timestamp", "snapshot"}) {
        TufRepository repository;
        TufUser user(repository);
        repository.timestamp.version = repository.snapshot.version = 1000;
        repository.targets["targets"].version = 1000;
        repository.publish();
        ASSERT_EQ(user.refresh(), "");
        EXPECT_EQ(user.versions(), (Versions{1, 1000, 1000, 1000}));
        repository.timestamp.version = 2;
        repository.snapshot.version = 2;
        repository.targets["targets"].version = 2;
        repository.publish();
        EXPECT_EQ(user.refresh(), "metadata_rolled_back");
        repository.next_root([&] { repository.root.roles[role] = role_of({9}); });
        repository.signers[role] = {9};
        repository.publish();
        EXPECT_EQ(user.refresh(), "") << role;
        EXPECT_EQ(user.versions(), (Versions{2, 2, 2, 2}));
    }
}

// --- 5.6, targets, and all roles alike

TEST_F(TufClient, ExpiredTargets) {
    ASSERT_EQ(user_.refresh(), "");
    repository_.targets["targets"].expires = days_from_now(-1);
    repository_.publish_next();
    EXPECT_EQ(user_.refresh(), "metadata_expired");
    EXPECT_EQ(user_.versions(), (Versions{1, 2, 2, 1}));
}

TEST(TufClientRoles, EachMustBeSignedByItsOwnKeys) {
    const std::pair<std::string, Versions> cases[] = {
        {"timestamp", {1, 0, 0, 0}}, {"snapshot", {1, 1, 0, 0}}, {"targets", {1, 1, 1, 0}}};
    for (const auto &[role, versions] : cases) {
        for (const std::vector<unsigned> &signers :
             {std::vector<unsigned>{}, std::vector<unsigned>{1}, std::vector<unsigned>{30}}) {
            TufRepository repository;
            repository.signers[role] = signers;
            repository.publish();
            TufUser user(repository);
            EXPECT_EQ(user.refresh(), "signature_invalid") << role;
            EXPECT_EQ(user.versions(), versions) << role;
        }
    }
}

TEST(TufClientRoles, KindsAreNotExchangeable) {
    // All are signed by all keys, so that only the type is wrong.
    TufRepository repository;
    for (const char *role : {"timestamp", "snapshot", "targets"})
        repository.signers[role] = {1, 2, 3, 4};
    repository.publish();
    const auto original = repository.files;
    const char *const names[] = {"metadata/timestamp.json", "metadata/1.snapshot.json",
                                 "metadata/1.targets.json", "metadata/1.root.json"};
    for (const char *name : {names[0], names[1], names[2]})
        for (const char *other : names) {
            if (std::string(name) == other) continue;
            repository.files = original;
            repository.files[name] = original.at(other);
            TufUser user(repository);
            EXPECT_EQ(user.refresh(), "registry_malformed") << other << " as " << name;
        }
}

TEST(TufClientRoles, EndlessMetadataIsCut) {
    const std::pair<const char *, std::size_t> cases[] = {{"2.root.json", 512'000},
                                                          {"timestamp.json", 16'384},
                                                          {"1.snapshot.json", 2'000'000},
                                                          {"1.targets.json", 5'000'000}};
    for (const auto &[name, limit] : cases) {
        TufRepository repository;
        if (std::string(name) == "2.root.json") repository.next_root();
        std::string &bytes = repository.files["metadata/" + std::string(name)];
        bytes += std::string(limit - bytes.size(), ' ');
        TufUser user(repository);
        EXPECT_EQ(user.refresh(), "") << name;
        bytes += ' ';
        TufUser other(repository);
        EXPECT_EQ(other.refresh(), "limit_exceeded") << name;
    }
}

TEST(TufClientRoles, DamagedFilesOfTheStoreAreFetchedAgain) {
    TufRepository repository;
    for (const char *role : {"timestamp", "snapshot", "targets"})
        for (const char *damage : {"", "{}", "null", "\x00\xff"}) {
            TufUser user(repository);
            ASSERT_EQ(user.refresh(), "");
            ASSERT_TRUE(user.store.save(role, damage));
            EXPECT_EQ(user.refresh(), "") << role;
            EXPECT_EQ(user.versions(), (Versions{1, 1, 1, 1}));
        }
}

}  // namespace
}  // namespace pgx::tuf
