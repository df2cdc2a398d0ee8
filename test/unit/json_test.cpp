// json_test.cpp - JSON from elsewhere: what is refused, and typed access.
#include "core/base/json.h"

#include <gtest/gtest.h>

#include <string>

namespace pgx {
namespace {

std::string brackets(std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

TEST(ParseJson, ReadsAllTypes) {
    const auto json = parse_json(
        R"( {"a": [1, -2, 2.5, true, false, null, "x\u00fc\n"], "b": {"c": {}, "d": []}, "e": 18446744073709551615} )");
    ASSERT_TRUE(json) << json.error().message;
    EXPECT_EQ((*json)["a"], Json::parse(R"([1,-2,2.5,true,false,null,"xü\n"])"));
    EXPECT_TRUE((*json)["b"]["c"].is_object());
    EXPECT_TRUE((*json)["b"]["d"].is_array());
    EXPECT_EQ((*json)["e"].get<std::uint64_t>(), UINT64_MAX);
    for (const char *scalar : {"1", "\"x\"", "null", "true"})
        EXPECT_TRUE(parse_json(scalar)) << scalar;
}

// The builder is ours, so whole documents are compared with what the library builds.
TEST(ParseJson, BuildsWhatTheLibraryBuilds) {
    for (const char *text :
         {R"([[[1],[2,[3]]],{"a":[{"b":1},{"b":[2]}],"c":{"d":{"e":[[],[{}]]}}},"x"])",
          R"({"a":{"a":{"a":[{"a":1},{"a":2}]}},"b":[[],[],[[]]]})"}) {
        const auto json = parse_json(text);
        ASSERT_TRUE(json) << json.error().message;
        EXPECT_EQ(*json, Json::parse(text));
    }
}

TEST(ParseJson, RefusesWithTheReason) {
    struct {
        std::string text, reason;
    } const cases[] = {
        {"", "at byte"},
        {"{", "at byte 2"},
        {"[1,]", "at byte"},
        {"{\"a\" 1}", "at byte"},
        {"1 2", "at byte"},
        {"[1] x", "at byte"},
        {"'a'", "at byte"},
        {"NaN", "at byte"},
        {"// c\n1", "at byte"},
        {"\"\xff\"", "at byte"},
        {"\"a\nb\"", "at byte"},
        {"1e999", "number"},
        {R"({"a":1,"a":2})", "duplicate key \"a\""},
        {R"([{"x":{"k":1,"l":{},"k":1}}])", "duplicate key \"k\""},
        {R"({"a":1,"\u0061":2})", "duplicate key \"a\""},
        {brackets(33), "nested more than 32 levels deep"},
    };
    for (const auto &c : cases) {
        const auto json = parse_json(c.text);
        ASSERT_FALSE(json) << c.text;
        EXPECT_EQ(json.error().code, ErrorCode::invalid_argument);
        EXPECT_TRUE(json.error().message.starts_with("invalid JSON: ")) << json.error().message;
        EXPECT_NE(json.error().message.find(c.reason), std::string::npos)
            << c.text << ": " << json.error().message;
        EXPECT_EQ(json.error().message.find("json.exception"), std::string::npos)
            << json.error().message;
    }
}

TEST(ParseJson, SameKeyInDifferentObjectsIsFine) {
    EXPECT_TRUE(parse_json(R"({"a":{"a":1},"b":{"a":2},"c":[{"a":1},{"a":1}]})"));
}

TEST(ParseJson, LimitsAreExact) {
    EXPECT_TRUE(parse_json(brackets(32)));
    EXPECT_TRUE(parse_json(brackets(3), {.depth = 3}));
    EXPECT_FALSE(parse_json(brackets(4), {.depth = 3}));
    EXPECT_FALSE(parse_json(R"({"a":{"b":{"c":{}}}})", {.depth = 3}));
    EXPECT_TRUE(parse_json("[1,2]", {.bytes = 5}));
    const auto long_one = parse_json("[1,2]", {.bytes = 4});
    ASSERT_FALSE(long_one);
    EXPECT_EQ(long_one.error().message, "invalid JSON: longer than 4 bytes");
}

TEST(ParseJson, SurvivesAMillionBrackets) {
    EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
    EXPECT_FALSE(parse_json(brackets(1'000'000)));
    std::string objects;
    for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
    EXPECT_FALSE(parse_json(objects));
}

TEST(DumpJson, IsOneLineWhateverIsInIt) {
    const std::string line = dump_json(Json{{"text", "a\nb\r\n\xff\xc3"}, {"list", {1, 2}}});
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto back = parse_json(line);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_TRUE((*back)["text"].get<std::string>().starts_with("a\nb\r\n\xef\xbf\xbd"));
}

class Members : public testing::Test {
   protected:
    const Json object = Json::parse(
        R"({"text":"x","number":7,"negative":-1,"fraction":1.5,"yes":true,"none":null,
            "list":["a","b"],"mixed":["a",1],"nul":"a\u0000b","nul_list":["a\u0000"]})");
};

template <typename T>
void expect_error(const Result<T> &result, const std::string &message) {
    ASSERT_FALSE(result) << message;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(result.error().message, message);
}

TEST_F(Members, Strings) {
    EXPECT_EQ(*json_string(object, "text"), "x");
    EXPECT_EQ(*json_string(object, "text", "y"), "x");
    EXPECT_EQ(*json_string(object, "absent", "y"), "y");
    EXPECT_EQ(*json_string(object, "none", "y"), "y");
    EXPECT_EQ(*json_string(Json(3), "text", "y"), "y");
    expect_error(json_string(object, "absent"), "member \"absent\" is missing");
    expect_error(json_string(object, "none"), "member \"none\" is missing");
    expect_error(json_string(Json::array(), "text"), "member \"text\" is missing: not an object");
    expect_error(json_string(object, "number"), "member \"number\" must be a string");
    expect_error(json_string(object, "number", "y"), "member \"number\" must be a string");
    expect_error(json_string(object, "nul"), "member \"nul\" contains a NUL character");
}

TEST_F(Members, Numbers) {
    EXPECT_EQ(*json_unsigned(object, "number"), 7U);
    EXPECT_EQ(*json_unsigned(object, "absent", 9), 9U);
    EXPECT_EQ(*json_unsigned(Json{{"built", 5}}, "built"), 5U);
    EXPECT_EQ(*json_unsigned(Json{{"built", UINT64_MAX}}, "built"), UINT64_MAX);
    expect_error(json_unsigned(object, "absent"), "member \"absent\" is missing");
    for (const char *member : {"negative", "fraction", "text", "yes", "list"}) {
        const std::string message =
            "member \"" + std::string(member) + "\" must be a whole number of 0 or more";
        expect_error(json_unsigned(object, member), message);
        expect_error(json_unsigned(object, member, 1), message);
    }
}

TEST_F(Members, Booleans) {
    EXPECT_TRUE(*json_bool(object, "yes", false));
    EXPECT_TRUE(*json_bool(object, "absent", true));
    expect_error(json_bool(object, "number", true), "member \"number\" must be true or false");
}

TEST_F(Members, ListsOfStrings) {
    EXPECT_EQ(*json_strings(object, "list"), (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(json_strings(object, "absent")->empty());
    expect_error(json_strings(object, "text"), "member \"text\" must be an array of strings");
    expect_error(json_strings(object, "mixed"), "member \"mixed\" must be an array of strings");
    expect_error(json_strings(object, "nul_list"), "member \"nul_list\" contains a NUL character");
}

}  // namespace
}  // namespace pgx
