// create_functions.cpp - create(): CREATE EXTENSION in several databases at once.
#include "extension/create.h"

#include <algorithm>
#include <utility>

#include "core/base/names.h"
#include "extension/database_session.h"
#include "extension/lock.h"
#include "extension/next_step.h"

extern "C" {
#include "executor/spi.h"
#include "utils/guc.h"
}

namespace pgx {

namespace {

std::string create_statements(const std::vector<std::string> &extensions) {
    std::string statements;
    for (const std::string &extension : extensions) {
        const char *text = extension.c_str();
        const char *name = pg::call([text] { return quote_identifier(text); });
        statements += std::string("CREATE EXTENSION IF NOT EXISTS ") + name +
                      version_clause(extension) + " CASCADE; ";
    }
    return statements;
}

// In this database: as somebody, and with the search_path of a new session here, as it is in the
// other databases. The path that pgx's own functions run with would put the objects into
// pg_catalog. Plain C; when an error passes, PostgreSQL puts identity and settings back itself.
void execute_as(Oid role, const char *statement) {
    Oid own_role;
    int context;
    GetUserIdAndSecContext(&own_role, &context);
    const int level = NewGUCNestLevel();
    (void)set_config_option("search_path", GetConfigOptionResetString("search_path"), PGC_USERSET,
                            PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE);
    SPI_connect();
    (void)SPI_execute(statement, false, 0);
    SPI_finish();
    SetUserIdAndSecContext(own_role, context);
    AtEOXact_GUC(true, level);
}

}  // namespace

Result<void> create_in_databases(const std::vector<std::string> &extensions,
                                 std::vector<std::string> databases, Oid role,
                                 pg::ResultSet *rows) {
    if (std::ranges::find(extensions, "pgx") != extensions.end())
        return fail(ErrorCode::invalid_argument, "pgx cannot create itself in other databases",
                    "It has one home database in a cluster.",
                    "What it installs can be created in all databases.");
    // Whoever removes files holds this lock, too: nothing may go while it is being created
    // somewhere.
    take_cluster_lock();
    const std::string here = *pg::query("SELECT pg_catalog.current_database()").at(0)[0];
    std::vector<std::string> distinct;
    for (std::string &name : databases)
        if (std::ranges::find(distinct, name) == distinct.end())
            distinct.push_back(std::move(name));
    const std::string statements = create_statements(extensions);
    for (const std::string &name : distinct) {
        if (name == here) {
            const char *text = statements.c_str();
            pg::call([role, text] { execute_as(role, text); });
        } else {
            TRY(execute_in_database(TRY(find_database(name)), role, statements));
        }
        const char *outcome = name == here ? "created with this transaction"
                                           : "created when this transaction commits";
        for (const std::string &extension : extensions)
            if (rows != nullptr) rows->add({name, extension, outcome});
    }
    return {};
}

// Runs with the caller's own rights, so that they are those of a CREATE EXTENSION of his own.
PGX_FUNCTION(pgx_create) {
    if (InSecurityRestrictedOperation())
        return fail(ErrorCode::permission_denied,
                    "cannot run pgx.create() within a security-restricted operation",
                    "It was called from an index expression, a materialized view or the like.",
                    "Call it directly.");
    const std::vector<std::string> extensions = pg::names_argument(fcinfo, 0);
    for (const std::string &extension : extensions) TRY(check_name("extension", extension));
    pg::ResultSet rows(fcinfo);
    std::vector<std::string> databases = pg::names_argument(fcinfo, 1);
    // Null means this one; an empty list, from a query that found none, means none.
    if (PG_ARGISNULL(1))
        databases.push_back(*pg::query("SELECT pg_catalog.current_database()").at(0)[0]);
    if (!databases.empty() && !extensions.empty())
        TRY(create_in_databases(extensions, std::move(databases), GetUserId(), &rows));
    return rows.done();
}

}  // namespace pgx
