// file_change_test.cpp - a change is all or nothing, whichever call fails and wherever the process
// ends.
#include "core/base/file_change.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <stdexcept>

#include "faulty_file_system.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

using Files = std::map<std::string, std::string>;  // path to content

const DirectoryLayout layout_in(const TemporaryDirectory &directory) {
    return DirectoryLayout{directory.path() + "/pgx", 18};
}

void put(const std::string &path, const std::string &content) {
    FileSystem &fs = real_file_system();
    ASSERT_TRUE(fs.make_directories(parent_path(path), 0755));
    ASSERT_TRUE(write_file_durably(fs, path, content, 0644));
}

void collect(const std::string &directory, const std::string &prefix, Files &files) {
    FileSystem &fs = real_file_system();
    const std::vector<std::string> names = fs.list(directory).value();
    for (const std::string &name : names) {
        const std::string path = join_path(directory, name);
        if (fs.info(path).value()->type == FileType::directory) {
            files[prefix + name + "/"] = "";
            collect(path, prefix + name + "/", files);
        } else {
            files[prefix + name] = fs.read(path, 1 << 20).value();
        }
    }
}

// Everything below the version directory, directories included: an empty one left behind is an
// orphan too.
Files installed(const DirectoryLayout &layout) {
    Files files;
    collect(join_path(layout.root, layout.version_directory()), "", files);
    return files;
}

// A change with every kind of step: a new file, one in a new directory, replaced ones, removed
// ones, one that empties its directory.
class FileChangeTest : public testing::Test {
   protected:
    void SetUp() override {
        ASSERT_TRUE(make_directories(real_file_system(), layout_));
        put(layout_.installed("lib/a.so"), "old library");
        put(layout_.installed("share/extension/a.control"), "old control");
        put(layout_.installed("share/extension/a--1.sql"), "old script");
        put(layout_.installed("share/a/data/gone.txt"), "old data");
        put(layout_.installed("receipts/a.json"), "old receipt");
        old_ = installed(layout_);
    }

    // Staged files anew, as a second try would find them.
    std::vector<FileStep> steps() {
        (void)remove_tree(real_file_system(), layout_.staging());
        std::vector<FileStep> steps;
        for (const char *path :
             {"share/extension/a.control", "lib/a.so", "share/extension/a--2.sql",
              "share/b/new/x.txt", "receipts/a.json"}) {
            const std::string staged = join_path(layout_.staging(), path);
            put(staged, std::string("new ") + path);
            steps.push_back({FileStep::Kind::place, path, staged});
        }
        for (const char *path :
             {"share/extension/a--1.sql", "share/a/data/gone.txt", "lib/never-there.so"})
            steps.push_back({FileStep::Kind::remove, path});
        order_steps(steps);
        return steps;
    }

    Files expected_new() {
        return {{"lib/", ""},
                {"lib/a.so", "new lib/a.so"},
                {"receipts/", ""},
                {"receipts/a.json", "new receipts/a.json"},
                {"share/", ""},
                {"share/b/", ""},
                {"share/b/new/", ""},
                {"share/b/new/x.txt", "new share/b/new/x.txt"},
                {"share/extension/", ""},
                {"share/extension/a--2.sql", "new share/extension/a--2.sql"},
                {"share/extension/a.control", "new share/extension/a.control"}};
    }

    void expect_no_journal() {
        EXPECT_TRUE(real_file_system().list(layout_.journal()).value().empty());
    }

    TemporaryDirectory directory_;
    DirectoryLayout layout_ = layout_in(directory_);
    Files old_;
};

TEST_F(FileChangeTest, FinishedChangeLeavesTheNewStateAndNothingElse) {
    auto change = FileChange::begin(real_file_system(), layout_, "c1", steps());
    ASSERT_TRUE(change);
    ASSERT_TRUE(change->apply());
    EXPECT_EQ(installed(layout_), expected_new());
    ASSERT_TRUE(change->finish());
    EXPECT_EQ(installed(layout_), expected_new());
    expect_no_journal();
    ASSERT_TRUE(change->finish()) << "finishing twice is harmless";
}

