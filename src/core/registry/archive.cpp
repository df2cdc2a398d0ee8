// archive.cpp - three libarchive handles in a row; the callbacks between them are where limits are
// enforced.
#include "core/registry/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/registry/links.h"

namespace pgx {

namespace {

constexpr std::size_t block_size = 64 * 1024;
constexpr std::size_t longest_path = 4096;
constexpr std::uint64_t tar_block = 512;

struct ArchiveCloser {
    void operator()(struct archive *a) const { archive_read_free(a); }
};
using ArchivePointer = std::unique_ptr<struct archive, ArchiveCloser>;

struct Compression {
    std::string_view member;
    int filter;  // ARCHIVE_FILTER_*
    int (*enable)(struct archive *);
    const char *name;
};

constexpr std::array<Compression, 4> compressions{{
    {"data.tar.xz", ARCHIVE_FILTER_XZ, archive_read_support_filter_xz, "xz"},
    {"data.tar.zst", ARCHIVE_FILTER_ZSTD, archive_read_support_filter_zstd, "zstd"},
    {"data.tar.gz", ARCHIVE_FILTER_GZIP, archive_read_support_filter_gzip, "gzip"},
    {"data.tar", ARCHIVE_FILTER_NONE, archive_read_support_filter_none, "none"},
}};

class LibarchiveDebReader : public DebReader {
   public:
    LibarchiveDebReader(std::unique_ptr<ReadableFile> file, std::string name,
                        const ArchiveLimits &limits)
        : file_(std::move(file)), name_(std::move(name)), limits_(limits), input_(block_size) {}

    // The handles hold the address of this object.
    LibarchiveDebReader(const LibarchiveDebReader &) = delete;
    LibarchiveDebReader &operator=(const LibarchiveDebReader &) = delete;

    Result<void> open() {
        outer_.reset(archive_read_new());
        if (!outer_) return out_of_memory();
        archive_read_support_format_ar(outer_.get());
        if (archive_read_open(outer_.get(), this, nullptr, read_file, nullptr) != ARCHIVE_OK)
            return failure(outer_.get(), "It is not a Debian package.");
        TRY(check_format_member());
        const Compression &compression = *TRY(find_data_member());
        return open_data(compression);
    }

    Result<std::optional<ArchiveEntry>> next() override {
        // libarchive would skip the rest by itself, but then what it skips would count as header.
        TRY(read([](std::string_view) -> Result<void> { return {}; }));
        if (++entries_ > limits_.entries) return unsafe("It has too many entries.");
        const auto header_start = static_cast<std::uint64_t>(archive_filter_bytes(tar_.get(), 0));
        header_end_ = header_start + limits_.header;
        struct archive_entry *entry = nullptr;
        const int status = archive_read_next_header(tar_.get(), &entry);
        header_end_.reset();
        if (pending_) return failure(tar_.get());
        if (status == ARCHIVE_EOF) {
            TRY(check_end(header_start));
            return std::nullopt;
        }
        // A warning is about a name that this locale cannot show, which does not matter here.
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return failure(tar_.get());
        ArchiveEntry result = TRY(convert(entry));
        size_ = result.size;
        unread_ = true;
        return result;
    }

    Result<void> read(const std::function<Result<void>(std::string_view)> &sink) override {
        if (!unread_) return {};
        unread_ = false;
        for (std::uint64_t done = 0;;) {
            const void *data = nullptr;
            std::size_t size = 0;
            la_int64_t offset = 0;
            const int status = archive_read_data_block(tar_.get(), &data, &size, &offset);
            if (status == ARCHIVE_EOF) {
                if (done != size_) return malformed("An entry has another size than it says.");
                return {};
            }
            if (status != ARCHIVE_OK) return failure(tar_.get());
            // With a gap in between it would be a sparse file, and those have been refused.
            if (static_cast<std::uint64_t>(offset) != done || size > size_ - done)
                return malformed("An entry has another size than it says.");
            done += size;
            TRY(sink(std::string_view(static_cast<const char *>(data), size)));
        }
    }

    std::uint64_t position() const override { return file_bytes_; }

   private:
    // --- errors

    std::unexpected<Error> malformed(std::string detail) const {
        return fail(ErrorCode::artifact_malformed, "could not read package file \"" + name_ + "\"",
                    std::move(detail));
    }
    std::unexpected<Error> unsafe(std::string detail) const {
        return fail(ErrorCode::artifact_unsafe, "package file \"" + name_ + "\" is unsafe",
                    std::move(detail));
    }
    std::unexpected<Error> out_of_memory() const {
        return fail(ErrorCode::out_of_memory, "could not read package file \"" + name_ + "\"");
    }

    // What went wrong in `handle`: an error of ours from a callback below it, or the archive's
    // content. libarchive takes a failed read for the end of the archive in places, so pending_ is
    // asked for whatever it says.
    std::unexpected<Error> failure(struct archive *handle, std::string fallback = {}) {
        if (pending_) return fail(std::move(*pending_));
        const char *text = archive_error_string(handle);
        if (archive_errno(handle) == ENOMEM) return out_of_memory();
        if (text != nullptr && *text != '\0') return malformed(std::string(text) + ".");
        return malformed(fallback.empty() ? "Its content is damaged." : std::move(fallback));
    }

