// file_change.h - the files of one change as a transaction.
//
// A change puts files into place, replaces and removes them, all or nothing.  What is intended is
// written to a journal and synced before the first rename:
//
//     journal/<change>.json    the steps, in order
//     journal/<change>.d/<n>   the file that step n replaced or removed (a second name of the old
//     inode)
//
// A new file is moved from staging by rename, so no live inode is ever written.  A replaced file
// gets its backup name by link first and is then renamed over, so that there is no instant without
// a file.  Until the change is finished or undone, the journal says everything that is needed for
// either, and both can be repeated any number of times: finish() removes backups and then the
// journal, undo() puts the old names back in reverse order and then removes the journal.  Which of
// the two is right is not known here: the row in pgx.history, written by the same transaction,
// decides (src/extension/recovery.cpp).
//
// Whoever calls this holds the cluster-wide lock.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/base/directory_layout.h"
#include "core/base/file_system.h"
#include "core/base/result.h"

namespace pgx {

struct FileStep {
    enum class Kind { place, remove };
    Kind kind = Kind::place;
    std::string path = {};    // relative to the version directory: "lib/semver.so"
    std::string staged = {};  // place: where the new file is now, absolute
    std::string sha256 = {};  // place: of the new file
    bool replaces = false;    // there is an older file of ours at that path; filled in by begin()
};

// What waits in staging was put there by a process that has read foreign bytes. A link would be
// moved like a file, and show PostgreSQL whatever it leads to. helper_failed.
Result<void> check_staged(FileSystem &fs, const FileStep &step);

class FileChange {
   public:
    // Writes the journal beside its place; publish_journals() makes it durable and gives it its
    // name. The steps are taken in the given order; order_steps() gives the right one. `change` is
    // the key of the history row.
    static Result<FileChange> begin(FileSystem &fs, const DirectoryLayout &layout,
                                    std::string change, std::vector<FileStep> steps);

    // Reads the journal of a change that was interrupted. wrong_state when it cannot be understood.
    static Result<FileChange> load(FileSystem &fs, const DirectoryLayout &layout,
                                   const std::string &change);

    // The changes that have a journal.
    static Result<std::vector<std::string>> interrupted(FileSystem &fs,
                                                        const DirectoryLayout &layout);

    const std::string &change() const { return change_; }
    std::string journal_path() const;
    // Where the journal is before it is published.
    std::string new_journal_path() const { return journal_path() + ".new"; }
    // The directories that its steps touch, absolute. Not all need exist.
    std::set<std::string> directories() const;

    // Takes the steps. The journal has to be durable before. After an error call undo().
    Result<void> apply();
    // The old state again. Repeatable.
    Result<void> undo();
    // The new state for good. Repeatable.
    Result<void> finish();

   private:
    FileChange(FileSystem &fs, DirectoryLayout layout, std::string change,
               std::vector<FileStep> steps);

    std::string backup_directory() const;
    std::string backup_path(std::size_t step) const;
    Result<void> write_journal();
    Result<void> take(std::size_t step);
    Result<void> take_back(std::size_t step);
    Result<void> make_parents(const std::string &path);
    Result<void> drop_journal();

    FileSystem *fs_;
    DirectoryLayout layout_;
    std::string change_;
    std::vector<FileStep> steps_;
};

// Makes the journals of changes that have begun durable, and the removal of earlier ones too.
// `staged` are files that the changes place and that nobody has synced yet: they are synced on the
// same occasion.
Result<void> publish_journals(FileSystem &fs, const DirectoryLayout &layout,
                              const std::vector<const FileChange *> &changes,
                              std::vector<std::string> staged = {});

// Makes what these changes did durable: every directory once, however many changes there are.
Result<void> sync_changes(FileSystem &fs, const std::vector<const FileChange *> &changes);

// Removes a directory of the version directory and its parents as long as they are empty and not
// permanent ones.
Result<void> remove_empty_directories(FileSystem &fs, const DirectoryLayout &layout,
                                      std::string directory);

// Sorts into the order in which an extension is never visible without its files: libraries, other
// files and scripts, control files, then removals in the opposite order, the receipt last of all.
void order_steps(std::vector<FileStep> &steps);

}  // namespace pgx
