#include "extension/door.h"

#include "extension/home.h"

#include <optional>

#include "extension/database_session.h"
#include "extension/lock.h"
#include "extension/query.h"
#include "extension/recovery.h"
#include "extension/settings.h"

extern "C" {
#include "access/xlog.h"
#include "mb/pg_wchar.h"
}

namespace pgx {

namespace {

struct Home {
    std::string name;
    std::string identifier;  // the name as SQL wants it
    bool is_here = false;
};

// Nothing when no database is marked.
std::optional<Home> find_home() {
    // Our own mark comes first: a copy of the home database (CREATE DATABASE ... TEMPLATE) has no
    // mark. Seen as of now: a transaction's older snapshot would not know a home that was taken
    // meanwhile.
    std::vector<pg::Row> rows = pg::query_latest(
        "SELECT d.datname, pg_catalog.quote_ident(d.datname),"
        "       d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
        "  FROM pg_catalog.pg_db_role_setting AS s"
        "  JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase"
        " WHERE s.setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid"
        "   AND 'pgx.home=on' OPERATOR(pg_catalog.=) ANY (s.setconfig)"
        " ORDER BY 3 DESC LIMIT 1");
    if (rows.empty()) return std::nullopt;
    return Home{rows[0][0].value_or(""), rows[0][1].value_or(""), rows[0][2] == "t"};
}

void mark_home() {
    pg::execute(
        "DO $$BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I SET pgx.home = on',"
        " pg_catalog.current_database()); END$$");
}

}  // namespace

std::optional<std::string> find_home_name() {
    std::optional<Home> home = find_home();
    if (!home) return std::nullopt;
    return std::move(home->name);
}

Result<bool> has_pgx(const std::string &database) {
    return TRY(ask_database(TRY(find_database(database)),
                            "SELECT extname FROM pg_catalog.pg_extension WHERE extname "
                            "OPERATOR(pg_catalog.=) 'pgx'"))
        .has_value();
}

Result<void> check_home(const char *function) {
    std::optional<Home> home = find_home();
    if (!home || home->is_here) return {};
    return fail(ErrorCode::not_home_database,
                std::string("cannot run ") + function + " in this database",
                "The home database of pgx is \"" + home->name + "\".");
}

Result<void> check_may_change(const char *function) {
    // Whoever analyzes a table, or rebuilds an index, must not install things by that for its
    // owner.
    if (InSecurityRestrictedOperation())
        return fail(
            ErrorCode::permission_denied,
            std::string("cannot run ") + function + " within a security-restricted operation",
            "It was called from an index expression, a materialized view or the like.",
            "Call it directly.");
    if (RecoveryInProgress())
        return fail(ErrorCode::wrong_state, std::string("cannot run ") + function + " on a standby",
                    "It writes to the catalog, and a standby is read-only.",
                    "Call it on the primary.");
    if (XactReadOnly) {
        const char *text = function;
        pg::call([text] { PreventCommandIfReadOnly(text); });
    }
    TRY(check_home(function));
    // A lost mark (ALTER DATABASE ... RESET ALL): no other database has one, and the catalog is
    // here.
    if (!find_home()) TRY(take_home());
    return recover_if_needed(directory_layout());
}

Result<void> take_home() {
    if (GetDatabaseEncoding() != PG_UTF8)
        return fail(ErrorCode::feature_not_supported,
                    "the home database of pgx has to have encoding UTF8",
                    "What registries say about packages is UTF-8. Extensions that are installed "
                    "from a home database can be "
                    "created in databases with any encoding.",
                    "Run CREATE EXTENSION pgx in a database with encoding UTF8.");
    take_cluster_lock();
    std::optional<Home> home = find_home();
    if (home && !home->is_here && !TRY(has_pgx(home->name))) {
        // DROP EXTENSION pgx leaves the mark.
        pg::execute(("ALTER DATABASE " + home->identifier + " RESET pgx.home").c_str());
        home.reset();
    }
    if (home && !home->is_here)
        return fail(ErrorCode::not_home_database,
                    "pgx has its home in database \"" + home->name + "\" already",
                    "Extension files belong to the whole cluster, so one database keeps their "
                    "catalog. What is "
                    "installed from there can be created in every database.",
                    "Connect to \"" + home->name + "\" to install.");
    if (!home) mark_home();
    return {};
}

}  // namespace pgx
