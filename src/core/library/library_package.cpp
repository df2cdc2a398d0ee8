// library_package.cpp - one pass over a .deb.
//
// Files are written under numbers, so that no name of the archive ever becomes a path here; which
// number a library has is known by its path in the archive. Links are not made but kept as names,
// and resolved among the names (links.h): "libz.so.1" is nearly always one.
#include "core/library/library_package.h"

#include <algorithm>

#include "core/library/library_names.h"
#include "core/registry/archive.h"
#include "core/registry/disk_space.h"
#include "core/registry/sha256.h"

namespace pgx {

namespace {

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Multiarch, merged /usr or not: "usr/lib/x86_64-linux-gnu/libz.so.1.3", "lib/...".
bool is_library_path(std::string_view path) {
    return (path.starts_with("usr/lib") || path.starts_with("lib")) &&
           is_shared_library_name(file_name(path));
}

Result<UnpackedFile> write(FileSystem &fs, ArchiveReader &reader, const ArchiveEntry &entry,
                           const std::string &path) {
    TRY(check_disk_space(parent_path(path), entry.size, "file \"" + shown_path(entry.path) + "\""));
    std::unique_ptr<WritableFile> file = TRY(fs.create(path, 0600));
    Sha256 digest;
    TRY(reader.read([&](std::string_view bytes) {
        digest.update(bytes);
        return file->append(bytes);
    }));
    TRY(file->close());
    return UnpackedFile{path, TRY(digest.finish())};
}

}  // namespace

Result<LibraryPackageFiles> LibraryPackageFiles::unpack(FileSystem &fs, const std::string &deb_path,
                                                        const std::string &directory,
                                                        std::string_view data_directory) {
    LibraryPackageFiles files;
    TRY(fs.make_directory(directory, 0700));
    const std::string below =
        data_directory.empty() ? std::string() : std::string(data_directory) + "/";
    const auto reader = TRY(open_deb(fs, deb_path));
    for (std::size_t number = 1;; ++number) {
        const std::optional<ArchiveEntry> entry = TRY(reader->next());
        if (!entry) return files;
        using Type = ArchiveEntry::Type;
        if (entry->type == Type::symbolic_link || entry->type == Type::hard_link) {
            const std::string root = entry->type == Type::hard_link ? "/" : "";
            files.links_.emplace(entry->path, root + entry->target);
            continue;
        }
        const bool is_data = !below.empty() && entry->path.starts_with(below);
        if (entry->type != Type::file || (!is_data && !is_library_path(entry->path))) continue;
        UnpackedFile file =
            TRY(write(fs, *reader, *entry, join_path(directory, std::to_string(number))));
        auto &target = is_data ? files.data_ : files.libraries_;
        const std::string key = is_data ? entry->path.substr(below.size()) : entry->path;
        if (!target.emplace(key, std::move(file)).second)
            return fail(ErrorCode::artifact_unsafe,
                        "entry \"" + shown_path(entry->path) + "\" appears twice");
    }
}

Result<std::optional<UnpackedFile>> LibraryPackageFiles::find(std::string_view name) const {
    const auto depth = [](std::string_view path) { return std::ranges::count(path, '/'); };
    const std::string *best = nullptr;
    const auto consider = [&](const std::string &path) {
        if (file_name(path) == name && (best == nullptr || depth(path) < depth(*best)))
            best = &path;
    };
    for (const auto &[path, file] : libraries_) consider(path);
    if (best != nullptr) return libraries_.at(*best);
    for (const auto &[path, target] : links_)
        if (is_library_path(path)) consider(path);
    if (best == nullptr) return std::nullopt;
    const auto found = libraries_.find(TRY(resolve_link(*best, links_)));
    if (found == libraries_.end()) return std::nullopt;
    return found->second;
}

}  // namespace pgx
