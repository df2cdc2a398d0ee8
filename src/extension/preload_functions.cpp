// preload_functions.cpp - preload() and unpreload().
//
// ALTER SYSTEM is not undone by ROLLBACK, and files are. So neither function runs in a transaction
// that has changed files: a library that is preloaded and was never committed would keep the server
// from starting.
#include "extension/door.h"

#include <algorithm>

#include "core/base/library_list.h"
#include "core/base/names.h"
#include "extension/home.h"
#include "extension/lock.h"
#include "extension/next_step.h"
#include "extension/policy.h"
#include "extension/preload_change.h"
#include "extension/result_set.h"
#include "extension/transaction.h"

extern "C" {
#include "access/xlog.h"
}

namespace pgx {

namespace {

// A standby has a configuration of its own, so this works there too.
Result<void> check_may_preload(const char *function) {
    if (RecoveryInProgress() && !InSecurityRestrictedOperation())
        TRY(check_home(function));
    else
        TRY(check_may_change(function));
    if (has_pending_changes())
        return fail(ErrorCode::wrong_state,
                    std::string("cannot run ") + function +
                        " in a transaction that has installed or removed files",
                    "A ROLLBACK would undo that, and not what ALTER SYSTEM does.",
                    "COMMIT first, then call it.");
    return {};
}

Result<std::string> via_argument(FunctionCallInfo fcinfo) {
    const pg::Value via = pg::text_argument(fcinfo, 1);
    if (via && *via != shared_preload && *via != session_preload)
        return fail(ErrorCode::invalid_argument, "libraries are not preloaded via \"" + *via + "\"",
                    "",
                    "Say shared_preload_libraries or session_preload_libraries, or leave it out.");
    return via.value_or("");
}

// Whose it is: a package of pgx's, or else by its own name one of the server's.
std::string package_of(const std::string &library) {
    const std::vector<pg::Row> rows =
        pg::query_latest("SELECT package FROM pgx.files WHERE path OPERATOR(pg_catalog.=) $1",
                         {"lib/" + library + ".so"});
    return rows.empty() ? library : rows[0][0].value_or(library);
}

struct Wanted {
    std::string name;
    std::vector<PreloadNeed> needs;
};

Result<Wanted> wanted(const std::string &name, const std::string &via, const PreloadFacts &facts) {
    TRY(check_name("extension", name));
    if (const std::optional<std::string> missing = TRY(missing_requirement(name)))
        return fail(ErrorCode::dependency_missing,
                    "extension \"" + name + "\" cannot be created here",
                    "It requires \"" + *missing + "\", which neither pgx nor the server has.",
                    "Install that first: SELECT * FROM pgx.install('" + *missing + "').");
    Wanted result{name, TRY(preload_needs(name, facts))};
    if (result.needs.empty()) {
        const InstalledPackage installed = TRY(require_installed(name));
        const std::vector<std::string> libraries = libraries_of(installed.package);
        if (via.empty() || libraries.empty())
            pg::notice("nothing of \"" + installed.package + "\" has to be preloaded", "",
                       libraries.empty() ? "It has no library."
                                         : "To preload its libraries all the same, name the "
                                           "setting: pgx.preload(name, via => '" +
                                               std::string(shared_preload) + "').");
        else
            for (const std::string &library : libraries) result.needs.push_back({library, via, {}});
    }
    if (!via.empty())
        for (PreloadNeed &need : result.needs) need.setting = via;
    return result;
}

std::string libraries_that_come(const std::vector<PreloadChange> &changes) {
    std::vector<std::string> libraries;
    for (const PreloadChange &change : changes)
        for (const std::string &element : change.after)
            if (std::ranges::find(change.before.elements, element) == change.before.elements.end())
                libraries.push_back(element);
    return quoted_list(libraries);
}

std::string said(const Error &error) {
    std::string text = "A server that was started for a trial said: " + error.message;
    if (!text.ends_with('.')) text += '.';
    if (!error.detail.empty()) text += " " + error.detail;
    if (!error.hint.empty()) text += " " + error.hint;
    return text;
}

// What has to be set is named, when it is known and not set yet.
std::string hint_after_trial(const std::vector<Wanted> &all, const PreloadFacts &facts) {
    std::string settings;
    for (const Wanted &wanted : all) {
        const std::string steps = preload_steps(wanted.name, facts, nullptr);
        if (steps.starts_with("ALTER SYSTEM")) settings += steps.substr(0, steps.find("SELECT"));
    }
    return "Nothing was changed. " +
           (settings.empty() ? "" : "Settings that it needs: " + settings) +
           "To preload it all the same: pgx.preload(name, force => true).";
}

Result<void> check_by_trial(const std::vector<PreloadChange> &changes, bool force,
                            const std::vector<Wanted> &all, const PreloadFacts &facts,
                            ProgressSlot &progress) {
    const std::optional<Error> failure = TRY(try_changes(changes, progress));
    if (!failure) return {};
    const std::string message =
        "the server would not start with " + libraries_that_come(changes) + " preloaded";
    if (force) {
        pg::warning(message, said(*failure));
        return {};
    }
    if (const std::optional<Error> before = TRY(try_without_changes(changes, progress)))
        return fail(ErrorCode::wrong_state, "the server would not start with its present settings",
                    said(*before), "Nothing was changed. Correct them first; see pgx.doctor().");
    return fail(ErrorCode::wrong_state, message, said(*failure), hint_after_trial(all, facts));
}

const PreloadChange &change_of(const std::vector<PreloadChange> &changes, const PreloadNeed &need) {
    for (const PreloadChange &change : changes)
        if (change.before.setting == need.setting && names_library(change.after, need.library))
            return change;
    return changes.front();
}

// Before anything else can be done with it.
std::string first_step(const PreloadNeed &need, const PreloadChange &change) {
    if (names_library(current_preloads(shared_preload), need.library)) return "";
    return change.before.setting == shared_preload ? "restart the server; " : "reconnect; ";
}

}  // namespace

PGX_FUNCTION(pgx_preload) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_preload("pgx.preload()"));
    Policy policy(rights, "pgx.preload()");
    const std::vector<std::string> names = pg::names_argument(fcinfo, 0);
    for (const std::string &name : names) TRY(policy.check_preload(name));
    const std::string via = TRY(via_argument(fcinfo));
    const bool force = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
    if (force && !names.empty()) TRY(policy.check_force(names.front()));
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("preload");
    take_cluster_lock();
    const PreloadFacts facts = TRY(preload_facts());
    std::vector<Wanted> all;
    std::vector<PreloadNeed> needs;
    for (const std::string &name : names) {
        all.push_back(TRY(wanted(name, via, facts)));
        needs.insert(needs.end(), all.back().needs.begin(), all.back().needs.end());
    }
    if (needs.empty()) return rows.done();
    // By name again: under the lock, and also what is preloaded for the sake of another.
    for (const std::string &name : names) TRY(policy.check_preload(name));
    for (const PreloadNeed &need : needs) TRY(policy.check_preload(package_of(need.library)));
    const std::vector<PreloadChange> changes = TRY(plan_preload(needs));
    if (std::ranges::any_of(changes, &PreloadChange::changes)) {
        TRY(check_by_trial(changes, force, all, facts, progress));
        TRY(make_changes(changes));
    }
    ListsSoFar lists;
    for (const Wanted &wanted : all)
        for (const PreloadNeed &need : wanted.needs) {
            const PreloadChange &change = change_of(changes, need);
            const bool was_there = names_library(change.before.elements, need.library);
            // Once, after the last library.
            const bool last = &need == &wanted.needs.back();
            rows.add(
                {need.library, was_there ? "already there" : "added", change.before.setting,
                 library_list_text(change.after),
                 last ? pg::Value{preload_next_step(wanted.name, first_step(need, change), lists)}
                      : pg::Value{}});
        }
    return rows.done();
}

