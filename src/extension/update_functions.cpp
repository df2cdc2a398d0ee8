// update_functions.cpp - update, rollback, pin, unpin: changing the version of what is installed.
#include "extension/door.h"

#include <algorithm>

#include "core/base/names.h"
#include "extension/history.h"
#include "extension/home.h"
#include "extension/installation.h"
#include "extension/inventory.h"
#include "extension/refresh.h"
#include "extension/settings.h"

namespace pgx {

namespace {

// The newest release of each installed package that is newer than what is there, from the registry
// it came from. Another registry's package of that name is another package, as long as the first
// one exists.
constexpr const char *newer_releases_query = R"(
SELECT DISTINCT ON (i.package) i.package, r.version, r.registry
  FROM pgx.installed AS i
  JOIN pgx.releases AS r ON r.package OPERATOR(pg_catalog.=) i.package
  JOIN pgx.registries AS g ON g.name OPERATOR(pg_catalog.=) r.registry AND g.enabled
 WHERE (r.registry OPERATOR(pg_catalog.=) i.registry
        OR NOT EXISTS (SELECT FROM pgx.registries AS own WHERE own.name OPERATOR(pg_catalog.=) i.registry))
   AND pgx.version_key(r.version) OPERATOR(pg_catalog.>) pgx.version_key(i.version)
   AND (pgx.is_prerelease(i.version) OR NOT pgx.is_prerelease(r.version))
   AND i.package OPERATOR(pg_catalog.=) $1
 ORDER BY i.package, g.priority DESC, pgx.version_key(r.version) DESC)";

std::optional<Wish> newer(const InstalledPackage &installed) {
    std::vector<pg::Row> rows = pg::query(newer_releases_query, {installed.package});
    if (rows.empty()) return std::nullopt;
    return Wish{.name = installed.package, .registry = rows[0][2], .update = true};
}

// Why nothing newer was found. Without its registry a package gets no updates, unless another one
// offers it and the first is gone for good.
std::string reason_for_no_update(const InstalledPackage &installed) {
    const std::vector<pg::Row> rows =
        pg::query("SELECT enabled FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1",
                  {installed.registry});
    const std::string registry = "registry \"" + installed.registry + "\"";
    if (!rows.empty())
        return rows[0][0] == "t" ? "up to date" : "not updated: " + registry + " is disabled";
    const bool is_offered = !pg::query(
                                 "SELECT FROM pgx.releases AS r JOIN pgx.registries AS g ON g.name "
                                 "OPERATOR(pg_catalog.=) r.registry AND g.enabled WHERE r.package "
                                 "OPERATOR(pg_catalog.=) $1 LIMIT 1",
                                 {installed.package})
                                 .empty();
    return is_offered ? "up to date" : "not updated: " + registry + " is gone";
}

// Whether updates of one of them could come from this registry: it came from there, or its own
// registry is gone.
bool concerns(const std::string &registry, const std::vector<InstalledPackage> &packages) {
    return std::ranges::any_of(packages, [&](const InstalledPackage &installed) {
        return installed.registry == registry ||
               pg::query("SELECT FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1",
                         {installed.registry})
                   .empty();
    });
}

pg::Row unchanged_row(const InstalledPackage &installed, const std::string &why) {
    if (installed.extensions.empty()) return {{}, why, installed.version, installed.origin(), {}};
    const std::string &extension = installed.extensions.front();
    const std::string version = installed_default_version(extension);
    return {extension, why, version.empty() ? pg::Value{} : version, installed.origin(), {}};
}

std::string why_not(const Plan &plan, const InstalledPackage &installed) {
    const auto unfit = plan.unfit.find(installed.package);
    return unfit == plan.unfit.end() ? "newer versions do not fit" : unfit->second;
}

bool is_pinned(const std::string &package) {
    const std::optional<InstalledPackage> installed = find_installed(package);
    return installed && installed->package == package && installed->pinned;
}

// The release that a package was updated from, as history has it.
Result<Release> previous_release(const InstalledPackage &installed) {
    std::vector<pg::Row> rows = pg::query_latest(
        "SELECT p.version, p.registry, g.kind, g.source, p.url, p.size, p.sha256, p.signer, "
        "p.libraries"
        "  FROM pgx.history AS h"
        "  JOIN pgx.history AS p ON p.package OPERATOR(pg_catalog.=) h.package AND p.url IS NOT "
        "NULL"
        "       AND p.version OPERATOR(pg_catalog.=) h.previous_version AND p.at "
        "OPERATOR(pg_catalog.<) h.at"
        "  LEFT JOIN pgx.registries AS g ON g.name OPERATOR(pg_catalog.=) p.registry"
        " WHERE h.package OPERATOR(pg_catalog.=) $1 AND h.version OPERATOR(pg_catalog.=) $2"
        "   AND h.previous_version OPERATOR(pg_catalog.<>) $2"
        " ORDER BY h.at DESC, p.at DESC LIMIT 1",
        {installed.package, installed.version});
    if (rows.empty())
        return fail(ErrorCode::unknown_version,
                    "there is no version of \"" + installed.package + "\" to go back to",
                    "Version " + installed.version + " is the first that pgx has installed here.",
                    "Another version is installed with pgx.install(name, version => '...'); see "
                    "pgx.versions(name).");
    return recorded_release(installed.package, rows[0]);
}

Result<Datum> set_pinned(FunctionCallInfo fcinfo, bool pinned) {
    const char *function = pinned ? "pgx.pin()" : "pgx.unpin()";
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change(function));
    const InstalledPackage installed =
        TRY(require_installed(pg::text_argument(fcinfo, 0).value_or("")));
    TRY(Policy(rights, function).check_installed(installed));
    if (installed.pinned != pinned) {
        pg::execute(
            "UPDATE pgx.installed SET pinned = $2::pg_catalog.bool WHERE package "
            "OPERATOR(pg_catalog.=) $1",
            {installed.package, pinned ? "true" : "false"});
        record_history(
            {new_change(), pinned ? "pin" : "unpin", installed.package, installed.version, {}, {}});
    }
    return pg::text_datum(installed.package + " " + installed.version);
}

}  // namespace

