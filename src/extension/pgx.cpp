// pgx.cpp - what PostgreSQL finds when it loads the library.
//
// The extension touches no network and parses no downloaded byte: the helper does
// (helper_process.h). Here it is decided, verified files are moved into place, and what was done is
// recorded, as part of the SQL transaction (transaction.h). C++ and PostgreSQL meet at two doors
// only (door.h).
#include "extension/door.h"

#include "extension/database_session.h"
#include "extension/preload_trial.h"
#include "extension/recovery_worker.h"
#include "extension/settings.h"
#include "extension/transaction.h"

extern "C" {
PG_MODULE_MAGIC_EXT(.name = "pgx", .version = PGX_VERSION);
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void) {
    pgx::define_settings();
    pgx::register_transaction_callbacks();
    pgx::register_database_session_callbacks();
    if (process_shared_preload_libraries_in_progress && !pgx::join_preload_trial())
        pgx::register_recovery_worker();
}
