#include "core/registry/artifact_cache.h"

#include <map>
#include <optional>

#include "core/base/names.h"
#include "core/registry/apt_cache.h"
#include "core/registry/disk_space.h"

namespace pgx {

namespace {

constexpr std::int64_t day_s = 24 * 60 * 60;

std::string directory_in(const std::string &cache) { return join_path(cache, "artifacts"); }

// Whether the file there is the artifact already. One that is not is removed.
Result<bool> have_artifact(const std::string &path, const Artifact &artifact, FileSystem &fs) {
    std::optional<FileInfo> info = TRY(fs.info(path));
    if (!info) return false;
    if (info->type == FileType::regular && info->size == artifact.size &&
        TRY(sha256_of_file(fs, path)) == artifact.sha256)
        return true;
    TRY(remove_entry(fs, path));
    return false;
}

Result<void> check_artifact(const Artifact &artifact) {
    TRY(check_name("package", artifact.package));
    if (artifact.sha256.size() != 64 ||
        artifact.sha256.find_first_not_of("0123456789abcdef") != std::string::npos ||
        artifact.size == 0)
        return fail(ErrorCode::invalid_argument, "artifact of package \"" + artifact.package +
                                                     "\" has no valid digest and size");
    return {};
}

}  // namespace

std::string cached_artifact(const std::string &cache, const Artifact &artifact) {
    return join_path(directory_in(cache), artifact.sha256);
}

Result<void> cache_artifacts(
    const std::vector<Artifact> &artifacts, const std::string &cache, std::int64_t now,
    FileSystem &fs, const std::function<Result<void>(const std::vector<Download> &)> &get) {
    TRY(fs.make_directories(directory_in(cache), 0700));
    remove_old_files(fs, directory_in(cache), ".part", now, day_s);

    // Under a name of its own first: two helpers may want the same file, and one may be killed on
    // the way.
    std::map<std::string, std::string> unfinished;  // final path to path
    std::vector<Download> downloads;
    for (const Artifact &artifact : artifacts) {
        TRY(check_artifact(artifact));
        const std::string path = cached_artifact(cache, artifact);
        if (unfinished.contains(path) || TRY(have_artifact(path, artifact, fs))) continue;
        Download one;
        one.item = artifact.package;
        one.url = artifact.url;
        one.path = path + "." + random_name() + ".part";
        one.limit = artifact.size;
        one.size = artifact.size;
        one.sha256 = artifact.sha256;
        unfinished[path] = one.path;
        downloads.push_back(std::move(one));
    }
    if (downloads.empty()) return {};
    // How much they are unpacked is known only then, and asked for file by file.
    std::uint64_t needed = 0;
    for (const Download &one : downloads) needed += one.size.value_or(0);
    TRY(check_disk_space(cache, needed,
                         downloads.size() == 1 ? "package \"" + downloads[0].item + "\""
                                               : std::to_string(downloads.size()) + " packages"));
    TRY(get(downloads));
    for (const auto &[path, part] : unfinished) TRY(fs.rename(part, path));
    return {};
}

}  // namespace pgx
