// file_system_test.cpp - the real file system, and what is built on it when calls fail.
#include "core/base/file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "faulty_file_system.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

namespace stdfs = std::filesystem;

constexpr const char *sha256_of_abc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char *sha256_of_nothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

class FileSystemTest : public testing::Test {
   protected:
    FileSystem &fs = real_file_system();
    TemporaryDirectory directory;

    unsigned mode_of(std::string_view name) {
        return fs.info(directory / name).value().value().mode;
    }
};

template <typename T>
void expect_failure(const Result<T> &result, std::string_view doing,
                    ErrorCode code = ErrorCode::io) {
    ASSERT_FALSE(result) << doing;
    EXPECT_TRUE(result.error().message.starts_with(doing))
        << result.error().message << "\nwanted: " << doing;
    EXPECT_EQ(result.error().code, code) << result.error().message;
}

TEST_F(FileSystemTest, CreateWritesWithExactlyTheMode) {
    const mode_t before = ::umask(077);
    for (unsigned mode : {0644U, 0755U, 0600U}) {
        const std::string name = "f" + std::to_string(mode);
        auto file = fs.create(directory / name, mode);
        ASSERT_TRUE(file) << file.error().message;
        EXPECT_TRUE((*file)->append("hello "));
        EXPECT_TRUE((*file)->append(""));
        EXPECT_TRUE((*file)->append("world"));
        EXPECT_TRUE((*file)->sync());
        EXPECT_TRUE((*file)->close());
        EXPECT_TRUE((*file)->close()) << "closing twice is harmless";
        EXPECT_EQ(directory.get(name), "hello world");
        EXPECT_EQ(mode_of(name), mode);
    }
    EXPECT_TRUE(fs.make_directory(directory / "d", 0755));
    EXPECT_EQ(mode_of("d"), 0755U);
    EXPECT_EQ(::umask(before), 077U) << "the umask belongs to the process";
}

TEST_F(FileSystemTest, CreateRefusesWhatExists) {
    const std::string path = directory.put("f", "old");
    expect_failure(fs.create(path, 0644), "could not create file \"" + path + "\": File exists");
    EXPECT_EQ(directory.get("f"), "old");
    stdfs::create_symlink(directory / "elsewhere", directory / "link");
    expect_failure(fs.create(directory / "link", 0644), "could not create file \"");
    EXPECT_FALSE(stdfs::exists(directory / "elsewhere"));
    expect_failure(fs.create(directory / "no/such/f", 0644), "could not create file \"");
}

