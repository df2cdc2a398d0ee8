// preload_trial_test.cpp - the trial with a program in the place of the server, and what a server
// says.
#include "core/registry/preload_trial.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "faulty_file_system.h"
#include "silent_reporter.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

TEST(ConfigurationLine, Quotes) {
    const std::pair<const char *, const char *> cases[] = {
        {"", "a = ''\n"},
        {"b, \"c d\"", "a = 'b, \"c d\"'\n"},
        {"it's", "a = 'it''s'\n"},
        {"C:\\x", "a = 'C:\\\\x'\n"},
        {"two\nlines", "a = 'two\\nlines'\n"},
    };
    for (const auto &[value, line] : cases) EXPECT_EQ(configuration_line("a", value), line);
}

struct Said {
    const char *log, *message, *detail, *hint;
};

TEST(MessageInLog, FindsWhatKeptTheServerFromStarting) {
    const Said cases[] = {
        {"FATAL:  no\n", "no", "", ""},
        {"LOG:  so far\nWARNING:  hm\nDETAIL:  of the warning\nFATAL:  no\nDETAIL:  d\nHINT:  h\n",
         "no", "d", "h"},
        {"FATAL:  no\nHINT:  first,\n\tsecond\nLOG:  database system is shut down\n", "no", "",
         "first, second"},
        {"ERROR:  one\n\tmore\nFATAL:  two\nDETAIL:  of two\n", "one more", "", ""},
        {"FATAL:  no\nLOCATION:  x\n\tcontinued\n", "no", "", ""},
        {"PANIC:  no", "no", "", ""},
        {"postgres: symbol lookup error\n\n", "postgres: symbol lookup error", "", ""},
        {"", "", "", ""},
    };
    for (const Said &c : cases) {
        const Json found = message_in_log(c.log);
        EXPECT_EQ(found.value("message", ""), c.message) << c.log;
        EXPECT_EQ(found.value("detail", ""), c.detail) << c.log;
        EXPECT_EQ(found.value("hint", ""), c.hint) << c.log;
    }
    EXPECT_EQ(
        message_in_log("FATAL:  " + std::string(100'000, 'x'))["message"].get<std::string>().size(),
        2000U);
}

// A shell script in the place of the server; $2 is the data directory.
class PreloadTrial : public testing::Test {
   protected:
    PreloadTrial() {
        job_.directory = directory_ / "staging";
        EXPECT_TRUE(real_file_system().make_directory(job_.directory, 0700));
        job_.control_file = directory_.put("pg_control", "the control file");
        job_.module = "/somewhere/pgx.so";
        job_.postgres_major = 18;
        job_.settings = {{"shared_preload_libraries", "old"},
                         {"shared_buffers", "64GB"},
                         {"data_directory", "/real"},
                         {"a.b", "it's"},
                         {"shared_preload_libraries", "pg_cron, \"a b\""}};
    }

    Result<Json> run(const std::string &script) {
        job_.program = directory_.put("server", "#!/bin/sh\n" + script);
        EXPECT_EQ(chmod(job_.program.c_str(), 0700), 0);
        SilentReporter reporter;
        return try_preload(job_, real_file_system(), reporter);
    }

    TemporaryDirectory directory_;
    PreloadTrialJob job_;
};

TEST_F(PreloadTrial, ADataDirectoryForOneStart) {
    const auto answer = run("printf 'pgx: the libraries were loaded\\n'\n");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(*answer, (Json{{"loads", true}}));
    EXPECT_EQ(directory_.get("staging/data/PG_VERSION"), "18\n");
    EXPECT_EQ(directory_.get("staging/data/global/pg_control"), "the control file");
    EXPECT_EQ(directory_.get("staging/data/pgx_preload_trial"), "");
    const std::string text = directory_.get("staging/data/postgresql.conf");
    EXPECT_NE(text.find("a.b = 'it''s'\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("data_directory"), std::string::npos) << text;
    // The last one counts.
    EXPECT_GT(text.find("shared_buffers = '1MB'"), text.find("shared_buffers = '64GB'"));
    EXPECT_EQ(text.find("old"), std::string::npos);
    EXPECT_TRUE(
        text.ends_with("shared_preload_libraries = 'pg_cron, \"a b\", \"/somewhere/pgx.so\"'\n"))
        << text;
    const auto info = real_file_system().info(job_.directory + "/data");
    ASSERT_TRUE(info && *info);
    EXPECT_EQ((*info)->mode, 0700U);
}

TEST_F(PreloadTrial, AnEmptyList) {
    job_.settings = {{"shared_preload_libraries", ""}};
    ASSERT_TRUE(run("exit 1\n"));
    EXPECT_TRUE(directory_.get("staging/data/postgresql.conf")
                    .ends_with("shared_preload_libraries = '\"/somewhere/pgx.so\"'\n"));
}

TEST_F(PreloadTrial, WhatTheServerSays) {
    const auto answer = run("echo 'FATAL:  no such library' >&2; exit 1\n");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(*answer, (Json{{"loads", false}, {"message", "no such library"}}));
}

TEST_F(PreloadTrial, AServerThatEndsWithoutTheAnswerDidNotLoadThem) {
    const auto answer = run("echo something else\n");
    ASSERT_TRUE(answer);
    EXPECT_EQ((*answer)["loads"], false);
}

TEST_F(PreloadTrial, AServerThatCrashes) {
    const auto answer = run("echo 'last words' >&2; kill -SEGV $$\n");
    ASSERT_TRUE(answer);
    EXPECT_EQ((*answer)["loads"], false);
    EXPECT_EQ((*answer)["message"], "the server was ended by signal 11: last words");
}

TEST_F(PreloadTrial, WhatCannotBeTried) {
    job_.control_file = directory_ / "missing";
    EXPECT_FALSE(run("exit 0\n"));
    TemporaryDirectory other;
    job_.directory = other / "missing";
    EXPECT_FALSE(run("exit 0\n"));
}

TEST_F(PreloadTrial, NoProgram) {
    job_.program = directory_ / "nothing";
    SilentReporter reporter;
    const auto answer = try_preload(job_, real_file_system(), reporter);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::io);
}

}  // namespace
}  // namespace pgx
