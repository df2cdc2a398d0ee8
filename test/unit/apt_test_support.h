// apt_test_support.h - keys, signatures and small package repositories, made by the tests themselves.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/protocol.h"
#include "core/registry/apt_cache.h"
#include "core/registry/apt_host.h"
#include "core/registry/apt_release.h"
#include "core/registry/subprocess.h"
#include "temporary_directory.h"

namespace pgx {

// A namespace of its own, so that helpers of other tests may have the same names.
namespace apt_test {

// Keeps what it is told.
class CollectingReporter : public Reporter {
   public:
    void progress(std::string_view, std::string_view, std::uint64_t, std::uint64_t) override {}
    void notice(std::string_view message, std::string_view detail, std::string_view hint) override {
        notices.push_back(std::string(message) + "\n" + std::string(detail) + "\n" + std::string(hint));
    }
    void releases(Json more, std::string_view) override {
        batches.push_back(more.size());
        for (Json &row : more) rows.push_back(std::move(row));
    }
    // The row of a package, null when there is none.
    Json row(std::string_view package) const {
        for (const Json &row : rows)
            if (row.at("package") == package) return row;
        return nullptr;
    }
    bool has_notice(std::string_view part) const {
        for (const std::string &notice : notices)
            if (notice.find(part) != std::string::npos) return true;
        return false;
    }

    std::vector<std::string> notices;
    std::vector<Json> rows;
    std::vector<std::size_t> batches;
};

// What is in an error, for messages of failed expectations and for searching in it.
inline std::string whole(const Error &error) {
    return std::string(error_info(error.code).name) + ": " + error.message + "\n" + error.detail + "\n" + error.hint;
}
template <typename T>
std::string whole(const Result<T> &result) {
    return result ? "no error" : whole(result.error());
}

// `bytes` compressed as stream.h names it.
inline std::string compressed(const std::string &bytes, const std::string &compression) {
    if (compression.empty()) return bytes;
    std::string out(bytes.size() * 2 + 65536, '\0');
    std::size_t used = 0;
    struct archive *a = archive_write_new();
    archive_write_set_format_raw(a);
    if (compression == "xz") archive_write_add_filter_xz(a);
    if (compression == "gz") archive_write_add_filter_gzip(a);
    if (compression == "zst") archive_write_add_filter_zstd(a);
    archive_write_set_bytes_in_last_block(a, 1);
    archive_write_open_memory(a, out.data(), out.size(), &used);
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_header(a, entry);
    archive_write_data(a, bytes.data(), bytes.size());
    archive_entry_free(entry);
    archive_write_close(a);
    archive_write_free(a);
    out.resize(used);
    return out;
}

inline std::string sha256(std::string_view bytes) {
    auto digest = sha256_of(bytes);
    return digest ? *digest : "";
}

// OpenPGP keys in a GnuPG home of their own, which goes with its agent at the end.
class TestKeys {
   public:
    TestKeys() : gpg_(find_program("gpg")), home_(directory_ / "gpg") {
        std::filesystem::create_directory(home_);
        std::filesystem::permissions(home_, std::filesystem::perms::owner_all);
    }
    ~TestKeys() {
        if (available()) (void)run_command("gpgconf", {"--homedir", home_, "--kill", "all"}).has_value();
    }
    bool available() const { return !gpg_.empty(); }

    // Makes a key for <name>@example.org that signs; `expire` as gpg takes it ("never", "1y"), `time` fakes the clock.
    void make(const std::string &name, const std::string &expire = "never", const std::string &time = {}) {
        run({"--passphrase", "", "--quick-generate-key", address(name), "ed25519", "sign", expire}, time);
    }
    void add_signing_subkey(const std::string &name) {
        run({"--passphrase", "", "--quick-add-key", fingerprint(name), "ed25519", "sign", "never"});
    }
    std::string fingerprint(const std::string &name, int number = 0) {
        std::string listing = run({"--with-colons", "--fingerprint", "--fingerprint", "--list-keys", address(name)});
        std::size_t at = 0;
        for (; number >= 0; --number) at = listing.find("\nfpr:", at) + 1;
        return listing.substr(listing.find_first_not_of(':', at + 4), 40);
    }
    std::string binary(const std::string &name) { return run({"--export", address(name)}); }
    std::string armored(const std::string &name) { return run({"--armor", "--export", address(name)}); }

    std::string clear_signed(const std::string &text, const std::vector<std::string> &names,
                             const std::string &time = {}, const std::string &digest = "SHA256") {
        return sign("--clearsign", text, names, time, digest);
    }
    std::string detached(const std::string &text, const std::vector<std::string> &names) {
        return sign("--detach-sign", text, names, {}, "SHA256");
    }

    const TemporaryDirectory &directory() const { return directory_; }

   private:
    static std::string address(const std::string &name) { return name + "@example.org"; }
    std::string sign(const std::string &how, const std::string &text, const std::vector<std::string> &names,
                     const std::string &time, const std::string &digest) {
        std::vector<std::string> arguments = {"--armor", "--output", "-", "--digest-algo", digest, "--weak-digest", "MD5"};
        for (const std::string &name : names) arguments.insert(arguments.end(), {"--local-user", address(name)});
        arguments.insert(arguments.end(), {how, directory_.put("text", text)});
        return run(arguments, time);
    }
    std::string run(std::vector<std::string> arguments, const std::string &time = {}) {
        std::vector<std::string> all = {"--homedir", home_, "--batch", "--yes", "--quiet", "--no-tty",
                                        "--allow-weak-digest-algos", "--pinentry-mode", "loopback"};
        if (!time.empty()) all.insert(all.end(), {"--faked-system-time", time});
        all.insert(all.end(), arguments.begin(), arguments.end());
        auto result = run_command(gpg_, all, {}, 60);
        EXPECT_TRUE(result && result->exit_status == 0) << (result ? result->errors : whole(result));
        return result ? result->output : "";
    }

