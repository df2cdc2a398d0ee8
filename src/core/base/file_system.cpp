// file_system.cpp - the real file system, and what is built on it.
//
// Plain POSIX calls: std::filesystem follows links where we must not, cannot sync, and cannot say
// which call failed.  Every call that may be interrupted is repeated, except close(), whose
// descriptor is gone on Linux whatever it answers.
#include "core/base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ranges>
#include <utility>

#include "core/base/descriptor.h"

namespace pgx {

namespace {

std::string doing(std::string_view what, const std::string &path) {
    return "could not " + std::string(what) + " \"" + path + "\"";
}

std::unexpected<Error> failed(std::string_view what, const std::string &path) {
    const int error_number = errno;
    return fail(system_error(doing(what, path), error_number));
}

// Repeats a call that answers -1 with EINTR.
template <typename Call>
auto retry(Call call) {
    while (true) {
        const auto result = call();
        if (result != -1 || errno != EINTR) return result;
    }
}

// A descriptor that is closed with its scope.
Descriptor open_at(int directory, const char *path, int flags, mode_t mode = 0) {
    return Descriptor(
        retry([&] { return ::openat(directory, path, flags | O_CLOEXEC | O_NOFOLLOW, mode); }));
}

Descriptor open_path(const std::string &path, int flags, mode_t mode = 0) {
    return open_at(AT_FDCWD, path.c_str(), flags, mode);
}

// A path with a NUL in it would name another file than it seems to.
Result<void> check_path(const std::string &path) {
    if (path.find('\0') != std::string::npos)
        return fail(ErrorCode::invalid_argument, "a file name must not contain a NUL character");
    return {};
}

// Opens a regular file for reading. O_NONBLOCK: a FIFO of that name must not block us for ever.
Result<Descriptor> open_regular(const std::string &path, struct stat &status) {
    TRY(check_path(path));
    Descriptor file = open_path(path, O_RDONLY | O_NONBLOCK);
    if (!file.valid()) return failed("open file", path);
    if (::fstat(file.number(), &status) != 0) return failed("examine file", path);
    if (!S_ISREG(status.st_mode))
        return fail(ErrorCode::io, doing("read", path) + ": not a regular file");
    return file;
}

class RealReadableFile : public ReadableFile {
   public:
    RealReadableFile(Descriptor file, std::string path)
        : file_(std::move(file)), path_(std::move(path)) {}

    Result<std::size_t> read(char *buffer, std::size_t size) override {
        const ssize_t count = retry([&] { return ::read(file_.number(), buffer, size); });
        if (count < 0) return failed("read file", path_);
        return static_cast<std::size_t>(count);
    }

    Result<void> seek(std::uint64_t offset) override {
        if (::lseek(file_.number(), static_cast<off_t>(offset), SEEK_SET) < 0)
            return failed("read file", path_);
        return {};
    }

   private:
    Descriptor file_;
    std::string path_;
};

class RealWritableFile : public WritableFile {
   public:
    RealWritableFile(Descriptor file, std::string path)
        : file_(std::move(file)), path_(std::move(path)) {}

