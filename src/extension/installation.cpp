#include "extension/door.h"

#include "extension/installation.h"

#include <utility>

#include "core/base/names.h"
#include "extension/apply.h"
#include "extension/inventory.h"
#include "extension/lock.h"
#include "extension/next_step.h"
#include "extension/recovery.h"
#include "extension/refresh.h"
#include "extension/settings.h"

namespace pgx {

namespace {

// Installed by another session while this one was downloading. Two registries may have other bytes
// under one version.
bool is_done(const PlannedPackage &package) {
    const Release &release = package.release;
    std::optional<InstalledPackage> installed = find_installed(release.package);
    return installed && installed->package == release.package &&
           installed->version == release.version && installed->registry == release.registry &&
           installed->sha256 == release.sha256;
}

Error changed_meanwhile(const std::string &package) {
    return Error{ErrorCode::serialization_failure,
                 "\"" + package + "\" was changed by another session meanwhile"};
}

// The plan was made before the downloads, without the lock.
Result<void> check_unchanged(const PlannedPackage &package) {
    const std::optional<InstalledPackage> installed = find_installed(package.release.package);
    const bool is_there = installed && installed->package == package.release.package;
    if (is_there != package.previous_version.has_value() ||
        (is_there && installed->version != *package.previous_version))
        return fail(changed_meanwhile(package.release.package));
    if (is_there) TRY(check_not_pinned(*installed));
    return {};
}

// Of a package without an extension the receipt tells what it is.
std::string step_of(const Satisfied &satisfied, ListsSoFar &lists) {
    if (satisfied.by == Satisfied::By::installed) {
        const std::optional<InstalledPackage> installed = find_installed(satisfied.package);
        if (installed && installed->extensions.empty())
            return installed_modules_step(satisfied.package, lists);
    }
    return next_step(satisfied.extension, lists);
}

const char *done_word(const PlannedPackage &package, const std::string &action) {
    if (!package.previous_version) return "installed";
    return action == "rollback" ? "rolled back" : "updated";
}

}  // namespace

Result<Plan> prepare(const std::vector<Wish> &wishes, Policy &policy, const DirectoryLayout &layout,
                     ProgressSlot &progress) {
    // What is there already needs no registry.
    bool registry_needed = false;
    std::vector<std::string> registries;  // that no other one can stand in for
    for (const Wish &wish : wishes) {
        if (wish.release) continue;
        if (wish.registry)
            registries.push_back(*wish.registry);
        else if (const auto installed = find_installed(wish.name); installed && wish.version)
            registries.push_back(installed->registry);
        registry_needed =
            registry_needed || wish.version || wish.registry ||
            (!find_installed(wish.name) && !TRY(server_extension_directory(wish.name)));
    }
    if (registry_needed) TRY(ensure_refreshed(progress, policy, registries));
    return make_plan(wishes, layout, progress, policy);
}

std::string because(const std::string &action, const std::string &required_by) {
    return required_by.empty() ? action : action + ", required by " + required_by;
}

pg::Row satisfied_row(const Satisfied &satisfied, ListsSoFar &lists) {
    const bool installed = satisfied.by == Satisfied::By::installed;
    if (installed)
        if (const auto package = find_installed(satisfied.package);
            package && package->extensions.empty())
            return {{},
                    because("already installed", satisfied.required_by),
                    package->version,
                    satisfied.where,
                    satisfied.required_by.empty() ? step_of(satisfied, lists) : pg::Value{}};
    return {satisfied.extension,
            because(installed ? "already installed" : "part of the server", satisfied.required_by),
            satisfied.version.empty() ? pg::Value{} : satisfied.version, satisfied.where,
            satisfied.required_by.empty() ? step_of(satisfied, lists) : pg::Value{}};
}

std::vector<std::pair<std::string, pg::Value>> extensions_of(const PlannedPackage &package) {
    std::vector<std::pair<std::string, pg::Value>> extensions;
    for (const ReceiptExtension &extension : package.receipt.extensions)
        extensions.emplace_back(extension.name, extension.default_version);
    if (extensions.empty()) extensions.emplace_back(std::string(), package.release.version);
    return extensions;
}

Result<void> place(Plan &plan, const char *action, Policy &policy, const DirectoryLayout &layout,
                   ProgressSlot &progress) {
    if (plan.packages.empty()) return {};
    TRY(policy.check_plan(plan));
    // The lock comes after the downloads, so that nobody waits for a network, and stays to the end
    // of the transaction.
    progress.report("lock", "", 0, 0);
    take_cluster_lock();
    TRY(policy.check_plan(plan));  // what was allowed may have been taken back while we waited
    TRY(recover(layout));
    for (const Satisfied &satisfied : plan.satisfied)
        if (satisfied.by == Satisfied::By::installed && !find_installed(satisfied.package))
            return fail(changed_meanwhile(satisfied.package));
    // All checks before the first row is written: a plan that fails them can be made anew.
    for (PlannedPackage &package : plan.packages) {
        package.was_done = is_done(package);
        if (!package.was_done) TRY(check_unchanged(package));
    }
    std::vector<PlannedChange> changes;
    for (const PlannedPackage &package : plan.packages) {
        if (package.was_done) continue;
        progress.report("apply", package.release.package, 0, 0);
        changes.push_back(TRY(
            record_installation(package, package.previous_version ? action : "install", layout)));
    }
    return apply_in_transaction(layout, std::move(changes));
}

Result<Plan> plan_and_place(const std::vector<Wish> &wishes, const char *action, Policy &policy,
                            const DirectoryLayout &layout, ProgressSlot &progress) {
    {
        Plan plan = TRY(prepare(wishes, policy, layout, progress));
        Result<void> placed = place(plan, action, policy, layout, progress);
        if (placed) return plan;
        if (placed.error().code != ErrorCode::serialization_failure)
            return fail(std::move(placed).error());
    }
    // Another session was faster. Now we hold the lock, and the second plan stays true.
    Plan plan = TRY(prepare(wishes, policy, layout, progress));
    TRY(place(plan, action, policy, layout, progress));
    return plan;
}

void report(const Plan &plan, const char *action, pg::ResultSet &rows) {
    ListsSoFar lists;
    for (const Satisfied &satisfied : plan.satisfied) rows.add(satisfied_row(satisfied, lists));
    for (const PlannedPackage &package : plan.packages) {
        const char *word = package.was_done ? "already installed" : done_word(package, action);
        for (const auto &[extension, version] : extensions_of(package)) {
            pg::Value next;
            if (package.required_by.empty())
                next = extension.empty() ? modules_step(package.receipt, lists)
                                         : next_step(extension, lists);
            rows.add({extension.empty() ? pg::Value{} : extension,
                      because(word, package.required_by), version, package.release.origin(), next});
        }
    }
}

}  // namespace pgx
