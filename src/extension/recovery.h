// recovery.h - changes that were interrupted, and what they left behind.
#pragma once

#include "core/base/directory_layout.h"
#include "core/base/result.h"

namespace pgx {

// Finishes or undoes every interrupted change: finished if its row is in pgx.history, undone if
// not. Then removes what nobody owns any more: backups without a journal and staging directories
// whose owner is gone, and records packages that the catalog has lost (adoption.h). The caller
// holds the cluster lock, so no journal belongs to a transaction under way except our own, which
// are left alone.
Result<void> recover(const DirectoryLayout &layout);

// The same if something is there to recover and nobody else holds the lock; otherwise does nothing.
// What every call of pgx that changes something begins with.
Result<void> recover_if_needed(const DirectoryLayout &layout);

}  // namespace pgx
