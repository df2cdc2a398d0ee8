// apply.h - from verified files in staging to installed packages: steps 3 to 6 of a change.
#pragma once

#include <string>

#include "core/base/result.h"
#include "extension/plan.h"
#include "extension/transaction.h"

namespace pgx {

// Checks one package against what is there now and records it; the change of files that this asks
// for is apply_in_transaction()'s. The caller holds the cluster lock and has looked for interrupted
// changes. `action` is the word for pgx.history. file_conflict when a file belongs to somebody
// else.
Result<PlannedChange> record_installation(const PlannedPackage &package, const std::string &action,
                                          const DirectoryLayout &layout);

// Records a package whose files are in place already, by its receipt.
void record_adopted(const Receipt &receipt);

}  // namespace pgx
