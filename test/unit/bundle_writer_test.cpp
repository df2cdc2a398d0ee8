// bundle_writer_test.cpp - what is written is what is read, and always the same.
#include "core/bundle/bundle_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "bundle_builder.h"
#include "core/bundle/bundle_reader.h"
#include "faulty_file_system.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

class BundleWriterTest : public ::testing::Test {
   protected:
    BundleWriterTest() {
        content_.manifest.name = {"thing", "1.0.0", 18, "any", "", ""};
        content_.meta.name = "thing";
        content_.meta.version = "1.0.0";
        content_.meta.abstract = "A thing";
        add("pgsql/share/extension/thing.control", "default_version = '1.0'\n");
        add("pgsql/share/extension/thing--1.0.sql", "SELECT 1;\n");
        add("pgsql/pkglib/thing.so", std::string(100'000, 'x'), true);
        content_.files["README"] = {"", false, "inline"};
        std::filesystem::create_directory(output());
    }
    void add(const std::string &path, const std::string &bytes, bool executable = false) {
        content_.files[path] = {directory_.put("files/" + path, bytes), executable};
    }
    std::string output() const { return directory_ / "output"; }
    Result<WrittenBundle> write(FileSystem &fs = real_file_system()) {
        return write_bundle(fs, content_, output());
    }
    std::string bytes() const { return directory_.get("output/thing-1.0.0+pg18-any.trunk"); }

    TemporaryDirectory directory_;
    BundleContent content_;
};

TEST_F(BundleWriterTest, ReadAgain) {
    const auto written = write();
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(written->path, output() + "/thing-1.0.0+pg18-any.trunk");
    EXPECT_EQ(written->size, bytes().size());
    EXPECT_EQ(written->sha256, digest_of(bytes()).hex);
    const auto bundle = open_bundle(real_file_system(), written->path);
    ASSERT_TRUE(bundle) << bundle.error().message << bundle.error().detail;
    EXPECT_EQ(bundle->name, content_.manifest.name);
    EXPECT_EQ(bundle->meta->abstract, "A thing");
    EXPECT_EQ(bundle->digests.size(), 6U);
    auto reader = *read_bundle(real_file_system(), written->path, *bundle);
    std::vector<std::string> files;
    while (true) {
        const auto entry = reader->next();
        ASSERT_TRUE(entry) << entry.error().message;
        if (!*entry) break;
        if ((*entry)->type == ArchiveEntry::Type::file) files.push_back((*entry)->path);
    }
    EXPECT_EQ(files,
              (std::vector<std::string>{
                  "digests", "trunk.json", "META.json", "README", "pgsql/pkglib/thing.so",
                  "pgsql/share/extension/thing--1.0.sql", "pgsql/share/extension/thing.control"}));
}

TEST_F(BundleWriterTest, TheSameBytes) {
    ASSERT_TRUE(write());
    const std::string first = bytes();
    // Other times, modes, places and owners of the same content.
    for (auto &[path, file] : content_.files) {
        if (file.bytes) continue;
        const std::string copy = directory_.put("others/" + path, directory_.get("files/" + path));
        std::filesystem::permissions(copy, std::filesystem::perms::owner_all);
        std::filesystem::last_write_time(
            copy, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1000));
        file.path = copy;
    }
    ASSERT_TRUE(write());
    EXPECT_EQ(bytes(), first);
    add("pgsql/share/extension/thing--1.0.sql", "SELECT 2;\n");
    ASSERT_TRUE(write());
    EXPECT_NE(bytes(), first);
}

TEST_F(BundleWriterTest, NothingOfThisMachineIsInIt) {
    const auto written = write();
    ASSERT_TRUE(written);
    const std::unique_ptr<struct archive, int (*)(struct archive *)> reader(archive_read_new(),
                                                                            archive_read_free);
    archive_read_support_format_tar(reader.get());
    archive_read_support_filter_zstd(reader.get());
    ASSERT_EQ(archive_read_open_filename(reader.get(), written->path.c_str(), 65536), ARCHIVE_OK);
    struct archive_entry *entry = nullptr;
    int pax = 0, entries = 0;
    while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
        const std::string name = archive_entry_pathname(entry);
        EXPECT_EQ(archive_entry_mtime(entry), 315532800) << name;
        EXPECT_EQ(archive_entry_uid(entry), 0) << name;
        EXPECT_EQ(archive_entry_gid(entry), 0) << name;
        const char *owner = archive_entry_uname(entry);
        EXPECT_TRUE(owner == nullptr || *owner == '\0') << name;
        const bool executable = archive_entry_filetype(entry) == AE_IFDIR || name.ends_with(".so");
        EXPECT_EQ(archive_entry_perm(entry), executable ? 0755U : 0644U) << name;
        EXPECT_TRUE(name.starts_with("thing-1.0.0+pg18-any/"));
        const int format = archive_format(reader.get());
        if (format != ARCHIVE_FORMAT_TAR_USTAR) ++pax;
        ++entries;
    }
    EXPECT_GT(entries, 10);
    EXPECT_EQ(pax, 0);
}

