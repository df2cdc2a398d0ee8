// bundle_builder.h - makes bundles for tests, honest ones and others.
//
// By hand and not by bundle_writer, which refuses to write most of what has to be tested.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bundle/digests.h"
#include "deb_builder.h"

namespace pgx {

inline Digest digest_of(std::string_view bytes,
                        DigestAlgorithm algorithm = DigestAlgorithm::sha256) {
    DigestComputation computation(algorithm);
    computation.update(bytes);
    return *computation.finish();
}

struct ZipEntry {
    std::string name;  // a directory with a slash at its end
    std::string content = {};
    std::string link = {};  // not empty: a symbolic link
};

// A zip archive; `options` are libarchive's ("zip:compression=store").
inline std::string make_zip(const std::vector<ZipEntry> &entries, const char *options = nullptr,
                            const char *password = nullptr) {
    const std::unique_ptr<struct archive, int (*)(struct archive *)> writer(archive_write_new(),
                                                                            archive_write_free);
    archive_write_set_format_zip(writer.get());
    archive_write_set_bytes_per_block(writer.get(), 0);
    if (options != nullptr) archive_write_set_options(writer.get(), options);
    if (password != nullptr) archive_write_set_passphrase(writer.get(), password);
    std::string result;
    archive_write_open(
        writer.get(), &result, nullptr,
        [](struct archive *, void *target, const void *data, std::size_t size) -> la_ssize_t {
            static_cast<std::string *>(target)->append(static_cast<const char *>(data), size);
            return static_cast<la_ssize_t>(size);
        },
        nullptr);
    for (const ZipEntry &given : entries) {
        const std::unique_ptr<struct archive_entry, void (*)(struct archive_entry *)> entry(
            archive_entry_new(), archive_entry_free);
        archive_entry_set_pathname(entry.get(), given.name.c_str());
        const bool directory = given.name.ends_with('/');
        archive_entry_set_filetype(entry.get(), directory             ? AE_IFDIR
                                                : !given.link.empty() ? AE_IFLNK
                                                                      : AE_IFREG);
        archive_entry_set_perm(entry.get(), 0644);
        if (!given.link.empty())
            archive_entry_set_symlink(entry.get(), given.link.c_str());
        else
            archive_entry_set_size(entry.get(), static_cast<la_int64_t>(given.content.size()));
        archive_write_header(writer.get(), entry.get());
        archive_write_data(writer.get(), given.content.data(), given.content.size());
    }
    archive_write_close(writer.get());
    return result;
}

class BundleBuilder {
   public:
    explicit BundleBuilder(std::string folder) : folder_(std::move(folder)) {}

    // With the manifests of a bundle of package "thing", version 1.0.0, PostgreSQL 18, that holds
    // an extension; `platform` like "any" or "gnulinux-2.36-amd64".
    static BundleBuilder thing(const std::string &platform = "any") {
        BundleBuilder builder("thing-1.0.0+pg18-" + platform);
        builder.file("trunk.json", manifest(platform));
        builder.file("META.json", R"({"name": "thing", "version": "1.0.0", "abstract": "A thing",)"
                                  R"( "meta-spec": {"version": "2.0.0"}})");
        builder.file("pgsql/share/extension/thing.control",
                     "comment = 'a thing'\ndefault_version = '1.0'\nmodule_pathname = 'thing'\n");
        builder.file("pgsql/share/extension/thing--1.0.sql", "SELECT 'MODULE_PATHNAME';\n");
        return builder;
    }

    static std::string manifest(const std::string &platform, const std::string &version = "1.0.0",
                                const std::string &name = "thing") {
        std::string os = platform, libc, architecture;
        if (const std::size_t first = platform.find('-'); first != std::string::npos) {
            const std::size_t last = platform.rfind('-');
            os = platform.substr(0, first);
            architecture = platform.substr(last + 1);
            if (last > first) libc = platform.substr(first + 1, last - first - 1);
        }
        return R"({"trunk": "0.1.0", "package": {"name": ")" + name + R"(", "version": ")" +
               version + R"("}, "postgres": {"major": "18"}, "platform": {"os": ")" + os + "\"" +
               (libc.empty() ? "" : R"(, "version": ")" + libc + "\"") +
               (architecture.empty() ? "" : R"(, "arch": ")" + architecture + "\"") + "}}";
    }

    // Adds a file, or gives it another content, and lists it in `digests`.
    BundleBuilder &file(const std::string &path, std::string_view content,
                        DigestAlgorithm algorithm = DigestAlgorithm::sha256) {
        put(path, content);
        digests_[path] = digest_of(content, algorithm);
        return *this;
    }
    // Only one of the two.
    BundleBuilder &put(const std::string &path, std::string_view content) {
        for (auto &[name, bytes] : files_)
            if (name == path) {
                bytes = content;
                return *this;
            }
        files_.emplace_back(path, content);
        return *this;
    }
    BundleBuilder &list(const std::string &path, std::string_view content) {
        digests_[path] = digest_of(content);
        return *this;
    }
    BundleBuilder &remove(const std::string &path) {
        std::erase_if(files_, [&](const auto &file) { return file.first == path; });
        return *this;
    }
    BundleBuilder &folder(const std::string &name) {
        folder_ = name;
        return *this;
    }
    // Instead of the text made from what was added.
    BundleBuilder &digests(const std::string &text) {
        digests_text_ = text;
        return *this;
    }
    BundleBuilder &without_digests() {
        with_digests_ = false;
        return *this;
    }

    std::vector<std::pair<std::string, std::string>> files() const {
        auto files = files_;
        if (with_digests_)
            files.emplace_back("digests",
                               digests_text_.empty() ? write_digests(digests_) : digests_text_);
        return files;
    }

    // A tar archive to which more can be added.
    TarBuilder tar() const {
        TarBuilder tar;
        tar.directory(folder_ + "/");
        for (const auto &[path, content] : files()) tar.file(folder_ + "/" + path, content);
        return tar;
    }
    std::string finish(std::string_view compression = "zst") const {
        return compress(tar().finish(), compression);
    }
    std::string zip(const char *options = nullptr) const {
        std::vector<ZipEntry> entries{{folder_ + "/"}};
        for (const auto &[path, content] : files())
            entries.push_back({folder_ + "/" + path, content});
        return make_zip(entries, options);
    }
    std::string file_name() const { return folder_ + ".trunk"; }

   private:
    std::string folder_;
    std::vector<std::pair<std::string, std::string>> files_;  // in the archive's order
    Digests digests_;
    std::string digests_text_;
    bool with_digests_ = true;
};

}  // namespace pgx
