// database_session.h - one statement in another database of the cluster.
//
// A backend belongs to one database for life, so looking into the others, or creating an extension
// there, takes a background worker. The worker runs the statement in a transaction of its own,
// reports, and then waits for this transaction's end: it commits if and when this one does, and
// rolls back otherwise. So what is created in several databases appears in all of them or in none,
// short of a crash between the commits.
#pragma once

#include "extension/door.h"

#include <string>

#include "extension/query.h"

namespace pgx {

struct Database {
    Oid oid = InvalidOid;
    std::string name;
};

// All databases, those that accept no connections included; only half-dropped ones are left out.
std::vector<Database> all_databases();

// The database of that name; invalid_argument when there is none.
Result<Database> find_database(const std::string &name);

// Runs a query that gives one text value, as the bootstrap superuser, in a transaction that is
// rolled back. wrong_state when no background worker is free. An error of the other database is
// passed on with the database's name in front.
Result<pg::Value> ask_database(const Database &database, const std::string &sql);

// Runs statements as `role`; their transaction ends as the current (sub)transaction does.
// permission_denied when the role may not connect there; wrong_state when this transaction has work
// in that database already.
Result<void> execute_in_database(const Database &database, Oid role, const std::string &sql);

// Runs a statement in this database, as the bootstrap superuser, in a transaction of its own that
// is committed before this returns, whatever becomes of ours. wrong_state as above.
Result<void> commit_at_once(const std::string &sql);

// Whether this transaction has work in other databases that is not committed yet.
bool has_open_sessions();

// Called by _PG_init.
void register_database_session_callbacks();

}  // namespace pgx
