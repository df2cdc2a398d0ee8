// shard_compression.cpp - zstd for shards, by libarchive, which the core has anyway.
#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "core/base/names.h"
#include "core/catalog/catalog.h"

namespace pgx {

namespace {

struct WriterFreer {
    void operator()(archive *writer) const { archive_write_free(writer); }
};
struct ReaderFreer {
    void operator()(archive *reader) const { archive_read_free(reader); }
};
struct EntryFreer {
    void operator()(archive_entry *entry) const { archive_entry_free(entry); }
};

la_ssize_t append(archive *, void *output, const void *bytes, std::size_t size) noexcept {
    try {
        static_cast<std::string *>(output)->append(static_cast<const char *>(bytes), size);
        return static_cast<la_ssize_t>(size);
    } catch (...) {
        return -1;
    }
}

}  // namespace

Result<std::string> compress_shard(std::string_view text) {
    const auto failed = [] { return fail(ErrorCode::internal, "could not compress a catalog"); };
    const std::unique_ptr<archive, WriterFreer> writer(archive_write_new());
    const std::unique_ptr<archive_entry, EntryFreer> entry(archive_entry_new());
    std::string output;
    if (!writer || !entry) return failed();
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(text.size()));
    // One thread and a fixed level, so that the same text gives the same bytes. Level 19 makes a
    // shard 4 % smaller, but takes 90 MB and 25 times as long, most of it for clearing memory.
    if (archive_write_set_format_raw(writer.get()) != ARCHIVE_OK ||
        archive_write_add_filter_zstd(writer.get()) != ARCHIVE_OK ||
        archive_write_set_filter_option(writer.get(), "zstd", "compression-level", "9") !=
            ARCHIVE_OK ||
        archive_write_set_bytes_per_block(writer.get(), 0) != ARCHIVE_OK ||
        archive_write_open(writer.get(), &output, nullptr, append, nullptr) != ARCHIVE_OK ||
        archive_write_header(writer.get(), entry.get()) != ARCHIVE_OK ||
        archive_write_data(writer.get(), text.data(), text.size()) !=
            static_cast<la_ssize_t>(text.size()) ||
        archive_write_close(writer.get()) != ARCHIVE_OK)
        return failed();
    return output;
}

Result<std::string> decompress_shard(std::string_view bytes, std::string_view what) {
    const auto failed = [&] {
        return fail(ErrorCode::registry_malformed,
                    "could not decompress \"" + std::string(what) + "\"",
                    "It is not a complete zstd file.");
    };
    const std::unique_ptr<archive, ReaderFreer> reader(archive_read_new());
    archive_entry *entry = nullptr;
    if (!reader || archive_read_support_format_raw(reader.get()) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(reader.get()) != ARCHIVE_OK ||
        archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK ||
        archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK ||
        archive_filter_code(reader.get(), 0) != ARCHIVE_FILTER_ZSTD)
        return failed();
    std::string text;
    while (true) {
        const void *block = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int code = archive_read_data_block(reader.get(), &block, &size, &offset);
        if (code == ARCHIVE_EOF) return text;
        if (code != ARCHIVE_OK) return failed();
        if (text.size() + size > catalog_limit)
            return fail(ErrorCode::limit_exceeded, "\"" + std::string(what) + "\" is too large",
                        "Decompressed it has more than " + format_bytes(catalog_limit) + ".");
        text.append(static_cast<const char *>(block), size);
    }
}

}  // namespace pgx
