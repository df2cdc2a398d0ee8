// archive.h - the files inside an archive, one after the other, in constant memory.
//
// A .deb (deb(5)) is an ar archive of debian-binary, control.tar.* and data.tar.*; the last holds
// the files. A bundle is a compressed tar archive by itself, or a zip archive. libarchive reads all
// of it, as handles on top of each other, each with one format or one filter enabled and nothing
// else:
//
//     file -> ar -> member data.tar.xz -> raw with filter xz -> the tar stream -> tar without
//     filters
//
// A single handle with everything enabled would be shorter. It would also undo up to 25 nested
// filters, understand pax headers of a gigabyte and formats like RAR with their long history of
// holes, run gzip as a program where the library lacks it, take a truncated archive for a complete
// one, and pass over whatever comes after the archive's end. With the tar stream in our own hands,
// every byte is counted against the limits before it is parsed, and the end is seen.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/file_system.h"
#include "core/base/result.h"

namespace pgx {

// Bounds of what is read, in bytes where nothing else is said. Going beyond is artifact_unsafe.
struct ArchiveLimits {
    std::uint64_t entries = 200'000;                  // number of them
    std::uint64_t total = 4ULL * 1024 * 1024 * 1024;  // of the tar stream
    std::uint64_t file = 2ULL * 1024 * 1024 * 1024;   // of one file
    std::uint64_t ratio = 1000;  // of the tar stream to the compressed bytes read ...
    std::uint64_t ratio_from = 64ULL * 1024 * 1024;  // ... once the stream is longer than this
    std::uint64_t header = 1024 * 1024;  // of all that belongs to one entry but its content
};

struct ArchiveEntry {
    enum class Type { file, directory, symbolic_link, hard_link } type = Type::file;
    std::string path;        // clean (links.h): "usr/share/doc/x"
    std::string target;      // of links, as written
    std::uint64_t size = 0;  // of files, in bytes
};

class ArchiveReader {
   public:
    virtual ~ArchiveReader() = default;

    // The next entry, nullopt at the end of a complete archive. Content of the last entry that was
    // not read is skipped. artifact_malformed: broken or truncated. artifact_unsafe: a device or
    // other special file, a name that leaves the archive, a hard link with content, a sparse file,
    // a limit exceeded.
    virtual Result<std::optional<ArchiveEntry>> next() = 0;

    // The content of the last entry, piece by piece. A failure of `sink` is passed on.
    virtual Result<void> read(const std::function<Result<void>(std::string_view)> &sink) = 0;

    // The SHA-256 that read() compares the last entry's content with, as 64 hex digits, if it does:
    // what was read without an error need not be hashed again.
    virtual std::optional<std::string> checked_sha256() const { return std::nullopt; }

    // How much of the file has been read, in bytes, for progress.
    virtual std::uint64_t position() const = 0;
};

// The data of a .deb. artifact_malformed when it is not a .deb of format 2.x with a data.tar, plain
// or compressed with xz, zst or gz.
Result<std::unique_ptr<ArchiveReader>> open_deb(FileSystem &fs, const std::string &path,
                                                const ArchiveLimits &limits = {});

// The other half of a .deb, control.tar: "control" and what else dpkg wants to know.
Result<std::unique_ptr<ArchiveReader>> open_deb_control(FileSystem &fs, const std::string &path,
                                                        const ArchiveLimits &limits = {});

// A tar archive with zstd or gzip, or a zip archive of stored and deflated files, told by the first
// bytes; artifact_malformed for any other. A zip archive may not be of the kind for more than
// 65,534 files or 4 GiB, nor have a comment: its directory is at its very end, so that there is one
// only.
Result<std::unique_ptr<ArchiveReader>> open_archive(FileSystem &fs, const std::string &path,
                                                    const ArchiveLimits &limits = {});

}  // namespace pgx
