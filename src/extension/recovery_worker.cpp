// recovery_worker.cpp - recovery at server start, when pgx is in shared_preload_libraries.
//
// Without preload the first call of pgx recovers; with it nobody sees a half-done change even for
// that long. A worker cannot change its database, and which one is home can only be read from
// inside one, so this connects to template1, which every cluster has, and asks the home database
// from there.
//
// After the crash of a backend the postmaster starts anew only those workers that want to be
// restarted, and forgets those that have ended with status 0. So this one ends with status 1, and
// wants to be restarted in a year.
#include "extension/door.h"

#include "extension/database_session.h"
#include "extension/home.h"
#include "extension/recovery_worker.h"

extern "C" {
#include "executor/spi.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"

PGDLLEXPORT void pgx_recovery_worker_main(Datum argument);
}

namespace pgx {

namespace {

Result<void> recover_home(void *) {
    pg::call([] {
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
        PushActiveSnapshot(GetTransactionSnapshot());
    });
    // DROP EXTENSION leaves the mark; a function pgx.recover() may then be anybody's.
    const std::optional<std::string> home = find_home_name();
    if (home && TRY(has_pgx(*home)))
        (void)TRY(ask_database(TRY(find_database(*home)), "SELECT pgx.recover()::pg_catalog.text"));
    pg::call([] {
        PopActiveSnapshot();
        CommitTransactionCommand();
    });
    return {};
}

}  // namespace

void register_recovery_worker() {
    BackgroundWorker worker{};
    strlcpy(worker.bgw_name, "pgx recovery", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "pgx recovery", BGW_MAXLEN);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    constexpr int year = 365 * 24 * 3600;  // seconds
    worker.bgw_restart_time = year;
    strlcpy(worker.bgw_library_name, "pgx", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "pgx_recovery_worker_main", BGW_MAXLEN);
    RegisterBackgroundWorker(&worker);
}

}  // namespace pgx

void pgx_recovery_worker_main(Datum) {
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection("template1", nullptr, 0);
    pgx::pg::guarded("could not recover interrupted changes of extension files", pgx::recover_home,
                     nullptr);
    proc_exit(1);
}
