// lockfile_functions.cpp - export() and apply(): a server's packages as one jsonb value.
//
// The value names registries, and for each package its exact release with digest. Applying it
// installs those bytes or nothing: the digest is checked whatever the registry says today.
#include "extension/door.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/base/json.h"
#include "core/base/names.h"
#include "extension/bundle_registry.h"
#include "extension/definer.h"
#include "extension/history.h"
#include "extension/home.h"
#include "extension/installation.h"
#include "extension/inventory.h"
#include "extension/lock.h"
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
                                        'sha256', i.sha256, 'signer', i.signer, 'requested', i.requested, 'pinned', i.pinned,
                                        'libraries', i.libraries)
                                        ORDER BY i.package)
                                 FROM pgx.installed AS i), '[]'))))";

struct LockedPackage {
    Release release;  // without what the registry's row has
    bool pinned = false, requested = true;
};

struct LockedRegistry {
    std::string name, kind, source, root;
    std::uint64_t priority = 500;
};

struct LockFile {
    std::vector<LockedRegistry> registries;
    std::vector<LockedPackage> packages;
};

constexpr const char *make_anew =
    "Make the lock file with SELECT pgx.export() on the other server.";

// What the checked access to JSON says is about a member; this says whose.
template <typename Value>
Result<Value> in_entry(Result<Value> value, const std::string &where) {
    if (value || value.error().code != ErrorCode::invalid_argument || !value.error().hint.empty())
        return value;
    Error error = std::move(value).error().prefixed("malformed lock file");
    error.detail = "This is about " + where + ".";
    error.hint = make_anew;
    return fail(std::move(error));
}

Result<LockedPackage> locked_package(const Json &entry) {
    LockedPackage locked;
    Release &release = locked.release;
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
                    make_anew);
    if (entry.contains("libraries"))
        release.libraries = TRY(libraries_from_json(entry["libraries"]));
    locked.pinned = TRY(json_bool(entry, "pinned", false));
    locked.requested = TRY(json_bool(entry, "requested", true));
    return locked;
}

Result<LockedRegistry> locked_registry(const Json &entry) {
    LockedRegistry registry;
    registry.name = TRY(json_string(entry, "name"));
    TRY(check_name("registry", registry.name));
    registry.kind = TRY(json_string(entry, "kind"));
    registry.source = TRY(json_string(entry, "source", ""));
    registry.root = TRY(json_string(entry, "root", ""));
    registry.priority = TRY(json_unsigned(entry, "priority", 500));
    return registry;
}

// What the lock file leaves to the registry as it is here.
Result<void> complete_release(Release &release) {
    std::vector<pg::Row> rows =
        pg::query("SELECT kind, source FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1",
                  {release.registry});
    if (rows.empty())
        return fail(ErrorCode::unknown_registry,
                    "registry \"" + release.registry + "\" does not exist",
                    "Package \"" + release.package + "\" comes from it.");
    release.kind = rows[0][0].value_or("");
    release.source = rows[0][1].value_or("");
    return {};
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
Result<void> add_locked_registry(const LockedRegistry &registry, bool trusted) {
    const auto &[name, kind, source, root, priority] = registry;
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
        "SELECT FROM (SELECT registry, package, version, sha256, url, size, signer FROM "
        "pgx.releases UNION ALL"
        "             SELECT registry, package, version, sha256, url, size, signer FROM "
        "pgx.history) AS r"
        " WHERE r.registry OPERATOR(pg_catalog.=) $1 AND r.package OPERATOR(pg_catalog.=) $2"
        "   AND r.version OPERATOR(pg_catalog.=) $3 AND r.sha256 OPERATOR(pg_catalog.=) $4 AND "
        "r.url OPERATOR(pg_catalog.=) $5 AND r.size OPERATOR(pg_catalog.=) $6::pg_catalog.int8 AND "
        "r.signer OPERATOR(pg_catalog.=) $7",
        {release.registry, release.package, release.version, release.sha256, release.url,
         std::to_string(release.size), release.signer});
    if (!rows.empty()) return {};
    return fail(ErrorCode::permission_denied,
                "permission denied to install " + release.package + " " + release.version,
                "Registry \"" + release.registry +
                    "\" does not offer it with this address, size, digest and signer.",
                "Run pgx.refresh(), or ask somebody who may call pgx.add_registry() to apply the "
                "lock file.");
}

// Whether it is pinned, and was asked for. Pins are lifted by those who may call pgx.unpin() for
// every package.
void take_over_marks(const LockedPackage &package, bool is_limited) {
    const std::string &name = package.release.package;
    pg::execute(
        "UPDATE pgx.installed SET requested = $2::pg_catalog.bool WHERE package "
        "OPERATOR(pg_catalog.=) $1",
        {name, package.requested ? "true" : "false"});
    const std::optional<InstalledPackage> installed = find_installed(name);
    if (is_limited || !installed || installed->pinned == package.pinned) return;
    pg::execute(
        "UPDATE pgx.installed SET pinned = $2::pg_catalog.bool WHERE package "
        "OPERATOR(pg_catalog.=) $1",
        {name, package.pinned ? "true" : "false"});
    record_history(
        {new_change(), package.pinned ? "pin" : "unpin", name, installed->version, {}, {}});
}