TEST_F(FileSystemTest, WritingToAFullDiskSaysSo) {
    // /dev/full is no regular file, so only through create's descriptor: a limit on the size does
    // the same job.
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{10, 10};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        auto file = fs.create(directory / "f", 0644);
        const auto written =
            file ? (*file)->append("more than ten bytes") : Result<void>(fail(file.error()));
        ::_exit(!written && written.error().message.starts_with("could not write file \"" +
                                                                (directory / "f") + "\"")
                    ? 0
                    : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST_F(FileSystemTest, DescriptorsDoNotLeakIntoPrograms) {
    auto file = fs.create(directory / "f", 0644);
    ASSERT_TRUE(file);
    bool found = false;
    for (const auto &entry : stdfs::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        if (stdfs::read_symlink(entry.path(), gone) != directory / "f") continue;
        found = true;
        EXPECT_TRUE(::fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC);
    }
    EXPECT_TRUE(found);
}

TEST_F(FileSystemTest, ReadKeepsToTheLimit) {
    const std::string path = directory.put("f", "0123456789");
    EXPECT_EQ(*fs.read(path, 10), "0123456789");
    expect_failure(fs.read(path, 9), "could not read file \"" + path + "\": larger than 9 bytes",
                   ErrorCode::limit_exceeded);
    EXPECT_EQ(*fs.read(directory.put("empty", ""), 0), "");
    // Files that tell no size are read, and held to the limit, all the same.
    EXPECT_FALSE(fs.read("/proc/self/status", 1 << 20)->empty());
    expect_failure(fs.read("/proc/self/status", 10), "could not read file",
                   ErrorCode::limit_exceeded);
    const std::string large(300'000, 'x');
    EXPECT_EQ(*fs.read(directory.put("large", large), 1 << 20), large);
}

TEST_F(FileSystemTest, ReadTakesRegularFilesOnly) {
    directory.put("f", "x");
    stdfs::create_symlink(directory / "f", directory / "link");
    ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
    expect_failure(fs.read(directory / "link", 10),
                   "could not open file \"" + (directory / "link") + "\"");
    expect_failure(fs.read(directory / "fifo", 10),
                   "could not read \"" + (directory / "fifo") + "\": not a regular file");
    expect_failure(fs.read(directory.path(), 10),
                   "could not read \"" + directory.path() + "\": not a regular file");
    expect_failure(
        fs.read(directory / "none", 10),
        "could not open file \"" + (directory / "none") + "\": No such file or directory");
    expect_failure(fs.open(directory / "link"), "could not open file");
    expect_failure(fs.open(directory / "fifo"), "could not read");
    expect_failure(fs.sync_file(directory / "link"), "could not open file");
    if (::geteuid() != 0) {
        ASSERT_EQ(::chmod((directory / "f").c_str(), 0), 0);
        expect_failure(fs.read(directory / "f", 10), "could not open file",
                       ErrorCode::permission_denied);
    }
}

TEST_F(FileSystemTest, OpenReadsPieceByPiece) {
    auto file = fs.open(directory.put("f", "abcdef"));
    ASSERT_TRUE(file);
    char buffer[4];
    EXPECT_EQ(*(*file)->read(buffer, 4), 4U);
    EXPECT_EQ(std::string_view(buffer, 4), "abcd");
    EXPECT_EQ(*(*file)->read(buffer, 4), 2U);
    EXPECT_EQ(*(*file)->read(buffer, 4), 0U);
}

TEST_F(FileSystemTest, InfoTellsWhatIsThere) {
    directory.put("f", "abc");
    ::chmod((directory / "f").c_str(), 0640);
    stdfs::create_symlink("f", directory / "link");
    ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
    const FileInfo file = fs.info(directory / "f").value().value();
    struct stat status = {};
    ASSERT_EQ(::stat((directory / "f").c_str(), &status), 0);
    EXPECT_EQ(file.type, FileType::regular);
    EXPECT_EQ(file.size, 3U);
    EXPECT_EQ(file.mode, 0640U);
    EXPECT_EQ(file.owner, ::geteuid());
    EXPECT_EQ(file.inode, status.st_ino);
    EXPECT_EQ(file.device, status.st_dev);
    EXPECT_EQ(file.mtime_ns, status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec);
    EXPECT_EQ(fs.info(directory / "link")->value().type, FileType::symlink);
    EXPECT_EQ(fs.info(directory / "fifo")->value().type, FileType::other);
    EXPECT_EQ(fs.info(directory.path())->value().type, FileType::directory);
    EXPECT_EQ(*fs.info(directory / "none"), std::nullopt);
    EXPECT_EQ(*fs.info(directory / "f/below-a-file"), std::nullopt);
    expect_failure(fs.info(directory / std::string(300, 'x')), "could not examine \"");
}

TEST_F(FileSystemTest, ListIsSorted) {
    for (const char *name : {"b", "a", "c", ".hidden"}) directory.put(name, "");
    EXPECT_EQ(*fs.list(directory.path()), (std::vector<std::string>{".hidden", "a", "b", "c"}));
    EXPECT_TRUE(fs.list(directory / "none")->empty());
    expect_failure(fs.list(directory / "a"),
                   "could not open directory \"" + (directory / "a") + "\"");
    stdfs::create_directory_symlink(directory.path(), directory / "link");
    expect_failure(fs.list(directory / "link"), "could not open directory \"");
}

TEST_F(FileSystemTest, MakeDirectories) {
    EXPECT_TRUE(fs.make_directories(directory / "a/b/c", 0750));
    for (const char *name : {"a", "a/b", "a/b/c"}) EXPECT_EQ(mode_of(name), 0750U) << name;
    EXPECT_TRUE(fs.make_directories(directory / "a/b", 0700)) << "one that exists is fine";
    EXPECT_EQ(mode_of("a/b"), 0750U);
    EXPECT_TRUE(fs.make_directories((directory / "x/y") + "/", 0700))
        << "a slash at the end is harmless";
    EXPECT_TRUE(stdfs::is_directory(directory / "x/y"));
    EXPECT_TRUE(fs.make_directories("/", 0700));

    directory.put("file", "");
    expect_failure(fs.make_directories(directory / "file", 0700), "could not create directory \"");
    expect_failure(fs.make_directories(directory / "file/below", 0700),
                   "could not create directory \"");
    stdfs::create_directory_symlink(directory / "a", directory / "link");
    expect_failure(fs.make_directories(directory / "link", 0700), "could not create directory \"");
    EXPECT_TRUE(fs.make_directories(directory / "link/d", 0700)) << "links on the way are followed";
    EXPECT_TRUE(stdfs::is_directory(directory / "a/d"));
    expect_failure(fs.make_directory(directory / "a", 0700),
                   "could not create directory \"" + (directory / "a") + "\": File exists");
    expect_failure(fs.make_directories("", 0700), "could not create directory \"\"");
}

TEST_F(FileSystemTest, RelativePathsStartAtTheWorkingDirectory) {
    const stdfs::path before = stdfs::current_path();
    stdfs::current_path(directory.path());
    EXPECT_TRUE(fs.make_directories("r/s", 0700));
    EXPECT_TRUE(write_file_durably(fs, "r/f", "x", 0644));
    EXPECT_TRUE(write_file_durably(fs, "g", "y", 0644));
    EXPECT_EQ(*fs.read("r/f", 10), "x");
    stdfs::current_path(before);
    EXPECT_EQ(directory.get("g"), "y");
}

TEST_F(FileSystemTest, RenameLinkUnlink) {
    const std::string a = directory.put("a", "a");
    const std::string b = directory / "b";
    EXPECT_TRUE(fs.link(a, b));
    EXPECT_EQ(fs.info(a)->value().inode, fs.info(b)->value().inode);
    expect_failure(fs.link(a, b), "could not link \"" + a + "\" to \"" + b + "\": File exists");
    EXPECT_TRUE(fs.rename(directory.put("c", "c"), b));
    EXPECT_EQ(directory.get("b"), "c");
    expect_failure(fs.rename(directory / "none", b),
                   "could not rename \"" + (directory / "none") + "\" to \"" + b);
    EXPECT_TRUE(fs.unlink(b));
    expect_failure(fs.unlink(b), "could not remove file \"" + b + "\": No such file or directory");

    // The link itself, not what it points to.
    stdfs::create_symlink(a, directory / "link");
    EXPECT_TRUE(fs.link(directory / "link", directory / "link2"));
    EXPECT_TRUE(stdfs::is_symlink(directory / "link2"));
    EXPECT_TRUE(fs.unlink(directory / "link"));
    EXPECT_EQ(directory.get("a"), "a");

    EXPECT_TRUE(fs.make_directory(directory / "d", 0700));
    EXPECT_TRUE(fs.remove_directory(directory / "d"));
    expect_failure(fs.remove_directory(directory / "d"), "could not remove directory \"");
    expect_failure(fs.remove_directory(directory.path()), "could not remove directory \"");
}

TEST_F(FileSystemTest, Sync) {
    EXPECT_TRUE(fs.sync_file(directory.put("f", "x")));
    EXPECT_TRUE(fs.sync_directory(directory.path()));
    expect_failure(fs.sync_file(directory / "none"), "could not open file \"");
    expect_failure(fs.sync_directory(directory / "none"), "could not open directory \"");
    expect_failure(fs.sync_directory(directory / "f"), "could not open directory \"");
}

TEST_F(FileSystemTest, NulInAPathIsRefusedEverywhere) {
    const std::string path = (directory / "a") + std::string("\0b", 2);
    const std::string good = directory / "good";
    const auto refused = [](const auto &result) {
        return !result && result.error().code == ErrorCode::invalid_argument;
    };
    EXPECT_TRUE(refused(fs.create(path, 0644)));
    EXPECT_TRUE(refused(fs.read(path, 1)));
    EXPECT_TRUE(refused(fs.open(path)));
    EXPECT_TRUE(refused(fs.info(path)));
    EXPECT_TRUE(refused(fs.list(path)));
    EXPECT_TRUE(refused(fs.make_directory(path, 0700)));
    EXPECT_TRUE(refused(fs.make_directories(path, 0700)));
    EXPECT_TRUE(refused(fs.rename(path, good)));
    EXPECT_TRUE(refused(fs.rename(good, path)));
    EXPECT_TRUE(refused(fs.link(path, good)));
    EXPECT_TRUE(refused(fs.link(good, path)));
    EXPECT_TRUE(refused(fs.unlink(path)));
    EXPECT_TRUE(refused(fs.remove_directory(path)));
    EXPECT_TRUE(refused(fs.remove_tree(path)));
    EXPECT_TRUE(refused(fs.sync_file(path)));
    EXPECT_TRUE(refused(fs.sync_directory(path)));
    EXPECT_TRUE(fs.list(directory.path())->empty());
}

TEST_F(FileSystemTest, RemoveTreeTakesEverythingAndFollowsNothing) {
    directory.put("keep/precious", "x");
    directory.put("tree/a/b/c/file", "x");
    directory.put("tree/a/file", "x");
    directory.put("tree/a/read-only", "x");
    ::chmod((directory / "tree/a/read-only").c_str(), 0400);
    stdfs::create_directory_symlink(directory / "keep", directory / "tree/link");
    stdfs::create_directory_symlink(directory / "keep", directory / "tree/a/b/link");
    stdfs::create_symlink("nowhere", directory / "tree/dangling");
    ASSERT_EQ(::mkfifo((directory / "tree/fifo").c_str(), 0600), 0);
    EXPECT_TRUE(remove_tree(fs, directory / "tree"));
    EXPECT_FALSE(stdfs::exists(directory / "tree"));
    EXPECT_EQ(directory.get("keep/precious"), "x");

    EXPECT_TRUE(remove_tree(fs, directory / "tree")) << "missing is fine";
    stdfs::create_directory_symlink(directory / "keep", directory / "link");
    expect_failure(remove_tree(fs, directory / "link"),
                   "could not open directory \"" + (directory / "link") + "\"");
    expect_failure(remove_tree(fs, directory / "keep/precious"), "could not open directory \"");
    EXPECT_EQ(directory.get("keep/precious"), "x");
}

TEST_F(FileSystemTest, RemoveTreeDoesNotRunOutOfStack) {
    std::string deep = directory / "deep";
    const std::string top = deep;
    ASSERT_TRUE(fs.make_directory(deep, 0700));
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(fs.make_directory(deep += "/d", 0700));
    expect_failure(remove_tree(fs, top), "could not remove directory \"",
                   ErrorCode::limit_exceeded);
}

TEST_F(FileSystemTest, WriteFileDurablyReplacesTheWhole) {
    const std::string path = directory.put("f", "old and longer");
    const std::uint64_t old_inode = fs.info(path)->value().inode;
    const auto held = fs.open(path);  // keeps the old inode's number in use
    EXPECT_TRUE(write_file_durably(fs, path, "new", 0600));
    EXPECT_EQ(directory.get("f"), "new");
    EXPECT_EQ(mode_of("f"), 0600U);
    EXPECT_NE(fs.info(path)->value().inode, old_inode) << "a live inode is never written";
    EXPECT_TRUE(write_file_durably(fs, directory / "g", "", 0644));
    EXPECT_EQ(*fs.list(directory.path()), (std::vector<std::string>{"f", "g"}));
    expect_failure(write_file_durably(fs, directory / "no/f", "x", 0644),
                   "could not create file \"");
    // Over a link: the link is replaced, what it points to is not touched.
    stdfs::create_symlink("g", directory / "link");
    EXPECT_TRUE(write_file_durably(fs, directory / "link", "x", 0644));
    EXPECT_FALSE(stdfs::is_symlink(directory / "link"));
    EXPECT_EQ(directory.get("g"), "");
}

TEST_F(FileSystemTest, WriteFileDurablyIsAllOrNothingWhereverItFails) {
    FaultyFileSystem faulty(fs);
    const std::string path = directory.put("f", "old");
    ASSERT_TRUE(write_file_durably(faulty, directory / "probe", "x", 0644));
    ASSERT_TRUE(fs.unlink(directory / "probe"));
    const std::size_t calls = faulty.calls();
    ASSERT_EQ(calls, 6U) << "create, append, sync, close, rename, sync_directory";
    EXPECT_TRUE(faulty.log()[2].starts_with("sync ") && faulty.log()[4].starts_with("rename "))
        << "content must be safe before it gets the name";
    for (std::size_t n = 1; n <= calls; ++n) {
        directory.put("f", "old");
        faulty.fail_at(n, ENOSPC);
        const auto result = write_file_durably(faulty, path, "new", 0644);
        ASSERT_FALSE(result) << n;
        EXPECT_EQ(result.error().code, ErrorCode::disk_full) << n;
        // Only the last step comes after the rename.
        EXPECT_EQ(directory.get("f"), n == calls ? "new" : "old") << n;
        EXPECT_EQ(*fs.list(directory.path()), std::vector<std::string>{"f"})
            << "nothing may be left beside, " << n;
    }
}

TEST_F(FileSystemTest, RemoveTreePassesEveryFaultOn) {
    FaultyFileSystem faulty(fs);
    for (std::size_t n = 1;; ++n) {
        directory.put("tree/a/f", "x");
        directory.put("tree/g", "x");
        faulty.fail_at(n, EIO);
        const std::size_t before = faulty.calls();
        const auto result = remove_tree(faulty, directory / "tree");
        if (faulty.calls() - before < n) {
            EXPECT_TRUE(result) << result.error().message;
            EXPECT_FALSE(stdfs::exists(directory / "tree"));
            EXPECT_GT(n, 5U);
            break;
        }
        expect_failure(result, "could not ");
    }
}

TEST_F(FileSystemTest, FaultyFileSystemCallsBackAndHeals) {
    FaultyFileSystem faulty(fs);
    std::vector<std::string> seen;
    faulty.on_call([&](std::string_view operation, const std::string &) {
        seen.emplace_back(operation);
        return operation == "rename" ? EIO : 0;
    });
    expect_failure(write_file_durably(faulty, directory / "f", "x", 0644), "could not rename \"");
    EXPECT_EQ(seen,
              (std::vector<std::string>{"create", "append", "sync", "close", "rename", "unlink"}));
    faulty.heal();
    EXPECT_TRUE(write_file_durably(faulty, directory / "f", "x", 0644));
    faulty.fail_from(2, EROFS);
    EXPECT_TRUE(faulty.list(directory.path()));
    for (int i = 0; i < 3; ++i)
        expect_failure(faulty.list(directory.path()), "could not list \"",
                       ErrorCode::permission_denied);
}

TEST_F(FileSystemTest, Sha256) {
    EXPECT_EQ(*sha256_of_file(fs, directory.put("abc", "abc")), sha256_of_abc);
    EXPECT_EQ(*sha256_of_file(fs, directory.put("empty", "")), sha256_of_nothing);
    // FIPS 180-2, appendix B.3: a million times "a"; longer than one buffer.
    EXPECT_EQ(*sha256_of_file(fs, directory.put("million", std::string(1'000'000, 'a'))),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    expect_failure(sha256_of_file(fs, directory / "none"), "could not open file \"");
    FaultyFileSystem faulty(fs);
    faulty.fail_at(3, EIO);
    expect_failure(sha256_of_file(faulty, directory / "million"), "could not read_some \"");
}

TEST(Paths, Join) {
    struct {
        const char *directory, *name, *joined;
    } const cases[] = {
        {"a", "b", "a/b"},        {"a/", "b", "a/b"}, {"a//", "//b", "a/b"}, {"/", "b", "/b"},
        {"/a", "/etc", "/a/etc"}, {"", "b", "b"},     {"a", "", "a"},        {"a", "b/c", "a/b/c"},
    };
    for (const auto &c : cases)
        EXPECT_EQ(join_path(c.directory, c.name), c.joined) << c.directory << " " << c.name;
}

TEST(Paths, Parent) {
    struct {
        const char *path, *parent;
    } const cases[] = {
        {"a", "."},      {"a/b", "a"},  {"/a", "/"}, {"/a/b", "/a"},
        {"/a/b/", "/a"}, {"a//b", "a"}, {"/", "/"},  {"", "."},
    };
    for (const auto &c : cases) EXPECT_EQ(parent_path(c.path), c.parent) << c.path;
}

}  // namespace
}  // namespace pgx
