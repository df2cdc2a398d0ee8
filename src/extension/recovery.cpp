#include "extension/door.h"

#include "extension/recovery.h"

#include "core/base/file_change.h"
#include "extension/lock.h"
#include "extension/query.h"
#include "extension/staging.h"
#include "extension/transaction.h"

namespace pgx {

namespace {

bool is_committed(const std::string &change) {
    return !pg::query_latest(
                "SELECT 1 FROM pgx.history WHERE change::pg_catalog.text OPERATOR(pg_catalog.=) $1", {change})
                .empty();
}

// What is in the journal directory without being, or belonging to, a journal.
Result<void> remove_leftovers(FileSystem &fs, const DirectoryLayout &layout) {
    for (const std::string &name : TRY(fs.list(layout.journal()))) {
        std::string change = name.substr(0, name.find('.'));
        if (is_pending(change) || name == change + ".json") continue;
        if (TRY(fs.info(join_path(layout.journal(), change + ".json")))) continue;
        TRY(remove_tree(fs, join_path(layout.journal(), name)));
    }
    return {};
}

}  // namespace

Result<void> recover(const DirectoryLayout &layout) {
    FileSystem &fs = real_file_system();
    for (const std::string &change : TRY(FileChange::interrupted(fs, layout))) {
        if (is_pending(change)) continue;
        FileChange files = TRY(FileChange::load(fs, layout, change));
        if (is_committed(change)) {
            TRY(files.finish());
        } else {
            TRY(files.undo());
            pg::notice("an interrupted change of extension files was undone",
                       "Change " + change + " had not been committed.");
        }
    }
    TRY(remove_leftovers(fs, layout));
    return remove_abandoned_staging(layout);
}

Result<void> recover_if_needed(const DirectoryLayout &layout) {
    FileSystem &fs = real_file_system();
    bool needed = !TRY(fs.list(layout.staging())).empty();
    for (const std::string &name : TRY(fs.list(layout.journal())))
        needed = needed || !is_pending(name.substr(0, name.find('.')));
    if (!needed || !try_cluster_lock()) return {};
    return recover(layout);
}

}  // namespace pgx
