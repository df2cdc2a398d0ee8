// registry_functions.cpp - add_registry, alter_registry, drop_registry, refresh.
#include "extension/door.h"

#include <algorithm>

#include "core/base/names.h"
#include "extension/home.h"
#include "extension/query.h"
#include "extension/refresh.h"
#include "extension/result_set.h"
#include "extension/settings.h"

namespace pgx {

namespace {

// The kinds of registry that the helper implements; it is asked for anything only once the kind is
// known.
const std::vector<std::string> kinds = {"apt"};

Result<std::string> kind_of(const pg::Value &kind, const std::string &source) {
    if (kind) {
        if (std::ranges::find(kinds, *kind) != kinds.end()) return *kind;
        return fail(ErrorCode::invalid_argument, "unknown kind of registry: \"" + *kind + "\"", "",
                    "The kinds are: " + quoted_list(kinds) + ".");
    }
    // A line of sources.list, a stanza of a .sources file, or the host's own configuration.
    if (source.empty() || source.starts_with("deb ") || source.starts_with("deb\t") ||
        source.find("URIs:") != std::string::npos)
        return std::string("apt");
    return fail(
        ErrorCode::invalid_argument, "cannot tell what kind of registry \"" + source + "\" is", "",
        "An apt repository is given as in sources.list: deb [signed-by=/path/to/keyring.gpg] "
        "https://host/path suite component.");
}

Result<std::string> required_name(FunctionCallInfo fcinfo, int n) {
    pg::Value name = pg::text_argument(fcinfo, n);
    if (!name)
        return fail(ErrorCode::invalid_argument, "the name of the registry is null", "",
                    "Give it a name, for example 'pgdg'.");
    return std::move(*name);
}

Result<void> check_exists(const std::string &name) {
    if (pg::query("SELECT FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1", {name})
            .empty())
        return fail(ErrorCode::unknown_registry, "registry \"" + name + "\" does not exist");
    return {};
}

Result<void> check_is_new(const std::string &name) {
    TRY(check_name("registry", name));
    if (!pg::query("SELECT FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1", {name})
             .empty())
        return fail(ErrorCode::duplicate_registry, "registry \"" + name + "\" exists already");
    return {};
}

pg::Value integer_argument(FunctionCallInfo fcinfo, int n) {
    if (PG_ARGISNULL(n)) return std::nullopt;
    return std::to_string(PG_GETARG_INT32(n));
}

pg::Value boolean_argument(FunctionCallInfo fcinfo, int n) {
    if (PG_ARGISNULL(n)) return std::nullopt;
    return PG_GETARG_BOOL(n) ? "true" : "false";
}

}  // namespace

PGX_FUNCTION(pgx_add_registry) {
    TRY(check_may_change("pgx.add_registry()"));
    const std::string name = TRY(required_name(fcinfo, 0));
    const std::string source = pg::text_argument(fcinfo, 1).value_or("");
    TRY(check_is_new(name));
    const std::string kind = TRY(kind_of(pg::text_argument(fcinfo, 2), source));
    pg::execute(
        "INSERT INTO pgx.registries (name, kind, source, priority) "
        "VALUES ($1, $2, $3, coalesce($4::pg_catalog.int4, 500))",
        {name, kind, source, integer_argument(fcinfo, 3)});
    return pg::text_datum(name);
}

PGX_FUNCTION(pgx_alter_registry) {
    TRY(check_may_change("pgx.alter_registry()"));
    std::string name = TRY(required_name(fcinfo, 0));
    const pg::Value source = pg::text_argument(fcinfo, 1);
    const pg::Value rename_to = pg::text_argument(fcinfo, 4);
    TRY(check_exists(name));
    if (rename_to && *rename_to != name) TRY(check_is_new(*rename_to));
    if (source) {
        std::vector<pg::Row> rows = pg::query(
            "SELECT kind FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1", {name});
        const std::string kind = TRY(kind_of(std::nullopt, *source));
        if (rows.at(0)[0] != kind)
            return fail(ErrorCode::invalid_argument,
                        "registry \"" + name + "\" is of another kind than the new source", "",
                        "Drop it and add one of the other kind.");
    }
    // Another source means other releases: what was read from the old one is forgotten.
    if (source)
        pg::execute("DELETE FROM pgx.releases WHERE registry OPERATOR(pg_catalog.=) $1", {name});
    pg::execute(
        "UPDATE pgx.registries SET source = coalesce($2, source), "
        "state = CASE WHEN $2 IS NULL THEN state ELSE '' END, "
        "refreshed_at = CASE WHEN $2 IS NULL THEN refreshed_at END, "
        "packages = CASE WHEN $2 IS NULL THEN packages END, "
        "priority = coalesce($3::pg_catalog.int4, priority), enabled = "
        "coalesce($4::pg_catalog.bool, enabled), "
        "name = coalesce($5, name) WHERE name OPERATOR(pg_catalog.=) $1",
        {name, source, integer_argument(fcinfo, 2), boolean_argument(fcinfo, 3), rename_to});
    // What came from it still does.
    if (rename_to)
        for (const char *table :
             {"UPDATE pgx.installed SET registry = $2 WHERE registry OPERATOR(pg_catalog.=) $1",
              "UPDATE pgx.history SET registry = $2 WHERE registry OPERATOR(pg_catalog.=) $1"})
            pg::execute(table, {name, *rename_to});
    return pg::text_datum(rename_to.value_or(name));
}

PGX_FUNCTION(pgx_drop_registry) {
    TRY(check_may_change("pgx.drop_registry()"));
    const std::string name = TRY(required_name(fcinfo, 0));
    TRY(check_exists(name));
    pg::execute("DELETE FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1", {name});
    return pg::text_datum(name);
}

PGX_FUNCTION(pgx_refresh) {
    TRY(check_may_change("pgx.refresh()"));
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("refresh");
    const pg::Value only = pg::text_argument(fcinfo, 0);
    const bool extension_names = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
    const std::vector<std::string> registries =
        only ? std::vector<std::string>{*only} : TRY(enabled_registries());
    for (const std::string &name : registries) {
        RefreshReport report = TRY(refresh_registry(name, extension_names, progress));
        rows.add({report.registry, report.unchanged ? "unchanged" : "updated",
                  std::to_string(report.packages), std::to_string(report.repositories),
                  std::to_string(report.requests), std::to_string(report.bytes),
                  std::to_string(report.milliseconds)});
    }
    return rows.done();
}

}  // namespace pgx
