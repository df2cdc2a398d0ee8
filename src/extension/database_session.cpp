#include "extension/door.h"

#include "extension/database_session.h"

#include <utility>

#include "core/base/json.h"
#include "core/base/protocol.h"

extern "C" {
#include "access/parallel.h"
#include "catalog/pg_authid_d.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

PGDLLEXPORT void pgx_database_session_main(Datum argument);
}

namespace pgx {

namespace {

constexpr std::uint64_t segment_magic = 0x7067785f64623031;  // "pgx_db01"
constexpr Size queue_size = 65536;
enum Key : std::uint64_t { key_header, key_statement, key_queue };

enum class Decision : std::uint32_t { none, commit, abort };

// When a worker's transaction ends, and how.
enum class Ending { roll_back, commit, with_ours };

// What both sides share.
struct Header {
    Oid database;
    Oid role;
    Ending ending;
    int leader_pid;
    pg_atomic_uint32 decision;
    pg_atomic_uint32 worker;    // its number among the processes plus one, 0 before it runs
    pg_atomic_uint32 finished;  // it has ended its transaction
};

// A worker whose transaction waits for ours.
struct OpenSession {
    SubTransactionId subtransaction;
    dsm_segment *segment;
    Header *header;
    BackgroundWorkerHandle *handle;
};

std::vector<OpenSession> &open_sessions() {
    static std::vector<OpenSession> sessions;
    return sessions;
}

struct Started {
    dsm_segment *segment;
    Header *header;
    shm_mq_handle *queue;
    BackgroundWorkerHandle *handle;
    bool registered;
};

// Plain C: segment, queue, worker.
Started start(Oid database, Oid role, Ending ending, const char *statement, Size length) {
    shm_toc_estimator estimator;
    shm_toc_initialize_estimator(&estimator);
    shm_toc_estimate_chunk(&estimator, sizeof(Header));
    shm_toc_estimate_chunk(&estimator, length + 1);
    shm_toc_estimate_chunk(&estimator, queue_size);
    shm_toc_estimate_keys(&estimator, 3);
    const Size size = shm_toc_estimate(&estimator);

    Started started{};
    started.segment = dsm_create(size, 0);
    dsm_pin_mapping(started.segment);  // it outlives savepoints; end_session() lets go of it
    shm_toc *toc = shm_toc_create(segment_magic, dsm_segment_address(started.segment), size);
    started.header = static_cast<Header *>(shm_toc_allocate(toc, sizeof(Header)));
    started.header->database = database;
    started.header->role = role;
    started.header->ending = ending;
    started.header->leader_pid = MyProcPid;
    pg_atomic_init_u32(&started.header->decision, 0);
    pg_atomic_init_u32(&started.header->worker, 0);
    pg_atomic_init_u32(&started.header->finished, 0);
    shm_toc_insert(toc, key_header, started.header);
    char *text = static_cast<char *>(shm_toc_allocate(toc, length + 1));
    memcpy(text, statement, length + 1);
    shm_toc_insert(toc, key_statement, text);
    shm_mq *queue = shm_mq_create(shm_toc_allocate(toc, queue_size), queue_size);
    shm_mq_set_receiver(queue, MyProc);
    shm_toc_insert(toc, key_queue, queue);

    BackgroundWorker worker{};
    snprintf(worker.bgw_name, BGW_MAXLEN, "pgx session in database %u", database);
    strlcpy(worker.bgw_type, "pgx database session", BGW_MAXLEN);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_ConsistentState;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(started.segment));
    worker.bgw_notify_pid = MyProcPid;
    strlcpy(worker.bgw_library_name, "pgx", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "pgx_database_session_main", BGW_MAXLEN);
    MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
    started.registered = RegisterDynamicBackgroundWorker(&worker, &started.handle);
    MemoryContextSwitchTo(caller);
    if (started.registered) started.queue = shm_mq_attach(queue, started.segment, started.handle);
    return started;
}

void wake_worker(Header *header) {
    const std::uint32_t worker = pg_atomic_read_u32(&header->worker);
    if (worker != 0) SetLatch(&GetPGProcByNumber(worker - 1)->procLatch);
}

bool is_running(const OpenSession &session) {
    pid_t pid;
    return GetBackgroundWorkerPid(session.handle, &pid) == BGWH_STARTED;
}

// Tells the worker how to end, waits a little for it so that what we do next sees the outcome, and
// lets go.
void end_session(const OpenSession &session, Decision decision) {
    pg_atomic_write_u32(&session.header->decision, static_cast<std::uint32_t>(decision));
    pg_memory_barrier();
    wake_worker(session.header);
    if (decision == Decision::commit)
        for (int i = 0;
             i < 5000 && pg_atomic_read_u32(&session.header->finished) == 0 && is_running(session);
             i++)
            pg_usleep(1000);
    dsm_detach(session.segment);
}

// Ends the session on every way out until it is handed over to the transaction.
class SessionGuard {
   public:
    explicit SessionGuard(const Started &started)
        : session_{GetCurrentSubTransactionId(), started.segment, started.header, started.handle} {}
    SessionGuard(const SessionGuard &) = delete;
    SessionGuard &operator=(const SessionGuard &) = delete;
    ~SessionGuard() {
        if (session_.segment == nullptr) return;
        // It is still at work, with a statement that nobody wants any more.
        if (session_.handle != nullptr) TerminateBackgroundWorker(session_.handle);
        end_session(session_, Decision::abort);
    }
    // Waits until the worker has ended by itself, so that its place is free for the next.
    void finish() {
        BackgroundWorkerHandle *handle = session_.handle;
        pg::call([handle] { (void)WaitForBackgroundWorkerShutdown(handle); });
        dsm_detach(session_.segment);
        session_.segment = nullptr;
    }
    void hand_over() {
        open_sessions().push_back(session_);
        session_.segment = nullptr;
    }

