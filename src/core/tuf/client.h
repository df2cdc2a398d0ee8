// client.h - a TUF client: refresh, find, list, download.
//
// The order of work and all limits are those of the specification, section 5; what may be believed
// is decided in trusted_metadata.h. Every file is kept in the store as soon as it is trusted, byte
// for byte, so that a refresh that fails half-way is taken up by the next one, and so that nothing
// older is accepted later.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/tuf/fingerprint.h"
#include "core/tuf/transport.h"
#include "core/tuf/trusted_metadata.h"

namespace pgx::tuf {

struct ClientLimits {
    std::uint64_t root_bytes = 512'000;
    std::uint64_t timestamp_bytes = 16'384;
    std::uint64_t snapshot_bytes = 2'000'000;
    std::uint64_t targets_bytes = 5'000'000;
    unsigned root_rotations = 256;  // in one refresh
    unsigned searched_roles = 32;   // by find()
    unsigned listed_roles = 1024;   // by list()
};

struct ClientOptions {
    ClientLimits limits = {};
    Profile profile = Profile::strict;
    // Ask for the timestamp together with the next root instead of after it, which saves a round
    // trip in the common case that there is no new root.
    bool timestamp_with_root = true;
};

// A target that has been found, with all that is needed to get it.
struct Target {
    std::string path;
    std::string role;  // that listed it
    TargetFile file;
};

// All that a registry has to offer.
struct Listing {
    struct ListedRole {
        std::string name;
        std::uint64_t version = 0;  // as the snapshot says, 0 when it does not
        bool received = false;      // fetched in this run rather than found in the store
        std::optional<Error>
            error;  // why its targets, and all that it would decide about, are not there
    };
    std::vector<ListedRole> roles;  // in the order in which they were reached, "targets" first
    std::vector<Target> targets;    // by path; each is what find() gives for it
};

class Client {
   public:
    // Begins with the root in the store; wrong_state when there is none. Transport and store must
    // outlive the client.
    static Result<Client> open(Transport &transport, Store &store, Time now,
                               ClientOptions options = {});
    // Begins with this root, which the caller trusts, and keeps it.
    static Result<Client> open(Transport &transport, Store &store, std::string_view root, Time now,
                               ClientOptions options = {});

    // Begins with the fingerprint and goes on with the roots in the store: the first has to have
    // it, and each has to be signed by the one before, as when it was received. nullopt when the
    // first is not there. digest_mismatch, signature_invalid, registry_malformed: others have
    // written there; nothing of it is believed.
    static Result<std::optional<Client>> resume(Transport &transport, Store &store,
                                                const Fingerprint &fingerprint, Time now,
                                                ClientOptions options = {});

    // Root, timestamp, snapshot, targets. What follows needs it to have succeeded (wrong_state).
    Result<void> refresh();

    // The target of that path by the rules of delegation; nullopt when no role that may list it
    // does. limit_exceeded when too many roles would have to be asked.
    Result<std::optional<Target>> find(const std::string &path);

    // Loads every role that can be reached and lists every target that find() would find. A
    // delegated role that cannot be had or trusted is told in the listing and does not disturb the
    // others, but neither does another role take over its paths.
    Result<Listing> list();

    // The verified content of targets, in their order.
    Result<std::vector<std::string>> download(const std::vector<Target> &targets);
    // Where a target is, as an encoded path relative to the base of targets.
    Result<std::string> location(const Target &target) const;

    const TrustedMetadata &trusted() const { return trusted_; }

   private:
    // A role as one of those that delegate to it does; "root" delegates to "targets".
    struct Delegated {
        std::string role, delegator;
    };
    using Failures = std::set<std::pair<std::string, std::string>>;  // role, delegator

    Client(Transport &transport, Store &store, ClientOptions options, TrustedMetadata trusted)
        : transport_(&transport), store_(&store), options_(options), trusted_(std::move(trusted)) {}

    Result<void> refresh_root();
    Result<void> refresh_timestamp();
    Result<void> refresh_snapshot();
    Result<void> check_refreshed() const;
    Result<std::string> fetch_one(FileRequest request);

    Result<void> load_targets(const std::string &role, const std::string &delegator);
    // Whether the role is trusted already or the store has it as the snapshot wants it.
    Result<bool> load_kept_targets(const Delegated &delegated);
    Result<void> take_targets(const std::string &bytes, const Delegated &delegated);
    Result<FileRequest> targets_request(const std::string &role) const;

    // Depth first in the order of the delegations, through at most `most` roles, each of which
    // `load` provides.
    Result<std::optional<Target>> search(
        const std::string &path, unsigned most,
        const std::function<Result<void>(const Delegated &)> &load) const;
    // The roles that `role` sends those to who look for a path; `terminated`: and to no others.
    Result<std::vector<Delegated>> next_roles(const std::string &role,
                                              const std::string &target_path,
                                              bool &terminated) const;

    std::vector<Delegated> all_delegated(const std::string &role) const;
    Result<std::vector<Result<std::string>>> fetch_each(const std::vector<FileRequest> &requests);
    Result<void> load_level(const std::vector<Delegated> &level, Failures &failures,
                            Listing &listing);
    Result<std::vector<Target>> authoritative_targets(const std::set<std::string> &roles,
                                                      const Failures &failures) const;

    Transport *transport_;
    Store *store_;
    ClientOptions options_;
    TrustedMetadata trusted_;
    std::optional<std::string> early_timestamp_;  // fetched together with the root
    bool refreshed_ = false;
};

}  // namespace pgx::tuf
