// policy_functions.cpp - allow() and disallow().
//
// Both are a superuser's, whoever was given EXECUTE on them: a role that may allow itself something
// is not limited.
#include "extension/door.h"

#include <algorithm>

#include "core/base/names.h"
#include "extension/definer.h"
#include "extension/home.h"
#include "extension/policy.h"
#include "extension/query.h"
#include "extension/refresh.h"
#include "extension/release.h"
#include "extension/result_set.h"
#include "extension/settings.h"

extern "C" {
#include "miscadmin.h"
}

namespace pgx {

namespace {

constexpr std::size_t longest_pattern = 255;

Result<std::string> role_argument(FunctionCallInfo fcinfo) {
    const pg::Value role = pg::text_argument(fcinfo, 0);
    if (!role) return fail(ErrorCode::invalid_argument, "the role is null");
    return *role;
}

Result<void> check_pattern(const std::string &pattern) {
    constexpr std::string_view allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/*?";
    if (!pattern.empty() && pattern.size() <= longest_pattern &&
        pattern.find_first_not_of(allowed) == std::string::npos)
        return {};
    return fail(ErrorCode::invalid_argument, "\"" + pattern + "\" is not a pattern of names",
                "A pattern is a name in which \"*\" stands for any characters and \"?\" for one.",
                "For example: packages => 'postgis*'.");
}

bool argument_is_true(FunctionCallInfo fcinfo, int n) {
    return !PG_ARGISNULL(n) && PG_GETARG_BOOL(n);
}

// DROP ROLE does not ask extensions, and in the end numbers are given out again.
void forget_dropped_roles() {
    pg::execute(
        "DELETE FROM pgx.allowances AS a WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r "
        "WHERE r.oid OPERATOR(pg_catalog.=) a.role::pg_catalog.oid)");
}

// The functions that an allowance is for. Which of them a role may call is a decision of its own,
// so that nothing is granted here.
void tell_missing_grants(const std::string &role) {
    if (!pg::query(
             "SELECT FROM pg_catalog.pg_proc AS p WHERE p.pronamespace OPERATOR(pg_catalog.=) "
             "'pgx'::pg_catalog.regnamespace AND p.proname OPERATOR(pg_catalog.=) 'install' "
             "AND pg_catalog.has_function_privilege($1::pg_catalog.name, p.oid, 'EXECUTE')",
             {role})
             .empty())
        return;
    const std::string quoted = *pg::query("SELECT pg_catalog.quote_ident($1)", {role}).at(0)[0];
    pg::notice("role \"" + role + "\" may not call pgx.install() yet", "",
               "GRANT EXECUTE ON ROUTINE pgx.plan(text, text, text), "
               "pgx.install(text, text, text, text[]), pgx.update(text), "
               "pgx.remove(text, boolean) TO " +
                   quoted + ";");
}

}  // namespace

PGX_FUNCTION(pgx_allow) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.allow()"));
    const std::string role = TRY(role_argument(fcinfo));
    TRY(check_superuser(rights, "pgx.allow()", pg::text_argument(fcinfo, 1).value_or("*"),
                        "run pgx.allow()", "Only a superuser decides what roles may install."));
    const std::vector<pg::Row> found = pg::query(
        "SELECT oid FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1", {role});
    if (found.empty())
        return fail(ErrorCode::invalid_argument, "role \"" + role + "\" does not exist");
    const std::string pattern = pg::text_argument(fcinfo, 1).value_or("");
    TRY(check_pattern(pattern));
    pg::Value registries;
    if (!PG_ARGISNULL(2)) {
        const std::vector<std::string> names = pg::names_argument(fcinfo, 2);
        for (const std::string &name : names) TRY(check_registry({.name = {}, .registry = name}));
        registries = pg::array_literal(names);
    }
    const auto truth = [&](int n) { return argument_is_true(fcinfo, n) ? "true" : "false"; };
    pg::execute(
        "INSERT INTO pgx.allowances (role, packages, registries, trusted, preload, libraries)"
        " VALUES ($1::pg_catalog.oid, $2, $3::pg_catalog.text[], $4::pg_catalog.bool, "
        "$5::pg_catalog.bool, "
        "$6::pg_catalog.bool)"
        " ON CONFLICT (role, packages) DO UPDATE SET registries = excluded.registries, trusted = "
        "excluded.trusted, preload = excluded.preload, libraries = excluded.libraries, "
        "allowed_at = excluded.allowed_at, allowed_by = excluded.allowed_by",
        {found[0][0], pattern, registries, truth(3), truth(4), truth(5)});
    forget_dropped_roles();
    // The role is not to change what concerns the whole server when it calls for the first time.
    TRY(ensure_set_up());
    if (!registries) (void)TRY(enabled_registries());
    tell_missing_grants(role);
    return pg::text_datum(role + " " + pattern);
}

PGX_FUNCTION(pgx_disallow) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.disallow()"));
    const std::string role = TRY(role_argument(fcinfo));
    TRY(check_superuser(rights, "pgx.disallow()", pg::text_argument(fcinfo, 1).value_or("*"),
                        "run pgx.disallow()", "Only a superuser decides what roles may install."));
    const std::uint64_t count = pg::execute(
        "DELETE FROM pgx.allowances WHERE role::pg_catalog.oid OPERATOR(pg_catalog.=) (SELECT "
        "r.oid "
        "FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) $1) AND ($2 IS NULL "
        "OR packages OPERATOR(pg_catalog.=) $2)",
        {role, pg::text_argument(fcinfo, 1)});
    forget_dropped_roles();
    if (count == 0)
        return fail(ErrorCode::invalid_argument,
                    "nothing of that kind is allowed to role \"" + role + "\"", "",
                    "See pgx.allowances.");
    return Int32GetDatum(static_cast<std::int32_t>(count));
}

}  // namespace pgx
