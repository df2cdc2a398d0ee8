// client.cpp - refresh and find; what concerns all targets at once is in listing.cpp.
#include "core/tuf/client.h"

#include <algorithm>
#include <set>

namespace pgx::tuf {

namespace {

FileRequest metadata_request(std::string path, std::uint64_t limit, bool may_be_missing = false) {
    return {FileRequest::Kind::metadata, std::move(path), limit, may_be_missing};
}

}  // namespace

Result<Client> Client::open(Transport &transport, Store &store, Time now, ClientOptions options) {
    const auto root = TRY(store.load("root"));
    if (!root)
        return fail(ErrorCode::wrong_state, "there is no trusted root metadata yet",
                    "A client begins with root metadata that somebody vouches for.");
    return Client(transport, store, options,
                  TRY(TrustedMetadata::open(*root, now, options.profile)));
}

Result<Client> Client::open(Transport &transport, Store &store, std::string_view root, Time now,
                            ClientOptions options) {
    TrustedMetadata trusted = TRY(TrustedMetadata::open(root, now, options.profile));
    TRY(store.save_root(trusted.root().version, std::string(root)));
    TRY(store.save("root", std::string(root)));
    return Client(transport, store, options, std::move(trusted));
}

Result<std::optional<Client>> Client::resume(Transport &transport, Store &store,
                                             const Fingerprint &fingerprint, Time now,
                                             ClientOptions options) {
    const auto first = TRY(store.load_root(fingerprint.version));
    if (!first) return std::nullopt;
    const std::string found = TRY(sha256_hex(*first));
    if (found != fingerprint.sha256)
        return fail(ErrorCode::digest_mismatch,
                    "kept root metadata does not have the trusted fingerprint",
                    "Its fingerprint is " + format_fingerprint({fingerprint.version, found}) +
                        ", trusted is " + format_fingerprint(fingerprint) + ".");
    const auto refused = [](std::uint64_t version, Error error) {
        return fail(
            std::move(error).prefixed("kept root metadata of version " + std::to_string(version)));
    };
    auto trusted = TrustedMetadata::open(*first, now, options.profile);
    if (!trusted) return refused(fingerprint.version, std::move(trusted).error());
    while (true) {
        const std::uint64_t next = trusted->root().version + 1;
        const auto kept = TRY(store.load_root(next));
        if (!kept) break;
        if (auto updated = trusted->update_root(*kept); !updated)
            return refused(next, std::move(updated).error());
    }
    return Client(transport, store, options, *std::move(trusted));
}

Result<std::string> Client::fetch_one(FileRequest request) {
    auto answers = TRY(transport_->fetch({request}));
    if (answers.size() != 1 || !answers[0])
        return fail(ErrorCode::registry_refused,
                    "the registry has no file \"" + request.path + "\"");
    return *std::move(answers[0]);
}

Result<void> Client::refresh() {
    refreshed_ = false;
    early_timestamp_.reset();
    TRY(refresh_root());
    TRY(refresh_timestamp());
    TRY(refresh_snapshot());
    TRY(load_targets("targets", "root"));
    refreshed_ = true;
    return {};
}

// Each root is kept at once, so that a server that fails in the middle of the chain costs nothing
// but the rest of it.
Result<void> Client::refresh_root() {
    for (unsigned i = 0; i < options_.limits.root_rotations; ++i) {
        std::vector<FileRequest> requests{
            metadata_request(std::to_string(trusted_.root().version + 1) + ".root.json",
                             options_.limits.root_bytes, true)};
        if (i == 0 && options_.timestamp_with_root)
            requests.push_back(metadata_request("timestamp.json", options_.limits.timestamp_bytes));
        auto answers = TRY(transport_->fetch(requests));
        if (answers.size() != requests.size())
            return fail(ErrorCode::internal, "the transport gave too few answers");
        if (answers.size() > 1) early_timestamp_ = std::move(answers[1]);
        const std::optional<std::string> &root = answers[0];
        if (!root) break;
        const auto change = TRY(trusted_.update_root(*root));
        // Before the root is kept: an interruption between must not leave the old ones with it.
        if (change.online_keys_replaced) {
            TRY(store_->remove("timestamp"));
            TRY(store_->remove("snapshot"));
        }
        TRY(store_->save_root(trusted_.root().version, *root));
        TRY(store_->save("root", *root));
    }
    return trusted_.check_root();
}

Result<void> Client::refresh_timestamp() {
    // What is kept may be signed by keys that are no longer trusted, or damaged: then there is
    // nothing to compare with.
    if (const auto kept = TRY(store_->load("timestamp"))) (void)trusted_.load_timestamp(*kept);
    const FileRequest request = metadata_request("timestamp.json", options_.limits.timestamp_bytes);
    std::string bytes;
    Result<bool> updated = fail(ErrorCode::internal, "no timestamp");
    if (early_timestamp_) {
        bytes = *std::move(early_timestamp_);
        early_timestamp_.reset();
        updated = trusted_.update_timestamp(bytes);
    }
    // One that was fetched early may be older than a root that was found at the same time.
    if (!updated && (bytes.empty() || updated.error().code == ErrorCode::signature_invalid)) {
        bytes = TRY(fetch_one(request));
        updated = trusted_.update_timestamp(bytes);
    }
    if (!updated) return fail(std::move(updated).error());
    if (*updated) TRY(store_->save("timestamp", bytes));
    return trusted_.check_timestamp();
}

Result<void> Client::refresh_snapshot() {
    if (const auto kept = TRY(store_->load("snapshot")))
        if (const auto current = trusted_.load_snapshot(*kept); current && *current) return {};
    const MetadataFile &file = trusted_.timestamp().snapshot;
    const std::string version =
        trusted_.root().consistent_snapshot ? std::to_string(file.version) + "." : "";
    const std::uint64_t limit = options_.limits.snapshot_bytes;
    const std::string bytes = TRY(fetch_one(
        metadata_request(version + "snapshot.json", std::min(file.length.value_or(limit), limit))));
    TRY(trusted_.update_snapshot(bytes));
    return store_->save("snapshot", bytes);
}

Result<FileRequest> Client::targets_request(const std::string &role) const {
    const MetadataFile file = TRY(trusted_.targets_file(role));
    const std::string version =
        trusted_.root().consistent_snapshot ? std::to_string(file.version) + "." : "";
    const std::uint64_t limit = options_.limits.targets_bytes;
    return metadata_request(version + encode_role_name(role) + ".json",
                            std::min(file.length.value_or(limit), limit));
}

Result<bool> Client::load_kept_targets(const Delegated &delegated) {
    if (TRY(trusted_.has_targets(delegated.role, delegated.delegator))) return true;
    const auto kept = TRY(store_->load(delegated.role));
    return kept && trusted_.update_targets(*kept, delegated.role, delegated.delegator);
}

Result<void> Client::take_targets(const std::string &bytes, const Delegated &delegated) {
    TRY(trusted_.update_targets(bytes, delegated.role, delegated.delegator));
    return store_->save(delegated.role, bytes);
}

Result<void> Client::load_targets(const std::string &role, const std::string &delegator) {
    if (TRY(load_kept_targets({role, delegator}))) return {};
    return take_targets(TRY(fetch_one(TRY(targets_request(role)))), {role, delegator});
}

Result<std::vector<Client::Delegated>> Client::next_roles(const std::string &role,
                                                          const std::string &target_path,
                                                          bool &terminated) const {
    std::vector<Delegated> next;
    const Targets *targets = trusted_.targets(role);
    if (targets == nullptr || !targets->delegations) return next;
    if (targets->delegations->succinct) {
        // The one role that is responsible is as final as a terminating delegation.
        next.push_back({TRY(succinct_role(*targets->delegations->succinct, target_path)), role});
        terminated = true;
        return next;
    }
    for (const Delegation &delegation : targets->delegations->roles) {
        if (!TRY(covers(delegation, target_path))) continue;
        next.push_back({delegation.name, role});
        if (delegation.terminating) {
            terminated = true;
            break;
        }
    }
    return next;
}

Result<std::optional<Target>> Client::search(
    const std::string &path, unsigned most,
    const std::function<Result<void>(const Delegated &)> &load) const {
    std::vector<Delegated> to_visit{{"targets", "root"}};  // a stack
    std::set<std::string> visited;
    while (!to_visit.empty()) {
        const Delegated delegated = std::move(to_visit.back());
        to_visit.pop_back();
        if (visited.contains(delegated.role)) continue;
        if (visited.size() >= most)
            return fail(ErrorCode::limit_exceeded,
                        "too many roles would have to be asked for target \"" + path + "\"",
                        "The limit is " + std::to_string(most) + " roles.");
        TRY(load(delegated));
        visited.insert(delegated.role);
        const Targets &targets = *trusted_.targets(delegated.role);
        if (const auto found = targets.targets.find(path); found != targets.targets.end())
            return Target{path, delegated.role, found->second};
        bool terminated = false;
        std::vector<Delegated> next = TRY(next_roles(delegated.role, path, terminated));
        if (terminated) to_visit.clear();
        to_visit.insert(to_visit.end(), std::make_move_iterator(next.rbegin()),
                        std::make_move_iterator(next.rend()));
    }
    return std::nullopt;
}

Result<void> Client::check_refreshed() const {
    if (refreshed_) return {};
    return fail(ErrorCode::wrong_state, "the registry's metadata has to be refreshed first");
}

Result<std::optional<Target>> Client::find(const std::string &path) {
    TRY(check_refreshed());
    return search(path, options_.limits.searched_roles + 1, [&](const Delegated &delegated) {
        return load_targets(delegated.role, delegated.delegator);
    });
}

Result<std::string> Client::location(const Target &target) const {
    TRY(check_target_path(target.path));
    if (!trusted_.root().consistent_snapshot) return encode_target_path(target.path);
    const Hashes &hashes = target.file.hashes;
    auto hash = hashes.find("sha256");
    if (hash == hashes.end()) hash = hashes.find("sha512");
    if (hash == hashes.end())
        return fail(ErrorCode::registry_malformed,
                    "target \"" + target.path + "\" has no known digest");
    const std::size_t slash = target.path.rfind('/');
    const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
    return encode_target_path(target.path.substr(0, name)) + hash->second + "." +
           encode_target_path(target.path.substr(name));
}

Result<std::vector<std::string>> Client::download(const std::vector<Target> &targets) {
    std::vector<FileRequest> requests;
    for (const Target &target : targets)
        requests.push_back(
            {FileRequest::Kind::target, TRY(location(target)), target.file.length, false});
    auto answers = TRY(transport_->fetch(requests));
    std::vector<std::string> contents;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const std::string what = "target \"" + targets[i].path + "\"";
        if (i >= answers.size() || !answers[i])
            return fail(ErrorCode::registry_refused, "the registry does not have " + what);
        TRY(check_file(what, *answers[i], targets[i].file.length, targets[i].file.hashes));
        contents.push_back(*std::move(answers[i]));
    }
    return contents;
}

}  // namespace pgx::tuf
