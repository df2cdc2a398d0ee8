// error_test.cpp - the table of errors is complete and says what messages rely on.
#include "core/base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace pgx {
namespace {

// The enumeration has no gaps and ends with helper_failed.
constexpr int code_count = static_cast<int>(ErrorCode::helper_failed) + 1;

TEST(ErrorTable, HasARowForEveryCode) {
    std::set<std::string> names;
    for (int i = 0; i < code_count; ++i) {
        const auto code = static_cast<ErrorCode>(i);
        const ErrorInfo &info = error_info(code);
        EXPECT_EQ(info.code, code) << "no row for code " << i;
        EXPECT_TRUE(names.insert(info.name).second) << info.name << " appears twice";
        EXPECT_EQ(error_code_by_name(info.name), code);
    }
}

TEST(ErrorTable, SqlstatesAreWellFormed) {
    for (int i = 0; i < code_count; ++i) {
        const ErrorInfo &info = error_info(static_cast<ErrorCode>(i));
        const std::string state = info.sqlstate;
        ASSERT_EQ(state.size(), 5U) << info.name;
        EXPECT_EQ(state.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                  std::string::npos)
            << info.name;
        EXPECT_NE(state.substr(0, 2), "00") << info.name << " would be a success";
        EXPECT_NE(state.substr(0, 2), "01") << info.name << " would be a warning";
    }
}

TEST(ErrorTable, RemediesAreSentences) {
    for (int i = 0; i < code_count; ++i) {
        const std::string remedy = error_info(static_cast<ErrorCode>(i)).remedy;
        if (remedy.empty()) continue;
        EXPECT_TRUE((remedy.front() >= 'A' && remedy.front() <= 'Z') || remedy.starts_with("pgx "))
            << remedy;
        EXPECT_EQ(remedy.back(), '.') << remedy;
    }
}

TEST(ErrorTable, UnknownNamesAreInternal) {
    EXPECT_EQ(error_code_by_name("no such code"), ErrorCode::internal);
    EXPECT_EQ(error_code_by_name(""), ErrorCode::internal);
    EXPECT_EQ(error_info(static_cast<ErrorCode>(9999)).code, ErrorCode::internal);
}

TEST(SystemError, MapsErrnoToCode) {
    struct {
        int error_number;
        ErrorCode code;
    } const cases[] = {
        {ENOSPC, ErrorCode::disk_full},
        {EDQUOT, ErrorCode::disk_full},
        {EACCES, ErrorCode::permission_denied},
        {EPERM, ErrorCode::permission_denied},
        {EROFS, ErrorCode::permission_denied},
        {ENOMEM, ErrorCode::out_of_memory},
        {EIO, ErrorCode::io},
        {ENOENT, ErrorCode::io},
    };
    for (const auto &c : cases) {
        const Error error = system_error("could not write file \"x\"", c.error_number);
        EXPECT_EQ(error.code, c.code) << c.error_number;
        EXPECT_TRUE(error.message.starts_with("could not write file \"x\": ")) << error.message;
        EXPECT_GT(error.message.size(), std::string("could not write file \"x\": ").size());
    }
    EXPECT_EQ(system_error("could not open \"y\"", ENOENT).message,
              "could not open \"y\": No such file or directory");
}

TEST(Error, PrefixedKeepsTheRest) {
    Error error{ErrorCode::disk_full, "no space", "The disk is full.", "Make room."};
    const Error prefixed = std::move(error).prefixed("could not install");
    EXPECT_EQ(prefixed.message, "could not install: no space");
    EXPECT_EQ(prefixed.code, ErrorCode::disk_full);
    EXPECT_EQ(prefixed.detail, "The disk is full.");
    EXPECT_EQ(prefixed.hint, "Make room.");
}

}  // namespace
}  // namespace pgx
