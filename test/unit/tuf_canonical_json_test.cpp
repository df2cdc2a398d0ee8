// tuf_canonical_json_test.cpp - the bytes that signatures are made over.
#include <gtest/gtest.h>

#include "core/tuf/canonical_json.h"

namespace pgx::tuf {
namespace {

TEST(TufCanonicalJson, Forms) {
    const std::pair<const char *, std::string> cases[] = {
        {"{}", "{}"},
        {"[]", "[]"},
        {"null", "null"},
        {" [ true , false , null ] ", "[true,false,null]"},
        {R"({"b": 1, "a": [2, {"d": "", "c": -3}]})", R"({"a":[2,{"c":-3,"d":""}],"b":1})"},
        {"18446744073709551615", "18446744073709551615"},
        {"-9223372036854775808", "-9223372036854775808"},
        // Only these two are escaped ...
        {R"("a\"b\\c")", R"("a\"b\\c")"},
        // ... and nothing else: not line breaks, not slashes, not what is beyond ASCII.
        {R"("a\nb\tc\/d\u00e4\u0000e")", std::string("\"a\nb\tc/d\xc3\xa4\0e\"", 13)},
        // Sorted by code points: U+E000 before U+1F4A9, which UTF-16 would put first.
        {R"({"\ud83d\udca9": 2, "\ue000": 1, "A": 3, "a": 4})",
         "{\"A\":3,\"a\":4,\"\xee\x80\x80\":1,\"\xf0\x9f\x92\xa9\":2}"},
    };
    for (const auto &[text, canonical] : cases)
        EXPECT_EQ(canonical_json(parse_json(text).value()).value(), canonical) << text;
}

TEST(TufCanonicalJson, NumbersMustBeWhole) {
    for (const char *text : {"1.0", "[1.5]", R"({"a": 1e3})", "18446744073709551616"}) {
        const auto canonical = canonical_json(parse_json(text).value());
        ASSERT_FALSE(canonical) << text;
        EXPECT_EQ(canonical.error().code, ErrorCode::invalid_argument);
    }
}

}  // namespace
}  // namespace pgx::tuf
