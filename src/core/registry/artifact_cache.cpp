#include "core/registry/artifact_cache.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

#include "core/base/names.h"
#include "core/registry/apt_cache.h"
#include "core/registry/disk_space.h"
#include "core/registry/sha256.h"

namespace pgx {

namespace {

constexpr std::int64_t day_s = 24 * 60 * 60;
constexpr std::size_t chunk_size = 128 * 1024;

std::string directory_in(const std::string &cache) { return join_path(cache, "artifacts"); }

Result<void> check_artifact(const Artifact &artifact) {
    TRY(check_name("package", artifact.package));
    if (artifact.sha256.size() != 64 ||
        artifact.sha256.find_first_not_of("0123456789abcdef") != std::string::npos ||
        artifact.size == 0)
        return fail(ErrorCode::invalid_argument, "artifact of package \"" + artifact.package +
                                                     "\" has no valid digest and size");
    return {};
}

// Copies a file; the digest of what was written. No more than `limit` bytes: it may be growing.
Result<std::string> copy_hashed(FileSystem &fs, const std::string &from, const std::string &to,
                                std::uint64_t limit) {
    const std::unique_ptr<ReadableFile> source = TRY(fs.open(from));
    const std::unique_ptr<WritableFile> target = TRY(fs.create(to, 0600));
    Sha256 digest;
    std::string buffer(chunk_size, '\0');
    while (limit > 0) {
        const std::size_t most =
            static_cast<std::size_t>(std::min<std::uint64_t>(limit, chunk_size));
        const std::size_t count = TRY(source->read(buffer.data(), most));
        if (count == 0) break;
        const std::string_view bytes = std::string_view(buffer).substr(0, count);
        digest.update(bytes);
        TRY(target->append(bytes));
        limit -= count;
    }
    TRY(target->close());
    return digest.finish();
}

}  // namespace

std::string artifact_directory(const std::string &staging) {
    return join_path(staging, ".artifacts");
}

std::string ArtifactFiles::path(const Artifact &artifact) const {
    return join_path(directory_, artifact.sha256);
}

// Whether the cache had it. What it has under this name and is not it is removed.
Result<bool> ArtifactFiles::copy_from_cache(const Artifact &artifact) {
    const std::string kept = join_path(directory_in(cache_), artifact.sha256);
    const std::optional<FileInfo> info = TRY(fs_.info(kept));
    if (!info) return false;
    if (info->type == FileType::regular && info->size == artifact.size) {
        TRY(check_disk_space(directory_, artifact.size, "package \"" + artifact.package + "\""));
        if (TRY(copy_hashed(fs_, kept, path(artifact), artifact.size)) == artifact.sha256)
            return true;
        TRY(fs_.unlink(path(artifact)));
    }
    TRY(remove_entry(fs_, kept));
    return false;
}

Result<void> ArtifactFiles::provide(const std::vector<Artifact> &artifacts, const Get &get) {
    TRY(fs_.make_directories(directory_in(cache_), 0700));
    TRY(fs_.make_directories(directory_, 0700));
    remove_old_files(fs_, directory_in(cache_), ".part", now_, day_s);

    std::vector<Download> downloads;
    std::vector<std::string> missing;  // digests
    for (const Artifact &artifact : artifacts) {
        TRY(check_artifact(artifact));
        if (provided_.contains(artifact.sha256) ||
            std::ranges::find(missing, artifact.sha256) != missing.end())
            continue;
        if (TRY(copy_from_cache(artifact))) {
            provided_[artifact.sha256] = false;
            continue;
        }
        missing.push_back(artifact.sha256);
        Download one;
        one.item = artifact.package;
        one.url = artifact.url;
        one.path = path(artifact);
        one.limit = artifact.size;
        one.size = artifact.size;
        one.sha256 = artifact.sha256;
        downloads.push_back(std::move(one));
    }
    if (downloads.empty()) return {};
    // How much they are unpacked is known only then, and asked for file by file.
    std::uint64_t needed = 0;
    for (const Download &one : downloads) needed += one.size.value_or(0);
    TRY(check_disk_space(directory_, needed,
                         downloads.size() == 1 ? "package \"" + downloads[0].item + "\""
                                               : std::to_string(downloads.size()) + " packages"));
    TRY(get(downloads));
    for (const std::string &digest : missing) provided_[digest] = true;
    return {};
}

ArtifactFiles::~ArtifactFiles() {
    // A cache that cannot be written costs another download, and nothing else.
    for (const auto &[digest, downloaded] : provided_)
        if (downloaded)
            (void)fs_.rename(join_path(directory_, digest),
                             join_path(directory_in(cache_), digest));
    (void)fs_.remove_tree(directory_);
}

}  // namespace pgx
