// archive.cpp - the kinds of archive files: which bytes of them are the compressed tar archive.
#include "core/registry/archive.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "core/registry/archive_handle.h"
#include "core/registry/tar_reader.h"
#include "core/registry/zip_reader.h"

namespace pgx {

namespace {

constexpr std::size_t block_size = 64 * 1024;

// The name without its directory, which is some cache that says nothing to people.
std::string shown_name(const std::string &path) { return path.substr(path.rfind('/') + 1); }

// One member of a .deb, whose name begins with `wanted` ("data.tar").
class DebMember : public TarSource {
   public:
    DebMember(std::unique_ptr<ReadableFile> file, std::string wanted, ArchiveContext context)
        : file_(std::move(file)),
          wanted_(std::move(wanted)),
          context_(std::move(context)),
          input_(block_size) {}

    // The handle holds the address of this object.
    DebMember(const DebMember &) = delete;
    DebMember &operator=(const DebMember &) = delete;

    Result<const TarCompression *> open() {
        outer_.reset(archive_read_new());
        if (!outer_) return context_.out_of_memory();
        archive_read_support_format_ar(outer_.get());
        if (archive_read_open(outer_.get(), this, nullptr, read_file, nullptr) != ARCHIVE_OK)
            return context_.failure(outer_.get(), "It is not a Debian package.");
        TRY(check_format_member());
        return find_member();
    }

    Result<std::string_view> next() override {
        const void *data = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int status = archive_read_data_block(outer_.get(), &data, &size, &offset);
        if (status == ARCHIVE_EOF && !context_.refused()) return std::string_view();
        if (status != ARCHIVE_OK) return context_.failure(outer_.get());
        return std::string_view(static_cast<const char *>(data), size);
    }

    Result<void> finish(std::uint64_t used, std::uint64_t) override {
        if (used != size_)
            return context_.malformed("There is something after the end of its compressed data.");
        while (true) {
            const std::string name = TRY(next_member());
            if (name.empty()) return {};
            if (name.starts_with(wanted_))
                return context_.malformed("It has more than one " + context_.part + ".");
        }
    }

    std::uint64_t position() const override { return file_bytes_; }

   private:
    static la_ssize_t read_file(struct archive *handle, void *self_pointer, const void **data) {
        auto &self = *static_cast<DebMember *>(self_pointer);
        auto count = self.file_->read(self.input_.data(), self.input_.size());
        if (!count) return self.context_.refuse(handle, std::move(count.error()));
        self.file_bytes_ += *count;
        *data = self.input_.data();
        return static_cast<la_ssize_t>(*count);
    }

    // The next member's name, empty at the end.
    Result<std::string> next_member() {
        struct archive_entry *entry = nullptr;
        const int status = archive_read_next_header(outer_.get(), &entry);
        if (context_.refused()) return context_.failure(outer_.get());
        if (status == ARCHIVE_EOF) return std::string();
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return context_.failure(outer_.get(), "It is not a Debian package.");
        const char *name = archive_entry_pathname(entry);
        member_size_ =
            static_cast<std::uint64_t>(std::max<la_int64_t>(archive_entry_size(entry), 0));
        if (name == nullptr || *name == '\0') return context_.malformed("A member has no name.");
        return std::string(name);
    }

    Result<void> check_format_member() {
        const std::string name = TRY(next_member());
        std::array<char, 16> version{};
        if (name != "debian-binary") return context_.malformed("It is not a Debian package.");
        const la_ssize_t size = archive_read_data(outer_.get(), version.data(), version.size() - 1);
        if (size < 0) return context_.failure(outer_.get());
        if (!std::string_view(version.data()).starts_with("2."))
            return context_.malformed("Its format version is not 2.x.");
        return {};
    }

    Result<const TarCompression *> find_member() {
        while (true) {
            const std::string name = TRY(next_member());
            if (name.empty()) return context_.malformed("It has no " + context_.part + ".");
            if (!name.starts_with(wanted_)) continue;
            const TarCompression *found =
                find_tar_compression(std::string_view(name).substr(wanted_.size()));
            if (found == nullptr)
                return context_.malformed("Its " + context_.part + " \"" + name +
                                          "\" has an unknown compression.");
            size_ = member_size_;
            return found;
        }
    }

