// tuf_repository.h - a TUF repository in memory for tests: real keys, real signatures, and a
// transport that can fail.
//
// Everything that a repository can do wrong is done by changing the public members and publishing
// again, or by editing the published bytes in `files`.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/tuf/client.h"
#include "core/tuf/metadata.h"

namespace pgx::tuf {

// The time of all these tests.
inline Time test_now() { return parse_time("2026-11-20T10:00:00Z").value(); }
inline Time days_from_now(int days) { return test_now() + std::chrono::hours(24 * days); }

// The same key for the same number in all tests of a process.
inline const SecretKey &test_key(unsigned number) {
    static std::map<unsigned, SecretKey> keys;
    const auto found = keys.find(number);
    if (found != keys.end()) return found->second;
    std::string seed(32, '\0');
    seed[0] = static_cast<char>(number & 255);
    seed[1] = static_cast<char>(number >> 8);
    return keys.emplace(number, SecretKey::from_seed(seed).value()).first->second;
}

inline Role role_of(const std::vector<unsigned> &keys, std::uint64_t threshold = 1) {
    Role role;
    for (const unsigned key : keys) role.key_ids.push_back(test_key(key).id());
    role.threshold = threshold;
    return role;
}

inline Keys keys_of(const std::vector<unsigned> &numbers) {
    Keys keys;
    for (const unsigned number : numbers)
        keys.emplace(test_key(number).id(), test_key(number).public_key());
    return keys;
}

inline TargetFile target_of(std::string_view content) {
    return {content.size(), {{"sha256", sha256_hex(content).value()}}, nullptr};
}

class TufRepository {
   public:
    // The keys of the top-level roles are 1 to 4.
    TufRepository() {
        unsigned key = 1;
        for (const char *name : {"root", "timestamp", "snapshot", "targets"}) {
            signers[name] = {key};
            root.roles[name] = role_of({key++});
        }
        root.expires = days_from_now(365);
        timestamp.expires = days_from_now(7);
        snapshot.expires = days_from_now(30);
        targets["targets"].expires = days_from_now(365);
        publish_root();
        publish();
    }

    std::map<std::string, std::vector<unsigned>> signers;
    Root root;
    Timestamp timestamp;
    Snapshot snapshot;
    std::map<std::string, Targets> targets;
    std::map<std::string, std::string> files;  // what a server has: "metadata/...", "targets/..."
    bool with_hashes = false;                  // in timestamp and snapshot

    std::string sign(const std::string &role, const Json &part) const {
        std::vector<const SecretKey *> keys;
        for (const unsigned number : signers.at(role)) keys.push_back(&test_key(number));
        return sign_metadata(part, keys).value();
    }

    // The root as it stands; the keys of all roles are in it.
    void publish_root() {
        for (unsigned number = 1; number < 40; ++number)
            root.keys.insert_or_assign(test_key(number).id(), test_key(number).public_key());
        files["metadata/" + std::to_string(root.version) + ".root.json"] =
            sign("root", to_json(root));
    }
    // With the next version, after `change`.
    void next_root(const std::function<void()> &change = [] {}) {
        ++root.version;
        change();
        publish_root();
    }

    std::string name(std::uint64_t version, const std::string &role) const {
        const std::string prefix = root.consistent_snapshot ? std::to_string(version) + "." : "";
        return "metadata/" + prefix + encode_role_name(role) + ".json";
    }
    MetadataFile describe(std::uint64_t version, const std::string &bytes) const {
        if (!with_hashes) return {version, {}, {}};
        return {version, bytes.size(), {{"sha256", sha256_hex(bytes).value()}}};
    }
    void publish_targets(const std::string &role) {
        const Targets &metadata = targets.at(role);
        std::string &file = files[name(metadata.version, role)];
        file = sign(role, to_json(metadata));
        snapshot.meta[role] = describe(metadata.version, file);
    }
    void publish_snapshot() {
        std::string &file = files[name(snapshot.version, "snapshot")];
        file = sign("snapshot", to_json(snapshot));
        timestamp.snapshot = describe(snapshot.version, file);
    }
    void publish_timestamp() {
        files["metadata/timestamp.json"] = sign("timestamp", to_json(timestamp));
    }
    // All but the root, as they stand.
    void publish() {
        for (const auto &[role, metadata] : targets) publish_targets(role);
        publish_snapshot();
        publish_timestamp();
    }
    // Each with its next version.
    void publish_next() {
        for (auto &[role, metadata] : targets) ++metadata.version;
        ++snapshot.version;
        ++timestamp.version;
        publish();
    }

