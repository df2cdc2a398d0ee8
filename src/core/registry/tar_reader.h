// tar_reader.h - a compressed tar archive out of any stream of bytes. Only for archive.cpp.
//
// Two handles of libarchive: one undoes the compression, the other reads tar; the tar stream
// between them passes through our hands, where limits are enforced and the end is seen.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/registry/archive_handle.h"

namespace pgx {

struct TarCompression {
    std::string_view suffix;  // ".xz"
    int filter;               // ARCHIVE_FILTER_*
    int (*enable)(struct archive *);
    const char *name;
};

// By suffix of the archive's name; "" is none. nullptr when it is not known.
const TarCompression *find_tar_compression(std::string_view suffix);

// Where the compressed bytes come from.
class TarSource {
   public:
    virtual ~TarSource() = default;
    // The next piece, valid until the next call; empty at the end.
    virtual Result<std::string_view> next() = 0;
    // The archive has ended after `used` compressed bytes, which became `expanded` bytes. An error
    // when that cannot be all.
    virtual Result<void> finish(std::uint64_t used, std::uint64_t expanded) = 0;
    // How much of the file has been read, in bytes.
    virtual std::uint64_t position() const = 0;
};

class TarReader : public ArchiveReader {
   public:
    // `pax`: extended headers are allowed.
    TarReader(std::unique_ptr<TarSource> source, ArchiveContext context, bool pax)
        : source_(std::move(source)), context_(std::move(context)), pax_(pax) {}

    // The handles hold the address of this object.
    TarReader(const TarReader &) = delete;
    TarReader &operator=(const TarReader &) = delete;

    Result<void> open(const TarCompression &compression);

    Result<std::optional<ArchiveEntry>> next() override;
    Result<void> read(const std::function<Result<void>(std::string_view)> &sink) override;
    std::uint64_t position() const override { return source_->position(); }

   private:
    static la_ssize_t read_source(struct archive *handle, void *self, const void **data);
    static la_ssize_t read_stream(struct archive *handle, void *self, const void **data);
    Result<std::string_view> next_block();
    Result<void> check_end(std::uint64_t last_entry_end);
    Result<void> check_header(struct archive_entry *entry);
    std::optional<std::array<char, 512>> header_block() const;

    std::unique_ptr<TarSource> source_;
    ArchiveContext context_;
    const bool pax_;
    // In the order of construction: each reads from the one before it, so they must go in the
    // opposite order.
    ArchivePointer raw_, tar_;

    std::uint64_t compressed_bytes_ = 0;  // read from the source
    std::uint64_t stream_bytes_ = 0;      // of the tar stream, handed to the tar reader
    std::uint64_t content_end_ = 0;       // after the last byte of the stream that is not zero
    std::string_view block_;              // the last piece of the stream
    std::string before_block_;            // some of what came before it
    std::optional<std::uint64_t>
        header_end_;  // while a header is read: where in the stream it must have ended
    std::uint64_t entries_ = 0;
    std::uint64_t size_ = 0;  // of the last entry
    bool unread_ = false;
};

}  // namespace pgx
