// integrity_functions.cpp - verify, repair, sync.
#include "extension/door.h"

#include <unistd.h>

#include "core/base/names.h"
#include "extension/history.h"
#include "extension/home.h"
#include "extension/integrity.h"
#include "extension/inventory.h"
#include "extension/lock.h"
#include "extension/policy.h"
#include "extension/recovery.h"
#include "extension/result_set.h"
#include "extension/settings.h"

extern "C" {
#include "access/xlog.h"
}

namespace pgx {

namespace {

std::string count_of(std::size_t count, const char *one, const char *many) {
    return std::to_string(count) + " " + (count == 1 ? one : many);
}

// The packages with deviations, and a row for each.
Result<void> restore(std::vector<CheckedPackage> checked, const DirectoryLayout &layout,
                     ProgressSlot &progress, pg::ResultSet &rows) {
    std::erase_if(checked,
                  [](const CheckedPackage &package) { return package.deviations.empty(); });
    (void)TRY(restore_files(checked, layout, progress));
    for (const CheckedPackage &package : checked) {
        const InstalledPackage installed = TRY(require_installed(package.package));
        if (!RecoveryInProgress())
            record_history({new_change(),
                            "repair",
                            package.package,
                            installed.version,
                            installed.version,
                            {}});
        rows.add(
            {package.package, "restored", count_of(package.deviations.size(), "file", "files")});
    }
    return {};
}

}  // namespace

PGX_FUNCTION(pgx_verify) {
    pg::ResultSet rows(fcinfo);
    std::string package;
    if (pg::Value name = pg::text_argument(fcinfo, 0))
        package = TRY(require_installed(*name)).package;
    for (const CheckedPackage &checked : TRY(check_files(package, directory_layout()))) {
        if (checked.deviations.empty())
            rows.add({checked.package, "ok", {}, count_of(checked.files, "file", "files")});
        for (const Deviation &deviation : checked.deviations)
            rows.add({checked.package, deviation.status, deviation.path,
                      deviation.detail.empty() ? pg::Value{} : deviation.detail});
    }
    return rows.done();
}

PGX_FUNCTION(pgx_repair) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.repair()"));
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("repair");
    const DirectoryLayout layout = directory_layout();
    const InstalledPackage installed =
        TRY(require_installed(pg::text_argument(fcinfo, 0).value_or("")));
    Policy policy(rights, "pgx.repair()");
    TRY(policy.check_installed(installed));
    TRY(policy.check_source(installed, installed.registry));
    TRY(ensure_set_up());
    take_cluster_lock();
    TRY(policy.check_source(installed, installed.registry));
    TRY(recover(layout));
    std::vector<CheckedPackage> checked = TRY(check_files(installed.package, layout));
    if (!checked.empty() && checked[0].deviations.empty())
        rows.add({installed.package, "ok", count_of(checked[0].files, "file", "files")});
    TRY(restore(std::move(checked), layout, progress, rows));
    return rows.done();
}

// Makes the files those of the catalog. The one function that also works on a standby: there the
// catalog comes from the primary, and only the files are the server's own.
PGX_FUNCTION(pgx_sync) {
    if (RecoveryInProgress())
        TRY(check_home("pgx.sync()"));
    else
        TRY(check_may_change("pgx.sync()"));
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("sync");
    const DirectoryLayout layout = directory_layout();
    TRY(ensure_set_up());
    take_cluster_lock();
    if (RecoveryInProgress())
        // Journals that came with a base backup: here the catalog alone decides, and after a
        // promotion they would be wrong.
        for (const std::string &name : TRY(real_file_system().list(layout.journal())))
            TRY(remove_entry(real_file_system(), join_path(layout.journal(), name)));
    else
        TRY(recover(layout));
    std::vector<CheckedPackage> checked = TRY(check_files("", layout));
    TRY(restore(std::move(checked), layout, progress, rows));
    // What the catalog does not know goes: on a standby that is what was removed on the primary.
    if (const std::size_t removed = TRY(remove_orphans(layout)))
        rows.add({{}, "removed", count_of(removed, "file", "files")});
    return rows.done();
}

}  // namespace pgx
