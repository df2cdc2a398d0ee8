// generation_publish.cpp - signing and writing the next generation.
//
// The order is what readers are promised: first all files that have names of their own (targets,
// roles, snapshot), durable, then timestamp.json. A new root has no such instant of its own, since
// readers look for it before anything else. So where keys change, the roles are signed with the old
// and the new ones, and the generation comes before the root: it is right under both.
#include <algorithm>

#include "core/publish/generation.h"

namespace pgx {

namespace {

Result<void> check_size(const std::string &role, const std::string &bytes) {
    if (bytes.size() <= metadata_limit) return {};
    return fail(ErrorCode::limit_exceeded,
                "the metadata of role \"" + role + "\" has become larger than clients accept",
                "It has " + std::to_string(bytes.size()) + " bytes; " +
                    std::to_string(metadata_limit) + " are allowed.");
}

}  // namespace

Result<std::string> Generation::sign_top_level(KeyFolder &keys, const std::string &name,
                                               const Json &signed_part) {
    return sign_with(keys, name + " metadata", root_.roles.at(name), signed_part,
                     trusted_.root().roles.at(name).key_ids);
}

// All roles that list targets, "targets" last: it has the others' keys.
Result<void> Generation::sign_roles(KeyFolder &keys, const Lifetimes &lifetimes, tuf::Time now,
                                    NewFiles &files, Publication &publication) {
    const auto finish = [&](const std::string &name) -> Result<void> {
        tuf::Targets &targets = roles_.at(name);
        std::uint64_t known = 0;
        if (trusted_.has_snapshot())
            if (const auto found = snapshot().meta.find(name); found != snapshot().meta.end())
                known = found->second.version;
        targets.version = std::max(targets.version, known) + 1;
        targets.expires = lifetimes.expiry(name, now);
        const Json signed_part = tuf::to_json(targets);
        std::string bytes =
            TRY(name == "targets" ? sign_top_level(keys, name, signed_part)
                                  : sign_with(keys, "metadata of role \"" + name + "\"",
                                              TRY(signers(name)), signed_part));
        TRY(check_size(name, bytes));
        files.add(folder_.role_file(name, targets.version), std::move(bytes));
        publication.roles.push_back({name, targets.version, targets.expires});
        return {};
    };
    for (const std::string &name : changed_)
        if (name != "targets") TRY(finish(name));
    if (changed_.contains("targets")) TRY(finish("targets"));
    return {};
}

Result<Publication> Generation::publish(KeyFolder &keys, const Lifetimes &lifetimes, tuf::Time now,
                                        const PublishOptions &options) {
    const std::optional<NextRoot> &next_root = options.next_root;
    if (next_root) TRY(adopt_root(next_root->root));
    Publication publication;
    NewFiles files(*fs_);
    for (const auto &[path, bytes] : new_targets_) files.add(path, bytes);
    TRY(sign_roles(keys, lifetimes, now, files, publication));

    const bool has_generation = trusted_.has_timestamp();
    bool only_publishers = !changed_.empty();
    for (const std::string &name : changed_)
        only_publishers = only_publishers && !publisher_of_role(name).empty();
    if (only_publishers && !next_root &&
        (!keys.can_sign(root_.roles.at("snapshot")) ||
         !keys.can_sign(root_.roles.at("timestamp")))) {
        publication.pending = true;
        pending_file_ = folder_.role_file(publication.roles[0].role, publication.roles[0].version);
        publication.bytes = files.bytes();
        TRY(files.write());
        return publication;
    }

    tuf::Snapshot next_snapshot;
    next_snapshot.version = 0;
    if (has_generation) next_snapshot = snapshot();
    const bool new_snapshot = !changed_.empty() || !pending_.empty() || options.renew_snapshot ||
                              changes_keys("snapshot");
    if (new_snapshot) {
        ++next_snapshot.version;
        next_snapshot.expires = lifetimes.expiry("snapshot", now);
        for (const std::string &name : changed_)
            next_snapshot.meta[name] = {roles_.at(name).version, std::nullopt, {}};
        for (const std::string &name : pending_)
            next_snapshot.meta[name] = {roles_.at(name).version, std::nullopt, {}};
        std::string bytes = TRY(sign_top_level(keys, "snapshot", tuf::to_json(next_snapshot)));
        TRY(check_size("snapshot", bytes));
        files.add(folder_.role_file("snapshot", next_snapshot.version), std::move(bytes));
        publication.roles.push_back({"snapshot", next_snapshot.version, next_snapshot.expires});
    }

    // Where the old keys are gone, there is no way that is right at every instant.
    bool root_first = !has_generation;
    for (const char *name : {"targets", "snapshot", "timestamp"})
        root_first =
            root_first || (changes_keys(name) && !keys.can_sign(trusted_.root().roles.at(name)));
    const std::uint64_t root_version = next_root ? next_root->root.version : root_.version;
    const std::string &root_text = next_root ? next_root->bytes : root_bytes_;
    const bool new_root = next_root || !has_generation;
    if (new_root && root_first) files.add(folder_.role_file("root", root_version), root_text);

    std::string &timestamp_text = published_timestamp_;
    if (options.renew_timestamp || new_snapshot || changes_keys("timestamp")) {
        tuf::Timestamp next;
        next.version = has_generation ? timestamp().version + 1 : 1;
        next.expires = lifetimes.expiry("timestamp", now);
        next.snapshot.version = next_snapshot.version;
        timestamp_text = TRY(sign_top_level(keys, "timestamp", tuf::to_json(next)));
        publication.roles.push_back({"timestamp", next.version, next.expires});
    }

    publication.bytes = files.bytes() + timestamp_text.size();
    TRY(files.write());
    if (!timestamp_text.empty())
        TRY(write_file_durably(*fs_, folder_.timestamp_file(), timestamp_text, 0644));
    if (new_root && !root_first) {
        publication.bytes += root_text.size();
        TRY(write_file_durably(*fs_, folder_.role_file("root", root_version), root_text, 0644));
    }
    if (next_root)
        publication.roles.insert(publication.roles.begin(),
                                 {"root", root_version, next_root->root.expires});
    return publication;
}

Result<bool> Generation::is_published() const {
    if (!pending_file_.empty()) return TRY(fs_->info(pending_file_)).has_value();
    if (published_timestamp_.empty() || !TRY(fs_->info(folder_.timestamp_file()))) return false;
    return TRY(fs_->read(folder_.timestamp_file(), metadata_limit)) == published_timestamp_;
}

}  // namespace pgx
