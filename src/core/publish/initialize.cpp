#include "core/publish/initialize.h"

#include <array>
#include <filesystem>
#include <system_error>

namespace pgx {

namespace {

constexpr std::array role_names{"root", "targets", "snapshot", "timestamp"};

std::filesystem::path real_path(const std::string &path) {
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(path, failed);
    const auto real = std::filesystem::weakly_canonical(absolute, failed);
    return failed ? absolute.lexically_normal() : real;
}

Result<void> check_empty(FileSystem &fs, const RegistryFolder &folder) {
    if (TRY(fs.info(folder.timestamp_file())))
        return fail(ErrorCode::wrong_state,
                    "there is a registry in \"" + folder.root + "\" already", {},
                    "Add to it with \"pgx registry add\", or name another folder.");
    for (const std::string &name : TRY(fs.list(folder.root)))
        // What an initialization that was interrupted has left.
        if (name != "metadata" && name != "targets" && name != "bundles")
            return fail(ErrorCode::wrong_state, "the folder \"" + folder.root + "\" is not empty",
                        "It has \"" + name + "\" in it.", "Name a new folder.");
    return {};
}

}  // namespace

Result<void> check_keys_outside(const RegistryFolder &folder, const std::string &key_directory) {
    const std::filesystem::path published = real_path(folder.root + "/");
    const std::filesystem::path keys = real_path(key_directory + "/");
    auto part = keys.begin();
    for (const auto &wanted : published) {
        if (wanted.empty()) continue;  // after a slash at the end
        if (part == keys.end() || *part != wanted) return {};
        ++part;
    }
    return fail(ErrorCode::invalid_argument,
                "the folder for keys \"" + key_directory + "\" is in the registry's",
                "All that is in the registry's folder is published.",
                "Name a folder elsewhere with --keys.");
}

Result<NewRegistry> initialize_registry(FileSystem &fs, const RegistryFolder &folder,
                                        KeyFolder &keys, const Lifetimes &lifetimes, tuf::Time now,
                                        const std::string &root_passphrase) {
    TRY(check_keys_outside(folder, keys.directory()));
    TRY(check_empty(fs, folder));
    if (TRY(keys.registry()))
        return fail(ErrorCode::wrong_state,
                    "the keys in \"" + keys.directory() + "\" belong to another registry", {},
                    "Name a new folder with --keys.");
    NewRegistry made;
    const auto make = [&]() -> Result<void> {
        tuf::Root root;
        root.expires = lifetimes.expiry("root", now);
        for (const std::string role : role_names) {
            const tuf::PublicKey key =
                TRY(keys.generate(role, role == role_names[0] ? root_passphrase : std::string()));
            made.key_files.emplace_back(role, keys.file_of(key.id()));
            root.keys.emplace(key.id(), key);
            root.roles[role] = tuf::Role{{key.id()}, 1};
        }
        const std::string root_bytes =
            TRY(sign_with(keys, "root metadata", root.roles.at("root"), tuf::to_json(root)));
        TRY(make_public_directory(fs, folder.root));
        for (const std::string &below : {folder.metadata(), folder.targets(), folder.bundles()})
            TRY(make_public_directory(fs, below));
        made.fingerprint = TRY(tuf::fingerprint_of_root(root_bytes));
        TRY(keys.remember_registry(made.fingerprint));
        Generation generation = TRY(Generation::first(fs, folder, root_bytes));
        made.publication = TRY(generation.publish(keys, lifetimes, now));
        return {};
    };
    auto result = make();
    // When only the last sync failed there is a registry, and it needs its keys.
    if (const auto there = fs.info(folder.timestamp_file()); !result && there && !*there) {
        for (const auto &[role, path] : made.key_files) (void)fs.unlink(path);
        (void)fs.unlink(join_path(keys.directory(), "fingerprint"));
        for (const std::string &below : {folder.metadata(), folder.targets(), folder.bundles()})
            (void)fs.remove_tree(below);
    }
    if (!result) return fail(std::move(result.error()));
    made.publication.roles.insert(made.publication.roles.begin(),
                                  {"root", 1, lifetimes.expiry("root", now)});
    return made;
}

}  // namespace pgx