TEST_F(FileChangeTest, UndoneChangeLeavesTheOldState) {
    auto change = FileChange::begin(real_file_system(), layout_, "c1", steps());
    ASSERT_TRUE(change);
    ASSERT_TRUE(change->apply());
    ASSERT_TRUE(change->undo());
    EXPECT_EQ(installed(layout_), old_);
    expect_no_journal();
    ASSERT_TRUE(change->undo()) << "undoing twice is harmless";
    EXPECT_EQ(installed(layout_), old_);
}

TEST_F(FileChangeTest, ReplacedFileIsANewInodeAndTheOldOneIsNotWritten) {
    const FileInfo before = *real_file_system().info(layout_.installed("lib/a.so")).value();
    auto change = FileChange::begin(real_file_system(), layout_, "c1", steps());
    ASSERT_TRUE(change && change->apply());
    EXPECT_NE(real_file_system().info(layout_.installed("lib/a.so")).value()->inode, before.inode);
    ASSERT_TRUE(change->undo());
    EXPECT_EQ(real_file_system().info(layout_.installed("lib/a.so")).value()->inode, before.inode);
}

// The process ends at the N-th call, for every N; whoever comes next finds a journal or nothing.
struct Killed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class KilledFileChangeTest : public FileChangeTest, public testing::WithParamInterface<bool> {};

TEST_P(KilledFileChangeTest, RecoveryLeavesExactlyOldOrExactlyNew) {
    const bool committed = GetParam();
    std::size_t points = 0;
    for (std::size_t n = 1;; n++, points++) {
        FaultyFileSystem faulty(real_file_system());
        std::size_t calls = 0;
        faulty.on_call([&](std::string_view, const std::string &path) -> int {
            if (++calls == n) throw Killed(path);
            return 0;
        });
        std::vector<FileStep> wanted = steps();
        bool applied = false, ended = false;
        try {
            auto change = FileChange::begin(faulty, layout_, "c1", wanted);
            ASSERT_TRUE(change);
            ASSERT_TRUE(publish_journals(faulty, layout_, {&*change}));
            ASSERT_TRUE(change->apply());
            ASSERT_TRUE(sync_changes(faulty, {&*change}));
            applied =
                true;  // here the history row would be committed, or the transaction be aborted
            ASSERT_TRUE(committed ? change->finish() : change->undo());
            ended = true;
        } catch (const Killed &) {
        }
        const auto interrupted = FileChange::interrupted(real_file_system(), layout_).value();
        for (const std::string &name : interrupted) {
            auto change = FileChange::load(real_file_system(), layout_, name);
            ASSERT_TRUE(change) << "killed at call " << n;
            ASSERT_TRUE(applied && committed ? change->finish() : change->undo());
        }
        const Files now = installed(layout_);
        EXPECT_EQ(now, applied && committed ? expected_new() : old_) << "killed at call " << n;
        EXPECT_TRUE(FileChange::interrupted(real_file_system(), layout_).value().empty());
        if (ended) break;
        (void)remove_tree(real_file_system(), layout_.root);
        SetUp();
    }
    EXPECT_GT(points, 40U) << "the points of a whole change";
}

INSTANTIATE_TEST_SUITE_P(CommitOrAbort, KilledFileChangeTest, testing::Bool());

TEST_F(FileChangeTest, AnyFailedCallCanBeUndone) {
    for (int error : {ENOSPC, EIO, EDQUOT}) {
        for (std::size_t n = 1;; n++) {
            FaultyFileSystem faulty(real_file_system());
            std::vector<FileStep> wanted = steps();
            faulty.fail_at(n, error);
            auto change = FileChange::begin(faulty, layout_, "c1", wanted);
            Result<void> outcome = change ? change->apply() : Result<void>(fail(change.error()));
            if (outcome) outcome = sync_changes(faulty, {&*change});
            faulty.heal();
            if (outcome) {
                ASSERT_TRUE(change->undo());
                break;
            }
            EXPECT_EQ(outcome.error().code, error == EIO ? ErrorCode::io : ErrorCode::disk_full)
                << outcome.error().message;
            if (change) {
                ASSERT_TRUE(change->undo());
            }
            EXPECT_EQ(installed(layout_), old_) << "failed at call " << n;
            EXPECT_TRUE(FileChange::interrupted(real_file_system(), layout_).value().empty());
        }
    }
}