   private:
    OpenSession session_;
};

Error in_database(Error error, const Database &database) {
    error.message = "in database \"" + database.name + "\": " + error.message;
    return error;
}

// The worker's answer: {"value": text or null} or {"error": {...}}.
Result<pg::Value> receive(const Started &started, const Database &database) {
    struct Message {
        const char *bytes;
        Size length;
    };
    const Message message = pg::call([&started] {
        Message received{};
        void *bytes;
        if (shm_mq_receive(started.queue, &received.length, &bytes, false) == SHM_MQ_SUCCESS)
            received.bytes = static_cast<const char *>(bytes);
        return received;
    });
    if (message.bytes == nullptr)
        return fail(
            ErrorCode::wrong_state, "could not work in database \"" + database.name + "\"",
            "The background worker ended before it had answered.",
            "See the server log. The script of an extension that has to be preloaded may end "
            "the session that runs it without.");
    const Json answer = TRY(parse_json(std::string_view(message.bytes, message.length)));
    if (answer.contains("error"))
        return fail(in_database(error_from_json(answer["error"]), database));
    if (!answer.contains("value") || !answer["value"].is_string()) return pg::Value{};
    return pg::Value{answer["value"].get<std::string>()};
}

Result<pg::Value> run(const Database &database, Oid role, const std::string &sql, Ending ending) {
    const char *statement = sql.c_str();
    const Size length = sql.size();
    const Oid oid = database.oid;
    Started started = pg::call([=] { return start(oid, role, ending, statement, length); });
    SessionGuard guard(started);
    if (!started.registered)
        return fail(ErrorCode::wrong_state,
                    "could not start a background worker for database \"" + database.name + "\"",
                    "All background worker slots are in use.",
                    "Raise max_worker_processes, or try again later.");
    pg::Value value = TRY(receive(started, database));
    if (ending == Ending::with_ours)
        guard.hand_over();
    else
        guard.finish();
    return value;
}

template <typename Matches>
void end_where(Matches matches, Decision decision) {
    std::vector<OpenSession> &sessions = open_sessions();
    for (std::size_t i = sessions.size(); i-- > 0;) {
        if (!matches(sessions[i])) continue;
        end_session(sessions[i], decision);
        sessions.erase(sessions.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

void transaction_callback(XactEvent event, void *) {
    if (open_sessions().empty()) return;
    const auto all = [](const OpenSession &) { return true; };
    if (event == XACT_EVENT_PRE_COMMIT) {
        // All or none: what a worker had done that has ended meanwhile (pg_terminate_backend) is
        // lost. Plain C here.
        for (const OpenSession &session : open_sessions())
            if (!is_running(session))
                ereport(ERROR,
                        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                         errmsg("could not finish the work in another database"),
                         errdetail("The background worker for the database with OID %u has ended.",
                                   session.header->database),
                         errhint("Try again.")));
    } else if (event == XACT_EVENT_COMMIT)
        end_where(all, Decision::commit);
    else if (event == XACT_EVENT_ABORT)
        end_where(all, Decision::abort);
    else if (event == XACT_EVENT_PRE_PREPARE)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot PREPARE a transaction that works in other databases")));
}

void subtransaction_callback(SubXactEvent event, SubTransactionId id, SubTransactionId parent,
                             void *) {
    if (open_sessions().empty()) return;
    if (event == SUBXACT_EVENT_COMMIT_SUB) {
        for (OpenSession &session : open_sessions())
            if (session.subtransaction == id) session.subtransaction = parent;
    } else if (event == SUBXACT_EVENT_ABORT_SUB) {
        end_where([id](const OpenSession &session) { return session.subtransaction == id; },
                  Decision::abort);
    }
}

//
// The worker's side
//

// What the database's owner has set for its sessions is not meant for this one: it would let him
// keep others from looking, and refusals from being recorded.
void leave_out_settings(Ending ending) {
    SetConfigOption("role", "none", PGC_USERSET, PGC_S_SESSION);
    for (const char *timeout : {"transaction_timeout", "idle_in_transaction_session_timeout"})
        SetConfigOption(timeout, "0", PGC_USERSET, PGC_S_SESSION);
    if (ending == Ending::with_ours) return;  // done as and for the caller
    SetConfigOption("lock_timeout", "0", PGC_USERSET, PGC_S_SESSION);
    SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_SESSION);
}

// The first column of the first row, null when there is none. Plain C.
const char *execute_statement(const char *statement) {
    SetCurrentStatementStartTimestamp();
    // Once the leader has committed, this commit must not fail: no serialization failures, no
    // constraints put off.
    SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_SESSION);
    StartTransactionCommand();
    SPI_connect();
    PushActiveSnapshot(GetTransactionSnapshot());
    pgstat_report_activity(STATE_RUNNING, statement);
    (void)SPI_execute(statement, false, 1);
    const char *value = nullptr;
    if (SPI_processed > 0 && SPI_tuptable != nullptr)
        value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    (void)SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0);
    return value;
}

