// publish_new_files_test.cpp - many files at once, with faults at every call.
#include "core/publish/new_files.h"

#include "core/tuf/key.h"
#include "faulty_file_system.h"
#include "publish_test_support.h"

namespace pgx {
namespace {

std::vector<std::string> names_in(const std::string &directory) {
    return *real_file_system().list(directory);
}

TEST(NewFiles, WritesAll) {
    const TemporaryDirectory directory;
    directory.put("a/one", "old");
    directory.put("a/one.new", "left by a run that died");
    NewFiles files(real_file_system());
    EXPECT_TRUE(files.empty());
    files.add(directory / "a/one", "1");
    files.add(directory / "b/c/two", "2");
    files.add(directory / "b/c/two", "22");
    EXPECT_EQ(files.count(), 2U);
    EXPECT_EQ(files.bytes(), 3U);
    ASSERT_OK(files.write());
    EXPECT_EQ(directory.get("a/one"), "1");
    EXPECT_EQ(directory.get("b/c/two"), "22");
    EXPECT_EQ(names_in(directory / "a"), std::vector<std::string>{"one"});
    EXPECT_EQ((*real_file_system().info(directory / "b/c/two"))->mode, 0644U);
}

TEST(NewFiles, DurableBeforeAndAfterTheRename) {
    const TemporaryDirectory directory;
    FaultyFileSystem fs(real_file_system());
    NewFiles files(fs);
    files.add(directory / "a", "1");
    files.add(directory / "b", "2");
    ASSERT_OK(files.write());
    std::vector<std::string> order;
    for (const std::string &call : fs.log()) {
        const std::string name = call.substr(0, call.find(' '));
        if (name == "sync_file" || name == "rename" || name == "sync_directory")
            order.push_back(name);
    }
    EXPECT_EQ(order, (std::vector<std::string>{"sync_file", "sync_file", "rename", "rename",
                                               "sync_directory"}));
}

TEST(NewFiles, EveryFault) {
    for (std::size_t n = 1;; ++n) {
        const TemporaryDirectory directory;
        directory.put("a/one", "old");
        FaultyFileSystem fs(real_file_system());
        fs.fail_at(n, ENOSPC);
        NewFiles files(fs);
        files.add(directory / "a/one", "new");
        files.add(directory / "a/two", "new");
        const auto written = files.write();
        if (written) {
            EXPECT_GT(n, 10U);
            break;
        }
        EXPECT_EQ(written.error().code, ErrorCode::disk_full);
        const std::string one = directory.get("a/one");
        EXPECT_TRUE(one == "old" || one == "new") << n << one;
        for (const std::string &name : names_in(directory / "a"))
            EXPECT_FALSE(name.ends_with(".new")) << n;
    }
}

TEST(NewFiles, CopyChecksWhatItCopies) {
    const TemporaryDirectory directory;
    const std::string from = directory.put("from", std::string(600'000, 'x'));
    const std::string sha256 = *sha256_of_file(real_file_system(), from);
    ASSERT_OK(copy_file_durably(real_file_system(), from, directory / "to/file", sha256));
    EXPECT_EQ(directory.get("to/file"), directory.get("from"));
    directory.put("from", "something else");
    const auto changed = copy_file_durably(real_file_system(), from, directory / "to/file", sha256);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().code, ErrorCode::digest_mismatch);
    EXPECT_EQ(directory.get("to/file").size(), 600'000U);
    EXPECT_EQ(names_in(directory / "to"), std::vector<std::string>{"file"});
    EXPECT_FALSE(copy_file_durably(real_file_system(), directory / "no", directory / "x", sha256));
}

TEST(NewFiles, CopyEveryFault) {
    for (std::size_t n = 1;; ++n) {
        const TemporaryDirectory directory;
        const std::string from = directory.put("from", "new");
        const std::string sha256 = *sha256_of_file(real_file_system(), from);
        directory.put("to", "old");
        FaultyFileSystem fs(real_file_system());
        fs.fail_at(n, EIO);
        const auto copied = copy_file_durably(fs, from, directory / "to", sha256);
        if (copied) {
            EXPECT_GT(n, 7U);
            EXPECT_EQ(directory.get("to"), "new");
            break;
        }
        const std::string to = directory.get("to");
        EXPECT_TRUE(to == "old" || to == "new") << n;
        EXPECT_EQ(names_in(directory.path()), (std::vector<std::string>{"from", "to"})) << n;
    }
}

}  // namespace
}  // namespace pgx
