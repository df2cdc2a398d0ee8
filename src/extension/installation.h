// installation.h - what install(), update(), rollback() and apply() have in common: from wishes to
// rows that tell what was done.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "extension/plan.h"
#include "extension/policy.h"
#include "extension/preload.h"
#include "extension/result_set.h"

namespace pgx {

// Everything before the first change: registries that were never read, the plan.
Result<Plan> prepare(const std::vector<Wish> &wishes, Policy &policy, const DirectoryLayout &layout,
                     ProgressSlot &progress);

// A row of pgx.installation for something that needs nothing.
pg::Row satisfied_row(const Satisfied &satisfied, ListsSoFar &lists);

// The extensions of a package as (name, version); a package without any stands for itself, with an
// empty name.
std::vector<std::pair<std::string, pg::Value>> extensions_of(const PlannedPackage &package);

// "installed, required by earthdistance".
std::string because(const std::string &action, const std::string &required_by);

// Takes the lock and applies a plan, packages in its order. `action` is the word for pgx.history
// where a package replaces another version
// ("update", "rollback").
Result<void> place(Plan &plan, const char *action, Policy &policy, const DirectoryLayout &layout,
                   ProgressSlot &progress);

// prepare() and place(), once more if another session has changed something between the two.
Result<Plan> plan_and_place(const std::vector<Wish> &wishes, const char *action, Policy &policy,
                            const DirectoryLayout &layout, ProgressSlot &progress);

// A row of pgx.installation for each extension of a plan that was placed.
void report(const Plan &plan, const char *action, pg::ResultSet &rows);

}  // namespace pgx
