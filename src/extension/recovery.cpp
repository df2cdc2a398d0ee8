#include "extension/door.h"

#include "extension/recovery.h"

#include <ranges>

#include "core/base/file_change.h"
#include "extension/adoption.h"
#include "extension/home.h"
#include "extension/lock.h"
#include "extension/query.h"
#include "extension/settings.h"
#include "extension/staging.h"
#include "extension/transaction.h"

namespace pgx {

namespace {

bool is_committed(const std::string &change) {
    return !pg::query_latest(
                "SELECT 1 FROM pgx.history WHERE change::pg_catalog.text OPERATOR(pg_catalog.=) $1",
                {change})
                .empty();
}

// What is in the journal directory without being, or belonging to, a journal: backups, and journals
// that were being written.
Result<void> remove_leftovers(FileSystem &fs, const DirectoryLayout &layout) {
    for (const std::string &name : TRY(fs.list(layout.journal()))) {
        std::string change = name.substr(0, name.find('.'));
        if (is_pending(change) || name == change + ".json") continue;
        if (TRY(fs.info(join_path(layout.journal(), change + ".json")))) continue;
        TRY(remove_entry(fs, join_path(layout.journal(), name)));
    }
    return {};
}

// Anything that lies about, and receipts that the catalog may not know.
Result<bool> is_recovery_needed(const DirectoryLayout &layout) {
    FileSystem &fs = real_file_system();
    for (const std::string &name : TRY(fs.list(layout.journal())))
        if (!is_pending(name.substr(0, name.find('.')))) return true;
    if (TRY(has_abandoned_staging(layout))) return true;
    return std::to_string(TRY(fs.list(layout.receipts())).size()) !=
           pg::query_latest("SELECT pg_catalog.count(*) FROM pgx.installed").at(0)[0];
}

// True when it has written rows, which are to be seen by others before they look.
Result<bool> recover_all(const DirectoryLayout &layout) {
    FileSystem &fs = real_file_system();
    // Newest first: several changes of one transaction may have touched the same files.
    const std::vector<std::string> changes = TRY(FileChange::interrupted(fs, layout));
    for (const std::string &change : changes | std::views::reverse) {
        if (is_pending(change)) continue;
        Result<FileChange> loaded = FileChange::load(fs, layout, change);
        if (!loaded && loaded.error().code == ErrorCode::wrong_state) {
            // Nothing that pgx does leaves such a journal. The catalog still says what is right.
            pg::warning(loaded.error().message, loaded.error().detail,
                        "Compare the files with the catalog: SELECT * FROM pgx.sync();");
            TRY(remove_entry(fs, join_path(layout.journal(), change + ".json")));
            continue;
        }
        FileChange files = TRY(std::move(loaded));
        if (is_committed(change)) {
            TRY(files.finish());
        } else {
            TRY(files.undo());
            pg::notice("an interrupted change of extension files was undone",
                       "Change " + change + " had not been committed.");
        }
    }
    TRY(remove_leftovers(fs, layout));
    TRY(remove_abandoned_staging(layout));
    return adopt_packages(layout);
}

}  // namespace

Result<void> recover(const DirectoryLayout &layout) {
    (void)TRY(recover_all(layout));
    return {};
}

Result<void> recover_if_needed(const DirectoryLayout &layout) {
    // A directory that cannot be looked into holds up only what needs it, and that says so better.
    Result<bool> needed = is_recovery_needed(layout);
    if (!needed || !*needed || !try_cluster_lock()) return {};
    // Others need not wait for the download that may come next.
    if (!TRY(recover_all(layout))) release_cluster_lock();
    return {};
}

PGX_FUNCTION(pgx_recover) {
    TRY(check_may_change("pgx.recover()"));
    const DirectoryLayout layout = directory_layout();
    // A server on which pgx never did anything has nothing to recover.
    if (!TRY(real_file_system().info(layout.root))) PG_RETURN_VOID();
    take_cluster_lock();
    TRY(recover(layout));
    PG_RETURN_VOID();
}

}  // namespace pgx