PGX_FUNCTION(pgx_unpreload) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_preload("pgx.unpreload()"));
    Policy policy(rights, "pgx.unpreload()");
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("unpreload");
    take_cluster_lock();
    std::vector<std::string> libraries;
    for (const std::string &name : pg::names_argument(fcinfo, 0)) {
        TRY(check_name("extension", name));
        TRY(policy.check_preload(name));
        std::vector<std::string> own;
        if (const std::optional<InstalledPackage> installed = find_installed(name))
            own = libraries_of(installed->package);
        else
            for (const PreloadNeed &need : TRY(preload_needs(name, TRY(preload_facts()))))
                if (need.library == name) own.push_back(name);
        if (own.empty()) TRY(require_installed(name));
        libraries.insert(libraries.end(), own.begin(), own.end());
    }
    const std::vector<PreloadChange> changes = TRY(plan_unpreload(libraries));
    if (std::ranges::any_of(changes, &PreloadChange::changes)) {
        // Another library may need one that leaves. A server that would not start anyway is not
        // made worse.
        if (const std::optional<Error> failure = TRY(try_changes(changes, progress))) {
            if (!TRY(try_without_changes(changes, progress)))
                return fail(
                    ErrorCode::wrong_state,
                    "the server would not start without " + quoted_list(libraries) + " preloaded",
                    said(*failure),
                    "Nothing was changed. Take what needs it out first: "
                    "pgx.unpreload(name).");
            pg::warning("the server would not start with the other libraries that are preloaded",
                        said(*failure));
        }
        TRY(make_changes(changes));
    }
    for (const PreloadChange &change : changes)
        for (const std::string &element : change.before.elements) {
            const std::string library = library_of_element(element);
            if (std::ranges::find(libraries, library) == libraries.end()) continue;
            rows.add({library, "taken out", change.before.setting, library_list_text(change.after),
                      change.before.setting == shared_preload &&
                              names_library(current_preloads(shared_preload), library)
                          ? "restart the server;"
                          : "none, new sessions do without it"});
        }
    return rows.done();
}

}  // namespace pgx
