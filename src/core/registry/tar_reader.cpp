// tar_reader.cpp - two libarchive handles in a row; the callbacks between them are where limits are
// enforced.
#include "core/registry/tar_reader.h"

#include <algorithm>
#include <charconv>

namespace pgx {

namespace {

constexpr std::uint64_t tar_block = 512;
constexpr std::size_t kept_before_block = 8 * tar_block;

constexpr std::array<TarCompression, 4> compressions{{
    {".xz", ARCHIVE_FILTER_XZ, archive_read_support_filter_xz, "xz"},
    {".zst", ARCHIVE_FILTER_ZSTD, archive_read_support_filter_zstd, "zstd"},
    {".gz", ARCHIVE_FILTER_GZIP, archive_read_support_filter_gzip, "gzip"},
    {"", ARCHIVE_FILTER_NONE, archive_read_support_filter_none, "none"},
}};

// The size field of a tar header, where it is a plain octal number.
std::optional<std::uint64_t> size_field(const std::array<char, tar_block> &header) {
    std::string_view text(header.data() + 124, 12);
    while (text.starts_with(' ')) text.remove_prefix(1);
    text = text.substr(0, text.find_first_of(std::string_view(" \0", 2)));
    std::uint64_t size = 0;
    if (text.empty()) return size;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size, 8);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return size;
}

}  // namespace

const TarCompression *find_tar_compression(std::string_view suffix) {
    const auto *found = std::ranges::find(compressions, suffix, &TarCompression::suffix);
    return found == compressions.end() ? nullptr : found;
}

Result<void> TarReader::open(const TarCompression &compression) {
    raw_.reset(archive_read_new());
    tar_.reset(archive_read_new());
    if (!raw_ || !tar_) return context_.out_of_memory();
    // ARCHIVE_WARN means that libarchive was built without it and would run a program instead.
    if (compression.enable(raw_.get()) != ARCHIVE_OK)
        return fail(ErrorCode::feature_not_supported,
                    std::string("this system's libarchive cannot read ") + compression.name +
                        " compression");
    archive_read_support_format_raw(raw_.get());
    if (archive_read_open(raw_.get(), this, nullptr, read_source, nullptr) != ARCHIVE_OK)
        return context_.failure(raw_.get());
    struct archive_entry *entry = nullptr;
    const int status = archive_read_next_header(raw_.get(), &entry);
    if (context_.refused()) return context_.failure(raw_.get());
    if (status == ARCHIVE_EOF) return context_.malformed("Its " + context_.part + " is empty.");
    if (status != ARCHIVE_OK) return context_.failure(raw_.get());
    // Exactly the declared filter: libarchive applies an enabled one as often as it fits.
    const int expected = compression.filter == ARCHIVE_FILTER_NONE ? 1 : 2;
    if (archive_filter_count(raw_.get()) != expected ||
        (expected == 2 && archive_filter_code(raw_.get(), 0) != compression.filter))
        return context_.malformed("Its " + context_.part + " is not compressed as its name says.");
    archive_read_support_format_tar(tar_.get());
    if (archive_read_open(tar_.get(), this, nullptr, read_stream, nullptr) != ARCHIVE_OK)
        return context_.failure(tar_.get());
    return {};
}

la_ssize_t TarReader::read_source(struct archive *handle, void *self_pointer, const void **data) {
    auto &self = *static_cast<TarReader *>(self_pointer);
    auto piece = self.source_->next();
    if (!piece) return self.context_.refuse(handle, std::move(piece.error()));
    self.compressed_bytes_ += piece->size();
    *data = piece->data();
    return static_cast<la_ssize_t>(piece->size());
}

la_ssize_t TarReader::read_stream(struct archive *handle, void *self_pointer, const void **data) {
    auto &self = *static_cast<TarReader *>(self_pointer);
    auto block = self.next_block();
    if (!block) return self.context_.refuse(handle, std::move(block.error()));
    *data = block->data();
    return static_cast<la_ssize_t>(block->size());
}