Json error_of(const pg::BackendError &error) {
    auto text = [](const char *bytes) { return std::string(bytes == nullptr ? "" : bytes); };
    Error plain{ErrorCode::wrong_state, text(error.data->message), text(error.data->detail),
                text(error.data->hint)};
    return Json{{"error", error_to_json(plain)}};
}

// Waits until the leader has decided; abort when it is gone.
Decision wait_for_decision(Header *header) {
    while (true) {
        const Decision decision = static_cast<Decision>(pg_atomic_read_u32(&header->decision));
        if (decision != Decision::none) return decision;
        if (BackendPidGetProc(header->leader_pid) == nullptr) {
            // Its decision may have come between the two looks.
            const bool commit = pg_atomic_read_u32(&header->decision) ==
                                static_cast<std::uint32_t>(Decision::commit);
            return commit ? Decision::commit : Decision::abort;
        }
        pg::call([] {
            (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1000,
                            PG_WAIT_EXTENSION);
            ResetLatch(MyLatch);
            CHECK_FOR_INTERRUPTS();
        });
    }
}

void send_answer(shm_mq_handle *queue, const Json &answer) {
    const std::string text = dump_json(answer);
    const char *bytes = text.data();
    const Size length = text.size();
    pg::call([=] { (void)shm_mq_send(queue, length, bytes, false, true); });
}

Result<void> serve(Header *header, const char *statement, shm_mq_handle *queue) {
    Decision decision = Decision::abort;
    try {
        const char *value = pg::call([statement] { return execute_statement(statement); });
        Json answer = Json::object();
        answer["value"] = value == nullptr ? Json() : Json(value);
        send_answer(queue, answer);
        if (header->ending == Ending::with_ours) decision = wait_for_decision(header);
        if (header->ending == Ending::commit) decision = Decision::commit;
    } catch (const pg::BackendError &error) {
        send_answer(queue, error_of(error));
    }
    pg::call([decision] {
        if (decision == Decision::commit) {
            if (ActiveSnapshotSet()) PopActiveSnapshot();
            SPI_finish();
            CommitTransactionCommand();
        } else {
            AbortCurrentTransaction();
        }
    });
    return {};
}

