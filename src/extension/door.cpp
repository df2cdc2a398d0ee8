#include "extension/door.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace pgx::pg {

namespace {

// Small enough to come from malloc's heap, so that what is given back is there for malloc. The
// destructors of JSON need some, and a tree that large is in no backend.
constexpr std::size_t reserve_size = 96 * 1024;

// What is put aside; null inside of a reserve whose memory had to be used.
void *&reserve() {
    static void *memory = nullptr;
    return memory;
}
int &depth() {
    static int reserves = 0;
    return reserves;
}

void use_reserve() {
    if (reserve() == nullptr) throw std::bad_alloc();
    std::free(std::exchange(reserve(), nullptr));
}

// Copying the error can itself raise one (out of memory), so it needs a guard of its own, and a
// frame of its own in which nothing has a destructor.
ErrorData *take_error(MemoryContext context) noexcept {
    const BackendState state;
    sigjmp_buf here;
    ErrorData *volatile data = nullptr;
    if (sigsetjmp(here, 0) == 0) {
        PG_exception_stack = &here;
        MemoryContextSwitchTo(context);
        data = CopyErrorData();
    }
    state.restore();
    MemoryContextSwitchTo(context);
    FlushErrorState();
    return data;
}

char *copy_text(const std::string &text) noexcept {
    return text.empty() ? nullptr : strdup(text.c_str());
}

// malloc'ed text to palloc'ed, so that ereport's jump leaves nothing behind.
char *adopt_text(char *text) {
    if (text == nullptr) return nullptr;
    char *copy = pstrdup(text);
    std::free(text);
    return copy;
}

struct Message {
    int level;
    const char *text, *detail, *hint;
};

void report(const Message &message) {
    ereport(message.level, (errmsg_internal("%s", message.text),
                            *message.detail != '\0' ? errdetail_internal("%s", message.detail) : 0,
                            *message.hint != '\0' ? errhint("%s", message.hint) : 0));
}

void send(int level, const std::string &text, const std::string &detail, const std::string &hint) {
    const Message message{level, text.c_str(), detail.c_str(), hint.c_str()};
    call([&message] { report(message); });
}

// The body's own frame, so that all of its C++ scopes are left before anything is raised.
[[gnu::noinline]] bool attempt(FunctionBody body, FunctionCallInfo fcinfo, Datum *datum,
                               PlainFailure *failure) noexcept {
    try {
        const MemoryReserve memory;
        Result<Datum> result = body(fcinfo);
        if (result) {
            *datum = *result;
            return true;
        }
        flatten(result.error(), failure);
    } catch (...) {
        flatten_current_exception(failure);
    }
    return false;
}

}  // namespace

// Functions of pgx call each other through SQL: only the outermost has a reserve.
MemoryReserve::MemoryReserve() : previous_(std::get_new_handler()) {
    if (depth() == 0 && reserve() == nullptr) reserve() = std::malloc(reserve_size);
    if (reserve() == nullptr) throw std::bad_alloc();
    ++depth();
    std::set_new_handler(use_reserve);
}

MemoryReserve::~MemoryReserve() {
    --depth();
    std::set_new_handler(previous_);
}

void MemoryReserve::check() {
    if (depth() > 0 && reserve() == nullptr) throw std::bad_alloc();
}

void throw_backend_error(MemoryContext context) {
    ErrorData *data = take_error(context);
    if (data == nullptr) throw std::bad_alloc();
    throw BackendError(data);
}

void flatten(const Error &error, PlainFailure *failure) noexcept {
    const ErrorInfo &info = error_info(error.code);
    failure->sqlstate = MAKE_SQLSTATE(info.sqlstate[0], info.sqlstate[1], info.sqlstate[2],
                                      info.sqlstate[3], info.sqlstate[4]);
    failure->cancelled = error.code == ErrorCode::cancelled;
    failure->message = copy_text(error.message);
    failure->detail = copy_text(error.detail);
    failure->hint = error.hint.empty() ? (*info.remedy == '\0' ? nullptr : strdup(info.remedy))
                                       : copy_text(error.hint);
}

void flatten_current_exception(PlainFailure *failure) noexcept {
    try {
        throw;
    } catch (const BackendError &error) {
        failure->backend_error = error.data;
    } catch (const std::bad_alloc &) {
        failure->sqlstate = ERRCODE_OUT_OF_MEMORY;
        failure->message = strdup("out of memory");
    } catch (const std::exception &exception) {
        failure->sqlstate = ERRCODE_INTERNAL_ERROR;
        failure->message = strdup(exception.what());
    } catch (...) {
        failure->sqlstate = ERRCODE_INTERNAL_ERROR;
        failure->message = strdup("unexpected C++ exception");
    }
}

void raise(const PlainFailure *failure) {
    if (failure->backend_error != nullptr) ReThrowError(failure->backend_error);
    // A cancel is PostgreSQL's to report: it knows whether it was the user, a timeout or a
    // shutdown.
    if (failure->cancelled) CHECK_FOR_INTERRUPTS();
    char *message = adopt_text(failure->message);
    char *detail = adopt_text(failure->detail);
    char *hint = adopt_text(failure->hint);
    ereport(ERROR, (errcode(failure->sqlstate),
                    errmsg_internal("%s", message != nullptr ? message : "out of memory"),
                    detail != nullptr ? errdetail_internal("%s", detail) : 0,
                    hint != nullptr ? errhint("%s", hint) : 0));
    pg_unreachable();
}

Datum enter(FunctionBody body, FunctionCallInfo fcinfo) {
    PlainFailure failure{};
    Datum datum = 0;
    if (!attempt(body, fcinfo, &datum, &failure)) raise(&failure);
    return datum;
}

void guarded(const char *doing, Result<void> (*body)(void *), void *argument) noexcept {
    PlainFailure failure{};
    try {
        const MemoryReserve memory;
        Result<void> result = body(argument);
        if (result) return;
        flatten(result.error(), &failure);
    } catch (...) {
        flatten_current_exception(&failure);
    }
    const char *text =
        failure.backend_error != nullptr ? failure.backend_error->message : failure.message;
    const char *detail = failure.detail != nullptr ? failure.detail : "";
    try {
        call([&] {
            ereport(LOG,
                    (errmsg_internal("%s: %s", doing, text != nullptr ? text : "out of memory"),
                     *detail != '\0' ? errdetail_internal("%s", detail) : 0));
        });
    } catch (...) {
        // Nothing can be said any more; the journal on disk says it to the next caller.
    }
    std::free(failure.message);
    std::free(failure.detail);
    std::free(failure.hint);
}

void notice(const std::string &message, const std::string &detail, const std::string &hint) {
    send(NOTICE, message, detail, hint);
}

void warning(const std::string &message, const std::string &detail, const std::string &hint) {
    send(WARNING, message, detail, hint);
}

}  // namespace pgx::pg
