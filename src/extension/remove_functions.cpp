// remove_functions.cpp - remove().
#include "extension/door.h"

#include <algorithm>

#include "core/base/names.h"
#include "extension/database_session.h"
#include "extension/dependents.h"
#include "extension/history.h"
#include "extension/home.h"
#include "extension/lock.h"
#include "extension/policy.h"
#include "extension/preload_change.h"
#include "extension/recovery.h"
#include "extension/result_set.h"
#include "extension/settings.h"
#include "extension/transaction.h"
#include "extension/usage.h"

namespace pgx {

namespace {

// Files that a database works with must not go: DROP EXTENSION works without them, but nothing else
// does, and with a preloaded library gone the server does not start again.
Result<void> check_unused(const InstalledPackage &installed, const std::vector<Use> &uses,
                          const Dependents &dependents) {
    std::string detail, hint;
    for (const Use &use : uses) {
        if (std::ranges::find(installed.extensions, use.extension) == installed.extensions.end())
            continue;
        detail += "Database \"" + use.database + "\" has extension \"" + use.extension + "\" " +
                  use.version + ". ";
        if (hint.empty()) hint = "Run DROP EXTENSION there first. ";
    }
    for (const PreloadUse &use : preload_uses(installed.package)) {
        std::string remedy = "Take the library out of the setting first. ";
        if (use.where == PreloadUse::Where::configuration)
            remedy = "Run SELECT pgx.unpreload('" + installed.package + "') first" +
                     (use.setting == shared_preload ? ", and restart the server. " : ". ");
        if (use.where == PreloadUse::Where::running) {
            detail += "The server still runs with a library of it preloaded. ";
            remedy = "Restart the server first. ";
        } else {
            detail += "Setting " + use.setting + " names a library of it. ";
        }
        if (hint.find(remedy) == std::string::npos) hint += remedy;
    }
    for (const pg::Row &row :
         pg::query("SELECT slot_name, plugin, pg_catalog.quote_literal(slot_name) FROM "
                   "pg_catalog.pg_replication_slots WHERE plugin OPERATOR(pg_catalog.=) ANY "
                   "($1::pg_catalog.text[]) ORDER BY 1",
                   {pg::array_literal(libraries_of(installed.package))})) {
        detail += "Replication slot \"" + *row[0] + "\" has output plugin \"" + *row[1] + "\". ";
        hint += "Run SELECT pg_drop_replication_slot(" + *row[2] + ") first. ";
    }
    if (!dependents.empty()) {
        detail += dependents.text();
        hint += "Remove what requires it first, or in the same call. ";
    }
    if (detail.empty()) return {};
    detail.pop_back();
    return fail(ErrorCode::wrong_state, "\"" + installed.package + "\" is in use", detail,
                hint + "To remove it all the same: pgx.remove(name, force => true).");
}

void tell_unneeded() {
    const std::vector<std::string> unneeded = InstalledPackages::load().unneeded();
    if (!unneeded.empty())
        pg::notice("no longer required by anything: " + quoted_list(unneeded), "",
                   "Remove with pgx.remove(name) what you do not use yourself.");
}

// With force. A library that is gone and still named would keep the server from starting. Not
// undone by ROLLBACK, which leaves a server that starts and does not preload it.
Result<void> take_out_of_preload(const std::vector<std::string> &libraries) {
    const std::vector<PreloadChange> changes = TRY(plan_unpreload(libraries));
    TRY(make_changes(changes));
    for (const PreloadChange &change : changes)
        if (change.changes())
            pg::notice(change.before.setting + " was changed",
                       "It is now: " +
                           (change.after.empty() ? "empty" : library_list_text(change.after)) + ".",
                       change.before.setting == shared_preload ? "Restart the server." : "");
    return {};
}

}  // namespace

PGX_FUNCTION(pgx_remove) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.remove()"));
    Policy policy(rights, "pgx.remove()");
    const bool force = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("remove");
    const DirectoryLayout layout = directory_layout();
    TRY(make_directories(real_file_system(), layout));
    take_cluster_lock();
    TRY(recover(layout));
    if (has_open_sessions())
        return fail(ErrorCode::wrong_state,
                    "cannot run pgx.remove() after extensions were created in other databases", "",
                    "COMMIT first.");
    std::vector<InstalledPackage> packages;
    std::vector<std::string> leaving, extensions, libraries;
    for (const std::string &name : pg::names_argument(fcinfo, 0)) {
        InstalledPackage installed = TRY(require_installed(name));
        TRY(policy.check_installed(installed));
        if (force) TRY(policy.check_force(installed.package));
        // Two names of one package.
        if (std::ranges::find(leaving, installed.package) != leaving.end()) continue;
        leaving.push_back(installed.package);
        extensions.insert(extensions.end(), installed.extensions.begin(),
                          installed.extensions.end());
        for (std::string &library : libraries_of(installed.package))
            libraries.push_back(std::move(library));
        packages.push_back(std::move(installed));
    }
    const std::vector<Use> uses = TRY(find_uses(extensions));
    const InstalledPackages all = InstalledPackages::load();
    std::vector<PlannedChange> changes;
    for (const InstalledPackage &installed : packages) {
        progress.report("remove", installed.package, 0, 0);
        Result<void> unused =
            check_unused(installed, uses, all.dependents_of(installed.package, leaving));
        if (!unused && !force) return fail(std::move(unused).error());
        if (!unused)
            pg::warning("removing \"" + installed.package + "\" although it is in use",
                        unused.error().detail);

        PlannedChange change{new_change(), {}};
        for (const pg::Row &row :
             pg::query_latest("SELECT path FROM pgx.files WHERE package OPERATOR(pg_catalog.=) $1",
                              {installed.package}))
            change.steps.push_back({.kind = FileStep::Kind::remove, .path = *row[0]});
        rows.add({installed.package, installed.version, std::to_string(change.steps.size())});
        change.steps.push_back(
            {.kind = FileStep::Kind::remove, .path = layout.receipt_path(installed.package)});
        // None in an older snapshot of a REPEATABLE READ transaction: then the rows would stay and
        // the files go.
        if (pg::execute("DELETE FROM pgx.installed WHERE package OPERATOR(pg_catalog.=) $1",
                        {installed.package}) != 1)
            return fail(ErrorCode::serialization_failure,
                        "\"" + installed.package + "\" was changed by another transaction");
        record_history({change.change, "remove", installed.package, {}, installed.version, {}});
        changes.push_back(std::move(change));
    }
    TRY(take_out_of_preload(libraries));
    TRY(apply_in_transaction(layout, std::move(changes)));
    tell_unneeded();
    return rows.done();
}

}  // namespace pgx
