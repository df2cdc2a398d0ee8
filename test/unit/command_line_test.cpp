// command_line_test.cpp - options of the program's commands.
#include "helper/command_line.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

const std::vector<Option> options{
    {"--name", "NAME", "a name"}, {"--force", nullptr, "a flag"}, {"--many", "X", "several", true}};

TEST(CommandLineTest, Parsed) {
    const auto parsed = parse_arguments({"a", "--name", "n", "--force", "b", "--many=1", "--many",
                                         "--force", "-", "--", "--name", "x"},
                                        options);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->operands, (std::vector<std::string>{"a", "b", "-", "--name", "x"}));
    EXPECT_EQ(parsed->value("--name"), "n");
    EXPECT_TRUE(parsed->has("--force"));
    EXPECT_EQ(parsed->values("--many"), (std::vector<std::string>{"1", "--force"}));
    const auto empty = parse_arguments({"--name="}, options);
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->value("--name", "fallback"), "");
    EXPECT_EQ(empty->value("--many", "fallback"), "fallback");
    EXPECT_TRUE(empty->values("--many").empty());
    EXPECT_FALSE(empty->has("--force"));
}

TEST(CommandLineTest, Refused) {
    const std::pair<Arguments, const char *> cases[] = {
        {{"--nam", "x"}, "unknown option \"--nam\"; did you mean \"--name\"?"},
        {{"-f"}, "unknown option \"-f\""},
        {{"--name"}, "\"--name\" needs a value"},
        {{"--force=yes"}, "\"--force\" takes no value"},
        {{"--name", "a", "--name=b"}, "\"--name\" is given twice"},
        {{"--force", "--force"}, "\"--force\" is given twice"},
    };
    for (const auto &[arguments, message] : cases) {
        const auto parsed = parse_arguments(arguments, options);
        ASSERT_FALSE(parsed) << message;
        EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
        EXPECT_NE(parsed.error().message.find(message), std::string::npos)
            << parsed.error().message;
    }
}

}  // namespace
}  // namespace pgx