TEST_F(BundleWriterTest, NamesThatAreTooLongForPlainTar) {
    const std::string name = "pgsql/doc/" + std::string(150, 'd') + "/" + std::string(200, 'n');
    content_.files[name] = {"", false, "long"};
    const auto written = write();
    ASSERT_TRUE(written);
    const auto bundle = open_bundle(real_file_system(), written->path);
    ASSERT_TRUE(bundle);
    auto reader = *read_bundle(real_file_system(), written->path, *bundle);
    bool found = false;
    while (true) {
        const auto entry = reader->next();
        ASSERT_TRUE(entry) << entry.error().detail;
        if (!*entry) break;
        found = found || (*entry)->path == name;
    }
    EXPECT_TRUE(found);
}

TEST_F(BundleWriterTest, Refused) {
    const auto expect_refused = [&](const std::string &path) {
        BundleContent content = content_;
        content.files[path] = {"", false, "x"};
        const auto result = write_bundle(real_file_system(), content, output());
        ASSERT_FALSE(result) << path;
        EXPECT_EQ(result.error().code, ErrorCode::invalid_argument) << path;
    };
    for (const char *path : {"trunk.json", "META.json", "digests", "../x", "/x", "a//b", "./a",
                             "a/", "", "a b", "a\nb", "a\\b", "\xc3\xa4"})
        expect_refused(path);
    content_.manifest.name.version = "1.0";
    EXPECT_EQ(write().error().code, ErrorCode::invalid_argument);
    EXPECT_TRUE(std::filesystem::is_empty(output()));
}

TEST_F(BundleWriterTest, MissingFiles) {
    content_.files["x"] = {directory_ / "missing", false};
    EXPECT_EQ(write().error().code, ErrorCode::io);
    EXPECT_TRUE(std::filesystem::is_empty(output()));
}

TEST_F(BundleWriterTest, AFileThatChangesMeanwhile) {
    // Once it has been read for its digest, all later openings see something else.
    const std::string path = content_.files.at("pgsql/pkglib/thing.so").path;
    for (const std::string &other :
         {std::string(100'000, 'y'), std::string(10, 'x'), std::string(300'000, 'x')}) {
        add("pgsql/pkglib/thing.so", std::string(100'000, 'x'), true);
        int openings = 0;
        FaultyFileSystem fs(real_file_system());
        fs.on_call([&](std::string_view operation, const std::string &opened) {
            if (operation == "open" && opened == path && ++openings == 2)
                directory_.put("files/pgsql/pkglib/thing.so", other);
            return 0;
        });
        const auto result = write(fs);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::io);
        EXPECT_NE(result.error().message.find("changed while"), std::string::npos);
        EXPECT_TRUE(std::filesystem::is_empty(output()));
    }
}

TEST_F(BundleWriterTest, AFaultAtAnyCallLeavesNothing) {
    FaultyFileSystem counting(real_file_system());
    ASSERT_TRUE(write(counting));
    const std::size_t calls = counting.calls();
    ASSERT_GT(calls, 20U);
    for (std::size_t n = 1; n <= calls; ++n) {
        std::filesystem::remove_all(output());
        std::filesystem::create_directory(output());
        FaultyFileSystem fs(real_file_system());
        fs.fail_at(n, ENOSPC);
        const auto result = write(fs);
        ASSERT_FALSE(result) << n;
        EXPECT_EQ(result.error().code, ErrorCode::disk_full) << n << result.error().message;
        // After the rename only the sync of the directory can fail.
        if (n + 1 < calls) {
            EXPECT_TRUE(std::filesystem::is_empty(output())) << n;
        }
    }
}

}  // namespace
}  // namespace pgx
