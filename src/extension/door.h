// door.h - the two doors between C++ and PostgreSQL. There is no third.
//
// PostgreSQL reports errors by longjmp, C++ by unwinding, and neither may pass through the other's
// frames.  So:
//
//   Door 1, C++ to PostgreSQL:  pg::call([&] { return SomeBackendFunction(...); })
//       runs the body under a guard.  If the body raises an error, the guard's own frame catches
//       the jump and throws BackendError.  The body holds C calls and plain locals only: an object
//       with a destructor in it would be skipped by the jump.  What a body returns must be
//       trivially copyable.
//
//   Door 2, PostgreSQL to C++:  PGX_FUNCTION(name) { ... }  and  pg::guarded(...) for callbacks
//       runs a C++ body that returns Result.  Any failure (an Error value, a BackendError, any
//       other exception) is flattened into plain data, all C++ scopes are left, and only then is
//       the error raised.
//
// A BackendError that reached door 2 is re-thrown whole, with its own SQLSTATE and context.  The
// road not taken is PG_TRY in C++ code: it is correct only as long as nobody adds a return, a throw
// or a string to the wrong block.
#pragma once

#include "extension/backend.h"

#include <exception>
#include <new>
#include <type_traits>

#include "core/base/result.h"

namespace pgx::pg {

// An error that PostgreSQL raised while C++ had called it. Owns nothing: the data lives in the
// memory context that was current at the call.
class BackendError : public std::exception {
   public:
    explicit BackendError(ErrorData *error_data) : data(error_data) {}
    const char *what() const noexcept override { return data->message; }
    ErrorData *data;
};

// What has to be put back after a jump or a throw has left the middle of a backend function.
class BackendState {
   public:
    BackendState()
        : exception_stack_(PG_exception_stack),
          context_stack_(error_context_stack),
          memory_(CurrentMemoryContext) {}
    void restore() const {
        PG_exception_stack = exception_stack_;
        error_context_stack = context_stack_;
    }
    MemoryContext memory() const { return memory_; }

   private:
    sigjmp_buf *exception_stack_;
    ErrorContextCallback *context_stack_;
    MemoryContext memory_;
};

// Takes the pending error out of PostgreSQL's error state into `context` and throws it.
// std::bad_alloc when there is no memory for that.
[[noreturn]] void throw_backend_error(MemoryContext context);

// Memory for the way out. The first time that there is none, some that was put aside is given back
// to malloc and the allocation succeeds: it may be one of a destructor, which must not throw.
// std::bad_alloc comes at the next door instead, where anything may fail.
class MemoryReserve {
   public:
    // Puts memory aside. std::bad_alloc when there is none.
    MemoryReserve();
    MemoryReserve(const MemoryReserve &) = delete;
    MemoryReserve &operator=(const MemoryReserve &) = delete;
    ~MemoryReserve();
    // Throws std::bad_alloc when it had to be used.
    static void check();

   private:
    std::new_handler previous_;
};

// Door 1.
template <typename Body>
auto call(Body body) {
    using Value = std::invoke_result_t<Body &>;
    static_assert(std::is_trivially_destructible_v<Body>,
                  "the body of pg::call captures by reference or trivially copyable values only");
    static_assert(std::is_void_v<Value> || std::is_trivially_copyable_v<Value>,
                  "the body of pg::call returns plain data");
    MemoryReserve::check();
    const BackendState state;
    sigjmp_buf here;
    if (sigsetjmp(here, 0) != 0) {
        state.restore();
        throw_backend_error(state.memory());
    }
    PG_exception_stack = &here;
    try {
        if constexpr (std::is_void_v<Value>) {
            body();
            state.restore();
        } else {
            Value value = body();
            state.restore();
            return value;
        }
    } catch (...) {
        // A body should not throw, but an inline helper in it might.
        state.restore();
        throw;
    }
}

// A failure without any C++ in it. The texts are malloc'ed, null when there was no memory for them.
struct PlainFailure {
    ErrorData *backend_error;  // null when the failure is pgx's own
    int sqlstate;
    bool cancelled;
    char *message, *detail, *hint;
};

// Raises it. Never returns. No C++ object may be alive in the caller.
[[noreturn]] void raise(const PlainFailure *failure);

void flatten(const Error &error, PlainFailure *failure) noexcept;
void flatten_current_exception(PlainFailure *failure) noexcept;

using FunctionBody = Result<Datum> (*)(FunctionCallInfo);

// Door 2 for SQL functions.
Datum enter(FunctionBody body, FunctionCallInfo fcinfo);

// Door 2 for callbacks that must never raise (transaction callbacks: an error there is a PANIC).
// What goes wrong is logged, at LOG, with `doing` in front.
void guarded(const char *doing, Result<void> (*body)(void *), void *argument) noexcept;

// A message for the client. Texts are copied.
void notice(const std::string &message, const std::string &detail = {},
            const std::string &hint = {});
void warning(const std::string &message, const std::string &detail = {},
             const std::string &hint = {});

// Lets PostgreSQL act on a cancel or terminate request that has arrived.
inline void check_for_interrupts() {
    if (INTERRUPTS_PENDING_CONDITION()) call([] { CHECK_FOR_INTERRUPTS(); });
}

}  // namespace pgx::pg

// Declares an SQL-callable function whose body follows and returns Result<Datum>.
#define PGX_FUNCTION(name)                                            \
    static ::pgx::Result<Datum> name##_body(FunctionCallInfo fcinfo); \
    extern "C" {                                                      \
    PG_FUNCTION_INFO_V1(name);                                        \
    PGDLLEXPORT Datum name(FunctionCallInfo fcinfo) {                 \
        return ::pgx::pg::enter(name##_body, fcinfo);                 \
    }                                                                 \
    }                                                                 \
    static ::pgx::Result<Datum> name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