TEST_F(FileChangeTest, EveryFileIsPlacedBeforeItsDirectoryIsSynced) {
    FaultyFileSystem logging(real_file_system());
    auto change = FileChange::begin(logging, layout_, "c1", steps());
    ASSERT_TRUE(change && change->apply() && sync_changes(logging, {&*change}));
    const std::vector<std::string> &log = logging.log();
    auto last = [&](const std::string &text) {
        for (std::size_t i = log.size(); i-- > 0;)
            if (log[i].find(text) != std::string::npos) return i;
        return std::size_t{0};
    };
    for (const char *directory :
         {"/lib", "/share/extension", "/share/b/new", "/share/b", "/receipts"}) {
        const std::string place = layout_.root + "/18" + directory;
        EXPECT_EQ(std::count(log.begin(), log.end(), "sync_directory " + place), 1) << directory;
        EXPECT_GT(last("sync_directory " + place), last("rename ")) << directory;
    }
}

// What would happen without: a staged link would be moved into place, and PostgreSQL would read
// where it leads.
TEST_F(FileChangeTest, OnlyRegularFilesOfOursArePlaced) {
    const std::string staged = join_path(layout_.staging(), "lib/a.so");
    const std::map<std::string, void (*)(const std::string &)> spoilers = {
        {"a link",
         [](const std::string &path) { ASSERT_EQ(::symlink("/etc/passwd", path.c_str()), 0); }},
        {"a directory", [](const std::string &path) { ASSERT_EQ(::mkdir(path.c_str(), 0755), 0); }},
        {"nothing", [](const std::string &) {}},
        {"a file that all may write",
         [](const std::string &path) {
             put(path, "x");
             ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
         }},
        {"a setuid file",
         [](const std::string &path) {
             put(path, "x");
             ASSERT_EQ(::chmod(path.c_str(), 04755), 0);
         }},
    };
    for (const auto &[what, spoil] : spoilers) {
        std::vector<FileStep> all = steps();
        ASSERT_EQ(::unlink(staged.c_str()), 0);
        spoil(staged);
        auto change = FileChange::begin(real_file_system(), layout_, "c1", std::move(all));
        ASSERT_FALSE(change) << what;
        EXPECT_EQ(change.error().code, ErrorCode::helper_failed) << what;
        EXPECT_EQ(change.error().message, "cannot install \"lib/a.so\"") << what;
        EXPECT_EQ(installed(layout_), old_) << what;
        expect_no_journal();
        (void)real_file_system().remove_directory(staged).has_value();
    }
}

TEST_F(FileChangeTest, DamagedJournalIsReported) {
    for (const char *content : {"", "{", "{}", "[]", "{\"journal\": 2, \"steps\": []}",
                                "{\"journal\": 1, \"steps\": 7}"}) {
        put(layout_.journal() + "/c9.json", content);
        auto change = FileChange::load(real_file_system(), layout_, "c9");
        ASSERT_FALSE(change) << content;
        EXPECT_EQ(change.error().code, ErrorCode::wrong_state);
        EXPECT_NE(change.error().message.find("c9.json"), std::string::npos);
    }
}

TEST(OrderSteps, ControlFilesAppearLastAndDisappearFirst) {
    std::vector<FileStep> steps = {{FileStep::Kind::remove, "lib/old.so"},
                                   {FileStep::Kind::place, "receipts/a.json"},
                                   {FileStep::Kind::place, "share/extension/a.control"},
                                   {FileStep::Kind::remove, "share/extension/old.control"},
                                   {FileStep::Kind::place, "share/extension/a--1.sql"},
                                   {FileStep::Kind::place, "lib/a.so"}};
    order_steps(steps);
    std::vector<std::string> paths;
    for (const FileStep &step : steps) paths.push_back(step.path);
    EXPECT_EQ(paths, (std::vector<std::string>{
                         "lib/a.so", "share/extension/a--1.sql", "share/extension/a.control",
                         "share/extension/old.control", "lib/old.so", "receipts/a.json"}));
}

}  // namespace
}  // namespace pgx
