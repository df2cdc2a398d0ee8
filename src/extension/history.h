// history.h - the rows of pgx.history.
#pragma once

#include <optional>
#include <string>

#include "core/base/result.h"
#include "extension/release.h"

namespace pgx {

struct HistoryEntry {
    std::string change;  // key of the journal too
    std::string action;  // "install", "update", "rollback", "repair", "remove", "pin", ...
    std::string package;
    std::optional<std::string> version, previous_version;
    std::optional<Release> release;  // where the files came from
};

// A key for a new change. Keys of one backend sort in the order in which they were made: recovery
// undoes the newest first.
std::string new_change();

// Writes the row and tells listeners on channel "pgx", who hear of it at commit. For a change of
// files this is the commit record: it has to be written by the subtransaction that changes them.
void record_history(const HistoryEntry &entry);

// Writes a row that stays when this transaction is rolled back: that `role` was refused something.
Result<void> record_refusal(const std::string &action, const std::string &package,
                            const std::string &role);

}  // namespace pgx