    Result<void> append(std::string_view bytes) override {
        while (!bytes.empty()) {
            const ssize_t count =
                retry([&] { return ::write(file_.number(), bytes.data(), bytes.size()); });
            if (count < 0) return failed("write file", path_);
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
        return {};
    }

    Result<void> sync() override {
        if (retry([&] { return ::fsync(file_.number()); }) != 0) return failed("sync file", path_);
        return {};
    }

    Result<void> close() override {
        if (!file_.valid()) return {};
        if (::close(file_.release()) != 0 && errno != EINTR) return failed("close file", path_);
        return {};
    }

   private:
    Descriptor file_;
    std::string path_;
};

struct DirectoryCloser {
    void operator()(DIR *directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, DirectoryCloser>;

// The names in an open directory, "." and ".." left out. Takes the descriptor.
Result<std::vector<std::string>> read_names(Descriptor descriptor, const std::string &path) {
    const Directory directory(::fdopendir(descriptor.number()));
    if (directory == nullptr) return failed("read directory", path);
    descriptor.release();
    std::vector<std::string> names;
    while (true) {
        errno = 0;
        const dirent *entry = ::readdir(directory.get());
        if (entry == nullptr) {
            if (errno != 0) return failed("read directory", path);
            break;
        }
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    std::ranges::sort(names);
    return names;
}

// Empties the directory that `descriptor` is open on. Each level is opened relative to its parent's
// descriptor, so a directory that turns into a link meanwhile is refused by O_NOFOLLOW and removed
// as the link it is.  `depth` bounds recursion and descriptors.
Result<void> empty_directory(const Descriptor &descriptor, const std::string &path,
                             unsigned depth) {
    if (depth == 0)
        return fail(ErrorCode::limit_exceeded,
                    doing("remove directory", path) + ": nested too deeply");
    // Opened anew, because reading moves the position that duplicates share.
    Descriptor reading = open_at(descriptor.number(), ".", O_RDONLY | O_DIRECTORY);
    if (!reading.valid()) return failed("open directory", path);
    const std::vector<std::string> names = TRY(read_names(std::move(reading), path));
    for (const std::string &name : names) {
        const std::string below = join_path(path, name);
        if (::unlinkat(descriptor.number(), name.c_str(), 0) == 0 || errno == ENOENT) continue;
        // Linux says EISDIR, POSIX EPERM.
        if (errno != EISDIR && errno != EPERM) return failed("remove file", below);
        const int unlink_error = errno;
        {
            const Descriptor child =
                open_at(descriptor.number(), name.c_str(), O_RDONLY | O_DIRECTORY);
            if (!child.valid()) {
                if (errno == ENOENT) continue;
                if (errno == ENOTDIR || errno == ELOOP) errno = unlink_error;
                return failed("open directory", below);
            }
            TRY(empty_directory(child, below, depth - 1));
        }
        if (::unlinkat(descriptor.number(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
            return failed("remove directory", below);
    }
    return {};
}

FileType type_of(mode_t mode) {
    if (S_ISREG(mode)) return FileType::regular;
    if (S_ISDIR(mode)) return FileType::directory;
    if (S_ISLNK(mode)) return FileType::symlink;
    return FileType::other;
}

class RealFileSystem : public FileSystem {
   public:
    Result<std::unique_ptr<WritableFile>> create(const std::string &path, unsigned mode) override {
        TRY(check_path(path));
        Descriptor file = open_path(path, O_WRONLY | O_CREAT | O_EXCL, mode);
        if (!file.valid()) return failed("create file", path);
        // Not through open's mode alone, which the umask cuts. Where it does not, nothing is asked
        // that a sandbox may deny.
        struct stat status = {};
        if (::fstat(file.number(), &status) != 0 ||
            ((status.st_mode & 07777) != mode && ::fchmod(file.number(), mode) != 0)) {
            auto error = failed("set permissions of file", path);
            ::unlink(path.c_str());
            return error;
        }
        return std::make_unique<RealWritableFile>(std::move(file), path);
    }

    Result<std::string> read(const std::string &path, std::uint64_t limit) override {
        struct stat status = {};
        const Descriptor file = TRY(open_regular(path, status));
        const auto too_large = [&] {
            return fail(ErrorCode::limit_exceeded, doing("read file", path) + ": larger than " +
                                                       std::to_string(limit) + " bytes");
        };
        if (static_cast<std::uint64_t>(status.st_size) > limit) return too_large();
        std::string content;
        content.reserve(static_cast<std::size_t>(status.st_size));
        // Read to the end, not to the size: files below /proc have none, and others may grow.
        std::array<char, 65536> buffer;
        while (true) {
            const ssize_t count =
                retry([&] { return ::read(file.number(), buffer.data(), buffer.size()); });
            if (count < 0) return failed("read file", path);
            if (count == 0) return content;
            if (content.size() + static_cast<std::size_t>(count) > limit) return too_large();
            content.append(buffer.data(), static_cast<std::size_t>(count));
        }
    }

    Result<std::unique_ptr<ReadableFile>> open(const std::string &path) override {
        struct stat status = {};
        Descriptor file = TRY(open_regular(path, status));
        return std::make_unique<RealReadableFile>(std::move(file), path);
    }

    Result<std::optional<FileInfo>> info(const std::string &path) override {
        TRY(check_path(path));
        struct stat status = {};
        if (::lstat(path.c_str(), &status) != 0) {
            if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
            return failed("examine", path);
        }
        FileInfo info;
        info.type = type_of(status.st_mode);
        info.size = static_cast<std::uint64_t>(status.st_size);
        info.mode = status.st_mode & 07777;
        info.owner = status.st_uid;
        info.device = status.st_dev;
        info.inode = status.st_ino;
        info.mtime_ns =
            std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
        return info;
    }

    Result<std::vector<std::string>> list(const std::string &path) override {
        TRY(check_path(path));
        Descriptor directory = open_path(path, O_RDONLY | O_DIRECTORY);
        if (!directory.valid()) {
            if (errno == ENOENT) return std::vector<std::string>{};
            return failed("open directory", path);
        }
        return read_names(std::move(directory), path);
    }

    Result<void> make_directory(const std::string &path, unsigned mode) override {
        TRY(check_path(path));
        if (::mkdir(path.c_str(), 0700) != 0) return failed("create directory", path);
        const Descriptor directory = open_path(path, O_RDONLY | O_DIRECTORY);
        if (!directory.valid() || ::fchmod(directory.number(), mode) != 0) {
            auto error = failed("set permissions of directory", path);
            ::rmdir(path.c_str());
            return error;
        }
        return {};
    }

    Result<void> make_directories(const std::string &path, unsigned mode) override {
        TRY(check_path(path));
        // From the last component upwards to the first that exists, then down again.
        std::vector<std::string> missing;
        std::string current = path;
        while (true) {
            struct stat status = {};
            // A link on the way is followed, as in every path; only the end must be a directory
            // itself.
            const bool last = missing.empty();
            const int answer =
                last ? ::lstat(current.c_str(), &status) : ::stat(current.c_str(), &status);
            if (answer == 0) {
                if (S_ISDIR(status.st_mode)) break;
                errno = ENOTDIR;
            }
            if (errno != ENOENT) return failed("create directory", path);
            missing.push_back(current);
            std::string parent = parent_path(current);
            if (parent == current) return failed("create directory", path);
            current = std::move(parent);
        }
        for (const std::string &directory : missing | std::views::reverse) {
            if (auto made = make_directory(directory, mode); !made) {
                // Somebody else may have made it just now.
                auto found = info(directory);
                if (!found || !*found || (*found)->type != FileType::directory) return made;
            }
        }
        return {};
    }

    Result<void> rename(const std::string &from, const std::string &to) override {
        TRY(check_path(from));
        TRY(check_path(to));
        if (::rename(from.c_str(), to.c_str()) != 0) return failed_pair("rename", from, to);
        return {};
    }

    Result<void> link(const std::string &from, const std::string &to) override {
        TRY(check_path(from));
        TRY(check_path(to));
        if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0) != 0)
            return failed_pair("link", from, to);
        return {};
    }

    Result<void> unlink(const std::string &path) override {
        TRY(check_path(path));
        if (::unlink(path.c_str()) != 0) return failed("remove file", path);
        return {};
    }

    Result<void> remove_directory(const std::string &path) override {
        TRY(check_path(path));
        if (::rmdir(path.c_str()) != 0) return failed("remove directory", path);
        return {};
    }

    Result<void> remove_tree(const std::string &path) override {
        TRY(check_path(path));
        {
            const Descriptor directory = open_path(path, O_RDONLY | O_DIRECTORY);
            if (!directory.valid()) {
                if (errno == ENOENT) return {};
                return failed("open directory", path);
            }
            TRY(empty_directory(directory, path, 256));
        }
        if (::rmdir(path.c_str()) != 0 && errno != ENOENT) return failed("remove directory", path);
        return {};
    }

    Result<void> start_writeback(const std::string &path) override {
        struct stat status = {};
        const Descriptor file = TRY(open_regular(path, status));
#ifdef SYNC_FILE_RANGE_WRITE
        (void)::sync_file_range(file.number(), 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
        return {};
    }

    Result<void> sync_file(const std::string &path) override {
        struct stat status = {};
        const Descriptor file = TRY(open_regular(path, status));
        if (retry([&] { return ::fsync(file.number()); }) != 0) return failed("sync file", path);
        return {};
    }

    Result<void> sync_directory(const std::string &path) override {
        TRY(check_path(path));
        const Descriptor directory = open_path(path, O_RDONLY | O_DIRECTORY);
        if (!directory.valid()) return failed("open directory", path);
        if (retry([&] { return ::fsync(directory.number()); }) != 0)
            return failed("sync directory", path);
        return {};
    }

   private:
    static std::unexpected<Error> failed_pair(std::string_view what, const std::string &from,
                                              const std::string &to) {
        const int error_number = errno;
        return fail(system_error(doing(what, from) + " to \"" + to + "\"", error_number));
    }
};

// Sixteen hex digits that nobody can foresee, so that nobody can have made the file before us.
Result<std::string> random_suffix() {
    if (::sodium_init() < 0)
        return fail(ErrorCode::internal, "could not initialize the random number generator");
    std::array<unsigned char, 8> bytes;
    ::randombytes_buf(bytes.data(), bytes.size());
    std::array<char, 17> hex;
    ::sodium_bin2hex(hex.data(), hex.size(), bytes.data(), bytes.size());
    return std::string(hex.data());
}

Result<void> fill(WritableFile &file, std::string_view bytes) {
    TRY(file.append(bytes));
    TRY(file.sync());
    return file.close();
}

}  // namespace

FileSystem &real_file_system() {
    static RealFileSystem instance;
    return instance;
}

Result<void> remove_entry(FileSystem &fs, const std::string &path) {
    const std::optional<FileInfo> info = TRY(fs.info(path));
    if (!info) return {};
    return info->type == FileType::directory ? fs.remove_tree(path) : fs.unlink(path);
}

Result<void> sync_files(FileSystem &fs, const std::vector<std::string> &paths) {
    for (const std::string &path : paths) TRY(fs.start_writeback(path));
    for (const std::string &path : paths) TRY(fs.sync_file(path));
    return {};
}

Result<void> write_file_durably(FileSystem &fs, const std::string &path, std::string_view bytes,
                                unsigned mode) {
    const std::string beside = path + "." + TRY(random_suffix());
    const std::unique_ptr<WritableFile> file = TRY(fs.create(beside, mode));
    auto written = fill(*file, bytes);
    if (written) written = fs.rename(beside, path);
    if (!written) {
        // The first failure is the one to tell.
        (void)fs.unlink(beside);
        return written;
    }
    return fs.sync_directory(parent_path(path));
}

Result<void> remove_tree(FileSystem &fs, const std::string &path) { return fs.remove_tree(path); }

Result<std::string> sha256_of_file(FileSystem &fs, const std::string &path) {
    const std::unique_ptr<ReadableFile> file = TRY(fs.open(path));
    crypto_hash_sha256_state state;
    ::crypto_hash_sha256_init(&state);
    std::vector<char> buffer(128 * 1024);
    while (true) {
        const std::size_t count = TRY(file->read(buffer.data(), buffer.size()));
        if (count == 0) break;
        ::crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char *>(buffer.data()),
                                    count);
    }
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
    ::crypto_hash_sha256_final(&state, digest.data());
    std::array<char, 2 * crypto_hash_sha256_BYTES + 1> hex;
    ::sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
    return std::string(hex.data());
}

std::string join_path(std::string_view directory, std::string_view name) {
    while (directory.size() > 1 && directory.ends_with('/')) directory.remove_suffix(1);
    while (name.starts_with('/')) name.remove_prefix(1);
    if (directory.empty()) return std::string(name);
    if (name.empty()) return std::string(directory);
    std::string result(directory);
    if (result != "/") result += '/';
    return result += name;
}

std::string parent_path(std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return ".";
    path = path.substr(0, slash);
    while (path.ends_with('/')) path.remove_suffix(1);
    return path.empty() ? "/" : std::string(path);
}

}  // namespace pgx
