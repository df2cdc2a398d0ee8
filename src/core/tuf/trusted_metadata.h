// trusted_metadata.h - what a client believes at a moment, and the rules by which that may change.
//
// The client workflow of the specification (section 5) without network and disk: a state machine
// that is given the bytes of the next metadata file and either takes it over or says why not. A
// refused file changes nothing. Files that the client has kept from earlier go through the same
// door; the rules differ for them only where the specification says so (an expired timestamp still
// tells which versions were seen).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/tuf/metadata.h"

namespace pgx::tuf {

class TrustedMetadata {
   public:
    // Begins with a root that is trusted already; it must still be signed by its own keys. `now`
    // stays fixed.
    static Result<TrustedMetadata> open(std::string_view root, Time now, Profile profile);

    const Root &root() const { return root_; }

    // What a newer root does to what was trusted before.
    struct RootChange {
        bool online_keys_replaced =
            false;  // forget timestamp and snapshot: recovery from a fast-forward attack
    };
    // The next root: exactly one version higher, signed by the keys of the present one and by its
    // own.
    Result<RootChange> update_root(std::string_view bytes);
    // After the last root: metadata_expired when it is.
    Result<void> check_root() const;

    // Takes over a timestamp. False: it has the version that is trusted already, which stays.
    // metadata_rolled_back when it, or the snapshot that it names, is older.
    Result<bool> update_timestamp(std::string_view bytes);
    // A timestamp from the store: may have expired, since what it says of versions still holds.
    Result<void> load_timestamp(std::string_view bytes);
    bool has_timestamp() const { return timestamp_.has_value(); }
    const Timestamp &timestamp() const { return *timestamp_; }
    // metadata_expired when the trusted timestamp is.
    Result<void> check_timestamp() const;

    // Takes over a snapshot: the one that the timestamp names, in which no role is missing or
    // older.
    Result<void> update_snapshot(std::string_view bytes);
    // A snapshot from the store; true when it is the one that the timestamp names, so that none has
    // to be fetched. An older one is kept for comparison with the next.
    Result<bool> load_snapshot(std::string_view bytes);
    bool has_snapshot() const { return snapshot_.has_value(); }
    const Snapshot &snapshot() const { return *snapshot_; }

    // Takes over targets metadata of a role as `delegator` ("root" for "targets") delegates to it:
    // the version that the snapshot names. A role that was taken over through another delegator has
    // its signatures checked against this one's keys.
    Result<void> update_targets(std::string_view bytes, const std::string &role,
                                const std::string &delegator);
    // Whether the role is there and `delegator`'s keys have signed it. An error when they have not.
    Result<bool> has_targets(const std::string &role, const std::string &delegator);
    // nullptr when it has not been taken over.
    const Targets *targets(const std::string &role) const;
    // What the snapshot says of a role; registry_malformed when nothing.
    Result<MetadataFile> targets_file(const std::string &role) const;

   private:
    struct LoadedTargets {
        Signed<Targets> metadata;
        std::set<std::string> delegators;  // whose keys have signed it
    };

    TrustedMetadata(Root root, Time now, Profile profile)
        : root_(std::move(root)), now_(now), profile_(profile) {}

    Result<Timestamp> read_timestamp(std::string_view bytes) const;
    Result<Snapshot> read_snapshot(std::string_view bytes) const;
    Result<void> check_snapshot() const;
    Result<void> check_delegated(const Signed<Targets> &metadata, const std::string &role,
                                 const std::string &delegator) const;
    Result<void> check_not_expired(std::string_view what, Time expires) const;

    Root root_;
    std::optional<Timestamp> timestamp_;
    std::optional<Snapshot> snapshot_;
    std::map<std::string, LoadedTargets> targets_;
    Time now_;
    Profile profile_;
};

}  // namespace pgx::tuf
