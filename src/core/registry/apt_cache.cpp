#include "core/registry/apt_cache.h"

#include <sodium.h>

#include "core/registry/sha256.h"

namespace pgx {

namespace {

constexpr std::uint64_t file_limit = 64 * 1024 * 1024;
constexpr std::size_t digest_length = 64;
constexpr std::int64_t day_s = 24 * 60 * 60;
constexpr std::string_view unfinished = ".part";

}  // namespace

Result<std::string> sha256_of(std::string_view bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

std::string random_name() {
    unsigned char bytes[8];
    randombytes_buf(bytes, sizeof bytes);
    char hex[2 * sizeof bytes + 1];
    sodium_bin2hex(hex, sizeof hex, bytes, sizeof bytes);
    return hex;
}

Result<AptCache> AptCache::open(const std::string &cache, FileSystem &fs) {
    std::string directory = join_path(cache, "apt");
    TRY(fs.make_directories(directory, 0700));
    return AptCache(std::move(directory), fs);
}

std::optional<std::string> AptCache::load(const std::string &name) {
    auto bytes = fs_->read(join_path(directory_, name), file_limit);
    if (!bytes || bytes->size() <= digest_length || (*bytes)[digest_length] != '\n') return std::nullopt;
    std::string_view content = std::string_view(*bytes).substr(digest_length + 1);
    auto digest = sha256_of(content);
    if (!digest || *digest != std::string_view(*bytes).substr(0, digest_length)) return std::nullopt;
    used_.insert(name);
    bytes->erase(0, digest_length + 1);
    return std::move(*bytes);
}

std::optional<Json> AptCache::load_json(const std::string &name) {
    std::optional<std::string> text = load(name);
    if (!text) return std::nullopt;
    auto json = parse_json(*text);
    if (!json || !json->is_object()) return std::nullopt;
    return std::move(*json);
}

Result<void> AptCache::store(const std::string &name, std::string_view content) {
    std::string digest = TRY(sha256_of(content));
    std::string path = join_path(directory_, name);
    std::string beside = temporary_path(name);
    Result<void> written = [&]() -> Result<void> {
        std::unique_ptr<WritableFile> file = TRY(fs_->create(beside, 0600));
        TRY(file->append(digest + "\n"));
        TRY(file->append(content));
        TRY(file->close());
        return fs_->rename(beside, path);
    }();
    if (!written) {
        (void)fs_->unlink(beside).has_value();
        return written;
    }
    used_.insert(name);
    return {};
}

std::string AptCache::temporary_path(std::string_view what) const {
    return join_path(directory_, std::string(what) + "." + random_name() + std::string(unfinished));
}

void AptCache::sweep(std::int64_t now) {
    remove_old_files(*fs_, directory_, unfinished, now, day_s);
    auto names = fs_->list(directory_);
    if (!names) return;
    for (const std::string &name : *names) {
        std::string path = join_path(directory_, name);
        auto info = fs_->info(path);
        if (!info || !*info || used_.contains(name)) continue;
        std::int64_t age_s = now - (*info)->mtime_ns / 1'000'000'000;
        bool directory = (*info)->type == FileType::directory;
        if (age_s <= (directory ? day_s : 90 * day_s)) continue;
        (void)(directory ? fs_->remove_tree(path) : fs_->unlink(path)).has_value();
    }
}

void remove_old_files(FileSystem &fs, const std::string &directory, std::string_view ending, std::int64_t now,
                      std::int64_t age_s) {
    auto names = fs.list(directory);
    if (!names) return;
    for (const std::string &name : *names) {
        if (!name.ends_with(ending)) continue;
        std::string path = join_path(directory, name);
        auto info = fs.info(path);
        if (info && *info && (*info)->type == FileType::regular &&
            now - (*info)->mtime_ns / 1'000'000'000 > age_s)
            (void)fs.unlink(path).has_value();
    }
}

}  // namespace pgx
