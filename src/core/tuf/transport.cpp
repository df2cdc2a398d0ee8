// transport.cpp - the two stores.
#include "core/tuf/transport.h"

#include "core/tuf/metadata.h"

namespace pgx::tuf {

namespace {

// The files were fetched under smaller limits; this bounds what was put there by others.
constexpr std::uint64_t file_limit = 64 * 1024 * 1024;

}  // namespace

std::string DirectoryStore::path(const std::string &role) const {
    return join_path(directory_, encode_role_name(role) + ".json");
}

Result<std::optional<std::string>> DirectoryStore::load(const std::string &role) {
    const std::string file = path(role);
    if (!TRY(fs_.info(file))) return std::nullopt;
    return TRY(fs_.read(file, file_limit));
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

}  // namespace pgx::tuf
