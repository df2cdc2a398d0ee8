// setup_functions.cpp - setup, platform, take_home, and what SQL needs of the core.
#include "extension/door.h"

#include "core/base/debian_version.h"
#include "core/base/platform.h"
#include "core/base/trigrams.h"
#include "core/base/version_key.h"
#include "extension/home.h"
#include "extension/query.h"
#include "extension/result_set.h"
#include "extension/settings.h"

extern "C" {
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/array.h"
}

namespace pgx {

namespace {

// CREATE EXTENSION takes a schema that is there already, whoever has made it. Its owner, and what
// others have put into it, would then be among functions that run with the owner's rights and call
// each other by name.  What DROP EXTENSION has left of an earlier one is a superuser's, and others
// may only look.
Result<void> check_schema_is_new() {
    for (const pg::Row &row :
         pg::query("SELECT pg_catalog.pg_get_userbyid(n.nspowner) FROM pg_catalog.pg_namespace AS n"
                   " WHERE n.nspname OPERATOR(pg_catalog.=) 'pgx' AND ("
                   "  NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r"
                   "    WHERE r.oid OPERATOR(pg_catalog.=) n.nspowner AND (r.rolsuper"
                   "       OR r.rolname OPERATOR(pg_catalog.=) current_user))"
                   "  OR EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) AS a"
                   "    WHERE a.grantee OPERATOR(pg_catalog.<>) n.nspowner"
                   "      AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE')"
                   "  OR EXISTS ("
                   "   SELECT FROM pg_catalog.pg_depend AS d"
                   "    WHERE d.refclassid OPERATOR(pg_catalog.=) "
                   "          'pg_catalog.pg_namespace'::pg_catalog.regclass"
                   "      AND d.refobjid OPERATOR(pg_catalog.=) n.oid"
                   "      AND d.classid OPERATOR(pg_catalog.<>) "
                   "          'pg_catalog.pg_extension'::pg_catalog.regclass"
                   "      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS e"
                   "        WHERE e.classid OPERATOR(pg_catalog.=) d.classid"
                   "          AND e.objid OPERATOR(pg_catalog.=) d.objid"
                   "          AND e.deptype OPERATOR(pg_catalog.=) 'e')))"))
        return fail(ErrorCode::wrong_state, "schema \"pgx\" exists already",
                    "It belongs to role \"" + *row[0] + "\", or others have rights in it.",
                    "Drop or rename the schema.");
    return {};
}

}  // namespace

PGX_FUNCTION(pgx_take_home) {
    if (creating_extension) TRY(check_schema_is_new());
    TRY(take_home());
    PG_RETURN_VOID();
}

PGX_FUNCTION(pgx_setup) {
    TRY(check_may_change("pgx.setup()"));
    pg::ResultSet rows(fcinfo);
    const std::vector<PathSetting> settings = TRY(ensure_set_up());
    for (const PathSetting &setting : settings)
        rows.add({setting.name, setting.value, setting.changed ? "true" : "false"});
    return rows.done();
}

PGX_FUNCTION(pgx_platform) {
    const Platform platform = host_platform();
    return pg::make_record(fcinfo, {std::to_string(directory_layout().postgres_major), platform.os,
                                    platform.os_version.empty() ? pg::Value{} : platform.os_version,
                                    platform.libc, platform.libc_version, platform.architecture});
}

PGX_FUNCTION(pgx_version_key) {
    const std::string key = debian_version_key(pg::text_argument(fcinfo, 0).value_or(""));
    return pg::text_datum(key);  // bytea and text have the same form in memory
}

PGX_FUNCTION(pgx_upstream_version) {
    return pg::text_datum(upstream_version(pg::text_argument(fcinfo, 0).value_or("")));
}

PGX_FUNCTION(pgx_name_trigrams) {
    const std::vector<std::int32_t> found = trigrams(pg::names_argument(fcinfo, 0));
    const std::int32_t *numbers = found.data();
    const int count = static_cast<int>(found.size());
    return PointerGetDatum(pg::call([numbers, count] {
        auto *elements = static_cast<Datum *>(palloc(sizeof(Datum) * (count + 1)));
        for (int i = 0; i < count; i++) elements[i] = Int32GetDatum(numbers[i]);
        return construct_array_builtin(elements, count, INT4OID);
    }));
}

}  // namespace pgx