    // Remembers an error inside a callback; libarchive only learns that there is one.
    la_ssize_t refuse(struct archive *handle, Error error) {
        if (!pending_) pending_ = std::move(error);
        archive_set_error(handle, EIO, "refused");
        return -1;
    }

    // --- ar

    static la_ssize_t read_file(struct archive *handle, void *self_pointer, const void **data) {
        auto &self = *static_cast<LibarchiveDebReader *>(self_pointer);
        auto count = self.file_->read(self.input_.data(), self.input_.size());
        if (!count) return self.refuse(handle, std::move(count.error()));
        self.file_bytes_ += *count;
        *data = self.input_.data();
        return static_cast<la_ssize_t>(*count);
    }

    // The next member's name, empty at the end.
    Result<std::string> next_member() {
        struct archive_entry *entry = nullptr;
        const int status = archive_read_next_header(outer_.get(), &entry);
        if (pending_) return failure(outer_.get());
        if (status == ARCHIVE_EOF) return std::string();
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return failure(outer_.get(), "It is not a Debian package.");
        const char *name = archive_entry_pathname(entry);
        member_size_ =
            static_cast<std::uint64_t>(std::max<la_int64_t>(archive_entry_size(entry), 0));
        if (name == nullptr || *name == '\0') return malformed("A member has no name.");
        return std::string(name);
    }

    Result<void> check_format_member() {
        const std::string name = TRY(next_member());
        std::array<char, 16> version{};
        if (name != "debian-binary") return malformed("It is not a Debian package.");
        const la_ssize_t size = archive_read_data(outer_.get(), version.data(), version.size() - 1);
        if (size < 0) return failure(outer_.get());
        if (!std::string_view(version.data()).starts_with("2."))
            return malformed("Its format version is not 2.x.");
        return {};
    }

    Result<const Compression *> find_data_member() {
        while (true) {
            const std::string name = TRY(next_member());
            if (name.empty()) return malformed("It has no data archive.");
            if (!name.starts_with("data.tar")) continue;
            const auto *found = std::ranges::find(compressions, name, &Compression::member);
            if (found == compressions.end())
                return malformed("Its data archive \"" + name + "\" has an unknown compression.");
            return found;
        }
    }

    // --- the compressed member

    static la_ssize_t read_member(struct archive *handle, void *self_pointer, const void **data) {
        auto &self = *static_cast<LibarchiveDebReader *>(self_pointer);
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int status = archive_read_data_block(self.outer_.get(), data, &size, &offset);
        if (status == ARCHIVE_EOF) return 0;
        if (status != ARCHIVE_OK)
            return self.refuse(handle, std::move(self.failure(self.outer_.get()).error()));
        self.compressed_bytes_ += size;
        return static_cast<la_ssize_t>(size);
    }

    Result<void> open_data(const Compression &compression) {
        compressed_size_ = member_size_;
        raw_.reset(archive_read_new());
        tar_.reset(archive_read_new());
        if (!raw_ || !tar_) return out_of_memory();
        // ARCHIVE_WARN means that libarchive was built without it and would run a program instead.
        if (compression.enable(raw_.get()) != ARCHIVE_OK)
            return fail(ErrorCode::feature_not_supported,
                        std::string("this system's libarchive cannot read ") + compression.name +
                            " compression");
        archive_read_support_format_raw(raw_.get());
        if (archive_read_open(raw_.get(), this, nullptr, read_member, nullptr) != ARCHIVE_OK)
            return failure(raw_.get());
        struct archive_entry *entry = nullptr;
        const int status = archive_read_next_header(raw_.get(), &entry);
        if (status == ARCHIVE_EOF) return malformed("Its data archive is empty.");
        if (status != ARCHIVE_OK) return failure(raw_.get());
        // Exactly the declared filter: libarchive applies an enabled one as often as it fits.
        const int expected = compression.filter == ARCHIVE_FILTER_NONE ? 1 : 2;
        if (archive_filter_count(raw_.get()) != expected ||
            (expected == 2 && archive_filter_code(raw_.get(), 0) != compression.filter))
            return malformed("Its data archive is not compressed as its name says.");
        archive_read_support_format_tar(tar_.get());
        if (archive_read_open(tar_.get(), this, nullptr, read_stream, nullptr) != ARCHIVE_OK)
            return failure(tar_.get());
        return {};
    }

    // --- the tar stream

    static la_ssize_t read_stream(struct archive *handle, void *self_pointer, const void **data) {
        auto &self = *static_cast<LibarchiveDebReader *>(self_pointer);
        std::size_t size = 0;
        if (auto block = self.next_block(*data, size); !block)
            return self.refuse(handle, std::move(block.error()));
        return static_cast<la_ssize_t>(size);
    }

