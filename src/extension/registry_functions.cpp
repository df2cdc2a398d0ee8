// registry_functions.cpp - add_registry, alter_registry, drop_registry, refresh.
//
// A registry of kind apt is trusted by the host's keyrings; one of kind pgx by the fingerprint of
// its root metadata, which a person gives here once.
#include "extension/door.h"

#include <algorithm>

#include "core/base/names.h"
#include "extension/bundle_registry.h"
#include "extension/home.h"
#include "extension/query.h"
#include "extension/refresh.h"
#include "extension/registry_headers.h"
#include "extension/result_set.h"
#include "extension/settings.h"

extern "C" {
#include "utils/jsonb.h"
}

namespace pgx {

namespace {

// The kinds of registry that the helper implements; it is asked for anything only once the kind is
// known.
const std::vector<std::string> kinds = {"apt", "pgx"};

bool is_url(const std::string &source) {
    return source.starts_with("https://") || source.starts_with("http://") ||
           source.starts_with("file:///");
}

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
    if (is_url(source)) return std::string("pgx");
    return fail(
        ErrorCode::invalid_argument, "cannot tell what kind of registry \"" + source + "\" is", "",
        "An apt repository is given as in sources.list: deb [signed-by=/path/to/keyring.gpg] "
        "https://host/path suite component. A registry of pgx's own kind is given as a URL.");
}

// "sha256:<64 hex digits>" of the bytes of 1.root.json, or "<version>:sha256:..." of a later one.
bool is_fingerprint(std::string_view text) {
    if (const std::size_t digits = text.find_first_not_of("0123456789");
        digits > 0 && digits < 10 && text[0] != '0' && text[digits] == ':')
        text.remove_prefix(digits + 1);
    return text.starts_with("sha256:") && text.size() == 71 &&
           text.find_first_not_of("0123456789abcdef", 7) == std::string_view::npos;
}

// Whether a URL in it does, with or without a password.
bool has_user_name(const std::string &source) {
    for (std::size_t host = 0; (host = source.find("://", host)) != std::string::npos;) {
        host += 3;
        const std::size_t end = source.find_first_of("/ \t\n", host);
        if (source.substr(host, end - host).find('@') != std::string::npos) return true;
    }
    return false;
}

// What has to be true of a source and a fingerprint together.
Result<void> check_source(const std::string &kind, const std::string &source,
                          const std::string &root) {
    if (kind != "pgx") {
        if (!root.empty())
            return fail(ErrorCode::invalid_argument,
                        "a registry of kind \"" + kind + "\" has no root metadata", "",
                        "An apt repository is trusted by its keyring: signed-by=...");
        if (has_user_name(source))
            return fail(ErrorCode::invalid_argument, "the source contains a user name",
                        "Addresses appear in messages, tables and the history.",
                        "Give a mirror's address that needs none.");
        return {};
    }
    if (!is_url(source))
        return fail(ErrorCode::invalid_argument, "\"" + source + "\" is not a URL", "",
                    "For example: https://host/path, or file:///path on this machine.");
    if (source.find_first_of(" \t\r\n\\\"?#") != std::string::npos ||
        !std::ranges::all_of(source, [](char c) { return c > ' ' && c <= '~'; }))
        return fail(ErrorCode::invalid_argument, "the URL contains a character that is not allowed",
                    "It is the address of a folder, without a query.");
    if (has_user_name(source))
        return fail(ErrorCode::invalid_argument, "the URL contains a user name",
                    "URLs appear in messages, tables and the history.",
                    "Give credentials as headers => '{\"Authorization\": \"Basic ...\"}'.");
    if (root.empty())
        return fail(ErrorCode::invalid_argument,
                    "the fingerprint of the registry's root is missing",
                    "Nothing that it serves could be trusted without.",
                    "Its publisher tells it (pgx registry fingerprint): root => 'sha256:...'.");
    if (!is_fingerprint(root))
        return fail(ErrorCode::invalid_argument, "\"" + root + "\" is not a fingerprint",
                    "A fingerprint is \"sha256:\" and 64 lower-case hexadecimal digits.");
    return {};
}

// Scheme, host and port of a URL.
std::string origin_of(const std::string &url) {
    const std::size_t host = url.find("//");
    return host == std::string::npos ? url : url.substr(0, url.find('/', host + 2));
}

// What a registry was told is not for another server.
void drop_headers(const std::string &registry) {
    if (pg::execute("DELETE FROM pgx.registry_headers WHERE registry OPERATOR(pg_catalog.=) $1",
                    {registry}) > 0)
        pg::notice("the headers of registry \"" + registry + "\" were dropped",
                   "Its new address is another server's.",
                   "Give them again with pgx.alter_registry(name, headers => '...').");
}

Result<void> set_headers(FunctionCallInfo fcinfo, int n, const std::string &registry,
                         const std::string &kind) {
    if (PG_ARGISNULL(n)) return {};
    if (kind != "pgx")
        return fail(ErrorCode::feature_not_supported,
                    "headers are for registries of kind \"pgx\" only", "",
                    "pgx sends no credentials to apt repositories. Use a mirror that needs none.");
    const char *headers = pg::call([fcinfo, n] {
        return DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(n)));
    });
    return set_registry_headers(registry, headers);
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
    if (name == bundle_registry_name)
        return fail(ErrorCode::invalid_name, "the name \"" + name + "\" is reserved",
                    "It is that of the bundles which pgx.install_bundle() keeps.");
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
    // Before anything can fail and have the statement logged.
    HiddenStatement hidden(!PG_ARGISNULL(5));
    TRY(check_may_change("pgx.add_registry()"));
    const std::string name = TRY(required_name(fcinfo, 0));
    const std::string source = pg::text_argument(fcinfo, 1).value_or("");
    TRY(check_is_new(name));
    const std::string kind = TRY(kind_of(pg::text_argument(fcinfo, 2), source));
    const std::string root = pg::text_argument(fcinfo, 4).value_or("");
    TRY(check_source(kind, source, root));
    pg::execute(
        "INSERT INTO pgx.registries (name, kind, source, priority, root) "
        "VALUES ($1, $2, $3, coalesce($4::pg_catalog.int4, 500), $5)",
        {name, kind, source, integer_argument(fcinfo, 3), root});
    TRY(set_headers(fcinfo, 5, name, kind));
    hidden.succeeded();
    return pg::text_datum(name);
}

