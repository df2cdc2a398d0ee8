// Reads single compressed files line by line.
//
// libarchive's raw format is used although nothing here is an archive: it has all three decompressors behind one call and
// reads in blocks, so memory stays constant. Exactly one filter is enabled, the one that the signed metadata named. With
// libarchive's detection, up to 25 nested filters would be undone, and for a filter missing from the library it would
// run a program.
#include "core/registry/stream.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace pgx {

namespace {

constexpr std::size_t line_limit = 1024 * 1024;
constexpr std::size_t block_size = 128 * 1024;

struct ArchiveCloser {
    void operator()(struct archive *a) const { archive_read_free(a); }
};
using ArchivePointer = std::unique_ptr<struct archive, ArchiveCloser>;

Error broken(const std::string &path, struct archive *a) {
    std::string doing = "could not read file \"" + path + "\"";
    const char *text = archive_error_string(a);
    // An error number of the system's own means the disk; libarchive's own numbers and EILSEQ mean the content.
    int number = archive_errno(a);
    if (number == ENOENT || number == EACCES || number == EIO) return system_error(doing, number);
    return Error{ErrorCode::registry_malformed, std::move(doing), text ? std::string(text) + "." : ""};
}

Result<void> enable_filter(struct archive *a, std::string_view compression) {
    int status = ARCHIVE_FATAL;
    if (compression == "xz")
        status = archive_read_support_filter_xz(a);
    else if (compression == "gz")
        status = archive_read_support_filter_gzip(a);
    else if (compression == "zst")
        status = archive_read_support_filter_zstd(a);
    else if (compression.empty())
        status = archive_read_support_filter_none(a);
    else
        return fail(ErrorCode::invalid_argument,
                    "unknown compression \"" + std::string(compression) + "\"");
    // ARCHIVE_WARN means that libarchive was built without the decompressor and would run a program instead.
    if (status != ARCHIVE_OK)
        return fail(ErrorCode::feature_not_supported,
                    "this system's libarchive cannot read compression \"" + std::string(compression) +
                        "\"");
    return {};
}

}  // namespace

Result<void> for_each_line(const std::string &path, std::string_view compression, std::uint64_t limit,
                           const std::function<Result<void>(std::string_view)> &line) {
    ArchivePointer a(archive_read_new());
    if (!a) return fail(ErrorCode::out_of_memory, "could not read file \"" + path + "\"");
    TRY(enable_filter(a.get(), compression));
    archive_read_support_format_raw(a.get());
    // The raw format refuses an empty file; as a plain text it is one without lines.
    archive_read_support_format_empty(a.get());
    if (archive_read_open_filename(a.get(), path.c_str(), block_size) != ARCHIVE_OK)
        return fail(broken(path, a.get()));
    // The filter and the file itself. libarchive falls back to no filter, so a plain file would pass where xz was announced; and
    // it applies a filter again to what it gives, so that a small file could grow in two steps.
    if (!compression.empty() && archive_filter_count(a.get()) != 2)
        return fail(ErrorCode::registry_malformed, "could not read file \"" + path + "\"",
                    "It is not compressed with " + std::string(compression) + ", or it is more than once.");
    struct archive_entry *entry = nullptr;
    int status = archive_read_next_header(a.get(), &entry);
    if (status == ARCHIVE_EOF) return {};
    if (status != ARCHIVE_OK) return fail(broken(path, a.get()));

    std::string pending;  // the beginning of a line whose end is in a later block
    std::uint64_t total = 0;
    for (;;) {
        const void *block = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        status = archive_read_data_block(a.get(), &block, &size, &offset);
        if (status == ARCHIVE_EOF) break;
        if (status != ARCHIVE_OK) return fail(broken(path, a.get()));
        total += size;
        if (total > limit)
            return fail(ErrorCode::limit_exceeded,
                        "file \"" + path + "\" is larger than " + std::to_string(limit) +
                            " bytes when decompressed");
        std::string_view rest(static_cast<const char *>(block), size);
        for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;
             rest.remove_prefix(end + 1)) {
            if (pending.size() + end > line_limit) break;
            if (pending.empty()) {
                TRY(line(rest.substr(0, end)));
            } else {
                pending += rest.substr(0, end);
                TRY(line(pending));
                pending.clear();
            }
        }
        pending += rest;
        if (std::min(pending.find('\n'), pending.size()) > line_limit)
            return fail(ErrorCode::limit_exceeded,
                        "file \"" + path + "\" has a line of more than 1 MiB");
    }
    if (!pending.empty()) TRY(line(pending));
    return {};
}

}  // namespace pgx
