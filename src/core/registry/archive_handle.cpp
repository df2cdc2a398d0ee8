// archive_handle.cpp - one entry of an archive, judged by its header.
#include "core/registry/archive_handle.h"

#include <cerrno>
#include <cstring>

#include "core/registry/links.h"

namespace pgx {

namespace {

constexpr std::size_t longest_path = 4096;

// The name in the archive's own bytes, or in UTF-8 where this process's locale cannot show it.
const char *name_of(struct archive_entry *entry) {
    const char *name = archive_entry_pathname(entry);
    return name != nullptr ? name : archive_entry_pathname_utf8(entry);
}

}  // namespace

std::unexpected<Error> ArchiveContext::malformed(std::string detail) const {
    return fail(ErrorCode::artifact_malformed, "could not read package file \"" + name_ + "\"",
                std::move(detail));
}

std::unexpected<Error> ArchiveContext::unsafe(std::string detail) const {
    return fail(ErrorCode::artifact_unsafe, "package file \"" + name_ + "\" is unsafe",
                std::move(detail));
}

std::unexpected<Error> ArchiveContext::unsafe(const ArchiveEntry &entry, const char *what) const {
    return unsafe("Entry \"" + shown_path(entry.path) + "\" " + what);
}

std::unexpected<Error> ArchiveContext::out_of_memory() const {
    return fail(ErrorCode::out_of_memory, "could not read package file \"" + name_ + "\"");
}

std::unexpected<Error> ArchiveContext::failure(struct archive *handle, std::string fallback) {
    if (refused_) return fail(std::move(*refused_));
    const char *text = archive_error_string(handle);
    if (archive_errno(handle) == ENOMEM) return out_of_memory();
    if (text != nullptr && *text != '\0') return malformed(std::string(text) + ".");
    return malformed(fallback.empty() ? "Its content is damaged." : std::move(fallback));
}

la_ssize_t ArchiveContext::refuse(struct archive *handle, Error error) {
    if (!refused_) refused_ = std::move(error);
    archive_set_error(handle, EIO, "refused");
    return -1;
}

Result<std::string> ArchiveContext::cleaned(const char *path) const {
    auto result = clean_archive_path(path);
    if (!result) return unsafe("Entry \"" + shown_path(path) + "\": " + result.error().detail);
    return result;
}

Result<ArchiveEntry> ArchiveContext::convert(struct archive_entry *entry) const {
    ArchiveEntry result;
    const char *name = name_of(entry);
    if (name == nullptr) return malformed("An entry has an unreadable name.");
    if (std::strlen(name) > longest_path) return unsafe("An entry has a name that is too long.");
    result.path = TRY(cleaned(name));
    const la_int64_t size = archive_entry_size(entry);
    const char *hard_link = archive_entry_hardlink(entry);
    // The archive's root is a directory, and no link to another one.
    if (result.path.empty() && (hard_link != nullptr || archive_entry_filetype(entry) != AE_IFDIR))
        return unsafe(result, "has no name.");
    if (hard_link != nullptr) {
        if (size > 0) return unsafe(result, "is a hard link with content.");
        result.type = ArchiveEntry::Type::hard_link;
        result.target = TRY(cleaned(hard_link));
        if (result.target.empty()) return unsafe(result, "is a link to nothing.");
        return result;
    }
    switch (archive_entry_filetype(entry)) {
        case AE_IFREG:
            result.type = ArchiveEntry::Type::file;
            break;
        case AE_IFDIR:
            result.type = ArchiveEntry::Type::directory;
            return result;
        case AE_IFLNK: {
            result.type = ArchiveEntry::Type::symbolic_link;
            const char *target = archive_entry_symlink(entry);
            if (target == nullptr || *target == '\0')
                return unsafe(result, "is a link to nothing.");
            result.target = target;
            return result;
        }
        default:
            return unsafe(result, "is a device, a FIFO, a socket or something unknown.");
    }
    if (archive_entry_sparse_count(entry) > 0) return unsafe(result, "is a sparse file.");
    if (size < 0 || static_cast<std::uint64_t>(size) > limits.file)
        return unsafe(result, "is too large.");
    result.size = static_cast<std::uint64_t>(size);
    return result;
}

Result<void> ArchiveContext::read(struct archive *handle, std::uint64_t whole,
                                  const std::function<Result<void>(std::string_view)> &sink) {
    for (std::uint64_t done = 0;;) {
        const void *data = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int status = archive_read_data_block(handle, &data, &size, &offset);
        if (refused_) return failure(handle);
        if (status == ARCHIVE_EOF) {
            if (done != whole) return malformed("An entry has another size than it says.");
            return {};
        }
        if (status != ARCHIVE_OK) return failure(handle);
        // With a gap in between it would be a sparse file, and those have been refused.
        if (static_cast<std::uint64_t>(offset) != done || size > whole - done)
            return malformed("An entry has another size than it says.");
        done += size;
        TRY(sink(std::string_view(static_cast<const char *>(data), size)));
    }
}

}  // namespace pgx