PGX_FUNCTION(pgx_alter_registry) {
    HiddenStatement hidden(!PG_ARGISNULL(6));
    TRY(check_may_change("pgx.alter_registry()"));
    std::string name = TRY(required_name(fcinfo, 0));
    const pg::Value source = pg::text_argument(fcinfo, 1);
    const pg::Value rename_to = pg::text_argument(fcinfo, 4);
    const pg::Value root = pg::text_argument(fcinfo, 5);
    TRY(check_exists(name));
    if (rename_to && *rename_to != name) {
        TRY(check_is_new(*rename_to));
        if (name == bundle_registry_name)
            return fail(ErrorCode::invalid_argument, "registry \"" + name + "\" keeps its name");
    }
    const pg::Row before = pg::query(
                               "SELECT kind, source, root FROM pgx.registries WHERE name "
                               "OPERATOR(pg_catalog.=) $1",
                               {name})
                               .at(0);
    const std::string kind = before[0].value_or("");
    if (kind == bundle_kind && (source || root || !PG_ARGISNULL(6)))
        return fail(ErrorCode::invalid_argument,
                    "registry \"" + name + "\" has no source, root or headers",
                    "It is made of the bundles in pgx.bundles.");
    if (source && PG_ARGISNULL(6) && origin_of(*source) != origin_of(before[1].value_or("")))
        drop_headers(name);
    TRY(set_headers(fcinfo, 6, name, kind));
    if (source || root) {
        if (source && TRY(kind_of(std::nullopt, *source)) != kind)
            return fail(ErrorCode::invalid_argument,
                        "registry \"" + name + "\" is of another kind than the new source", "",
                        "Drop it and add one of the other kind.");
        TRY(check_source(kind, source.value_or(before[1].value_or("")),
                         root.value_or(before[2].value_or(""))));
        // Another source means other releases: what was read from the old one is forgotten.
        pg::execute("DELETE FROM pgx.releases WHERE registry OPERATOR(pg_catalog.=) $1", {name});
        pg::execute("DELETE FROM pgx.registry_parts WHERE registry OPERATOR(pg_catalog.=) $1",
                    {name});
        pg::execute(
            "UPDATE pgx.registries SET source = coalesce($2, source), root = coalesce($3, root), "
            "state = '', refreshed_at = NULL, packages = NULL "
            "WHERE name OPERATOR(pg_catalog.=) $1",
            {name, source, root});
    }
    pg::execute(
        "UPDATE pgx.registries SET "
        "priority = coalesce($2::pg_catalog.int4, priority), enabled = "
        "coalesce($3::pg_catalog.bool, enabled), "
        "name = coalesce($4, name) WHERE name OPERATOR(pg_catalog.=) $1",
        {name, integer_argument(fcinfo, 2), boolean_argument(fcinfo, 3), rename_to});
    // What came from it still does.
    if (rename_to)
        for (const char *table :
             {"UPDATE pgx.installed SET registry = $2 WHERE registry OPERATOR(pg_catalog.=) $1",
              "UPDATE pgx.history SET registry = $2 WHERE registry OPERATOR(pg_catalog.=) $1",
              "UPDATE pgx.allowances SET registries = pg_catalog.array_replace(registries, $1, $2)"
              " WHERE $1 OPERATOR(pg_catalog.=) ANY (registries)"})
            pg::execute(table, {name, *rename_to});
    hidden.succeeded();
    return pg::text_datum(rename_to.value_or(name));
}

PGX_FUNCTION(pgx_drop_registry) {
    TRY(check_may_change("pgx.drop_registry()"));
    const std::string name = TRY(required_name(fcinfo, 0));
    TRY(check_exists(name));
    if (name == bundle_registry_name &&
        !pg::query("SELECT FROM pgx.stored_bundles LIMIT 1").empty())
        return fail(ErrorCode::wrong_state, "registry \"" + name + "\" is not empty",
                    "Its bundles are needed to repair and roll back what was installed from them.",
                    "Drop them one by one: SELECT pgx.drop_bundle(package, version) FROM "
                    "pgx.bundles.");
    pg::execute("DELETE FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1", {name});
    // What gets this name one day is another registry.
    pg::execute(
        "UPDATE pgx.allowances SET registries = pg_catalog.array_remove(registries, $1) WHERE $1 "
        "OPERATOR(pg_catalog.=) ANY (registries)",
        {name});
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
