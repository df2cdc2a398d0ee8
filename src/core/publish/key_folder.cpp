#include "core/publish/key_folder.h"

#include <set>

namespace pgx {

namespace {

constexpr std::uint64_t note_limit = 4096;

}  // namespace

Result<KeyFolder> KeyFolder::open(FileSystem &fs, std::string directory, Passphrase passphrase) {
    KeyFolder folder(fs, std::move(directory), std::move(passphrase));
    for (const std::string &name : TRY(fs.list(folder.directory_)))
        if (name.ends_with(".key")) TRY(folder.add(join_path(folder.directory_, name)));
    return folder;
}

Result<void> KeyFolder::add(const std::string &path) {
    const tuf::PublicKey key = TRY(tuf::read_public_key(*fs_, path));
    files_.emplace(key.id(), path);
    return {};
}

Result<tuf::PublicKey> KeyFolder::generate(const std::string &name, const std::string &passphrase) {
    if (!TRY(fs_->info(directory_))) {
        TRY(fs_->make_directories(directory_, 0700));
        TRY(fs_->sync_directory(parent_path(directory_)));
    }
    std::string path = join_path(directory_, name + ".key");
    for (int number = 2; TRY(fs_->info(path)).has_value(); ++number)
        path = join_path(directory_, name + "-" + std::to_string(number) + ".key");
    auto key = std::make_unique<tuf::SecretKey>(TRY(tuf::SecretKey::generate()));
    auto written = tuf::write_secret_key(*fs_, path, *key, passphrase);
    if (!written) {
        // Half a key would be in everybody's way.
        (void)fs_->unlink(path);
        return fail(std::move(written.error()));
    }
    const tuf::PublicKey public_key = key->public_key();
    files_.emplace(public_key.id(), path);
    keys_.emplace(public_key.id(), std::move(key));
    return public_key;
}

std::string KeyFolder::file_of(const std::string &id) const {
    const auto found = files_.find(id);
    return found == files_.end() ? std::string() : found->second;
}

Result<const tuf::SecretKey *> KeyFolder::key(const std::string &id) {
    if (const auto read = keys_.find(id); read != keys_.end()) return read->second.get();
    const auto found = files_.find(id);
    if (found == files_.end())
        return fail(ErrorCode::wrong_state, "the key " + id + " is not at hand");
    const std::string &file = found->second;
    tuf::SecretKey key = TRY(tuf::read_secret_key(*fs_, file, [&] { return passphrase_(file); }));
    // The file's two halves may be of two keys; what it says of itself is not to be believed.
    if (key.id() != id)
        return fail(ErrorCode::invalid_argument,
                    "the secret part of the key in \"" + file + "\" is of another key");
    return keys_.emplace(id, std::make_unique<tuf::SecretKey>(std::move(key))).first->second.get();
}

std::size_t KeyFolder::count(const tuf::Role &role) const {
    std::size_t count = 0;
    for (const std::string &id : role.key_ids) count += has(id) ? 1 : 0;
    return count;
}

std::vector<Error> KeyFolder::drop_unreadable(const tuf::Role &role) {
    std::vector<Error> errors;
    for (const std::string &id : role.key_ids) {
        if (!has(id)) continue;
        auto read = key(id);
        if (read) continue;
        errors.push_back(std::move(read.error()));
        files_.erase(id);
    }
    return errors;
}

Result<std::optional<tuf::Fingerprint>> KeyFolder::registry() const {
    const std::string path = join_path(directory_, "fingerprint");
    if (!TRY(fs_->info(path))) return std::optional<tuf::Fingerprint>();
    std::string text = TRY(fs_->read(path, note_limit));
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    auto fingerprint = tuf::parse_fingerprint(text);
    if (!fingerprint)
        return fail(std::move(fingerprint.error()).prefixed("could not read \"" + path + "\""));
    return std::optional<tuf::Fingerprint>(*std::move(fingerprint));
}

Result<void> KeyFolder::remember_registry(const tuf::Fingerprint &fingerprint) {
    return write_file_durably(*fs_, join_path(directory_, "fingerprint"),
                              tuf::format_fingerprint(fingerprint) + "\n", 0600);
}

Result<std::string> sign_with(KeyFolder &keys, const std::string &what, const tuf::Role &role,
                              const Json &signed_part, const std::vector<std::string> &also) {
    if (!keys.can_sign(role)) {
        std::string wanted;
        for (const std::string &id : role.key_ids)
            if (!keys.has(id)) wanted += (wanted.empty() ? "" : ", ") + id.substr(0, 16) + "...";
        return fail(ErrorCode::wrong_state, "could not sign the " + what + ": a key is missing",
                    std::to_string(role.threshold) + " of its " +
                        std::to_string(role.key_ids.size()) + " keys are needed, and \"" +
                        keys.directory() + "\" has " + std::to_string(keys.count(role)) +
                        " of them. Missing: " + wanted + ".",
                    "Name the folder that has them with --keys.");
    }
    std::set<std::string> ids(role.key_ids.begin(), role.key_ids.end());
    ids.insert(also.begin(), also.end());
    std::vector<const tuf::SecretKey *> signers;
    for (const std::string &id : ids)
        if (keys.has(id)) signers.push_back(TRY(keys.key(id)));
    return tuf::sign_metadata(signed_part, signers);
}

}  // namespace pgx
