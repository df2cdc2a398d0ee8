// protocol_test.cpp - errors on the wire.
#include "core/base/protocol.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

TEST(Protocol, ErrorsKeepAllTheirParts) {
    const Error error{ErrorCode::digest_mismatch, "wrong digest", "It differs.", "Refresh."};
    const Error back = error_from_json(error_to_json(error));
    EXPECT_EQ(back.code, error.code);
    EXPECT_EQ(back.message, error.message);
    EXPECT_EQ(back.detail, error.detail);
    EXPECT_EQ(back.hint, error.hint);
    EXPECT_EQ(
        error_to_json(error),
        Json::parse(
            R"({"code":"digest_mismatch","message":"wrong digest","detail":"It differs.","hint":"Refresh."})"));
}

TEST(Protocol, EveryCodeHasItsName) {
    for (int i = 0; i <= static_cast<int>(ErrorCode::helper_failed); ++i) {
        const auto code = static_cast<ErrorCode>(i);
        EXPECT_EQ(error_from_json(error_to_json(Error{code, "x"})).code, code);
    }
}

TEST(Protocol, EmptyPartsAreLeftOut) {
    EXPECT_EQ(error_to_json(Error{ErrorCode::io, "x"}),
              Json::parse(R"({"code":"io","message":"x"})"));
}

TEST(Protocol, NonsenseIsAFailureOfTheHelper) {
    for (const char *text :
         {"null", "[]", "1", "{}", R"({"code":"io"})", R"({"message":"x"})",
          R"({"code":1,"message":"x"})", R"({"code":"io","message":1})",
          R"({"code":"io","message":"x","detail":[]})", R"({"code":"io","message":"x","hint":{}})",
          R"({"code":"io","message":"a\u0000b"})"}) {
        const Error error = error_from_json(Json::parse(text));
        EXPECT_EQ(error.code, ErrorCode::helper_failed) << text;
        EXPECT_FALSE(error.message.empty()) << text;
    }
    EXPECT_EQ(error_from_json(Json::parse(R"({"code":"from_the_future","message":"x"})")).code,
              ErrorCode::internal);
}

}  // namespace
}  // namespace pgx