    // A role with one key, delegated to by `delegator`, behind those that are there.
    void delegate(const std::string &delegator, const std::string &role, unsigned key,
                  std::vector<std::string> paths, bool terminating = false) {
        auto &delegations = targets.at(delegator).delegations;
        if (!delegations) delegations.emplace();
        delegations->keys.merge(keys_of({key}));
        delegations->roles.push_back({role, role_of({key}), terminating, std::move(paths), {}});
        signers[role] = {key};
        if (!targets.contains(role)) targets[role].expires = days_from_now(365);
    }
    void add_target(const std::string &role, const std::string &path, const std::string &content) {
        targets.at(role).targets[path] = target_of(content);
        const std::size_t slash = path.rfind('/');
        const std::size_t at = slash == std::string::npos ? 0 : slash + 1;
        files["targets/" + path.substr(0, at) + sha256_hex(content).value() + "." +
              path.substr(at)] = content;
        files["targets/" + path] = content;
    }
};

class RepositoryTransport : public Transport {
   public:
    explicit RepositoryTransport(const TufRepository &repository) : repository_(repository) {}

    std::vector<std::string> log;             // what was asked for, without "metadata/"
    std::map<std::string, ErrorCode> faults;  // by file

    Result<std::vector<std::optional<std::string>>> fetch(
        const std::vector<FileRequest> &requests) override {
        std::vector<std::optional<std::string>> answers;
        for (const FileRequest &request : requests) {
            const bool is_target = request.kind == FileRequest::Kind::target;
            const std::string file = (is_target ? "targets/" : "metadata/") + request.path;
            log.push_back(is_target ? file : request.path);
            if (const auto fault = faults.find(request.path); fault != faults.end())
                return fail(fault->second, "fault injected for " + request.path);
            const auto found = repository_.files.find(file);
            if (found == repository_.files.end()) {
                if (!request.may_be_missing)
                    return fail(ErrorCode::registry_refused, "404 for " + request.path);
                answers.emplace_back(std::nullopt);
            } else if (found->second.size() > request.limit) {
                return fail(ErrorCode::limit_exceeded, "more than was asked for");
            } else {
                answers.emplace_back(found->second);
            }
        }
        return answers;
    }

   private:
    const TufRepository &repository_;
};

// A client with its store, that is opened anew for each refresh, as separate processes would.
class TufUser {
   public:
    explicit TufUser(TufRepository &repository) : transport(repository) {
        options.timestamp_with_root = false;
        EXPECT_TRUE(Client::open(transport, store, repository.files.at("metadata/1.root.json"),
                                 test_now(), options));
    }

    RepositoryTransport transport;
    MemoryStore store;
    ClientOptions options;
    Time now = test_now();

    Result<Client> refreshed() {
        transport.log.clear();
        Client client = TRY(Client::open(transport, store, now, options));
        TRY(client.refresh());
        return client;
    }
    // The name of the error's code, "" for success.
    std::string refresh() {
        const auto client = refreshed();
        return client ? "" : error_info(client.error().code).name;
    }
    // The version that the store has of a role, 0 for none.
    std::uint64_t version(const std::string &role) {
        const auto bytes = store.load(role).value();
        return bytes ? parse_json(*bytes).value()["signed"]["version"].get<std::uint64_t>() : 0;
    }
    // Of root, timestamp, snapshot and targets.
    std::vector<std::uint64_t> versions() {
        return {version("root"), version("timestamp"), version("snapshot"), version("targets")};
    }
};

}  // namespace pgx::tuf
