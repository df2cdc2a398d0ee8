// result_test.cpp - Result and TRY: errors pass, values move, nothing is evaluated twice.
#include "core/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <type_traits>

namespace pgx {
namespace {

Result<int> positive(int number) {
    if (number <= 0)
        return fail(ErrorCode::invalid_argument, "not positive", "It is not.", "Add to it.");
    return number;
}

Result<void> check(int number) {
    TRY(positive(number));
    return {};
}

Result<std::string> describe(int number, int &reached) {
    const int checked = TRY(positive(number));
    ++reached;
    TRY(check(checked - 1));
    ++reached;
    return std::to_string(checked);
}

TEST(Result, TryPassesValuesOn) {
    int reached = 0;
    const auto result = describe(2, reached);
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, "2");
    EXPECT_EQ(reached, 2);
}

TEST(Result, TryReturnsTheWholeErrorAtOnce) {
    int reached = 0;
    const auto first = describe(0, reached);
    ASSERT_FALSE(first);
    EXPECT_EQ(reached, 0);
    EXPECT_EQ(first.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(first.error().message, "not positive");
    EXPECT_EQ(first.error().detail, "It is not.");
    EXPECT_EQ(first.error().hint, "Add to it.");
    EXPECT_FALSE(describe(1, reached));
    EXPECT_EQ(reached, 1);
}

TEST(Result, TryEvaluatesOnce) {
    int calls = 0;
    const auto count = [&]() -> Result<int> { return ++calls; };
    const auto twice = [&]() -> Result<int> {
        const int first = TRY(count());
        return first + TRY(count());
    };
    EXPECT_EQ(*twice(), 3);
    EXPECT_EQ(calls, 2);
}

// The lambda is implicitly constexpr, for which g++ 12 once lost the value (take_value in
// result.h).
TEST(Result, TryMovesWhatCannotBeCopied) {
    const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
    const auto use = [&]() -> Result<int> {
        const std::unique_ptr<int> owned = TRY(make());
        return *owned;
    };
    EXPECT_EQ(*use(), 7);
}

TEST(Result, TryAlsoTakesAnExistingResult) {
    const auto use = []() -> Result<std::string> {
        Result<std::string> kept = std::string("kept");
        return TRY(kept) + "!";
    };
    EXPECT_EQ(*use(), "kept!");
}

TEST(Result, TryLeavesAConstResultAsItIs) {
    const Result<std::string> kept = std::string("a text that is too long for the string itself");
    const auto use = [&]() -> Result<std::string> { return TRY(kept); };
    EXPECT_EQ(*use(), *kept);
    EXPECT_EQ(kept->size(), 45U);
}

TEST(Result, IsAnExpected) {
    static_assert(std::is_base_of_v<std::expected<int, Error>, Result<int>>);
    static_assert(std::is_same_v<Result<void>::value_type, void>);
    EXPECT_TRUE(Result<void>());
    EXPECT_EQ(Result<int>(fail(ErrorCode::io, "x")).value_or(3), 3);
}

}  // namespace
}  // namespace pgx