    TemporaryDirectory directory_;
    std::string gpg_, home_;
};

constexpr std::int64_t test_now = 1800000000;  // Fri, 15 Jan 2027 08:00:00 UTC

// A repository of one suite below `path`: <path>/dists/<suite>/...
class TestRepository {
   public:
    TestRepository(std::string path, TestKeys &keys, std::string suite = "stable")
        : path_(std::move(path)), suite_(std::move(suite)), keys_(keys) {}

    std::string uri() const { return "file:" + path_; }
    std::string file(const std::string &name) const { return path_ + "/dists/" + suite_ + "/" + name; }

    // A stanza of a Packages file. The package's file is `bytes`, put into the pool.
    std::string package(const std::string &name, const std::string &version, const std::string &architecture,
                        const std::string &bytes = "not a package") {
        std::string filename = "pool/" + name + "_" + version + "_" + architecture + ".deb";
        put(path_ + "/" + filename, bytes);
        return "Package: " + name + "\nVersion: " + version + "\nArchitecture: " + architecture +
               "\nDepends: postgresql-18, libc6\nHomepage: https://example.org/" + name + "\nFilename: " + filename +
               "\nSize: " + std::to_string(bytes.size()) + "\nSHA256: " + sha256(bytes) +
               "\nDescription: summary of " + name + "\n First line.\n .\n Second paragraph.\n\n";
    }
    // Puts an index there and lists it in the Release file. `by_hash` puts it under its digest only.
    void index(const std::string &name, const std::string &content, const std::string &compression = "xz",
               bool by_hash = false) {
        std::string bytes = compressed(content, compression);
        std::string full = compression.empty() ? name : name + "." + compression;
        listed_[full] = {bytes.size(), sha256(bytes)};
        std::string place = full;
        if (by_hash) place = full.substr(0, full.rfind('/') + 1) + "by-hash/SHA256/" + sha256(bytes);
        put(file(place), bytes);
    }
    // The text of the Release file with these further fields (each with its newline).
    std::string release_text(const std::string &fields = {}) const {
        std::string text = "Origin: Example\nLabel: Example\nSuite: " + suite_ + "\nCodename: " + suite_ + "\n";
        if (fields.find("Date:") == std::string::npos)
            text += "Date: " + format_release_date(test_now - 3600) + "\n";
        if (fields.find("Architectures:") == std::string::npos) text += "Architectures: amd64\n";
        text += fields + "SHA256:\n";
        for (const auto &[name, one] : listed_)
            text += " " + one.sha256 + " " + std::to_string(one.size) + " " + name + "\n";
        return text;
    }
    void sign(const std::vector<std::string> &names, const std::string &fields = {}) {
        put(file("InRelease"), keys_.clear_signed(release_text(fields), names));
    }
    void sign_detached(const std::vector<std::string> &names, const std::string &fields = {}) {
        std::string text = release_text(fields);
        put(file("Release"), text);
        put(file("Release.gpg"), keys_.detached(text, names));
    }
    static void put(const std::string &path, const std::string &bytes) {
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream(path, std::ios::binary) << bytes;
    }

   private:
    std::string path_, suite_;
    std::map<std::string, ReleaseFile> listed_;
    TestKeys &keys_;
};

// A host whose apt configuration is below `root`, with an "apt-config" that is a script. Its setting "Run" is another one in
// each run; it could not count them in a file, because it may write none.
inline AptHost test_host(const TemporaryDirectory &directory, const std::string &settings = {}) {
    std::string root = directory / "host";
    TestRepository::put(root + "/dump",
                        "Dir \"" + root + "/\";\nDir::Etc \"etc/apt\";\nDir::Etc::sourcelist \"sources.list\";\n"
                        "Dir::Etc::sourceparts \"sources.list.d\";\nDir::Etc::main \"apt.conf\";\n"
                        "Dir::Etc::parts \"apt.conf.d\";\nDir::Etc::trustedparts \"trusted.gpg.d\";\n"
                        "APT::Architecture \"amd64\";\nAPT::Architectures:: \"amd64\";\n" + settings);
    TestRepository::put(root + "/etc/apt/apt.conf", "// settings\n");
    std::filesystem::create_directories(root + "/etc/apt/trusted.gpg.d");
    TestRepository::put(root + "/apt-config", "#!/bin/sh\necho \"Run \\\"$$\\\";\"\ncat '" + root + "/dump'\n");
    std::filesystem::permissions(root + "/apt-config", std::filesystem::perms::owner_all);
    AptHost host;
    host.apt_config = root + "/apt-config";
    host.now = [] { return test_now; };
    return host;
}

inline void put_source(const TemporaryDirectory &directory, const std::string &text) {
    TestRepository::put(directory / "host/etc/apt/sources.list", text);
}

}  // namespace apt_test

using namespace apt_test;

}  // namespace pgx
