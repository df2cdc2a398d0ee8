#include "extension/door.h"

#include "extension/transaction.h"

#include <algorithm>

#include "extension/staging.h"

namespace pgx {

namespace {

struct PendingChange {
    SubTransactionId subtransaction;
    FileChange files;
};

// The backend's pending changes, oldest first. Transaction state is per process in PostgreSQL too.
std::vector<PendingChange> &pending() {
    static std::vector<PendingChange> changes;
    return changes;
}

// Undoes what `matches`, newest first. A change that cannot be undone keeps its journal, and so do
// the older ones, which may have touched the same files: recovery takes them up in the same order.
// Whatever happens, they are not pending any more.
template <typename Matches>
Result<void> undo_where(Matches matches) {
    std::vector<PendingChange> &changes = pending();
    Result<void> outcome;
    for (std::size_t i = changes.size(); i-- > 0 && outcome;)
        if (matches(changes[i])) outcome = changes[i].files.undo();
    std::erase_if(changes, matches);
    return outcome;
}

Result<void> finish_all() {
    Result<void> outcome;
    for (PendingChange &change : pending()) {
        Result<void> finished = change.files.finish();
        if (!finished) outcome = finished;
    }
    pending().clear();
    return outcome;
}

Result<void> at_commit(void *) { return finish_all(); }

Result<void> at_abort(void *) {
    remove_own_staging();
    return undo_where([](const PendingChange &) { return true; });
}

Result<void> at_subabort(void *argument) {
    const SubTransactionId id = *static_cast<SubTransactionId *>(argument);
    return undo_where([id](const PendingChange &change) { return change.subtransaction == id; });
}

void transaction_callback(XactEvent event, void *) {
    switch (event) {
        case XACT_EVENT_COMMIT:
            pg::guarded("could not clean up after a change of extension files", at_commit, nullptr);
            break;
        case XACT_EVENT_ABORT:
            pg::guarded(
                "could not undo a change of extension files, it will be undone by the next call of "
                "pgx",
                at_abort, nullptr);
            break;
        case XACT_EVENT_PRE_PREPARE:
            if (pending().empty()) break;
            // A prepared transaction outlives its process, and so would the pending changes. Plain
            // C from here on: this is the one callback that may raise an error, and wants to.
            ereport(ERROR,
                    (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                     errmsg("cannot PREPARE a transaction that has changed extension files"),
                     errhint("Install extensions in a transaction of their own, with COMMIT.")));
            break;
        default:
            break;
    }
}

void subtransaction_callback(SubXactEvent event, SubTransactionId id, SubTransactionId parent,
                             void *) {
    if (pending().empty()) return;
    if (event == SUBXACT_EVENT_COMMIT_SUB) {
        for (PendingChange &change : pending())
            if (change.subtransaction == id) change.subtransaction = parent;
    } else if (event == SUBXACT_EVENT_ABORT_SUB) {
        pg::guarded(
            "could not undo a change of extension files, it will be undone by the next call of pgx",
            at_subabort, &id);
    }
}

}  // namespace

void register_transaction_callbacks() {
    RegisterXactCallback(transaction_callback, nullptr);
    RegisterSubXactCallback(subtransaction_callback, nullptr);
}

Result<void> apply_in_transaction(const DirectoryLayout &layout,
                                  std::vector<PlannedChange> changes) {
    if (changes.empty()) return {};
    FileSystem &fs = real_file_system();
    // A journal may go only when the history row is safe on disk.
    pg::call([] { ForceSyncCommit(); });
    // Room first: nothing may fail between the first rename and the entry that undoes it.
    const std::size_t first = pending().size();
    pending().reserve(first + changes.size());
    std::vector<std::string> unsynced;
    for (PlannedChange &change : changes) {
        unsynced.insert(unsynced.end(), change.unsynced.begin(), change.unsynced.end());
        order_steps(change.steps);
        FileChange files =
            TRY(FileChange::begin(fs, layout, change.change, std::move(change.steps)));
        pending().push_back({GetCurrentSubTransactionId(), std::move(files)});
    }
    std::vector<const FileChange *> begun;
    for (std::size_t i = first; i < pending().size(); i++) begun.push_back(&pending()[i].files);
    TRY(publish_journals(fs, layout, begun, std::move(unsynced)));
    for (std::size_t i = first; i < pending().size(); i++) TRY(pending()[i].files.apply());
    return sync_changes(fs, begun);
}

bool has_pending_changes() { return !pending().empty(); }

bool is_pending(const std::string &change) {
    return std::ranges::any_of(pending(), [&](const PendingChange &candidate) {
        return candidate.files.change() == change;
    });
}

}  // namespace pgx
