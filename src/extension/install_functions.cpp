// install_functions.cpp - plan() and install().
#include "extension/door.h"

#include "core/base/names.h"
#include "extension/apply.h"
#include "extension/home.h"
#include "extension/inventory.h"
#include "extension/lock.h"
#include "extension/next_step.h"
#include "extension/plan.h"
#include "extension/recovery.h"
#include "extension/refresh.h"
#include "extension/result_set.h"
#include "extension/settings.h"

namespace pgx {

namespace {

// Names, versions and rights are checked before anything is asked of a registry.
Result<std::vector<Wish>> wishes_argument(FunctionCallInfo fcinfo) {
    std::vector<Wish> wishes;
    for (std::string &name : pg::names_argument(fcinfo, 0)) {
        TRY(check_name("extension", name));
        wishes.push_back({std::move(name), pg::text_argument(fcinfo, 1), pg::text_argument(fcinfo, 2), ""});
    }
    if (wishes.empty())
        return fail(ErrorCode::invalid_argument, "no extension is named", "",
                    "For example: SELECT * FROM pgx.install('vector').");
    if (wishes.size() > 1 && wishes[0].version)
        return fail(ErrorCode::invalid_argument, "one version cannot be meant for several extensions", "",
                    "Call pgx.install() once for each.");
    return wishes;
}

// What plan() and install() have in common: everything before the first change.
Result<Plan> prepare(const std::vector<Wish> &wishes, const DirectoryLayout &layout, ProgressSlot &progress) {
    TRY(recover_if_needed(layout));
    // What is there already needs no registry.
    bool registry_needed = false;
    for (const Wish &wish : wishes)
        registry_needed = registry_needed || wish.version || wish.registry ||
                          (!find_installed(wish.name) && !TRY(server_extension_directory(wish.name)));
    if (registry_needed) TRY(ensure_refreshed(progress));
    return make_plan(wishes, layout, progress);
}

std::string because(const std::string &action, const std::string &required_by) {
    return required_by.empty() ? action : action + ", required by " + required_by;
}

pg::Row satisfied_row(const Satisfied &satisfied) {
    const bool installed = satisfied.by == Satisfied::By::installed;
    return {satisfied.extension,
            because(installed ? "already installed" : "part of the server", satisfied.required_by),
            satisfied.version.empty() ? pg::Value{} : satisfied.version, satisfied.where,
            satisfied.required_by.empty() ? next_step(satisfied.extension) : pg::Value{}};
}

// The extensions of a package as (name, version); a package without any stands for itself.
std::vector<std::pair<std::string, pg::Value>> extensions_of(const PlannedPackage &package) {
    std::vector<std::pair<std::string, pg::Value>> extensions;
    for (const ReceiptExtension &extension : package.receipt.extensions)
        extensions.emplace_back(extension.name, extension.default_version);
    if (extensions.empty()) extensions.emplace_back(std::string(), package.release.version);
    return extensions;
}

// Installed by another session while this one was downloading.
bool is_done(const PlannedPackage &package) {
    std::optional<InstalledPackage> installed = find_installed(package.release.package);
    return installed && installed->package == package.release.package &&
           installed->version == package.release.version;
}

}  // namespace

PGX_FUNCTION(pgx_plan) {
    const std::vector<Wish> wishes = TRY(wishes_argument(fcinfo));
    TRY(check_may_change("pgx.plan()"));
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("plan");
    const DirectoryLayout layout = directory_layout();
    TRY(ensure_set_up());
    const Plan plan = TRY(prepare(wishes, layout, progress));
    for (const Satisfied &satisfied : plan.satisfied) {
        pg::Row row = satisfied_row(satisfied);
        rows.add({row[0], row[1], row[2], satisfied.package.empty() ? pg::Value{} : satisfied.package, row[3], {}, {}});
    }
    for (const PlannedPackage &package : plan.packages) {
        const char *action = package.previous_version ? "update" : "install";
        for (const auto &[extension, version] : extensions_of(package))
            rows.add({extension.empty() ? pg::Value{} : extension, because(action, package.required_by), version,
                      package.release.package, package.release.origin(), format_bytes(package.release.size),
                      std::to_string(package.receipt.files.size())});
    }
    return rows.done();
}

PGX_FUNCTION(pgx_install) {
    const std::vector<Wish> wishes = TRY(wishes_argument(fcinfo));
    TRY(check_may_change("pgx.install()"));
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("install");
    const DirectoryLayout layout = directory_layout();
    TRY(ensure_set_up());
    const Plan plan = TRY(prepare(wishes, layout, progress));

    // The lock comes after the downloads, so that nobody waits for a network, and stays to the end of the transaction.
    if (!plan.packages.empty()) {
        progress.report("lock", "", 0, 0);
        take_cluster_lock();
        TRY(recover(layout));
    }
    std::vector<bool> done;
    for (const PlannedPackage &package : plan.packages) {
        done.push_back(is_done(package));
        if (done.back()) continue;
        progress.report("apply", package.release.package, 0, 0);
        TRY(apply_package(package, layout));
    }

    for (const Satisfied &satisfied : plan.satisfied) rows.add(satisfied_row(satisfied));
    for (std::size_t i = 0; i < plan.packages.size(); i++) {
        const PlannedPackage &package = plan.packages[i];
        const char *action = done[i] ? "already installed" : package.previous_version ? "updated" : "installed";
        for (const auto &[extension, version] : extensions_of(package))
            rows.add({extension.empty() ? pg::Value{} : extension, because(action, package.required_by), version,
                      package.release.origin(),
                      !package.required_by.empty() || extension.empty() ? pg::Value{} : next_step(extension)});
    }
    return rows.done();
}

}  // namespace pgx
