// preload_facts_test.cpp - the data file, what is none, and the one that pgx brings along.
#include "core/base/preload_facts.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace pgx {
namespace {

std::string file_of(const std::string &entry) { return "{\"libraries\": [" + entry + "]}"; }

TEST(PreloadFacts, EverythingInAnEntry) {
    const auto facts = parse_preload_facts(file_of(
        R"({"library": "pg_cron", "preload": "shared_preload_libraries", "optional": true,
            "settings": [{"name": "cron.database_name", "value": "{database}",
                          "default": "postgres"}, {"name": "wal_level", "value": "logical"},
                         {"name": "output_plugin_libraries", "add": "x"}],
            "source": "https://example.org/"})"));
    ASSERT_TRUE(facts) << facts.error().message;
    ASSERT_EQ(facts->size(), 1U);
    const PreloadFact &fact = facts->at("pg_cron");
    EXPECT_EQ(fact.library, "pg_cron");
    EXPECT_EQ(fact.setting, shared_preload);
    EXPECT_TRUE(fact.optional);
    EXPECT_EQ(fact.source, "https://example.org/");
    ASSERT_EQ(fact.settings.size(), 3U);
    EXPECT_EQ(fact.settings[0].name, "cron.database_name");
    EXPECT_EQ(fact.settings[0].value, "{database}");
    EXPECT_EQ(fact.settings[0].default_value, "postgres");
    EXPECT_EQ(fact.settings[1].default_value, "");
    EXPECT_FALSE(fact.settings[1].element);
    EXPECT_EQ(fact.settings[2].value, "x");
    EXPECT_TRUE(fact.settings[2].element);
}

TEST(PreloadFacts, WhatMayBeLeftOut) {
    const auto facts = parse_preload_facts(
        file_of(R"({"library": "a", "preload": "session_preload_libraries", "source": "x"},
                   {"library": "b-1.0", "preload": "none", "source": "x"})"));
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->at("a").setting, session_preload);
    EXPECT_FALSE(facts->at("a").optional);
    EXPECT_TRUE(facts->at("a").settings.empty());
    EXPECT_EQ(facts->at("b-1.0").setting, "");
    EXPECT_TRUE(parse_preload_facts(file_of("")));
}

TEST(PreloadFacts, Mistakes) {
    const std::string good = R"("preload": "none", "source": "x")";
    const std::pair<std::string, const char *> cases[] = {
        {"", ""},
        {"[]", "the file must hold an object"},
        {"{}", "member \"libraries\" must be an array"},
        {R"({"libraries": {}})", "member \"libraries\" must be an array"},
        {file_of("1"), "an entry must be an object"},
        {file_of("{" + good + "}"), "\"library\""},
        {file_of(R"({"library": "", )" + good + "}"), "\"\" is not the name of a library"},
        {file_of(R"({"library": "a/b", )" + good + "}"), "\"a/b\" is not the name of a library"},
        {file_of(R"({"library": "a b", )" + good + "}"), "is not the name of a library"},
        {file_of(R"({"library": ".a", )" + good + "}"), "is not the name of a library"},
        {file_of("{\"library\": \"" + std::string(256, 'a') + "\", " + good + "}"),
         "is not the name of a library"},
        {file_of(R"({"library": "a", "source": "x"})"), "library \"a\": "},
        {file_of(R"({"library": "a", "preload": "local_preload_libraries", "source": "x"})"),
         "library \"a\": member \"preload\" must be"},
        {file_of(R"({"library": "a", "preload": "none"})"), "library \"a\": "},
        {file_of(R"({"library": "a", "optional": 1, )" + good + "}"), "library \"a\": "},
        {file_of(R"({"library": "a", "settings": {}, )" + good + "}"),
         "library \"a\": member \"settings\" must be an array"},
        {file_of(R"({"library": "a", "settings": [1], )" + good + "}"),
         "library \"a\": a setting must be an object"},
        {file_of(R"({"library": "a", "settings": [{"value": "1"}], )" + good + "}"),
         "library \"a\": "},
        {file_of(R"({"library": "a", "settings": [{"name": "x y", "value": "1"}], )" + good + "}"),
         "\"x y\" is not the name of a setting"},
        {file_of(R"({"library": "a", "settings": [{"name": "", "value": "1"}], )" + good + "}"),
         "\"\" is not the name of a setting"},
        {file_of(R"({"library": "a", "settings": [{"name": "x"}], )" + good + "}"),
         "library \"a\": "},
        {file_of(R"({"library": "a", )" + good + R"(}, {"library": "a", )" + good + "}"),
         "library \"a\" has two entries"},
    };
    for (const auto &[text, message] : cases) {
        const auto facts = parse_preload_facts(text);
        ASSERT_FALSE(facts) << text;
        EXPECT_EQ(facts.error().code, ErrorCode::invalid_argument) << text;
        EXPECT_NE(facts.error().message.find(message), std::string::npos)
            << facts.error().message << "\nwanted: " << message;
    }
}

TEST(PreloadFacts, TheOwnOnesWin) {
    const auto shipped = parse_preload_facts(
        file_of(R"({"library": "a", "preload": "shared_preload_libraries", "source": "shipped"},
                   {"library": "b", "preload": "shared_preload_libraries", "source": "shipped"})"));
    const auto own =
        parse_preload_facts(file_of(R"({"library": "b", "preload": "none", "source": "own"},
                   {"library": "c", "preload": "none", "source": "own"})"));
    ASSERT_TRUE(shipped && own);
    const PreloadFacts both = override_facts(*shipped, *own);
    ASSERT_EQ(both.size(), 3U);
    EXPECT_EQ(both.at("a").source, "shipped");
    EXPECT_EQ(both.at("b").source, "own");
    EXPECT_EQ(both.at("c").source, "own");
}

TEST(PreloadFacts, TheFileThatComesAlong) {
    std::ifstream file(PGX_TEST_DIR "/../control/pgx_preload.json");
    std::stringstream text;
    text << file.rdbuf();
    const auto facts = parse_preload_facts(text.str());
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->at("pg_cron").settings.at(0).name, "cron.database_name");
    EXPECT_EQ(facts->at("bgw_replstatus").setting, shared_preload);
    for (const auto &[library, fact] : *facts) EXPECT_FALSE(fact.source.empty()) << library;
}

}  // namespace
}  // namespace pgx