PGX_FUNCTION(pgx_update) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.update()"));
    Policy policy(rights, "pgx.update()");
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("update");
    const DirectoryLayout layout = directory_layout();
    TRY(ensure_set_up());

    std::vector<InstalledPackage> packages;
    const bool all = PG_NARGS() == 0;
    if (all) {
        for (const pg::Row &row :
             pg::query_latest("SELECT package FROM pgx.installed ORDER BY package"))
            packages.push_back(TRY(require_installed(*row[0])));
    } else {
        for (const std::string &name : pg::names_argument(fcinfo, 0)) {
            packages.push_back(TRY(require_installed(name)));
            TRY(policy.check_installed(packages.back()));
            TRY(policy.check_source(packages.back(), packages.back().registry));
            TRY(check_not_pinned(packages.back()));
        }
    }
    std::vector<pg::Row> unchanged;
    std::erase_if(packages, [&](const InstalledPackage &installed) {
        const bool is_left = !installed.pinned && policy.allows(installed, installed.registry);
        if (!is_left)
            unchanged.push_back(
                unchanged_row(installed, installed.pinned ? "pinned" : "not allowed"));
        return !is_left;
    });
    for (const InstalledPackage &installed : packages) TRY(policy.check_installed(installed));
    // Whoever asks for an update wants to know what is new; an unchanged registry costs one
    // request.
    if (!packages.empty())
        for (const std::string &registry : TRY(enabled_registries(!policy.is_limited())))
            if (policy.reaches(registry) && concerns(registry, packages))
                (void)TRY(refresh_registry(registry, false, progress));

    std::vector<Wish> wishes;
    for (const InstalledPackage &installed : packages) {
        std::optional<Wish> wish = newer(installed);
        if (wish)
            wishes.push_back(std::move(*wish));
        else
            unchanged.push_back(unchanged_row(installed, reason_for_no_update(installed)));
    }
    const auto attempt = [&]() -> Result<Plan> {
        Result<Plan> first = plan_and_place(wishes, "update", policy, layout, progress);
        if (first || !all || first.error().code != ErrorCode::wrong_state) return first;
        // Somebody has pinned one of them meanwhile; "all" means all others.
        for (const InstalledPackage &installed : packages) {
            const auto wish = std::ranges::find(wishes, installed.package, &Wish::name);
            if (wish == wishes.end() || !is_pinned(installed.package)) continue;
            unchanged.push_back(unchanged_row(installed, "pinned"));
            wishes.erase(wish);
        }
        return plan_and_place(wishes, "update", policy, layout, progress);
    };
    const Plan plan = TRY(attempt());
    report(plan, "update", rows);
    // The reasons were told on the way.
    for (const InstalledPackage &installed : packages)
        if (std::ranges::find(wishes, installed.package, &Wish::name) != wishes.end() &&
            std::ranges::none_of(plan.packages, [&](const PlannedPackage &package) {
                return package.release.package == installed.package;
            }))
            unchanged.push_back(
                unchanged_row(installed, "not updated: " + why_not(plan, installed)));
    std::ranges::stable_sort(unchanged, {},
                             [](const pg::Row &row) { return std::pair(row[0], row[3]); });
    for (const pg::Row &row : unchanged) rows.add(row);
    return rows.done();
}

PGX_FUNCTION(pgx_rollback) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.rollback()"));
    Policy policy(rights, "pgx.rollback()");
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("rollback");
    const DirectoryLayout layout = directory_layout();
    TRY(ensure_set_up());
    const InstalledPackage installed =
        TRY(require_installed(pg::text_argument(fcinfo, 0).value_or("")));
    TRY(policy.check_installed(installed));
    TRY(check_not_pinned(installed));
    Wish wish{.name = installed.package};
    wish.release = TRY(previous_release(installed));
    const Plan plan = TRY(plan_and_place({wish}, "rollback", policy, layout, progress));
    report(plan, "rollback", rows);
    return rows.done();
}

PGX_FUNCTION(pgx_pin) { return set_pinned(fcinfo, true); }

PGX_FUNCTION(pgx_unpin) { return set_pinned(fcinfo, false); }

}  // namespace pgx
