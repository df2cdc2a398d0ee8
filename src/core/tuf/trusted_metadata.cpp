#include "core/tuf/trusted_metadata.h"

#include <algorithm>

namespace pgx::tuf {

namespace {

std::string quoted(const std::string &name) { return "\"" + name + "\""; }

std::string metadata_of(const std::string &role) { return "metadata of role " + quoted(role); }

std::unexpected<Error> rolled_back(std::string_view what, std::uint64_t offered,
                                   std::uint64_t seen) {
    return fail(ErrorCode::metadata_rolled_back,
                std::string(what) + " is older than what was seen before",
                "Offered is version " + std::to_string(offered) + ", seen was version " +
                    std::to_string(seen) + ".");
}

std::unexpected<Error> wrong_version(std::string_view what, std::uint64_t offered,
                                     std::uint64_t wanted) {
    return fail(ErrorCode::registry_malformed,
                std::string(what) + " has version " + std::to_string(offered) + " instead of " +
                    std::to_string(wanted),
                {}, "The registry may be in the middle of an update: try again in a minute.");
}

// What the keys of a role are, whatever their ids.
std::set<std::string> identities(const Root &root, const std::string &role) {
    std::set<std::string> result;
    for (const std::string &id : root.roles.at(role).key_ids)
        if (const auto key = root.keys.find(id); key != root.keys.end())
            result.insert(key->second.identity());
    return result;
}

bool lost_a_key(const Root &before, const Root &after, const std::string &role) {
    const auto old_keys = identities(before, role), new_keys = identities(after, role);
    return !std::includes(new_keys.begin(), new_keys.end(), old_keys.begin(), old_keys.end());
}

bool is_succinct_name(const SuccinctRoles &roles, const std::string &name) {
    const std::string prefix = roles.name_prefix + "-";
    if (!name.starts_with(prefix)) return false;
    const std::string suffix = name.substr(prefix.size());
    if (suffix.empty() || suffix.size() > 8 ||
        suffix.find_first_not_of("0123456789abcdef") != std::string::npos)
        return false;
    const unsigned long number = std::stoul(suffix, nullptr, 16);
    return number >> roles.bit_length == 0 &&
           succinct_role_name(roles, static_cast<std::uint32_t>(number)) == name;
}

}  // namespace

Result<TrustedMetadata> TrustedMetadata::open(std::string_view root, Time now, Profile profile) {
    Signed<Root> metadata = TRY(parse_root(root, profile));
    TRY(check_signatures("root metadata", metadata.value.roles.at("root"), metadata.value.keys,
                         metadata.signed_bytes, metadata.signatures));
    return TrustedMetadata(std::move(metadata.value), now, profile);
}

Result<void> TrustedMetadata::check_not_expired(std::string_view what, Time expires) const {
    if (now_ < expires) return {};
    return fail(
        ErrorCode::metadata_expired, std::string(what) + " has expired",
        "It was valid until " + format_time(expires) + "; the time is " + format_time(now_) + ".");
}

// --- root

Result<TrustedMetadata::RootChange> TrustedMetadata::update_root(std::string_view bytes) {
    Signed<Root> metadata = TRY(parse_root(bytes, profile_));
    Root &next = metadata.value;
    TRY(check_signatures("new root metadata", root_.roles.at("root"), root_.keys,
                         metadata.signed_bytes, metadata.signatures));
    if (next.version != root_.version + 1)
        return wrong_version("root metadata", next.version, root_.version + 1);
    TRY(check_signatures("new root metadata", next.roles.at("root"), next.keys,
                         metadata.signed_bytes, metadata.signatures));
    const RootChange change{.online_keys_replaced = lost_a_key(root_, next, "timestamp") ||
                                                    lost_a_key(root_, next, "snapshot")};
    if (change.online_keys_replaced) {
        timestamp_.reset();
        snapshot_.reset();
    }
    // What the former keys have signed is judged again.
    targets_.clear();
    root_ = std::move(next);
    return change;
}

Result<void> TrustedMetadata::check_root() const {
    return check_not_expired("root metadata", root_.expires);
}

// --- timestamp

Result<Timestamp> TrustedMetadata::read_timestamp(std::string_view bytes) const {
    Signed<Timestamp> metadata = TRY(parse_timestamp(bytes));
    TRY(check_signatures("timestamp metadata", root_.roles.at("timestamp"), root_.keys,
                         metadata.signed_bytes, metadata.signatures));
    return std::move(metadata.value);
}

Result<void> TrustedMetadata::load_timestamp(std::string_view bytes) {
    timestamp_ = TRY(read_timestamp(bytes));
    return {};
}

Result<bool> TrustedMetadata::update_timestamp(std::string_view bytes) {
    Timestamp next = TRY(read_timestamp(bytes));
    if (timestamp_) {
        if (next.version < timestamp_->version)
            return rolled_back("timestamp metadata", next.version, timestamp_->version);
        if (next.version == timestamp_->version) return false;
        if (next.snapshot.version < timestamp_->snapshot.version)
            return rolled_back("the snapshot that the timestamp names", next.snapshot.version,
                               timestamp_->snapshot.version);
    }
    TRY(check_not_expired("timestamp metadata", next.expires));
    timestamp_ = std::move(next);
    return true;
}

Result<void> TrustedMetadata::check_timestamp() const {
    if (!timestamp_)
        return fail(ErrorCode::internal, "timestamp metadata is needed before the snapshot");
    return check_not_expired("timestamp metadata", timestamp_->expires);
}

// --- snapshot

Result<Snapshot> TrustedMetadata::read_snapshot(std::string_view bytes) const {
    Signed<Snapshot> metadata = TRY(parse_snapshot(bytes, profile_));
    TRY(check_signatures("snapshot metadata", root_.roles.at("snapshot"), root_.keys,
                         metadata.signed_bytes, metadata.signatures));
    return std::move(metadata.value);
}

Result<bool> TrustedMetadata::load_snapshot(std::string_view bytes) {
    TRY(check_timestamp());
    snapshot_ = TRY(read_snapshot(bytes));
    targets_.clear();
    return snapshot_->version == timestamp_->snapshot.version &&
           check_file("snapshot metadata", bytes, timestamp_->snapshot.length,
                      timestamp_->snapshot.hashes) &&
           check_not_expired("snapshot metadata", snapshot_->expires);
}

Result<void> TrustedMetadata::update_snapshot(std::string_view bytes) {
    TRY(check_timestamp());
    const MetadataFile &named = timestamp_->snapshot;
    TRY(check_file("snapshot metadata", bytes, named.length, named.hashes));
    Snapshot next = TRY(read_snapshot(bytes));
    if (next.version != named.version)
        return wrong_version("snapshot metadata", next.version, named.version);
    if (snapshot_) {
        for (const auto &[role, before] : snapshot_->meta) {
            const auto now = next.meta.find(role);
            if (now == next.meta.end())
                return fail(ErrorCode::metadata_rolled_back,
                            "the snapshot has lost role " + quoted(role));
            if (now->second.version < before.version)
                return rolled_back(metadata_of(role), now->second.version, before.version);
        }
    }
    TRY(check_not_expired("snapshot metadata", next.expires));
    snapshot_ = std::move(next);
    targets_.clear();
    return {};
}

Result<void> TrustedMetadata::check_snapshot() const {
    if (!snapshot_ || !timestamp_)
        return fail(ErrorCode::internal, "snapshot metadata is needed before targets");
    if (snapshot_->version != timestamp_->snapshot.version)
        return wrong_version("snapshot metadata", snapshot_->version, timestamp_->snapshot.version);
    return check_not_expired("snapshot metadata", snapshot_->expires);
}

// --- targets

Result<MetadataFile> TrustedMetadata::targets_file(const std::string &role) const {
    TRY(check_snapshot());
    const auto found = snapshot_->meta.find(role);
    if (found == snapshot_->meta.end())
        return fail(ErrorCode::registry_malformed,
                    "the snapshot does not list role " + quoted(role));
    return found->second;
}

Result<void> TrustedMetadata::check_delegated(const Signed<Targets> &metadata,
                                              const std::string &role,
                                              const std::string &delegator) const {
    const std::string what = metadata_of(role);
    if (delegator == "root")
        return check_signatures(what, root_.roles.at("targets"), root_.keys, metadata.signed_bytes,
                                metadata.signatures);
    const Targets *from = targets(delegator);
    if (from != nullptr && from->delegations) {
        const Delegations &delegations = *from->delegations;
        if (delegations.succinct && is_succinct_name(*delegations.succinct, role))
            return check_signatures(what, delegations.succinct->role, delegations.keys,
                                    metadata.signed_bytes, metadata.signatures);
        for (const Delegation &delegation : delegations.roles)
            if (delegation.name == role)
                return check_signatures(what, delegation.role, delegations.keys,
                                        metadata.signed_bytes, metadata.signatures);
    }
    return fail(ErrorCode::internal,
                "role " + quoted(delegator) + " does not delegate to role " + quoted(role));
}

Result<void> TrustedMetadata::update_targets(std::string_view bytes, const std::string &role,
                                             const std::string &delegator) {
    const MetadataFile named = TRY(targets_file(role));
    const std::string what = metadata_of(role);
    TRY(check_file(what, bytes, named.length, named.hashes));
    auto metadata = parse_targets(bytes, profile_);
    if (!metadata) return fail(std::move(metadata).error().prefixed("role " + quoted(role)));
    TRY(check_delegated(*metadata, role, delegator));
    if (metadata->value.version != named.version)
        return wrong_version(what, metadata->value.version, named.version);
    TRY(check_not_expired(what, metadata->value.expires));
    targets_.insert_or_assign(role, LoadedTargets{*std::move(metadata), {delegator}});
    return {};
}

Result<bool> TrustedMetadata::has_targets(const std::string &role, const std::string &delegator) {
    const auto found = targets_.find(role);
    if (found == targets_.end()) return false;
    if (!found->second.delegators.contains(delegator)) {
        TRY(check_delegated(found->second.metadata, role, delegator));
        found->second.delegators.insert(delegator);
    }
    return true;
}

const Targets *TrustedMetadata::targets(const std::string &role) const {
    const auto found = targets_.find(role);
    return found == targets_.end() ? nullptr : &found->second.metadata.value;
}

}  // namespace pgx::tuf
