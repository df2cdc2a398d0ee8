// transaction.h - changes of files that end with the SQL transaction.
//
// A change that has been applied is pending until its (sub)transaction ends.  At commit its journal
// and backups go, at abort, or at the abort of the savepoint it was made under, its renames are
// undone in reverse.  Both happen in transaction callbacks, which must not raise an error and may
// never run (kill -9): whatever they leave behind is found by recover() through the journals.
#pragma once

#include <string>
#include <vector>

#include "core/base/file_change.h"
#include "core/base/result.h"

namespace pgx {

// Called by _PG_init.
void register_transaction_callbacks();

// The files of one change: its key (a UUID), which is its history row's too, and its steps.
struct PlannedChange {
    std::string change;
    std::vector<FileStep> steps;
    std::vector<std::string> unsynced =
        {};  // staged files that are not durable yet; the helper syncs its own
};

// Journals and applies changes, in their order, and makes them part of the current subtransaction.
// All of them together, because each sync costs as much as many renames. The caller holds the
// cluster lock and writes the history rows in the same subtransaction.
Result<void> apply_in_transaction(const DirectoryLayout &layout,
                                  std::vector<PlannedChange> changes);

// Whether this transaction has changes that its end will finish or undo.
bool has_pending_changes();

// Whether the journal of this change belongs to the current transaction.
bool is_pending(const std::string &change);

}  // namespace pgx
