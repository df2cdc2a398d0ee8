#include "core/base/debian_relation.h"

#include <gtest/gtest.h>

#include <string>

namespace pgx {
namespace {

// The groups again as text, alternatives with "|", groups with ";".
std::string parsed(std::string_view field) {
    std::string text;
    for (const DebianAlternatives &group : parse_debian_relations(field)) {
        if (!text.empty()) text += "; ";
        std::string alternatives;
        for (const DebianRelation &relation : group)
            alternatives += (alternatives.empty() ? "" : " | ") + relation.text();
        text += alternatives;
    }
    return text;
}

TEST(DebianRelation, Table) {
    const struct {
        const char *field, *expected;
    } cases[] = {
        {"", ""},
        {"a", "a"},
        {"a, b", "a; b"},
        {"a|b , c", "a | b; c"},
        {"libc6 (>= 2.38)", "libc6 (>= 2.38)"},
        {"a(=1:2.3-4)", "a (= 1:2.3-4)"},
        {"a (<< 3.7), b (>> 1)", "a (<< 3.7); b (>> 1)"},
        {"a (< 3), b (> 1)", "a (<= 3); b (>= 1)"},
        {"perl:any (>= 5), x [amd64 !arm64], y <!nocheck>, z:native", "perl (>= 5); x; y; z"},
        {"a,\n b (>= 1) |\n c", "a; b (>= 1) | c"},
        {"a (>= ), b (1), c (~ 2), d (>= 1, e", "e"},
        {"../a, b", "b"},
        {",,|", ""},
    };
    for (const auto &test : cases) EXPECT_EQ(parsed(test.field), test.expected) << test.field;
}

TEST(DebianRelation, HoldsForVersions) {
    const struct {
        const char *relation, *version;
        bool holds;
    } cases[] = {
        {"a", "0", true},          {"a (<< 2)", "1", true},    {"a (<< 2)", "2", false},
        {"a (<= 2)", "2", true},   {"a (<= 2)", "2.1", false}, {"a (= 2)", "2", true},
        {"a (= 2)", "2-1", false}, {"a (>= 2)", "2", true},    {"a (>= 2)", "2~rc1", false},
        {"a (>> 2)", "2", false},  {"a (>> 2)", "1:1", true},
    };
    for (const auto &test : cases)
        EXPECT_EQ(parse_debian_relations(test.relation).at(0).at(0).holds_for(test.version),
                  test.holds)
            << test.relation << " and " << test.version;
}

TEST(DebianRelation, MayHoldForAnUpstreamVersion) {
    const struct {
        const char *relation, *upstream;
        bool may_hold;
    } cases[] = {
        {"a", "18.1", true},
        {"a (>= 18.1-3)", "18.1", true},
        {"a (>= 18~beta2)", "18.0", true},
        {"a (>= 18)", "18~beta2", false},
        {"a (>= 18.2-1)", "18.1", false},
        {"a (>> 99)", "18.1", false},
        {"a (>> 18.1-1)", "18.1", true},
        {"a (<< 18.1-1)", "18.1", true},
        {"a (<< 18)", "18.1", false},
        {"a (<= 18.1)", "18.1", true},
        {"a (<= 17)", "18.1", false},
        {"a (= 18.1-9)", "18.1", true},
        {"a (= 1:18.2-9)", "18.1", false},
    };
    for (const auto &test : cases)
        EXPECT_EQ(
            parse_debian_relations(test.relation).at(0).at(0).may_hold_for_upstream(test.upstream),
            test.may_hold)
            << test.relation << " and " << test.upstream;
}

}  // namespace
}  // namespace pgx