struct Served {
    Header *header;
    const char *statement;
    shm_mq_handle *queue;
};

}  // namespace

std::vector<Database> all_databases() {
    std::vector<Database> databases;
    for (const pg::Row &row : pg::query("SELECT oid, datname FROM pg_catalog.pg_database WHERE "
                                        "datconnlimit OPERATOR(pg_catalog.<>) -2 ORDER BY datname"))
        databases.push_back({static_cast<Oid>(std::stoul(*row[0])), *row[1]});
    return databases;
}

Result<Database> find_database(const std::string &name) {
    for (Database &database : all_databases())
        if (database.name == name) return std::move(database);
    return fail(ErrorCode::invalid_argument, "database \"" + name + "\" does not exist", "",
                "See pg_database for those that do.");
}

Result<pg::Value> ask_database(const Database &database, const std::string &sql) {
    return run(database, BOOTSTRAP_SUPERUSERID, sql, Ending::roll_back);
}

Result<void> commit_at_once(const std::string &sql) {
    const Oid here = MyDatabaseId;
    (void)TRY(run({here, pg::call([here] { return get_database_name(here); })},
                  BOOTSTRAP_SUPERUSERID, sql, Ending::commit));
    return {};
}

Result<void> execute_in_database(const Database &database, Oid role, const std::string &sql) {
    if (pg::query("SELECT FROM pg_catalog.pg_database WHERE oid OPERATOR(pg_catalog.=) "
                  "$1::pg_catalog.oid AND datallowconn"
                  "   AND pg_catalog.has_database_privilege($2::pg_catalog.oid, oid, 'CONNECT')",
                  {std::to_string(database.oid), std::to_string(role)})
            .empty())
        return fail(ErrorCode::permission_denied,
                    "permission denied for database \"" + database.name + "\"",
                    "The role may not connect to it, or it accepts no connections.",
                    "GRANT CONNECT ON DATABASE, or leave the database out.");
    // Two workers in one database would wait for each other's locks, and for us, where the deadlock
    // detector does not look.
    for (const OpenSession &session : open_sessions())
        if (session.header->database == database.oid)
            return fail(
                ErrorCode::wrong_state,
                "this transaction has created extensions in database \"" + database.name +
                    "\" already",
                "",
                "COMMIT first, or name all extensions in one call: pgx.create(ARRAY[...], ...).");
    open_sessions().reserve(open_sessions().size() + 1);
    (void)TRY(run(database, role, sql, Ending::with_ours));
    return {};
}

bool has_open_sessions() { return !open_sessions().empty(); }

void register_database_session_callbacks() {
    RegisterXactCallback(transaction_callback, nullptr);
    RegisterSubXactCallback(subtransaction_callback, nullptr);
}

}  // namespace pgx

void pgx_database_session_main(Datum argument) {
    using namespace pgx;
    // Not the default handler, which would end the process in the middle of anything.
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    dsm_segment *segment = dsm_attach(DatumGetUInt32(argument));
    if (segment == nullptr) return;  // the leader is gone
    shm_toc *toc = shm_toc_attach(segment_magic, dsm_segment_address(segment));
    if (toc == nullptr) return;
    Header *header = static_cast<Header *>(shm_toc_lookup(toc, key_header, false));
    pg_atomic_write_u32(&header->worker, static_cast<std::uint32_t>(MyProcNumber) + 1);
    shm_mq *queue = static_cast<shm_mq *>(shm_toc_lookup(toc, key_queue, false));
    shm_mq_set_sender(queue, MyProc);
    Served served{header, static_cast<const char *>(shm_toc_lookup(toc, key_statement, false)),
                  shm_mq_attach(queue, segment, nullptr)};
    // Looking is allowed everywhere, working only where connections are.
    BackgroundWorkerInitializeConnectionByOid(
        header->database, header->role,
        BGWORKER_BYPASS_ROLELOGINCHECK |
            (header->ending == Ending::with_ours ? 0 : BGWORKER_BYPASS_ALLOWCONN));
    leave_out_settings(header->ending);
    pg::guarded(
        "could not work for another database",
        [](void *data) {
            Served &work = *static_cast<Served *>(data);
            return serve(work.header, work.statement, work.queue);
        },
        &served);
    pg_atomic_write_u32(&header->finished, 1);
}
