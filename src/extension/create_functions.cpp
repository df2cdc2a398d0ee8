// create_functions.cpp - create(): CREATE EXTENSION in several databases at once.
#include "extension/create.h"

#include "core/base/names.h"
#include "extension/database_session.h"

extern "C" {
#include "executor/spi.h"
#include "utils/guc.h"
}

namespace pgx {

namespace {

std::string create_statement(const std::string &extension) {
    const char *text = extension.c_str();
    const char *name = pg::call([text] { return quote_identifier(text); });
    return std::string("CREATE EXTENSION IF NOT EXISTS ") + name + " CASCADE";
}

// In this database: as somebody, and with the search_path of a new session here, as it is in the other databases. The path that pgx's own functions
// run with would put the objects into pg_catalog. Plain C; when an error passes, PostgreSQL puts identity and settings back itself.
void execute_as(Oid role, const char *statement) {
    Oid own_role;
    int context;
    GetUserIdAndSecContext(&own_role, &context);
    const int level = NewGUCNestLevel();
    (void)set_config_option("search_path", GetConfigOptionResetString("search_path"), PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_SAVE, true, 0, false);
    SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE);
    SPI_connect();
    (void)SPI_execute(statement, false, 0);
    SPI_finish();
    SetUserIdAndSecContext(own_role, context);
    AtEOXact_GUC(true, level);
}

}  // namespace

Result<void> create_in_databases(const std::string &extension, const std::vector<std::string> &databases, Oid role,
                                 pg::ResultSet *rows) {
    const std::string here = *pg::query("SELECT pg_catalog.current_database()").at(0)[0];
    const std::string statement = create_statement(extension);
    for (const std::string &name : databases) {
        if (name == here) {
            const char *text = statement.c_str();
            pg::call([role, text] { execute_as(role, text); });
        } else {
            TRY(execute_in_database(TRY(find_database(name)), role, statement));
        }
        if (rows != nullptr) rows->add({name, extension, name == here ? "created with this transaction" : "created when this transaction commits"});
    }
    return {};
}

PGX_FUNCTION(pgx_create) {
    const std::string extension = pg::text_argument(fcinfo, 0).value_or("");
    TRY(check_name("extension", extension));
    pg::ResultSet rows(fcinfo);
    std::vector<std::string> databases = pg::names_argument(fcinfo, 1);
    if (databases.empty()) databases.push_back(*pg::query("SELECT pg_catalog.current_database()").at(0)[0]);
    // Whoever calls this has the rights of a CREATE EXTENSION of his own there, no others.
    TRY(create_in_databases(extension, databases, GetOuterUserId(), &rows));
    return rows.done();
}

}  // namespace pgx
