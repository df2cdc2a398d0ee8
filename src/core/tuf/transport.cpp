// transport.cpp - the two stores.
#include "core/tuf/transport.h"

#include "core/tuf/metadata.h"

namespace pgx::tuf {

namespace {

// The files were fetched under smaller limits; this bounds what was put there by others.
constexpr std::uint64_t file_limit = 64 * 1024 * 1024;

}  // namespace

Result<std::optional<std::string>> Store::load_root(std::uint64_t) { return std::nullopt; }

Result<void> Store::save_root(std::uint64_t, const std::string &) { return {}; }

std::string DirectoryStore::path(const std::string &role) const {
    return join_path(directory_, encode_role_name(role) + ".json");
}

// No role is there, because the slash in its name would be encoded.
std::string DirectoryStore::root_path(std::uint64_t version) const {
    return join_path(directory_, "roots/" + std::to_string(version) + ".json");
}

Result<std::optional<std::string>> DirectoryStore::load_file(const std::string &file) {
    if (!TRY(fs_.info(file))) return std::nullopt;
    return TRY(fs_.read(file, file_limit));
}

Result<std::optional<std::string>> DirectoryStore::load(const std::string &role) {
    return load_file(path(role));
}

Result<std::optional<std::string>> DirectoryStore::load_root(std::uint64_t version) {
    return load_file(root_path(version));
}

Result<void> DirectoryStore::save_root(std::uint64_t version, const std::string &bytes) {
    const std::string file = root_path(version);
    TRY(fs_.make_directories(parent_path(file), 0700));
    TRY(write_file_durably(fs_, file, bytes, 0600));
    return fs_.sync_directory(directory_);
}

Result<void> DirectoryStore::save(const std::string &role, const std::string &bytes) {
    return write_file_durably(fs_, path(role), bytes, 0600);
}

Result<void> DirectoryStore::remove(const std::string &role) {
    const std::string file = path(role);
    if (!TRY(fs_.info(file))) return {};
    TRY(fs_.unlink(file));
    return fs_.sync_directory(directory_);
}

Result<std::optional<std::string>> MemoryStore::load(const std::string &role) {
    const auto found = files_.find(role);
    if (found == files_.end()) return std::nullopt;
    return found->second;
}

Result<void> MemoryStore::save(const std::string &role, const std::string &bytes) {
    files_.insert_or_assign(role, bytes);
    return {};
}

Result<void> MemoryStore::remove(const std::string &role) {
    files_.erase(role);
    return {};
}

Result<std::optional<std::string>> MemoryStore::load_root(std::uint64_t version) {
    const auto found = roots_.find(version);
    if (found == roots_.end()) return std::nullopt;
    return found->second;
}

Result<void> MemoryStore::save_root(std::uint64_t version, const std::string &bytes) {
    roots_.insert_or_assign(version, bytes);
    return {};
}

}  // namespace pgx::tuf
