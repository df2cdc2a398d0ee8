// install_functions.cpp - plan() and install().
#include "extension/door.h"

#include "core/base/names.h"
#include "extension/create.h"
#include "extension/definer.h"
#include "extension/home.h"
#include "extension/installation.h"
#include "extension/settings.h"

namespace pgx {

namespace {

// Names, versions and rights are checked before anything is asked of a registry.
Result<std::vector<Wish>> wishes_argument(FunctionCallInfo fcinfo) {
    std::vector<Wish> wishes;
    const pg::Value version = pg::text_argument(fcinfo, 1), registry = pg::text_argument(fcinfo, 2);
    for (const std::string &name : pg::names_argument(fcinfo, 0)) {
        Wish wish = TRY(parse_wish(name));
        if (version && wish.version && *version != *wish.version)
            return fail(
                ErrorCode::invalid_argument, "two versions are asked for",
                "The name says \"" + *wish.version + "\" and the argument \"" + *version + "\".");
        if (registry && wish.registry && *registry != *wish.registry)
            return fail(
                ErrorCode::invalid_argument, "two registries are asked for",
                "The name says \"" + *wish.registry + "\" and the argument \"" + *registry + "\".");
        for (const Wish &other : wishes)
            if (other.name == wish.name)
                return fail(ErrorCode::invalid_argument, "\"" + wish.name + "\" is named twice");
        if (version) wish.version = version;
        if (registry) wish.registry = registry;
        wishes.push_back(std::move(wish));
    }
    if (wishes.empty())
        return fail(ErrorCode::invalid_argument, "no extension is named", "",
                    "For example: SELECT * FROM pgx.install('vector').");
    if (wishes.size() > 1 && version)
        return fail(ErrorCode::invalid_argument,
                    "one version cannot be meant for several extensions", "",
                    "Write it behind each name instead: pgx.install(ARRAY['a@1.0', 'b@2.0']).");
    return wishes;
}

// A control file says trusted = true in vain when it says superuser = false.
bool is_trusted(const ReceiptExtension &extension) {
    return extension.trusted && extension.superuser;
}

// What create_in is about: the extensions that were asked for, not what they require (CASCADE sees
// to that).
std::vector<std::string> wanted_extensions(const Plan &plan) {
    std::vector<std::string> names;
    for (const Satisfied &satisfied : plan.satisfied)
        if (satisfied.required_by.empty()) names.push_back(satisfied.extension);
    for (const PlannedPackage &package : plan.packages)
        if (package.required_by.empty())
            for (const auto &[extension, version] : extensions_of(package))
                if (!extension.empty()) names.push_back(extension);
    return names;
}

// "1 script", "2 scripts"
std::string counted(std::size_t count, const std::string &what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// What an administrator should know of an extension before it is there.
pg::Value remarks_on(const PlannedPackage &package, const std::string &extension) {
    std::string remarks;
    for (const ReceiptExtension &other : package.receipt.extensions)
        if (other.name == extension && is_trusted(other)) remarks = "trusted";
    std::size_t scripts = 0, controls = 0;
    for (const ReceiptFile &file : package.receipt.files) {
        if (file.original_sha256.empty()) continue;
        scripts += file.kind == FileKind::script ? 1 : 0;
        controls += file.kind == FileKind::control ? 1 : 0;
    }
    std::string adapted;
    if (scripts > 0) adapted = counted(scripts, "script");
    if (controls > 0)
        adapted += (adapted.empty() ? "" : " and ") + counted(controls, "control file");
    if (!adapted.empty()) remarks += (remarks.empty() ? "" : "; ") + adapted + " adapted";
    if (remarks.empty()) return {};
    return remarks;
}

// PostgreSQL runs their scripts with a superuser's rights for users who are none.
void tell_trusted(const Plan &plan) {
    std::vector<std::string> names;
    for (const PlannedPackage &package : plan.packages)
        if (!package.was_done && !package.previous_version)
            for (const ReceiptExtension &extension : package.receipt.extensions)
                if (is_trusted(extension)) names.push_back(extension.name);
    if (names.empty()) return;
    const bool one = names.size() == 1;
    pg::notice(std::string(one ? "extension " : "extensions ") + quoted_list(names) +
                   (one ? " is" : " are") + " trusted",
               "Users who may create objects in a database may create " +
                   std::string(one ? "it" : "them") + " there.");
}

}  // namespace

PGX_FUNCTION(pgx_plan) {
    const std::vector<Wish> wishes = TRY(wishes_argument(fcinfo));
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.plan()"));
    Policy policy(rights, "pgx.plan()");
    TRY(policy.check_wishes(wishes));
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("plan");
    const DirectoryLayout layout = directory_layout();
    TRY(ensure_set_up());
    const Plan plan = TRY(prepare(wishes, policy, layout, progress));
    TRY(policy.check_plan(plan));
    ListsSoFar lists;
    for (const Satisfied &satisfied : plan.satisfied) {
        pg::Row row = satisfied_row(satisfied, lists);
        rows.add({row[0],
                  row[1],
                  row[2],
                  satisfied.package.empty() ? pg::Value{} : satisfied.package,
                  row[3],
                  {},
                  {},
                  {}});
    }
    for (const PlannedPackage &package : plan.packages) {
        const char *action = package.previous_version ? "update" : "install";
        for (const auto &[extension, version] : extensions_of(package))
            rows.add({extension.empty() ? pg::Value{} : extension,
                      because(action, package.required_by), version, package.release.package,
                      package.release.origin(), format_bytes(package.release.size),
                      std::to_string(package.receipt.files.size()),
                      remarks_on(package, extension)});
        for (const ReceiptLibrary &library : package.receipt.libraries)
            if (library.package != package.release.package)
                rows.add({{},
                          "library for " + package.release.package,
                          library.version,
                          library.package,
                          package.release.registry + ": " + library.package + " " + library.version,
                          format_bytes(library.size),
                          {},
                          {}});
    }
    return rows.done();
}

PGX_FUNCTION(pgx_install) {
    const std::vector<Wish> wishes = TRY(wishes_argument(fcinfo));
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.install()"));
    Policy policy(rights, "pgx.install()");
    TRY(policy.check_wishes(wishes));
    const std::vector<std::string> databases = pg::names_argument(fcinfo, 3);
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("install");
    const DirectoryLayout layout = directory_layout();
    TRY(ensure_set_up());
    const Plan plan = TRY(plan_and_place(wishes, "update", policy, layout, progress));
    // It came because something else requires it, and now somebody wants it for itself.
    for (const Satisfied &satisfied : plan.satisfied)
        if (satisfied.by == Satisfied::By::installed && satisfied.required_by.empty())
            pg::execute(
                "UPDATE pgx.installed SET requested = true"
                " WHERE package OPERATOR(pg_catalog.=) $1 AND NOT requested",
                {satisfied.package});
    if (!databases.empty())
        TRY(create_in_databases(wanted_extensions(plan), databases, rights.caller(), nullptr));
    tell_trusted(plan);
    report(plan, "update", rows);
    return rows.done();
}

}  // namespace pgx