    // The next piece of the tar stream, size 0 at its end.
    Result<void> next_block(const void *&data, std::size_t &size) {
        la_int64_t offset = 0;
        size = 0;
        const int status = archive_read_data_block(raw_.get(), &data, &size, &offset);
        if (pending_) return failure(raw_.get());
        if (status == ARCHIVE_EOF) {
            size = 0;
            return {};
        }
        if (status != ARCHIVE_OK) return failure(raw_.get());
        // One block may reach far beyond the header; more than two that belong to it may not.
        if (header_end_ && stream_bytes_ > *header_end_)
            return unsafe("The header of an entry is too large.");
        const auto *bytes = static_cast<const char *>(data);
        for (std::size_t i = size; i > 0; --i) {
            if (bytes[i - 1] == '\0') continue;
            content_end_ = stream_bytes_ + i;
            break;
        }
        stream_bytes_ += size;
        if (stream_bytes_ > limits_.total) return unsafe("Its content is too large.");
        if (stream_bytes_ > limits_.ratio_from && stream_bytes_ / limits_.ratio > compressed_bytes_)
            return unsafe("It is compressed more than any real package.");
        return {};
    }

    // A tar archive ends with at least one block of zeros; after it nothing else may come, neither
    // in the tar stream, nor behind the compressed one, nor as a second data archive.
    Result<void> check_end(std::uint64_t last_entry_end) {
        const auto end = static_cast<std::uint64_t>(archive_filter_bytes(tar_.get(), 0));
        if (end < last_entry_end + tar_block) return malformed("Its data archive is truncated.");
        const void *data = nullptr;
        std::size_t size = 0;
        do {
            TRY(next_block(data, size));
        } while (size > 0);
        if (content_end_ > end)
            return malformed("There is something after the end of its data archive.");
        const auto used = static_cast<std::uint64_t>(
            std::max<la_int64_t>(archive_filter_bytes(raw_.get(), -1), 0));
        if (used != compressed_size_)
            return malformed("There is something after the end of its compressed data.");
        while (true) {
            const std::string name = TRY(next_member());
            if (name.empty()) return {};
            if (name.starts_with("data.tar"))
                return malformed("It has more than one data archive.");
        }
    }

    Result<ArchiveEntry> convert(struct archive_entry *entry) {
        // dpkg does not read pax headers, so no real package has any, and two readers cannot
        // disagree about them.
        if (archive_format(tar_.get()) == ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE ||
            archive_format(tar_.get()) == ARCHIVE_FORMAT_TAR_PAX_RESTRICTED)
            return malformed(
                "Its data archive uses pax headers, which Debian packages do not have.");
        ArchiveEntry result;
        const char *name = archive_entry_pathname(entry);
        if (name == nullptr) return malformed("An entry has an unreadable name.");
        if (std::strlen(name) > longest_path)
            return unsafe("An entry has a name that is too long.");
        result.path = TRY(cleaned(name));
        const la_int64_t size = archive_entry_size(entry);
        if (const char *hard_link = archive_entry_hardlink(entry); hard_link != nullptr) {
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
        if (result.path.empty()) return unsafe(result, "has no name.");
        if (archive_entry_sparse_count(entry) > 0) return unsafe(result, "is a sparse file.");
        if (size < 0 || static_cast<std::uint64_t>(size) > limits_.file)
            return unsafe(result, "is too large.");
        result.size = static_cast<std::uint64_t>(size);
        return result;
    }

    Result<std::string> cleaned(const char *path) const {
        auto result = clean_archive_path(path);
        if (!result) return unsafe("Entry \"" + shown_path(path) + "\": " + result.error().detail);
        return result;
    }

    std::unexpected<Error> unsafe(const ArchiveEntry &entry, const char *what) const {
        return unsafe("Entry \"" + shown_path(entry.path) + "\" " + what);
    }

    std::unique_ptr<ReadableFile> file_;
    std::string name_;
    ArchiveLimits limits_;
    std::vector<char> input_;
    std::optional<Error> pending_;
    // In the order of construction: each reads from the one before it, so they must go in the
    // opposite order.
    ArchivePointer outer_, raw_, tar_;

    std::uint64_t file_bytes_ = 0;        // read from the file
    std::uint64_t member_size_ = 0;       // of the member of the ar that is being read
    std::uint64_t compressed_size_ = 0;   // of the data member
    std::uint64_t compressed_bytes_ = 0;  // read of it
    std::uint64_t stream_bytes_ = 0;      // of the tar stream, handed to the tar reader
    std::uint64_t content_end_ = 0;       // after the last byte of the stream that is not zero
    std::optional<std::uint64_t>
        header_end_;  // while a header is read: where in the stream it must have ended
    std::uint64_t entries_ = 0;
    std::uint64_t size_ = 0;  // of the last entry
    bool unread_ = false;
};

}  // namespace

Result<std::unique_ptr<DebReader>> open_deb(FileSystem &fs, const std::string &path,
                                            const ArchiveLimits &limits) {
    auto file = TRY(fs.open(path));
    // The name without its directory, which is some cache that says nothing to people.
    auto reader = std::make_unique<LibarchiveDebReader>(std::move(file),
                                                        path.substr(path.rfind('/') + 1), limits);
    TRY(reader->open());
    return std::unique_ptr<DebReader>(std::move(reader));
}

}  // namespace pgx