// The next piece of the tar stream, empty at its end.
Result<std::string_view> TarReader::next_block() {
    before_block_ += block_.substr(block_.size() - std::min(block_.size(), kept_before_block));
    if (before_block_.size() > kept_before_block)
        before_block_.erase(0, before_block_.size() - kept_before_block);
    block_ = {};
    const void *data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = archive_read_data_block(raw_.get(), &data, &size, &offset);
    if (context_.refused()) return context_.failure(raw_.get());
    if (status == ARCHIVE_EOF) return std::string_view();
    if (status != ARCHIVE_OK) return context_.failure(raw_.get());
    // One block may reach far beyond the header; more than two that belong to it may not.
    if (header_end_ && stream_bytes_ > *header_end_)
        return context_.unsafe("The header of an entry is too large.");
    block_ = std::string_view(static_cast<const char *>(data), size);
    if (const std::size_t last = block_.find_last_not_of('\0'); last != std::string_view::npos)
        content_end_ = stream_bytes_ + last + 1;
    stream_bytes_ += size;
    const ArchiveLimits &limits = context_.limits;
    if (stream_bytes_ > limits.total) return context_.unsafe("Its content is too large.");
    if (stream_bytes_ > limits.ratio_from && stream_bytes_ / limits.ratio > compressed_bytes_)
        return context_.unsafe("It is compressed more than any real package.");
    return block_;
}

Result<std::optional<ArchiveEntry>> TarReader::next() {
    // libarchive would skip the rest by itself, but then what it skips would count as header.
    TRY(read([](std::string_view) -> Result<void> { return {}; }));
    if (++entries_ > context_.limits.entries) return context_.unsafe("It has too many entries.");
    const auto header_start = static_cast<std::uint64_t>(archive_filter_bytes(tar_.get(), 0));
    header_end_ = header_start + context_.limits.header;
    struct archive_entry *entry = nullptr;
    const int status = archive_read_next_header(tar_.get(), &entry);
    header_end_.reset();
    if (context_.refused()) return context_.failure(tar_.get());
    if (status == ARCHIVE_EOF) {
        TRY(check_end(header_start));
        return std::nullopt;
    }
    // A warning is about a name that this locale cannot show, which does not matter here.
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return context_.failure(tar_.get());
    TRY(check_header(entry));
    ArchiveEntry result = TRY(context_.convert(entry));
    size_ = result.size;
    unread_ = true;
    return result;
}

Result<void> TarReader::read(const std::function<Result<void>(std::string_view)> &sink) {
    if (!unread_) return {};
    unread_ = false;
    return context_.read(tar_.get(), size_, sink);
}

// The last block of the header that has just been read, as it is in the stream.
std::optional<std::array<char, tar_block>> TarReader::header_block() const {
    const auto end = static_cast<std::uint64_t>(archive_filter_bytes(tar_.get(), 0));
    const std::uint64_t kept_from = stream_bytes_ - block_.size() - before_block_.size();
    if (end > stream_bytes_ || end < kept_from + tar_block) return std::nullopt;
    std::array<char, tar_block> header{};
    for (std::size_t i = 0; i < tar_block; ++i) {
        const std::size_t at = static_cast<std::size_t>(end - tar_block - kept_from) + i;
        header[i] =
            at < before_block_.size() ? before_block_[at] : block_[at - before_block_.size()];
    }
    return header;
}

// Two readers of tar may not disagree on where a file ends: one that knows no extended headers goes
// by the size in the plain one.
Result<void> TarReader::check_header(struct archive_entry *entry) {
    const int format = archive_format(tar_.get());
    if (format != ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE && format != ARCHIVE_FORMAT_TAR_PAX_RESTRICTED)
        return {};
    if (!pax_)
        return context_.malformed("Its " + context_.part +
                                  " uses pax headers, which Debian packages do not have.");
    if (archive_entry_filetype(entry) != AE_IFREG) return {};
    const auto header = header_block();
    if (!header || size_field(*header) != static_cast<std::uint64_t>(archive_entry_size(entry)))
        return context_.malformed("The headers of an entry disagree about its size.");
    return {};
}

// A tar archive ends with at least one block of zeros; after it nothing else may come, neither in
// the tar stream nor behind the compressed one.
Result<void> TarReader::check_end(std::uint64_t last_entry_end) {
    const auto end = static_cast<std::uint64_t>(archive_filter_bytes(tar_.get(), 0));
    if (end < last_entry_end + tar_block)
        return context_.malformed("Its " + context_.part + " is truncated.");
    while (true) {
        const std::string_view block = TRY(next_block());
        if (block.empty()) break;
    }
    if (content_end_ > end)
        return context_.malformed("There is something after the end of its " + context_.part + ".");
    const auto used =
        static_cast<std::uint64_t>(std::max<la_int64_t>(archive_filter_bytes(raw_.get(), -1), 0));
    return source_->finish(used, stream_bytes_);
}

}  // namespace pgx
