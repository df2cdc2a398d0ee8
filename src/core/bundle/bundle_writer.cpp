// bundle_writer.cpp - libarchive as a writer of tar and zstd, told everything that it would
// otherwise take from the machine.
#include "core/bundle/bundle_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <set>
#include <string_view>

#include "core/bundle/digests.h"
#include "core/registry/links.h"
#include "core/registry/sha256.h"

namespace pgx {

namespace {

constexpr std::size_t chunk_size = 64 * 1024;
constexpr std::int64_t entry_time = 315532800;  // 1980-01-01 00:00:00 UTC
constexpr std::uint64_t large = 64ULL * 1024 * 1024;

struct ArchiveFreer {
    void operator()(struct archive *handle) const { archive_write_free(handle); }
};
struct EntryFreer {
    void operator()(struct archive_entry *entry) const { archive_entry_free(entry); }
};

using Sink = std::function<Result<void>(std::string_view)>;

std::unexpected<Error> invalid(std::string message) {
    return fail(ErrorCode::invalid_argument, std::move(message));
}

// Names that every archiver and file system takes for the same, and that `digests` can hold.
bool is_plain_path(std::string_view path) {
    const auto clean = clean_archive_path(path);
    return clean && *clean == path && !path.empty() &&
           std::ranges::all_of(path, [](char c) { return c > ' ' && c < '\x7f' && c != '\\'; });
}

Result<void> read_source(FileSystem &fs, const BundleSourceFile &source, const Sink &sink) {
    if (source.bytes) return sink(*source.bytes);
    auto file = TRY(fs.open(source.path));
    std::string buffer(chunk_size, '\0');
    while (true) {
        const std::size_t size = TRY(file->read(buffer.data(), buffer.size()));
        if (size == 0) return {};
        TRY(sink(std::string_view(buffer).substr(0, size)));
    }
}

struct PlannedFile {
    BundleSourceFile source;
    std::uint64_t size = 0;
    Digest digest;
};

Result<PlannedFile> plan(FileSystem &fs, BundleSourceFile source) {
    PlannedFile file{std::move(source), 0, {}};
    DigestComputation computation(DigestAlgorithm::sha256);
    TRY(read_source(fs, file.source, [&](std::string_view bytes) -> Result<void> {
        computation.update(bytes);
        file.size += bytes.size();
        return {};
    }));
    file.digest = TRY(computation.finish());
    return file;
}

// The archive being written, and what has become of its bytes.
class ArchiveFile {
   public:
    ArchiveFile(FileSystem &fs, std::unique_ptr<WritableFile> file)
        : fs_(fs), file_(std::move(file)) {}

    // The handle holds the address of this object.
    ArchiveFile(const ArchiveFile &) = delete;
    ArchiveFile &operator=(const ArchiveFile &) = delete;
    ~ArchiveFile() {
        // Freeing writes what is left otherwise.
        if (handle_) archive_write_fail(handle_.get());
    }

    Result<void> open(const char *level) {
        handle_.reset(archive_write_new());
        if (!handle_) return fail(ErrorCode::out_of_memory, "could not write a bundle");
        // Anything but ARCHIVE_OK means that libarchive would run a program for it.
        if (archive_write_add_filter_zstd(handle_.get()) != ARCHIVE_OK)
            return fail(ErrorCode::feature_not_supported,
                        "this system's libarchive cannot write zstd compression");
        TRY(check(
            archive_write_set_filter_option(handle_.get(), "zstd", "compression-level", level)));
        TRY(check(archive_write_set_format_pax_restricted(handle_.get())));
        TRY(check(archive_write_set_bytes_per_block(handle_.get(), chunk_size)));
        TRY(check(archive_write_set_bytes_in_last_block(handle_.get(), 1)));
        return check(archive_write_open(handle_.get(), this, nullptr, write_file, nullptr));
    }

    Result<void> add_directory(const std::string &path) {
        return add_header(path + "/", AE_IFDIR, 0755, 0);
    }

    Result<void> add_file(const std::string &path, const PlannedFile &file) {
        TRY(add_header(path, AE_IFREG, file.source.executable ? 0755 : 0644, file.size));
        DigestComputation computation(file.digest.algorithm);
        std::uint64_t size = 0;
        TRY(read_source(fs_, file.source, [&](std::string_view bytes) -> Result<void> {
            computation.update(bytes);
            size += bytes.size();
            while (!bytes.empty() && size <= file.size) {
                const la_ssize_t count =
                    archive_write_data(handle_.get(), bytes.data(), bytes.size());
                if (count <= 0) return failure();
                bytes.remove_prefix(static_cast<std::size_t>(count));
            }
            return {};
        }));
        if (size != file.size || TRY(computation.finish()) != file.digest)
            return fail(ErrorCode::io,
                        "file \"" + file.source.path + "\" changed while it was being packed");
        return check(archive_write_finish_entry(handle_.get()));
    }

    Result<void> close() {
        TRY(check(archive_write_close(handle_.get())));
        TRY(file_->sync());
        return file_->close();
    }

    std::uint64_t size() const { return size_; }
    Result<std::string> sha256() { return digest_.finish(); }

