// file_system.h - the operating system's files behind one small interface.
//
// Everything pgx does to a disk goes through a FileSystem, so that a test can make the N-th call
// fail or end the process there, and so that each failure says what was being done.  The shape is
// leveldb's Env.  Paths are absolute, or relative to the data directory in a backend (whose working
// directory it is).  No function follows a symbolic link in the last component; none changes the
// process's umask or working directory, which in a backend belong to PostgreSQL.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace pgx {

enum class FileType { regular, directory, symlink, other };

struct FileInfo {
    FileType type = FileType::other;
    std::uint64_t size = 0;  // bytes
    unsigned mode = 0;       // permission bits, 07777
    unsigned owner = 0;      // numeric user id
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t mtime_ns = 0;  // nanoseconds since the epoch
};

// A file being written. Destruction closes it without reporting errors; call close() to know.
class WritableFile {
   public:
    virtual ~WritableFile() = default;
    virtual Result<void> append(std::string_view bytes) = 0;
    virtual Result<void> sync() = 0;
    virtual Result<void> close() = 0;
};

// A regular file being read from its beginning, for files that are too large to hold in memory.
class ReadableFile {
   public:
    virtual ~ReadableFile() = default;
    // Up to `size` bytes into `buffer`; 0 only at the end of the file.
    virtual Result<std::size_t> read(char *buffer, std::size_t size) = 0;
    // Goes on reading at `offset`, in bytes from the beginning.
    virtual Result<void> seek(std::uint64_t offset) = 0;
};

class FileSystem {
   public:
    virtual ~FileSystem() = default;

    // Creates a new file (O_EXCL: an existing one is an error) with exactly this mode.
    virtual Result<std::unique_ptr<WritableFile>> create(const std::string &path,
                                                         unsigned mode) = 0;
    // The whole content of a regular file of at most `limit` bytes; limit_exceeded beyond that.
    virtual Result<std::string> read(const std::string &path, std::uint64_t limit) = 0;
    // The same file piece by piece. Anything but a regular file is an error.
    virtual Result<std::unique_ptr<ReadableFile>> open(const std::string &path) = 0;
    // nullopt when there is nothing at that path.
    virtual Result<std::optional<FileInfo>> info(const std::string &path) = 0;
    // Names in a directory without "." and "..", sorted. A missing directory is empty.
    virtual Result<std::vector<std::string>> list(const std::string &path) = 0;

    // Creates a new directory with exactly this mode.
    virtual Result<void> make_directory(const std::string &path, unsigned mode) = 0;
    // With all missing parents; one that exists already is fine and keeps its mode.
    virtual Result<void> make_directories(const std::string &path, unsigned mode) = 0;
    virtual Result<void> rename(const std::string &from, const std::string &to) = 0;
    virtual Result<void> link(const std::string &from, const std::string &to) = 0;
    virtual Result<void> unlink(const std::string &path) = 0;
    virtual Result<void> remove_directory(const std::string &path) = 0;
    // Removes a directory and everything below it without following links, even when somebody swaps
    // a directory for a link meanwhile; that is why it is a primitive. Missing is fine.
    virtual Result<void> remove_tree(const std::string &path) = 0;
    // Asks the kernel to begin writing a file's data out, without waiting. Advice: where it is not to be had, nothing happens.
    virtual Result<void> start_writeback(const std::string &path) = 0;
    virtual Result<void> sync_file(const std::string &path) = 0;
    virtual Result<void> sync_directory(const std::string &path) = 0;
};

// The real one. Stateless, lives as long as the process.
FileSystem &real_file_system();

// What follows is built on the primitives above and so is covered by the same fault injection.

// Writes beside the target (same name with a random suffix), syncs, renames over it, and syncs the
// directory: afterwards the file has the new content, durably, or the old one.
Result<void> write_file_durably(FileSystem &fs, const std::string &path, std::string_view bytes,
                                unsigned mode);

// Syncs many files. The kernel is asked to write all of them out first: the first fsync then commits the metadata of all
// to the file system's journal, and the others find their work done.
Result<void> sync_files(FileSystem &fs, const std::vector<std::string> &paths);

// FileSystem::remove_tree() as a function, like its neighbours.
Result<void> remove_tree(FileSystem &fs, const std::string &path);

// Removes whatever is at that path, a directory with all below it. Missing is fine.
Result<void> remove_entry(FileSystem &fs, const std::string &path);

// SHA-256 of a regular file as 64 hex digits.
Result<std::string> sha256_of_file(FileSystem &fs, const std::string &path);

// Joins with one slash; an absolute `name` is not special (std::filesystem would drop `directory`).
std::string join_path(std::string_view directory, std::string_view name);

// Everything before the last slash, "." without one.
std::string parent_path(std::string_view path);

}  // namespace pgx