    std::unique_ptr<ReadableFile> file_;
    std::string wanted_;
    ArchiveContext context_;
    std::vector<char> input_;
    ArchivePointer outer_;
    std::uint64_t file_bytes_ = 0;   // read from the file
    std::uint64_t member_size_ = 0;  // of the member of the ar that is being read
    std::uint64_t size_ = 0;         // of the wanted member
};

// A file that is a compressed tar archive from its first byte to its last.
class WholeFile : public TarSource {
   public:
    WholeFile(std::unique_ptr<ReadableFile> file, bool gzip, ArchiveContext context)
        : file_(std::move(file)), gzip_(gzip), context_(std::move(context)), input_(block_size) {}

    Result<std::string_view> next() override {
        const std::size_t count = TRY(file_->read(input_.data(), input_.size()));
        bytes_ += count;
        const std::string_view piece(input_.data(), count);
        end_ += piece.substr(count - std::min<std::size_t>(count, 4));
        if (end_.size() > 4) end_.erase(0, end_.size() - 4);
        return piece;
    }

    // gzip's last four bytes are the length of what was compressed, modulo 2^32. libarchive does
    // not look at them, nor does it mind when they are missing, or when another stream follows.
    Result<void> finish(std::uint64_t used, std::uint64_t expanded) override {
        while (true) {
            const std::string_view piece = TRY(next());
            if (piece.empty()) break;
        }
        if (used != bytes_)
            return context_.malformed("There is something after the end of its compressed data.");
        if (!gzip_) return {};
        std::uint64_t length = 0;
        for (std::size_t i = 0; i < end_.size(); ++i)
            length |= std::uint64_t{static_cast<unsigned char>(end_[i])} << (8 * i);
        if (length != (expanded & 0xffffffff))
            return context_.malformed("Its compressed data is truncated or of several parts.");
        return {};
    }

    std::uint64_t position() const override { return bytes_; }

   private:
    std::unique_ptr<ReadableFile> file_;
    bool gzip_;
    ArchiveContext context_;
    std::vector<char> input_;
    std::uint64_t bytes_ = 0;
    std::string end_;  // the last four bytes
};

Result<std::unique_ptr<ArchiveReader>> open_deb_member(FileSystem &fs, const std::string &path,
                                                       const ArchiveLimits &limits,
                                                       const char *member, const char *part) {
    const ArchiveContext context(shown_name(path), part, limits);
    auto source = std::make_unique<DebMember>(TRY(fs.open(path)), member, context);
    const TarCompression *compression = TRY(source->open());
    // dpkg does not read pax headers, so no real package has any, and two readers cannot disagree
    // about them.
    auto reader = std::make_unique<TarReader>(std::move(source), context, false);
    TRY(reader->open(*compression));
    return std::unique_ptr<ArchiveReader>(std::move(reader));
}

}  // namespace

Result<std::unique_ptr<ArchiveReader>> open_deb(FileSystem &fs, const std::string &path,
                                                const ArchiveLimits &limits) {
    return open_deb_member(fs, path, limits, "data.tar", "data archive");
}

Result<std::unique_ptr<ArchiveReader>> open_deb_control(FileSystem &fs, const std::string &path,
                                                        const ArchiveLimits &limits) {
    return open_deb_member(fs, path, limits, "control.tar", "control archive");
}

Result<std::unique_ptr<ArchiveReader>> open_archive(FileSystem &fs, const std::string &path,
                                                    const ArchiveLimits &limits) {
    const ArchiveContext context(shown_name(path), "archive", limits);
    auto file = TRY(fs.open(path));
    std::array<char, 4> start{};
    std::size_t known = 0;
    while (known < start.size()) {
        const std::size_t count = TRY(file->read(start.data() + known, start.size() - known));
        if (count == 0) break;
        known += count;
    }
    TRY(file->seek(0));
    const std::string_view magic(start.data(), known);
    if (magic == "PK\x03\x04") return open_zip(fs, path, std::move(file), context);
    const bool zstd = magic == "\x28\xb5\x2f\xfd";
    const bool gzip = magic.starts_with("\x1f\x8b");
    if (!zstd && !gzip)
        return context.malformed(
            "It is neither a tar archive with zstd or gzip nor a zip archive.");
    auto reader = std::make_unique<TarReader>(
        std::make_unique<WholeFile>(std::move(file), gzip, context), context, true);
    TRY(reader->open(*find_tar_compression(zstd ? ".zst" : ".gz")));
    return std::unique_ptr<ArchiveReader>(std::move(reader));
}

}  // namespace pgx
