// tuf_listing_test.cpp - targets: who may list which, in which order roles are asked, what a
// listing holds, downloads.
#include <gtest/gtest.h>

#include "tuf_repository.h"

namespace pgx::tuf {
namespace {

using Log = std::vector<std::string>;

struct Edge {
    const char *delegator, *role;
    std::vector<std::string> paths = {"*"};
    bool terminating = false;
};

// A role may be delegated to twice, with the same key.
void build(TufRepository &repository, const std::vector<Edge> &edges) {
    std::map<std::string, unsigned> keys;
    for (const Edge &edge : edges) {
        const auto key = keys.emplace(edge.role, 5u + static_cast<unsigned>(keys.size())).first;
        repository.delegate(edge.delegator, edge.role, key->second, edge.paths, edge.terminating);
    }
    repository.publish();
}

std::vector<std::string> listed_paths(const Listing &listing) {
    std::vector<std::string> result;
    for (const Target &target : listing.targets) result.push_back(target.path + " " + target.role);
    return result;
}

TEST(TufFind, RolesAreAskedDepthFirst) {
    const struct {
        std::vector<Edge> edges;
        std::string asked;
    } cases[] = {
        {{{"targets", "A"}}, "A"},
        {{{"targets", "A"}, {"targets", "B"}}, "AB"},
        {{{"targets", "A"}, {"targets", "B"}, {"B", "C"}}, "ABC"},
        {{{"targets", "A"}, {"targets", "B"}, {"A", "C"}, {"A", "D"}}, "ACDB"},
        {{{"targets", "A"}, {"targets", "B"}, {"A", "C"}, {"C", "D"}}, "ACDB"},
        {{{"targets", "A"}, {"targets", "B"}, {"A", "C", {"*"}, true}, {"A", "D"}}, "AC"},
        {{{"targets", "A"}, {"targets", "B"}, {"A", "C", {"*"}, true}, {"C", "D"}}, "ACD"},
        {{{"targets", "A", {"*.py"}}, {"targets", "B"}, {"A", "C"}}, "B"},
        {{{"targets", "A"}, {"targets", "B"}, {"A", "C", {"*.py"}}, {"C", "D"}}, "AB"},
        {{{"targets", "A"}, {"targets", "B"}, {"B", "C"}, {"C", "D"}, {"D", "B"}}, "ABCD"},
        {{{"targets", "A"}, {"targets", "B"}, {"B", "C"}, {"A", "C"}}, "ACB"},
        {{{"targets", "A"}, {"targets", "B"}, {"B", "C"}, {"A", "C", {"*.py"}}}, "ABC"},
    };
    for (const auto &one : cases) {
        TufRepository repository;
        build(repository, one.edges);
        TufUser user(repository);
        Client client = user.refreshed().value();
        user.transport.log.clear();
        const auto found = client.find("missing");
        ASSERT_TRUE(found) << found.error().message;
        EXPECT_FALSE(*found);
        std::string asked;
        for (const std::string &name : user.transport.log) asked += name[2];
        EXPECT_EQ(asked, one.asked);
        // and a second process needs none of them again
        client = user.refreshed().value();
        EXPECT_FALSE(client.find("missing").value());
        EXPECT_EQ(user.transport.log, (Log{"2.root.json", "timestamp.json"}));
    }
}

TEST(TufFind, APathMustBeCoveredByEveryDelegationOnTheWay) {
    TufRepository repository;
    build(repository, {{"targets", "A", {"*.doc", "*.md"}},
                       {"targets", "B", {"releases/*/*"}},
                       {"B", "C", {"releases/x/*"}},
                       {"B", "D", {"releases/y/*.zip"}}});
    repository.add_target("targets", "file", "by targets");
    repository.add_target("A", "README.md", "by A");
    repository.add_target("A", "releases/x/1", "by A, who may not");
    repository.add_target("C", "releases/x/1", "by C");
    repository.add_target("D", "releases/y/1.zip", "by D");
    repository.add_target("D", "releases/z/1.zip", "by D, who may not");
    repository.add_target("D", "README.md", "by D, who may not");
    repository.publish();
    TufUser user(repository);
    Client client = user.refreshed().value();
    const std::pair<const char *, const char *> cases[] = {
        {"file", "targets"},       {"README.md", "A"},       {"releases/x/1", "C"},
        {"releases/y/1.zip", "D"}, {"releases/z/1.zip", ""}, {"nothing", ""}};
    for (const auto &[path, role] : cases) {
        const auto found = client.find(path).value();
        EXPECT_EQ(found ? found->role : "", role) << path;
    }
    EXPECT_EQ(listed_paths(client.list().value()),
              (Log{"README.md A", "file targets", "releases/x/1 C", "releases/y/1.zip D"}));
}

TEST(TufFind, NeedsARefresh) {
    TufRepository repository;
    TufUser user(repository);
    Client client = Client::open(user.transport, user.store, test_now(), user.options).value();
    EXPECT_EQ(client.find("x").error().code, ErrorCode::wrong_state);
    EXPECT_EQ(client.list().error().code, ErrorCode::wrong_state);
    user.transport.faults["timestamp.json"] = ErrorCode::registry_unreachable;
    EXPECT_FALSE(client.refresh());
    EXPECT_EQ(client.find("x").error().code, ErrorCode::wrong_state);
}

TEST(TufFind, NoMoreRolesThanAllowed) {
    TufRepository repository;
    std::vector<std::string> names;
    for (int i = 0; i < 33; ++i) names.push_back("r" + std::to_string(i));
    for (const std::string &name : names) repository.delegate("targets", name, 5, {"*"});
    repository.add_target("r31", "within", "x");
    repository.add_target("r32", "beyond", "x");
    repository.publish();
    TufUser user(repository);
    Client client = user.refreshed().value();
    EXPECT_EQ(client.find("within").value()->role, "r31");
    EXPECT_EQ(client.find("beyond").error().code, ErrorCode::limit_exceeded);
    // listing has a limit of its own
    EXPECT_EQ(client.list()->targets.size(), 2u);
    user.options.limits.listed_roles = 33;
    EXPECT_EQ(user.refreshed()->list().error().code, ErrorCode::limit_exceeded);
    user.options.limits.listed_roles = 34;
    EXPECT_EQ(user.refreshed()->list()->roles.size(), 34u);
}

TEST(TufFind, DelegationsByHash) {
    // sha256("a") begins with ca97
    TufRepository repository;
    build(repository, {{"targets", "other"}, {"targets", "mine"}});
    auto &roles = repository.targets["targets"].delegations->roles;
    for (Delegation &delegation : roles) delegation.paths.clear();
    roles[0].path_hash_prefixes = {"0", "cb"};
    roles[1].path_hash_prefixes = {"1", "ca"};
    repository.add_target("other", "a", "x");
    repository.add_target("mine", "a", "y");
    repository.publish();
    TufUser user(repository);
    EXPECT_EQ(user.refreshed()->find("a").value()->role, "mine");

    repository.targets["targets"].delegations->roles.clear();
    repository.targets["targets"].delegations->succinct = {role_of({5}), 2, "bin"};
    for (const char *role : {"bin-0", "bin-1", "bin-2", "bin-3"}) {
        repository.targets[role].expires = days_from_now(1);
        repository.signers[role] = {5};
        repository.add_target(role, "a", role);
    }
    repository.publish_next();
    Client client = user.refreshed().value();
    EXPECT_EQ(client.find("a").value()->role, "bin-3");
    EXPECT_EQ(user.transport.log.back(), "2.bin-3.json");
    const Listing listing = client.list().value();
    EXPECT_EQ(listed_paths(listing), Log{"a bin-3"});
    EXPECT_EQ(listing.roles.size(), 5u);
    repository.targets["targets"].delegations->succinct->bit_length = 32;
    repository.publish_next();
    EXPECT_EQ(user.refreshed()->list().error().code, ErrorCode::limit_exceeded);
}

TEST(TufFind, ARoleThatCannotBeTrustedEndsTheSearch) {
    const auto found = [](const std::function<void(TufRepository &)> &spoil) {
        TufRepository repository;
        build(repository, {{"targets", "A"}, {"targets", "B"}});
        repository.add_target("A", "x", "by A");
        repository.add_target("B", "x", "by B");
        repository.publish();
        spoil(repository);
        TufUser user(repository);
        const auto target = user.refreshed()->find("x");
        if (!target) return std::string(error_info(target.error().code).name);
        return *target ? (*target)->role : "none";
    };
    EXPECT_EQ(found([](TufRepository &) {}), "A");
    EXPECT_EQ(found([](TufRepository &repository) { repository.files.erase("metadata/1.A.json"); }),
              "registry_refused");
    EXPECT_EQ(found([](TufRepository &repository) {
                  repository.signers["A"] = {30};
                  repository.publish();
              }),
              "signature_invalid");
    EXPECT_EQ(found([](TufRepository &repository) {
                  repository.targets["A"].expires = test_now();
                  repository.publish();
              }),
              "metadata_expired");
    EXPECT_EQ(found([](TufRepository &repository) {
                  repository.files["metadata/1.A.json"] = repository.files["metadata/1.B.json"];
              }),
              "signature_invalid");
    EXPECT_EQ(found([](TufRepository &repository) {
                  repository.snapshot.meta.erase("A");
                  repository.publish_snapshot();
                  repository.publish_timestamp();
              }),
              "registry_malformed");
}

TEST(TufFind, StrangeRoleNamesAreEncoded) {
    for (const std::string role : {"?", "#", "/role", "../role", "a b", "\xc3\xa4"}) {
        TufRepository repository;
        build(repository, {{"targets", role.c_str()}});
        TufUser user(repository);
        user.options.profile = Profile::interoperable;
        Client client = user.refreshed().value();
        EXPECT_FALSE(client.find("x").value());
        EXPECT_EQ(user.transport.log.back(), "1." + encode_role_name(role) + ".json");
        // pgx's own registries do not have them
        user.options.profile = Profile::strict;
        EXPECT_EQ(user.refresh(), "registry_malformed");
    }
}

// --- listing

TEST(TufListing, OnlyWhatHasChangedIsFetched) {
    TufRepository repository;
    build(repository, {{"targets", "A", {"a/*"}}, {"targets", "B", {"b/*"}}, {"B", "C", {"b/c*"}}});
    repository.add_target("A", "a/1", "x");
    repository.add_target("C", "b/c1", "y");
    repository.publish();
    TufUser user(repository);
    Listing listing = user.refreshed()->list().value();
    EXPECT_EQ(user.transport.log, (Log{"2.root.json", "timestamp.json", "1.snapshot.json",
                                       "1.targets.json", "1.A.json", "1.B.json", "1.C.json"}));
    EXPECT_EQ(listed_paths(listing), (Log{"a/1 A", "b/c1 C"}));
    ASSERT_EQ(listing.roles.size(), 4u);
    for (const auto &role : listing.roles) {
        EXPECT_FALSE(role.error) << role.name;
        EXPECT_EQ(role.received, role.name != "targets") << role.name;
        EXPECT_EQ(role.version, 1u) << role.name;
    }
    repository.add_target("A", "a/2", "z");
    ++repository.targets["A"].version;
    ++repository.snapshot.version;
    ++repository.timestamp.version;
    repository.publish();
    listing = user.refreshed()->list().value();
    EXPECT_EQ(user.transport.log,
              (Log{"2.root.json", "timestamp.json", "2.snapshot.json", "2.A.json"}));
    EXPECT_EQ(listed_paths(listing), (Log{"a/1 A", "a/2 A", "b/c1 C"}));
    for (const auto &role : listing.roles) EXPECT_EQ(role.received, role.name == "A") << role.name;
}

TEST(TufListing, APublisherComesBeforeTheBins) {
    TufRepository repository;
    build(repository, {{"targets", "publisher-acme", {"packages/acme_*.json"}, true},
                       {"targets", "bin-0", {"catalog/0*.json.zst", "packages/*.json"}}});
    repository.add_target("publisher-acme", "packages/acme_x.json", "by acme");
    repository.add_target("publisher-acme", "packages/other.json", "by acme, who may not");
    repository.add_target("publisher-acme", "catalog/0000.json.zst", "by acme, who may not");
    repository.add_target("bin-0", "packages/acme_x.json", "by the registry, who may not");
    repository.add_target("bin-0", "packages/acme_y.json", "by the registry, who may not");
    repository.add_target("bin-0", "catalog/0000.json.zst", "shard");
    repository.publish();
    TufUser user(repository);
    EXPECT_EQ(listed_paths(user.refreshed()->list().value()),
              (Log{"catalog/0000.json.zst bin-0", "packages/acme_x.json publisher-acme"}));
}

TEST(TufListing, OneBadPublisherDoesNotDisturbTheOthersNorIsHeReplaced) {
    const std::pair<std::function<void(TufRepository &, RepositoryTransport &)>, ErrorCode>
        cases[] = {
            {[](TufRepository &repository, RepositoryTransport &) {
                 repository.files.erase("metadata/1.bad.json");
             },
             ErrorCode::registry_refused},
            {[](TufRepository &, RepositoryTransport &transport) {
                 transport.faults["1.bad.json"] = ErrorCode::registry_refused;
             },
             ErrorCode::registry_refused},
            {[](TufRepository &repository, RepositoryTransport &) {
                 repository.files["metadata/1.bad.json"] += std::string(5'000'000, ' ');
             },
             ErrorCode::limit_exceeded},
            {[](TufRepository &repository, RepositoryTransport &) {
                 repository.signers["bad"] = {30};
                 repository.publish();
             },
             ErrorCode::signature_invalid},
            {[](TufRepository &repository, RepositoryTransport &) {
                 repository.targets["bad"].expires = days_from_now(-1);
                 repository.publish();
             },
             ErrorCode::metadata_expired},
            {[](TufRepository &repository, RepositoryTransport &) {
                 repository.files["metadata/1.bad.json"] = "[]";
             },
             ErrorCode::registry_malformed},
            {[](TufRepository &repository, RepositoryTransport &) {
                 repository.snapshot.meta.erase("bad");
                 repository.publish_snapshot();
                 repository.publish_timestamp();
             },
             ErrorCode::registry_malformed},
        };
    for (const auto &[spoil, code] : cases) {
        TufRepository repository;
        build(repository, {{"targets", "good", {"good*"}, true},
                           {"targets", "bad", {"bad*"}, true},
                           {"targets", "rest", {"*"}}});
        repository.add_target("good", "good1", "x");
        repository.add_target("bad", "bad1", "x");
        repository.add_target("rest", "bad1", "y");
        repository.add_target("rest", "bad2", "y");
        repository.add_target("rest", "rest1", "y");
        repository.publish();
        TufUser user(repository);
        spoil(repository, user.transport);
        const auto listing = user.refreshed()->list();
        ASSERT_TRUE(listing) << listing.error().message;
        EXPECT_EQ(listed_paths(*listing), (Log{"good1 good", "rest1 rest"}));
        for (const auto &role : listing->roles) {
            ASSERT_EQ(role.error.has_value(), role.name == "bad") << role.name;
            if (role.error) {
                EXPECT_EQ(role.error->code, code) << role.error->message;
            }
        }
    }
}

TEST(TufListing, AFailureOfTheNetworkIsNoMatterOfOneRole) {
    TufRepository repository;
    build(repository, {{"targets", "A"}});
    TufUser user(repository);
    for (const ErrorCode code : {ErrorCode::registry_unreachable, ErrorCode::cancelled}) {
        user.transport.faults["1.A.json"] = code;
        EXPECT_EQ(user.refreshed()->list().error().code, code);
    }
}

TEST(TufListing, ManyRolesGoInSeveralBatches) {
    TufRepository repository;
    for (int i = 0; i < 150; ++i) {
        const std::string name = "r" + std::to_string(i);
        repository.delegate("targets", name, 5, {name + "*"});
        repository.add_target(name, name + "x", name);
    }
    repository.publish();
    class Counting : public RepositoryTransport {
       public:
        using RepositoryTransport::RepositoryTransport;
        std::size_t largest = 0;
        Result<std::vector<std::optional<std::string>>> fetch(
            const std::vector<FileRequest> &requests) override {
            largest = std::max(largest, requests.size());
            return RepositoryTransport::fetch(requests);
        }
    } transport(repository);
    TufUser user(repository);
    Client client = Client::open(transport, user.store, test_now(), user.options).value();
    ASSERT_TRUE(client.refresh());
    EXPECT_EQ(client.list()->targets.size(), 150u);
    EXPECT_EQ(transport.largest, 64u);
}

TEST(TufListing, ARoleOfTwoDelegatorsWithDifferentKeys) {
    TufRepository repository;
    repository.delegate("targets", "A", 5, {"a*"});
    repository.delegate("targets", "B", 6, {"b*"});
    repository.delegate("A", "C", 7, {"*"});
    repository.delegate("B", "C", 8, {"*"});
    repository.add_target("C", "a1", "x");
    repository.add_target("C", "b1", "x");
    repository.signers["C"] = {7};
    repository.publish();
    TufUser user(repository);
    EXPECT_EQ(listed_paths(user.refreshed()->list().value()), Log{"a1 C"});
    repository.signers["C"] = {8};
    repository.publish_next();
    EXPECT_EQ(listed_paths(user.refreshed()->list().value()), Log{"b1 C"});
    repository.signers["C"] = {7, 8};
    repository.publish_next();
    EXPECT_EQ(listed_paths(user.refreshed()->list().value()), (Log{"a1 C", "b1 C"}));
}

TEST(TufListing, ARoleThatIsReachedLaterByAWayThatItDoesNotSignFor) {
    TufRepository repository;
    repository.delegate("targets", "A", 5, {"a*"});
    repository.delegate("targets", "B", 6, {"b*"});
    repository.delegate("A", "C", 7, {"*"});
    repository.delegate("B", "D", 8, {"*"});
    repository.delegate("D", "C", 9, {"*"});
    repository.add_target("C", "a1", "x");
    repository.add_target("C", "b1", "x");
    repository.signers["C"] = {7};
    repository.publish();
    TufUser user(repository);
    const Listing listing = user.refreshed()->list().value();
    EXPECT_EQ(listed_paths(listing), Log{"a1 C"});
    EXPECT_EQ(listing.roles.back().error->code, ErrorCode::signature_invalid);
}

// An implementation of Transport may be wrong, too.
TEST(TufListing, AnswersThatWereNotAskedFor) {
    TufRepository repository;
    build(repository, {{"targets", "A"}});
    repository.add_target("targets", "x", "content");
    repository.publish();
    class Wrong : public RepositoryTransport {
       public:
        using RepositoryTransport::RepositoryTransport;
        std::string missing;  // told to be missing though it must not be
        bool too_few = false;
        Result<std::vector<std::optional<std::string>>> fetch(
            const std::vector<FileRequest> &requests) override {
            auto answers = TRY(RepositoryTransport::fetch(requests));
            for (std::size_t i = 0; i < requests.size(); ++i)
                if (requests[i].path == missing) answers[i].reset();
            if (too_few) answers.pop_back();
            return answers;
        }
    } transport(repository);
    TufUser user(repository);
    const auto open = [&] {
        return Client::open(transport, user.store, test_now(), user.options).value();
    };
    transport.too_few = true;
    EXPECT_EQ(open().refresh().error().code, ErrorCode::internal);
    transport.too_few = false;
    transport.missing = "timestamp.json";
    EXPECT_EQ(open().refresh().error().code, ErrorCode::registry_refused);
    Client client = open();
    transport.missing = "1.A.json";
    ASSERT_TRUE(client.refresh());
    EXPECT_EQ(client.list()->roles.back().error->code, ErrorCode::registry_refused);
    const Target target = client.find("x").value().value();
    transport.missing = client.location(target).value();
    EXPECT_EQ(client.download({target}).error().code, ErrorCode::registry_refused);
    transport.missing.clear();
    transport.too_few = true;
    EXPECT_EQ(client.download({target}).error().code, ErrorCode::registry_refused);
}

// --- downloads

TEST(TufDownload, VerifiedContent) {
    TufRepository repository;
    repository.add_target("targets", "one", "content one");
    repository.add_target("targets", "d/two", "content two");
    repository.add_target("targets", "empty", "");
    repository.publish();
    TufUser user(repository);
    Client client = user.refreshed().value();
    std::vector<Target> targets;
    for (const char *path : {"d/two", "one", "empty"})
        targets.push_back(client.find(path).value().value());
    EXPECT_EQ(client.location(targets[0]).value(),
              "d/" + sha256_hex("content two").value() + ".two");
    EXPECT_EQ(client.download(targets).value(), (Log{"content two", "content one", ""}));
    EXPECT_EQ(client.download({}).value(), Log{});

    std::string &served = repository.files["targets/" + client.location(targets[1]).value()];
    served[0] ^= 1;
    EXPECT_EQ(client.download(targets).error().code, ErrorCode::digest_mismatch);
    served += "more";
    EXPECT_EQ(client.download(targets).error().code, ErrorCode::limit_exceeded);
    served = "less";
    EXPECT_EQ(client.download(targets).error().code, ErrorCode::digest_mismatch);
    repository.files.erase("targets/" + client.location(targets[1]).value());
    EXPECT_EQ(client.download(targets).error().code, ErrorCode::registry_refused);
}

TEST(TufDownload, UnsafePathsAreNeverAskedFor) {
    TufRepository repository;
    repository.targets["targets"].targets["../../etc/passwd"] = target_of("x");
    repository.publish();
    TufUser user(repository);
    EXPECT_EQ(user.refresh(), "registry_malformed");
    user.options.profile = Profile::interoperable;
    Client client = user.refreshed().value();
    const Target target = client.find("../../etc/passwd").value().value();
    EXPECT_EQ(client.location(target).error().code, ErrorCode::invalid_name);
    EXPECT_EQ(client.download({target}).error().code, ErrorCode::invalid_name);
    Target no_digest{"x", "targets", {1, {{"unknown", "00"}}, nullptr}};
    EXPECT_EQ(client.location(no_digest).error().code, ErrorCode::registry_malformed);
    Target sha512{"d/x", "targets", {1, {{"sha512", "ab"}, {"unknown", "00"}}, nullptr}};
    EXPECT_EQ(client.location(sha512).value(), "d/ab.x");
}

}  // namespace
}  // namespace pgx::tuf
