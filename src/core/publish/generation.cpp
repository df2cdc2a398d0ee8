// generation.cpp - reading the present generation, and what is said of the next one. Signing and
// writing it is in generation_publish.cpp.
#include "core/publish/generation.h"

#include <algorithm>

#include "core/publish/publisher_rules.h"
#include "core/tuf/fingerprint.h"

namespace pgx {

namespace {

constexpr std::uint64_t root_rotations = 256;  // what clients follow in one refresh
constexpr std::string_view publisher_prefix = "publisher-";

// Nothing has expired at this time.
constexpr tuf::Time long_ago{};

std::unexpected<Error> in_folder(Error error, const RegistryFolder &folder) {
    if (error.code == ErrorCode::signature_invalid || error.code == ErrorCode::digest_mismatch ||
        error.code == ErrorCode::registry_malformed) {
        error.detail += std::string(error.detail.empty() ? "" : " ") +
                        "Somebody, or a copy that is not complete, has changed the registry.";
        error.hint =
            "See with \"pgx registry check\" what is wrong, and restore the folder from a copy.";
    }
    return fail(
        std::move(error).prefixed("could not read the registry in \"" + folder.root + "\""));
}

Result<tuf::TrustedMetadata> follow_roots(const std::vector<std::string> &roots,
                                          std::size_t count) {
    auto trusted = TRY(tuf::TrustedMetadata::open(roots[0], long_ago, tuf::Profile::strict));
    for (std::size_t i = 1; i < count; ++i) TRY(trusted.update_root(roots[i]));
    return trusted;
}

}  // namespace

const std::vector<std::string> &bin_roles() {
    static const std::vector<std::string> roles = [] {
        std::vector<std::string> names;
        for (const char digit : std::string_view("0123456789abcdef"))
            names.push_back(std::string("bin-") + digit);
        return names;
    }();
    return roles;
}

void drop_unused_keys(tuf::Delegations &delegations) {
    std::set<std::string> used;
    for (const tuf::Delegation &delegation : delegations.roles)
        used.insert(delegation.role.key_ids.begin(), delegation.role.key_ids.end());
    std::erase_if(delegations.keys, [&](const auto &key) { return !used.contains(key.first); });
}

std::string publisher_role(std::string_view publisher) {
    return std::string(publisher_prefix) + std::string(publisher);
}

std::string publisher_of_role(std::string_view role) {
    if (!role.starts_with(publisher_prefix)) return {};
    return std::string(role.substr(publisher_prefix.size()));
}

Result<Generation> Generation::open(FileSystem &fs, RegistryFolder folder,
                                    const OpenOptions &options) {
    std::vector<std::string> roots;
    while (roots.size() < root_rotations) {
        const std::string path = folder.role_file("root", roots.size() + 1);
        if (!TRY(fs.info(path))) break;
        roots.push_back(TRY(fs.read(path, metadata_limit)));
    }
    if (roots.empty() || !TRY(fs.info(folder.timestamp_file())))
        return fail(ErrorCode::wrong_state, "there is no registry in \"" + folder.root + "\"", {},
                    "Name the folder that has the folder \"metadata\" in it, or make a registry "
                    "with \"pgx registry init\".");
    const tuf::Fingerprint first = TRY(tuf::fingerprint_of_root(roots[0]));
    if (const auto &expected = options.expected) {
        const bool there = expected->version >= 1 && expected->version <= roots.size();
        if (!there ||
            TRY(tuf::fingerprint_of_root(roots[expected->version - 1])).sha256 != expected->sha256)
            return fail(ErrorCode::signature_invalid,
                        "\"" + folder.root + "\" is not the registry that the keys belong to",
                        "Its fingerprint is " + tuf::format_fingerprint(first) +
                            ", the one noted with the keys " + tuf::format_fingerprint(*expected) +
                            ".",
                        "Name the right folders, the keys' with --keys.");
    }
    const std::size_t count = roots.size() - (options.previous_root && roots.size() > 1 ? 1 : 0);
    auto generation = open_at(fs, folder, roots, count, first);
    if (!generation) return in_folder(std::move(generation.error()), folder);
    return generation;
}

Result<Generation> Generation::open_at(FileSystem &fs, const RegistryFolder &folder,
                                       const std::vector<std::string> &roots, std::size_t count,
                                       const tuf::Fingerprint &fingerprint) {
    const tuf::TrustedMetadata newest = TRY(follow_roots(roots, roots.size()));
    Generation generation(fs, folder, TRY(follow_roots(roots, count)), roots.back(), fingerprint);
    tuf::TrustedMetadata &trusted = generation.trusted_;
    TRY(trusted.update_timestamp(TRY(fs.read(folder.timestamp_file(), metadata_limit))));
    const std::uint64_t version = trusted.timestamp().snapshot.version;
    TRY(trusted.update_snapshot(
        TRY(fs.read(folder.role_file("snapshot", version), metadata_limit))));
    const std::uint64_t targets = TRY(trusted.targets_file("targets")).version;
    TRY(trusted.update_targets(TRY(fs.read(folder.role_file("targets", targets), metadata_limit)),
                               "targets", "root"));
    generation.roles_["targets"] = *trusted.targets("targets");
    if (!generation.roles_["targets"].delegations)
        return fail(ErrorCode::registry_malformed, "the registry is none of pgx's");
    TRY(generation.shard_bits());
    TRY(generation.adopt_root(newest.root()));
    return generation;
}

Result<Generation> Generation::first(FileSystem &fs, RegistryFolder folder,
                                     std::string root_bytes) {
    auto trusted = TRY(tuf::TrustedMetadata::open(root_bytes, long_ago, tuf::Profile::strict));
    const tuf::Fingerprint fingerprint = TRY(tuf::fingerprint_of_root(root_bytes));
    Generation generation(fs, std::move(folder), std::move(trusted), std::move(root_bytes),
                          fingerprint);
    tuf::Targets targets;
    targets.version = 0;
    targets.custom = {{"pgx", {{"format", 1}, {"shard_bits", 0}}}};
    targets.delegations.emplace();
    for (const std::string &name : bin_roles()) {
        tuf::Delegation bin;
        bin.name = name;
        bin.paths = {"catalog/" + name.substr(4) + "*.json.zst"};
        targets.delegations->roles.push_back(std::move(bin));
        generation.roles_[name].version = 0;
        generation.changed_.insert(name);
    }
    generation.roles_["targets"] = std::move(targets);
    generation.changed_.insert("targets");
    TRY(generation.share_targets_keys());
    return generation;
}

// The bins are signed with the keys of "targets": they are apart only to be small.
Result<void> Generation::share_targets_keys() {
    tuf::Targets &targets = *TRY(change("targets"));
    for (tuf::Delegation &delegation : targets.delegations->roles)
        if (publisher_of_role(delegation.name).empty()) delegation.role = root_.roles.at("targets");
    targets.delegations->keys.insert(root_.keys.begin(), root_.keys.end());
    drop_unused_keys(*targets.delegations);
    return {};
}

// What a root changes for the roles below it, marked as to be signed anew.
Result<void> Generation::adopt_root(const tuf::Root &root) {
    root_ = root;
    if (!changes_keys("targets")) return {};
    TRY(share_targets_keys());
    for (const std::string &name : bin_roles()) TRY(change(name));
    return {};
}

bool Generation::changes_keys(const std::string &role) const {
    const tuf::Role &now = trusted_.root().roles.at(role), &next = root_.roles.at(role);
    return now.key_ids != next.key_ids || now.threshold != next.threshold;
}

Result<std::vector<tuf::Delegation>> Generation::delegations() {
    const tuf::Targets &targets = *TRY(role("targets"));
    if (!targets.delegations) return std::vector<tuf::Delegation>{};
    return targets.delegations->roles;
}

Result<tuf::Role> Generation::signers(const std::string &name) {
    if (const auto found = root_.roles.find(name); found != root_.roles.end()) return found->second;
    for (const tuf::Delegation &delegation : TRY(delegations()))
        if (delegation.name == name) return delegation.role;
    return fail(ErrorCode::invalid_argument, "the registry has no role \"" + name + "\"", {},
                "See \"pgx registry check\" for the roles that it has.");
}

Result<const tuf::Targets *> Generation::role(const std::string &name) {
    const auto found = roles_.find(name);
    if (found != roles_.end()) return &found->second;
    if (publisher_of_role(name).empty())
        TRY(load(name));
    else
        TRY(load_publisher(name));
    return &roles_.at(name);
}

Result<tuf::Targets *> Generation::change(const std::string &name) {
    TRY(role(name));
    changed_.insert(name);
    return &roles_.at(name);
}

void Generation::postpone(const std::string &name) {
    pending_.erase(name);
    changed_.erase(name);
}

Result<void> Generation::load(const std::string &name) {
    const auto read = [&]() -> Result<void> {
        const std::uint64_t version = TRY(trusted_.targets_file(name)).version;
        return trusted_.update_targets(
            TRY(fs_->read(folder_.role_file(name, version), metadata_limit)), name, "targets");
    };
    auto result = read();
    if (!result) return in_folder(std::move(result.error()), folder_);
    roles_[name] = *trusted_.targets(name);
    return {};
}

// A publisher signs at his own time. His newest version counts, whether the snapshot knows of it
// or not; and when his keys were changed, what the former ones signed is nobody's any more.
Result<void> Generation::load_publisher(const std::string &name) {
    TRY(signers(name));
    const auto &meta = snapshot().meta;
    const auto known = meta.find(name);
    const std::uint64_t published = known == meta.end() ? 0 : known->second.version;
    std::uint64_t newest = published;
    while (TRY(fs_->info(folder_.role_file(name, newest + 1)))) ++newest;
    roles_[name].version = published;
    for (std::uint64_t version = newest; version > 0 && version >= published; --version) {
        auto parsed = read_publisher(name, version);
        if (!parsed) {
            // That former keys have signed what readers have is no fault of the file's.
            if (version > published)
                unusable_[name].push_back(std::move(parsed.error()));
            else if (!TRY(fs_->info(folder_.role_file(name, version))))
                return fail(std::move(parsed.error()));
            continue;
        }
        roles_[name] = parsed->value;
        for (const tuf::Signature &signature : parsed->signatures)
            signed_by_[name].insert(signature.key_id);
        if (version > published) pending_.insert(name);
        break;
    }
    return {};
}

Result<tuf::Signed<tuf::Targets>> Generation::read_publisher(const std::string &name,
                                                             std::uint64_t version) {
    const std::string path = folder_.role_file(name, version);
    const auto read = [&]() -> Result<tuf::Signed<tuf::Targets>> {
        auto parsed =
            TRY(tuf::parse_targets(TRY(fs_->read(path, metadata_limit)), tuf::Profile::strict));
        TRY(tuf::check_signatures("the file", TRY(signers(name)),
                                  roles_.at("targets").delegations->keys, parsed.signed_bytes,
                                  parsed.signatures));
        if (parsed.value.version != version)
            return fail(ErrorCode::registry_malformed,
                        "it says that it is version " + std::to_string(parsed.value.version));
        if (parsed.value.delegations)
            return fail(ErrorCode::registry_malformed, "it delegates to others");
        return parsed;
    };
    auto result = read();
    if (!result) {
        result.error().hint =
            "Let the publisher sign with his present keys and copy all files, or delete the file.";
        return fail(std::move(result.error()).prefixed("\"" + path + "\""));
    }
    return result;
}

Result<std::optional<tuf::Targets>> Generation::published(const std::string &name) {
    const auto &meta = snapshot().meta;
    const auto known = meta.find(name);
    if (known == meta.end()) return std::optional<tuf::Targets>();
    auto parsed = read_publisher(name, known->second.version);
    if (!parsed) return std::optional<tuf::Targets>();
    return std::optional<tuf::Targets>(std::move(parsed->value));
}

Result<unsigned> Generation::shard_bits() {
    const tuf::Targets &targets = *TRY(role("targets"));
    const auto pgx = targets.custom.is_object() ? targets.custom.find("pgx") : targets.custom.end();
    if (pgx == targets.custom.end() || !pgx->is_object())
        return fail(ErrorCode::registry_malformed, "the registry is none of pgx's");
    if (TRY(json_unsigned(*pgx, "format")) != 1)
        return fail(ErrorCode::feature_not_supported, "the registry has a later format", {},
                    "Update pgx.");
    const std::uint64_t bits = TRY(json_unsigned(*pgx, "shard_bits"));
    if (bits > 12) return fail(ErrorCode::registry_malformed, "the registry has too many shards");
    return static_cast<unsigned>(bits);
}

Result<std::string> Generation::publisher_of(std::string_view package) {
    return owner_of_name(TRY(delegations()), package);
}

Result<Catalog> Generation::read_catalog(const std::string &role_name,
                                         const std::string &target_path) {
    const tuf::Targets &targets = *TRY(role(role_name));
    const auto found = targets.targets.find(target_path);
    if (found == targets.targets.end()) return Catalog{};
    return read_target(target_path, found->second);
}

Result<Catalog> Generation::read_target(const std::string &target_path,
                                        const tuf::TargetFile &file) {
    const std::string path =
        folder_.target_file(target_path, TRY(target_sha256(file, target_path)));
    std::string bytes;
    if (const auto made = new_targets_.find(path); made != new_targets_.end())
        bytes = made->second;
    else
        bytes = TRY(fs_->read(path, std::min<std::uint64_t>(file.length, catalog_limit)));
    const auto parse = [&]() -> Result<Catalog> {
        TRY(tuf::check_file(target_path, bytes, file.length, file.hashes));
        if (target_path.ends_with(".zst")) bytes = TRY(decompress_shard(bytes, target_path));
        return parse_catalog(bytes, target_path);
    };
    auto catalog = parse();
    if (!catalog) return in_folder(std::move(catalog.error()), folder_);
    return catalog;
}

Result<void> Generation::put_catalog(const std::string &role_name, const std::string &target_path,
                                     const Catalog &catalog) {
    tuf::Targets &targets = *TRY(change(role_name));
    const auto old = targets.targets.find(target_path);
    if (old != targets.targets.end()) {
        new_targets_.erase(
            folder_.target_file(target_path, TRY(target_sha256(old->second, target_path))));
        targets.targets.erase(old);
    }
    if (catalog.empty()) return {};
    std::string bytes = write_catalog(catalog);
    tuf::TargetFile file;
    if (target_path.ends_with(".zst")) {
        if (bytes.size() > catalog_limit)
            return fail(ErrorCode::limit_exceeded, "the shard of the catalog has become too large");
        bytes = TRY(compress_shard(bytes));
        file.custom = {{"packages", catalog.size()}};
    }
    const std::string sha256 = TRY(tuf::sha256_hex(bytes));
    file.length = bytes.size();
    file.hashes["sha256"] = sha256;
    targets.targets[target_path] = std::move(file);
    new_targets_[folder_.target_file(target_path, sha256)] = std::move(bytes);
    return {};
}

}  // namespace pgx
