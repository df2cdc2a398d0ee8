// lockfile_functions.cpp - export() and apply(): a server's packages as one jsonb value.
//
// The value names registries, and for each package its exact release with digest. Applying it
// installs those bytes or nothing: the digest is checked whatever the registry says today.
#include "extension/door.h"

#include <algorithm>

#include "core/base/json.h"
#include "core/base/names.h"
#include "extension/bundle_registry.h"
#include "extension/definer.h"
#include "extension/home.h"
#include "extension/installation.h"
#include "extension/inventory.h"
#include "extension/settings.h"

extern "C" {
#include "utils/jsonb.h"
}

namespace pgx {

namespace {

constexpr const char *export_query = R"(
SELECT pg_catalog.jsonb_pretty(pg_catalog.jsonb_build_object(
         'pgx_lock', 1,
         'postgresql', $1::pg_catalog.int4,
         'registries', coalesce((SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', g.name, 'kind', g.kind,
                                          'source', g.source, 'root', g.root, 'priority', g.priority) ORDER BY g.name)
                                   FROM pgx.registries AS g), '[]'),
         'packages', coalesce((SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('package', i.package, 'version', i.version,
                                        'extensions', i.extensions, 'registry', i.registry, 'url', i.url, 'size', i.size,
                                        'sha256', i.sha256, 'signer', i.signer, 'requested', i.requested, 'pinned', i.pinned)
                                        ORDER BY i.package)
                                 FROM pgx.installed AS i), '[]'))))";

struct LockedPackage {
    Release release;
    bool pinned = false, requested = true;
};

Result<Release> locked_release(const Json &entry) {
    Release release;
    release.package = TRY(json_string(entry, "package"));
    TRY(check_name("package", release.package));
    release.version = TRY(json_string(entry, "version"));
    release.registry = TRY(json_string(entry, "registry"));
    release.url = TRY(json_string(entry, "url"));
    release.size = TRY(json_unsigned(entry, "size"));
    release.sha256 = TRY(json_string(entry, "sha256"));
    release.signer = TRY(json_string(entry, "signer", ""));
    if (release.sha256.size() != 64 ||
        release.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
        return fail(ErrorCode::invalid_argument,
                    "the digest of package \"" + release.package + "\" is not a SHA-256", "",
                    "Make the lock file with SELECT pgx.export() on the other server.");
    std::vector<pg::Row> rows =
        pg::query("SELECT kind, source FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1",
                  {release.registry});
    if (rows.empty())
        return fail(ErrorCode::unknown_registry,
                    "registry \"" + release.registry + "\" does not exist",
                    "Package \"" + release.package + "\" comes from it.");
    release.kind = rows[0][0].value_or("");
    release.source = rows[0][1].value_or("");
    return release;
}

// Who may say what is to be trusted beyond the registries that are there.
bool may_add_registry(Oid role) {
    return pg::query(
               "SELECT pg_catalog.has_function_privilege($1::pg_catalog.oid,"
               " 'pgx.add_registry(text,text,text,integer,text,jsonb)', 'EXECUTE')",
               {std::to_string(role)})
               .at(0)[0] == "t";
}

// A registry decides whose code comes into the server. Whoever may apply a lock file may not name
// new ones by that alone.
Result<void> add_locked_registry(const Json &registry, bool trusted) {
    const std::string name = TRY(json_string(registry, "name"));
    TRY(check_name("registry", name));
    const std::string kind = TRY(json_string(registry, "kind"));
    const std::string source = TRY(json_string(registry, "source", ""));
    const std::uint64_t priority = TRY(json_unsigned(registry, "priority", 500));
    if (!pg::query("SELECT FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1", {name})
             .empty())
        return {};
    // Its bundles are in the catalog of the server that the lock file is from, or of this one.
    if (kind == bundle_kind)
        return fail(ErrorCode::no_registry, "the bundles of registry \"" + name + "\" are not here",
                    "The lock file names packages that were installed with pgx.install_bundle() or "
                    "pgx.install_sql().",
                    "Call these here too, before pgx.apply().");
    if (!trusted)
        return fail(ErrorCode::permission_denied,
                    "permission denied to add registry \"" + name + "\"",
                    "The lock file names it, and it does not exist here.",
                    "Ask somebody who may call pgx.add_registry() to add it first.");
    const std::string root = TRY(json_string(registry, "root", ""));
    pg::query(
        "SELECT pgx.add_registry($1, $2, $3, $4::pg_catalog.int4, $5)",
        {name, source, kind, std::to_string(std::min<std::uint64_t>(priority, 1000000)), root});
    pg::notice("registry \"" + name + "\" was added from the lock file");
    return {};
}

// A digest in a lock file is worth no more than whoever wrote it. From others than those who decide
// on registries, only a release counts that a registry offers, or that was installed here before.
Result<void> check_offered(const Release &release, bool trusted) {
    if (trusted) return {};
    const std::vector<pg::Row> rows = pg::query(
        "SELECT FROM (SELECT registry, package, version, sha256, url FROM pgx.releases UNION ALL"
        "             SELECT registry, package, version, sha256, url FROM pgx.history) AS r"
        " WHERE r.registry OPERATOR(pg_catalog.=) $1 AND r.package OPERATOR(pg_catalog.=) $2"
        "   AND r.version OPERATOR(pg_catalog.=) $3 AND r.sha256 OPERATOR(pg_catalog.=) $4 AND "
        "r.url OPERATOR(pg_catalog.=) $5",
        {release.registry, release.package, release.version, release.sha256, release.url});
    if (!rows.empty()) return {};
    return fail(ErrorCode::permission_denied,
                "permission denied to install " + release.package + " " + release.version,
                "Registry \"" + release.registry + "\" does not offer it with this digest.",
                "Run pgx.refresh(), or ask somebody who may call pgx.add_registry() to apply the "
                "lock file.");
}

Result<std::vector<LockedPackage>> read_lock(const Json &lock, bool trusted) {
    if (!lock.is_object() || TRY(json_unsigned(lock, "pgx_lock", 0)) != 1 ||
        !lock.contains("packages") || !lock["packages"].is_array())
        return fail(ErrorCode::invalid_argument, "this is not a lock file of pgx", "",
                    "Make one with SELECT pgx.export() on the other server.");
    const std::uint64_t major = TRY(json_unsigned(lock, "postgresql"));
    if (major != PG_VERSION_NUM / 10000)
        return fail(ErrorCode::wrong_platform,
                    "the lock file was made for PostgreSQL " + std::to_string(major),
                    "This server is PostgreSQL " + std::to_string(PG_VERSION_NUM / 10000) + ".",
                    "Install by name instead: pgx.install(ARRAY[...]).");
    // Registries that are missing here come along; those that are here stay as they are.
    if (lock.contains("registries") && lock["registries"].is_array())
        for (const Json &registry : lock["registries"]) TRY(add_locked_registry(registry, trusted));
    std::vector<LockedPackage> packages;
    for (const Json &entry : lock["packages"]) {
        LockedPackage locked;
        locked.release = TRY(locked_release(entry));
        TRY(check_offered(locked.release, trusted));
        locked.pinned = TRY(json_bool(entry, "pinned", false));
        locked.requested = TRY(json_bool(entry, "requested", true));
        packages.push_back(std::move(locked));
    }
    return packages;
}

// Whether exactly these bytes are installed.
bool is_installed(const Release &release) {
    return !pg::query_latest(
                "SELECT FROM pgx.installed WHERE package OPERATOR(pg_catalog.=) $1 AND sha256 "
                "OPERATOR(pg_catalog.=) $2",
                {release.package, release.sha256})
                .empty();
}

}  // namespace

