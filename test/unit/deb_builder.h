// deb_builder.h - makes .deb files for tests, honest ones and others.
//
// The tar headers are written by hand, because the libraries that write archives refuse to write
// most of what has to be tested. Compression is libarchive's.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pgx {

struct TarHeader {
    std::string name;
    char type = '0';
    std::string link = {};
    unsigned mode = 0644;
    std::string size = {};  // the field as it is to be; empty: the content's size in octal
    std::string magic = std::string(
        "ustar\0"
        "00",
        8);
};

class TarBuilder {
   public:
    TarBuilder &entry(const TarHeader &header, std::string_view content = {}) {
        std::string block(512, '\0');
        const auto put = [&](std::size_t at, std::size_t size, std::string_view text) {
            block.replace(at, std::min(size, text.size()), text.substr(0, size));
        };
        const auto octal = [&](std::size_t at, std::size_t digits, unsigned long long value) {
            std::array<char, 32> text{};
            std::snprintf(text.data(), text.size(), "%0*llo", static_cast<int>(digits), value);
            put(at, digits, text.data());
        };
        put(0, 100, header.name);
        octal(100, 7, header.mode);
        octal(108, 7, 0);
        octal(116, 7, 0);
        if (header.size.empty())
            octal(124, 11, content.size());
        else
            put(124, 12, header.size);
        octal(136, 11, 1600000000);
        block[156] = header.type;
        put(157, 100, header.link);
        put(257, 8, header.magic);
        put(265, 32, "root");
        put(297, 32, "root");
        put(148, 8, "        ");
        unsigned sum = 0;
        for (char c : block) sum += static_cast<unsigned char>(c);
        octal(148, 6, sum);
        block[154] = '\0';
        return raw(block).raw(content).pad();
    }

    // A regular file; names that do not fit get a GNU long name entry, as dpkg-deb makes it.
    TarBuilder &file(const std::string &name, std::string_view content = "content\n",
                     unsigned mode = 0644) {
        if (name.size() > 100) long_name(name);
        return entry({.name = name.substr(0, 100), .mode = mode}, content);
    }
    TarBuilder &long_name(const std::string &name) {
        return entry({.name = "././@LongLink", .type = 'L', .magic = "ustar  "}, name + '\0');
    }
    TarBuilder &directory(const std::string &name) {
        return entry({.name = name, .type = '5', .mode = 0755});
    }
    TarBuilder &symlink(const std::string &name, const std::string &target) {
        return entry({.name = name, .type = '2', .link = target, .mode = 0777});
    }
    TarBuilder &hard_link(const std::string &name, const std::string &target) {
        return entry({.name = name, .type = '1', .link = target});
    }
    // A pax header for the next entry; `records` like "path=x".
    TarBuilder &pax(const std::vector<std::string> &records, char type = 'x') {
        std::string content;
        for (const std::string &record : records) {
            // The length counts its own digits.
            std::size_t length = record.size() + 3;
            while (std::to_string(length).size() + record.size() + 2 != length) ++length;
            content += std::to_string(length) + " " + record + "\n";
        }
        return entry({.name = "PaxHeader", .type = type}, content);
    }
    TarBuilder &raw(std::string_view bytes) {
        bytes_ += bytes;
        return *this;
    }
    TarBuilder &pad() { return raw(std::string((512 - bytes_.size() % 512) % 512, '\0')); }

    // With the two empty blocks that end an archive.
    std::string finish() const { return bytes_ + std::string(1024, '\0'); }
    const std::string &unfinished() const { return bytes_; }

   private:
    std::string bytes_;
};

inline std::string compress(std::string_view bytes, std::string_view compression) {
    if (compression.empty()) return std::string(bytes);
    const std::unique_ptr<struct archive, int (*)(struct archive *)> writer(archive_write_new(),
                                                                            archive_write_free);
    archive_write_set_format_raw(writer.get());
    if (compression == "xz") archive_write_add_filter_xz(writer.get());
    if (compression == "gz") archive_write_add_filter_gzip(writer.get());
    if (compression == "zst") archive_write_add_filter_zstd(writer.get());
    archive_write_set_bytes_per_block(writer.get(), 0);
    std::string result;
    archive_write_open(
        writer.get(), &result, nullptr,
        [](struct archive *, void *target, const void *data, std::size_t size) -> la_ssize_t {
            static_cast<std::string *>(target)->append(static_cast<const char *>(data), size);
            return static_cast<la_ssize_t>(size);
        },
        nullptr);
    const std::unique_ptr<struct archive_entry, void (*)(struct archive_entry *)> entry(
        archive_entry_new(), archive_entry_free);
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_pathname(entry.get(), "data");
    archive_write_header(writer.get(), entry.get());
    archive_write_data(writer.get(), bytes.data(), bytes.size());
    archive_write_close(writer.get());
    return result;
}

class ArBuilder {
   public:
    ArBuilder &member(const std::string &name, std::string_view content) {
        std::array<char, 80> header{};
        std::snprintf(header.data(), header.size(), "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name.c_str(),
                      0, 0, 0, "100644", content.size());
        bytes_ += header.data();
        bytes_ += content;
        if (content.size() % 2 != 0) bytes_ += '\n';
        return *this;
    }
    const std::string &finish() const { return bytes_; }

   private:
    std::string bytes_ = "!<arch>\n";
};

// A whole package around a tar stream.
inline std::string make_deb(std::string_view tar, std::string_view compression = "xz") {
    std::string name = "data.tar";
    if (!compression.empty()) name += "." + std::string(compression);
    return ArBuilder()
        .member("debian-binary", "2.0\n")
        .member("control.tar.gz", "not looked at")
        .member(name, compress(tar, compression))
        .finish();
}

}  // namespace pgx