// Everything is read before anything is done.
Result<LockFile> read_lock(const Json &lock) {
    if (!lock.is_object() ||
        TRY(in_entry(json_unsigned(lock, "pgx_lock", 0), "the whole file")) != 1 ||
        !lock.contains("packages") || !lock["packages"].is_array())
        return fail(ErrorCode::invalid_argument, "this is not a lock file of pgx", "",
                    "Make one with SELECT pgx.export() on the other server.");
    const std::uint64_t major = TRY(in_entry(json_unsigned(lock, "postgresql"), "the whole file"));
    if (major != PG_VERSION_NUM / 10000)
        return fail(ErrorCode::wrong_platform,
                    "the lock file was made for PostgreSQL " + std::to_string(major),
                    "This server is PostgreSQL " + std::to_string(PG_VERSION_NUM / 10000) + ".",
                    "Install by name instead: pgx.install(ARRAY[...]).");
    LockFile file;
    if (lock.contains("registries")) {
        if (!lock["registries"].is_array())
            return fail(ErrorCode::invalid_argument,
                        "malformed lock file: member \"registries\" must be an array", "",
                        make_anew);
        for (const Json &entry : lock["registries"])
            file.registries.push_back(TRY(in_entry(
                locked_registry(entry),
                "entry " + std::to_string(file.registries.size() + 1) + " of \"registries\"")));
    }
    std::set<std::string> names;
    for (const Json &entry : lock["packages"]) {
        file.packages.push_back(TRY(
            in_entry(locked_package(entry),
                     "entry " + std::to_string(file.packages.size() + 1) + " of \"packages\"")));
        const std::string &name = file.packages.back().release.package;
        if (!names.insert(name).second)
            return fail(ErrorCode::invalid_argument,
                        "package \"" + name + "\" is in the lock file twice", "", make_anew);
    }
    return file;
}

// Whether exactly these bytes are installed, and from that registry.
bool is_installed(const Release &release) {
    return !pg::query_latest(
                "SELECT FROM pgx.installed WHERE package OPERATOR(pg_catalog.=) $1 AND version "
                "OPERATOR(pg_catalog.=) $2 AND sha256 OPERATOR(pg_catalog.=) $3 AND registry "
                "OPERATOR(pg_catalog.=) $4",
                {release.package, release.version, release.sha256, release.registry})
                .empty();
}

void add_satisfied(const std::string &package, std::vector<Satisfied> &satisfied) {
    const std::optional<InstalledPackage> installed = find_installed(package);
    if (!installed) return;
    std::vector<std::string> names = installed->extensions;
    if (names.empty()) names.push_back(package);
    for (const std::string &name : names)
        satisfied.push_back({Satisfied::By::installed, name, package,
                             installed_default_version(name), installed->origin(), ""});
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
    Policy policy(rights, "pgx.apply()");
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("apply");
    const DirectoryLayout layout = directory_layout();
    TRY(ensure_set_up());
    if (PG_ARGISNULL(0)) return fail(ErrorCode::invalid_argument, "the lock file is null");
    const char *bytes = pg::call(
        [fcinfo] { return DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(0))); });
    LockFile lock = TRY(read_lock(TRY(parse_json(bytes))));
    for (const LockedPackage &package : lock.packages)
        TRY(policy.check_wishes({{.name = package.release.package}}));
    // Registries that are missing here come along; those that are here stay as they are.
    const bool trusted = may_add_registry(rights.caller());
    for (const LockedRegistry &registry : lock.registries)
        TRY(add_locked_registry(registry, trusted));

    std::vector<std::string> kept;
    std::vector<Wish> wishes;
    std::vector<Satisfied> satisfied;
    for (LockedPackage &package : lock.packages) {
        Release &release = package.release;
        TRY(complete_release(release));
        TRY(check_offered(release, trusted));
        // The same goes for the digests of libraries: they are found out anew.
        if (!trusted) release.libraries.reset();
        kept.push_back(release.package);
        if (is_installed(release))
            add_satisfied(release.package, satisfied);
        else
            wishes.push_back({.name = release.package, .release = release});
    }
    Plan plan = TRY(prepare(wishes, policy, layout, progress));
    // Of what the planner met only the server's own is news.
    std::erase_if(plan.satisfied,
                  [](const Satisfied &other) { return other.by != Satisfied::By::server; });
    plan.satisfied.insert(plan.satisfied.end(), satisfied.begin(), satisfied.end());
    for (const PlannedPackage &package : plan.packages)
        if (std::ranges::find(kept, package.release.package) == kept.end())
            return fail(
                ErrorCode::dependency_missing, "the lock file is not complete",
                "Package \"" + package.release.package + "\" is required by extension \"" +
                    package.required_by + "\" and is not in it.",
                "Make it anew with SELECT pgx.export() on a server where everything is installed.");
    TRY(place(plan, "apply", policy, layout, progress));
    report(plan, "apply", rows);
    // Also where nothing was to be placed: what is looked at from here on is not to change.
    take_cluster_lock();
    for (const LockedPackage &package : lock.packages)
        take_over_marks(package, policy.is_limited());
    // What is not in the lock file goes, with the checks of remove().
    std::vector<std::string> leaving;
    for (const pg::Row &row :
         pg::query_latest("SELECT package FROM pgx.installed WHERE package "
                          "OPERATOR(pg_catalog.<>) ALL ($1::pg_catalog.text[]) ORDER BY 1",
                          {pg::array_literal(kept)}))
        leaving.push_back(row[0].value_or(""));
    for (const std::string &package : leaving)
        TRY(policy.check_installed(TRY(require_installed(package))));
    for (const pg::Row &row :
         pg::query("SELECT r.package, r.version FROM pgx.remove($1::pg_catalog.text[]) AS r",
                   {pg::array_literal(leaving)}))
        rows.add({{}, "removed", row[1], row[0], {}});
    return rows.done();
}

}  // namespace pgx
