// zip_reader.cpp - libarchive's zip reader on a file that can be read at any place.
#include "core/registry/zip_reader.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace pgx {

namespace {

constexpr std::size_t block_size = 64 * 1024;
constexpr std::uint64_t end_record_size = 22;
constexpr std::uint64_t locator64_size = 20;
constexpr std::uint64_t largest_directory = 64ULL * 1024 * 1024;  // libarchive holds it in memory

class ZipReader : public ArchiveReader {
   public:
    ZipReader(std::unique_ptr<ReadableFile> file, std::uint64_t size, ArchiveContext context)
        : file_(std::move(file)),
          file_size_(size),
          context_(std::move(context)),
          input_(block_size) {}

    // The handle holds the address of this object.
    ZipReader(const ZipReader &) = delete;
    ZipReader &operator=(const ZipReader &) = delete;

    Result<void> open() {
        TRY(check_end_record());
        zip_.reset(archive_read_new());
        if (!zip_) return context_.out_of_memory();
        archive_read_support_format_zip_seekable(zip_.get());
        archive_read_set_read_callback(zip_.get(), read_file);
        archive_read_set_seek_callback(zip_.get(), seek_file);
        archive_read_set_callback_data(zip_.get(), this);
        if (archive_read_open1(zip_.get()) != ARCHIVE_OK) return context_.failure(zip_.get());
        return {};
    }

    Result<std::optional<ArchiveEntry>> next() override {
        TRY(read([](std::string_view) -> Result<void> { return {}; }));
        if (++entries_ > context_.limits.entries)
            return context_.unsafe("It has too many entries.");
        struct archive_entry *entry = nullptr;
        const int status = archive_read_next_header(zip_.get(), &entry);
        if (context_.refused()) return context_.failure(zip_.get());
        if (status == ARCHIVE_EOF) return std::nullopt;
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return context_.failure(zip_.get());
        if (archive_entry_is_encrypted(entry) != 0) return context_.malformed("It is encrypted.");
        ArchiveEntry result = TRY(context_.convert(entry));
        if (result.type == ArchiveEntry::Type::file) TRY(check_method());
        size_ = result.size;
        unread_ = true;
        return result;
    }

    Result<void> read(const std::function<Result<void>(std::string_view)> &sink) override {
        if (!unread_) return {};
        unread_ = false;
        return context_.read(zip_.get(), size_, [&](std::string_view bytes) -> Result<void> {
            TRY(count(bytes.size()));
            furthest_ = std::max(furthest_, at_);
            return sink(bytes);
        });
    }

    std::uint64_t position() const override { return furthest_; }

   private:
    static std::uint64_t number(std::string_view bytes, std::size_t at, std::size_t size) {
        std::uint64_t value = 0;
        for (std::size_t i = size; i-- > 0;)
            value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
        return value;
    }

    Result<std::string> read_at(std::uint64_t offset, std::size_t size) {
        TRY(file_->seek(offset));
        std::string bytes(size, '\0');
        for (std::size_t done = 0; done < size;) {
            const std::size_t count = TRY(file_->read(bytes.data() + done, size - done));
            if (count == 0) return context_.malformed("It is truncated.");
            done += count;
        }
        return bytes;
    }

    Result<void> check_end_record() {
        if (file_size_ < end_record_size) return context_.malformed("It is truncated.");
        const std::string end = TRY(read_at(file_size_ - end_record_size, end_record_size));
        if (!end.starts_with("PK\x05\x06") || number(end, 20, 2) != 0)
            return context_.malformed(
                "It does not end with its directory: it is truncated, or there is a comment.");
        const std::uint64_t entries = number(end, 10, 2);
        const std::uint64_t size = number(end, 12, 4), offset = number(end, 16, 4);
        if (number(end, 4, 2) != 0 || number(end, 6, 2) != 0 || number(end, 8, 2) != entries)
            return context_.malformed("It is one part of several.");
        if (offset + size != file_size_ - end_record_size)
            return context_.malformed("Its directory is not where it says.");
        if (entries > context_.limits.entries || size > largest_directory)
            return context_.unsafe("It has too many entries.");
        if (size >= locator64_size) {
            const std::uint64_t at = file_size_ - end_record_size - locator64_size;
            if (TRY(read_at(at, locator64_size)).starts_with("PK\x06\x07"))
                return context_.malformed("It has two directories.");
        }
        return file_->seek(0);
    }

    // The other methods that libarchive knows are rare, and their decoders have a history.
    Result<void> check_method() {
        const char *text = archive_format_name(zip_.get());
        const std::string_view format = text == nullptr ? "" : text;
        if (!format.ends_with("(deflation)") && !format.ends_with("(uncompressed)"))
            return context_.malformed(
                "It has a file that is compressed in another way than by deflation.");
        return {};
    }

    Result<void> count(std::uint64_t bytes) {
        const ArchiveLimits &limits = context_.limits;
        total_ += bytes;
        if (total_ > limits.total) return context_.unsafe("Its content is too large.");
        if (total_ > limits.ratio_from && total_ / limits.ratio > file_size_)
            return context_.unsafe("It is compressed more than any real package.");
        return {};
    }

    static la_ssize_t read_file(struct archive *handle, void *self_pointer, const void **data) {
        auto &self = *static_cast<ZipReader *>(self_pointer);
        auto count = self.file_->read(self.input_.data(), self.input_.size());
        if (!count) return self.context_.refuse(handle, std::move(count.error()));
        self.at_ += *count;
        *data = self.input_.data();
        return static_cast<la_ssize_t>(*count);
    }

    static la_int64_t seek_file(struct archive *handle, void *self_pointer, la_int64_t offset,
                                int whence) {
        auto &self = *static_cast<ZipReader *>(self_pointer);
        const auto base = static_cast<la_int64_t>(whence == SEEK_SET   ? 0
                                                  : whence == SEEK_CUR ? self.at_
                                                                       : self.file_size_);
        const la_int64_t target = base + offset;
        if (target < 0) return ARCHIVE_FATAL;
        if (auto sought = self.file_->seek(static_cast<std::uint64_t>(target)); !sought) {
            (void)self.context_.refuse(handle, std::move(sought.error()));
            return ARCHIVE_FATAL;
        }
        self.at_ = static_cast<std::uint64_t>(target);
        return target;
    }

    std::unique_ptr<ReadableFile> file_;
    std::uint64_t file_size_;
    ArchiveContext context_;
    std::vector<char> input_;
    ArchivePointer zip_;
    std::uint64_t at_ = 0;        // where in the file
    std::uint64_t furthest_ = 0;  // that content has been read from
    std::uint64_t entries_ = 0;
    std::uint64_t total_ = 0;  // bytes of content
    std::uint64_t size_ = 0;   // of the last entry
    bool unread_ = false;
};

}  // namespace

Result<std::unique_ptr<ArchiveReader>> open_zip(FileSystem &fs, const std::string &path,
                                                std::unique_ptr<ReadableFile> file,
                                                const ArchiveContext &context) {
    const std::optional<FileInfo> info = TRY(fs.info(path));
    auto reader = std::make_unique<ZipReader>(std::move(file), info ? info->size : 0, context);
    TRY(reader->open());
    return std::unique_ptr<ArchiveReader>(std::move(reader));
}

}  // namespace pgx