   private:
    Result<void> add_header(const std::string &path, unsigned type, unsigned mode,
                            std::uint64_t size) {
        const std::unique_ptr<struct archive_entry, EntryFreer> entry(archive_entry_new());
        if (!entry) return fail(ErrorCode::out_of_memory, "could not write a bundle");
        archive_entry_set_pathname(entry.get(), path.c_str());
        archive_entry_set_filetype(entry.get(), type);
        archive_entry_set_perm(entry.get(), static_cast<__LA_MODE_T>(mode));
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
        archive_entry_set_mtime(entry.get(), entry_time, 0);
        archive_entry_set_uid(entry.get(), 0);
        archive_entry_set_gid(entry.get(), 0);
        return check(archive_write_header(handle_.get(), entry.get()));
    }

    Result<void> check(int status) {
        if (status == ARCHIVE_OK) return {};
        return failure();
    }

    std::unexpected<Error> failure() {
        if (failed_) return fail(std::move(*failed_));
        const char *text = archive_error_string(handle_.get());
        return fail(ErrorCode::io, std::string("could not write a bundle: ") +
                                       (text == nullptr ? "unknown error" : text));
    }

    static la_ssize_t write_file(struct archive *handle, void *self_pointer, const void *data,
                                 std::size_t size) {
        auto &self = *static_cast<ArchiveFile *>(self_pointer);
        const std::string_view bytes(static_cast<const char *>(data), size);
        if (auto written = self.file_->append(bytes); !written) {
            if (!self.failed_) self.failed_ = std::move(written.error());
            archive_set_error(handle, EIO, "refused");
            return -1;
        }
        self.digest_.update(bytes);
        self.size_ += size;
        return static_cast<la_ssize_t>(size);
    }

    FileSystem &fs_;
    std::unique_ptr<WritableFile> file_;
    std::unique_ptr<struct archive, ArchiveFreer> handle_;
    Sha256 digest_;
    std::uint64_t size_ = 0;
    std::optional<Error> failed_;
};

Result<std::string> random_suffix() {
    if (sodium_init() < 0)
        return fail(ErrorCode::internal, "could not initialize the random number generator");
    std::array<unsigned char, 8> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    std::array<char, 17> text{};
    sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
    return std::string(text.data());
}

class Writer {
   public:
    Writer(FileSystem &fs, const BundleContent &content) : fs_(fs), content_(content) {}

    Result<WrittenBundle> write(const std::string &directory) {
        TRY(check_bundle_name(content_.manifest.name));
        TRY(plan_files());
        WrittenBundle result;
        result.path = join_path(directory, bundle_file_name(content_.manifest.name));
        const std::string part = result.path + "." + TRY(random_suffix());
        auto written = write_archive(part, result);
        if (written) written = fs_.rename(part, result.path);
        if (!written) {
            // The error that matters is the first one.
            (void)fs_.unlink(part);
            return fail(std::move(written.error()));
        }
        TRY(fs_.sync_directory(directory));
        return result;
    }

   private:
    Result<void> plan_files() {
        for (const auto &[path, source] : content_.files) {
            if (!is_plain_path(path))
                return invalid("file name \"" + shown_path(path) + "\" cannot be in a bundle");
            if (path == "trunk.json" || path == "META.json" || path == "digests")
                return invalid("file \"" + path + "\" of a bundle cannot be given");
            PlannedFile file = TRY(plan(fs_, source));
            digests_.emplace(path, file.digest);
            total_ += file.size;
            files_.emplace(path, std::move(file));
        }
        TRY(describe("trunk.json", write_trunk_json(content_.manifest)));
        TRY(describe("META.json", write_meta(content_.meta)));
        return describe("digests", write_digests(digests_));
    }

    Result<void> describe(const char *path, std::string text) {
        BundleSourceFile source{path, false, std::move(text)};
        PlannedFile file = TRY(plan(fs_, std::move(source)));
        digests_.emplace(path, file.digest);
        descriptions_.emplace(path, std::move(file));
        return {};
    }

    Result<void> write_archive(const std::string &path, WrittenBundle &result) {
        ArchiveFile archive(fs_, TRY(fs_.create(path, 0644)));
        // Beyond some size the last percents take minutes.
        TRY(archive.open(total_ > large ? "12" : "19"));
        const std::string top = bundle_folder_name(content_.manifest.name);
        TRY(archive.add_directory(top));
        for (const char *name : {"digests", "trunk.json", "META.json"})
            TRY(archive.add_file(top + "/" + name, descriptions_.at(name)));
        std::set<std::string> made;
        for (const auto &[name, file] : files_) {
            for (std::size_t slash = name.find('/'); slash != std::string::npos;
                 slash = name.find('/', slash + 1))
                if (const std::string directory = name.substr(0, slash);
                    made.insert(directory).second)
                    TRY(archive.add_directory(top + "/" + directory));
            TRY(archive.add_file(top + "/" + name, file));
        }
        TRY(archive.close());
        result.size = archive.size();
        result.sha256 = TRY(archive.sha256());
        return {};
    }

    FileSystem &fs_;
    const BundleContent &content_;
    std::map<std::string, PlannedFile> files_, descriptions_;
    Digests digests_;
    std::uint64_t total_ = 0;  // bytes
};

}  // namespace

Result<WrittenBundle> write_bundle(FileSystem &fs, const BundleContent &content,
                                   const std::string &directory) {
    return Writer(fs, content).write(directory);
}

}  // namespace pgx