PGX_FUNCTION(pgx_export) {
    const std::string text =
        *pg::query(export_query, {std::to_string(PG_VERSION_NUM / 10000)}).at(0)[0];
    const char *bytes = text.c_str();
    return pg::call([bytes] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(bytes)); });
}

PGX_FUNCTION(pgx_apply) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.apply()"));
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("apply");
    const DirectoryLayout layout = directory_layout();
    TRY(ensure_set_up());
    if (PG_ARGISNULL(0)) return fail(ErrorCode::invalid_argument, "the lock file is null");
    const char *bytes = pg::call(
        [fcinfo] { return DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(0))); });
    const std::vector<LockedPackage> locked =
        TRY(read_lock(TRY(parse_json(bytes)), may_add_registry(rights.caller())));

    std::vector<std::string> kept;
    std::vector<Wish> wishes;
    for (const LockedPackage &package : locked) {
        kept.push_back(package.release.package);
        if (!is_installed(package.release))
            wishes.push_back({.name = package.release.package, .release = package.release});
    }
    Plan plan = TRY(prepare(wishes, layout, progress));
    for (const PlannedPackage &package : plan.packages)
        if (std::ranges::find(kept, package.release.package) == kept.end())
            return fail(
                ErrorCode::dependency_missing, "the lock file is not complete",
                "Package \"" + package.release.package + "\" is required by extension \"" +
                    package.required_by + "\" and is not in it.",
                "Make it anew with SELECT pgx.export() on a server where everything is installed.");
    TRY(place(plan, "apply", layout, progress));
    report(plan, "apply", rows);
    for (const LockedPackage &package : locked)
        pg::execute(
            "UPDATE pgx.installed SET pinned = $2::pg_catalog.bool, requested = "
            "$3::pg_catalog.bool WHERE package OPERATOR(pg_catalog.=) $1",
            {package.release.package, package.pinned ? "true" : "false",
             package.requested ? "true" : "false"});
    // What is not in the lock file goes, with the checks of remove().
    for (const pg::Row &row :
         pg::query("SELECT r.package, r.version FROM pgx.remove(coalesce((SELECT "
                   "pg_catalog.array_agg(package ORDER BY package)"
                   "  FROM pgx.installed WHERE package OPERATOR(pg_catalog.<>) ALL "
                   "($1::pg_catalog.text[])), '{}')) AS r",
                   {pg::array_literal(kept)}))
        rows.add({{}, "removed", row[1], row[0], {}});
    return rows.done();
}

}  // namespace pgx
