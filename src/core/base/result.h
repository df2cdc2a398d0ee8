// result.h - Result<T>: a value or an Error, and TRY to pass errors on.
//
//     Result<std::string> read(const Path &path);
//
//     Result<void> copy(const Path &from, const Path &to) {
//         std::string bytes = TRY(read(from));
//         TRY(write(to, bytes));
//         return {};
//     }
//
// std::expected is the standard's type for this; deriving from it adds the one thing it lacks,
// [[nodiscard]] on the type, so that no error is dropped by accident.
#pragma once

#include <expected>
#include <utility>

#include "core/base/error.h"

namespace pgx {

template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
   public:
    using std::expected<T, Error>::expected;
    using value_type = T;
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
   public:
    using std::expected<void, Error>::expected;
    using value_type = void;
};

inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string detail = {},
                                   std::string hint = {}) {
    return std::unexpected<Error>(
        Error{code, std::move(message), std::move(detail), std::move(hint)});
}

// The last step of TRY. A function, because g++ 12 drops the value of a statement expression that
// moves out of something it takes for a constant (the result of a constexpr function or of a
// lambda).
template <typename T>
T take_value(Result<T> &result) {
    return *std::move(result);
}
template <typename T>
T take_value(const Result<T> &result) {
    return *result;
}

}  // namespace pgx

// The value of a Result, or return its error from the enclosing function. A GNU statement
// expression: g++ and clang++ are the compilers that PostgreSQL extensions are built with here.
#define TRY(expression) PGX_TRY_AS(expression, PGX_TRY_NAME(__COUNTER__))
// A name of its own for each, so that one TRY may stand within another.
#define PGX_TRY_NAME(number) PGX_TRY_JOIN(try_result_, number)
#define PGX_TRY_JOIN(a, b) a##b
#define PGX_TRY_AS(expression, result)                                        \
    __extension__({                                                           \
        auto &&result = (expression);                                         \
        if (!result.has_value()) [[unlikely]]                                 \
            return std::unexpected<::pgx::Error>(std::move(result).error());  \
        ::pgx::take_value(result);                                            \
    })
