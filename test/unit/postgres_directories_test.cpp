// postgres_directories_test.cpp - what pg_config says, and layouts without it.
#include "core/bundle/postgres_directories.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "fake_pg_config.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

TEST(PostgresDirectoriesTest, AskedFromPgConfig) {
    const TemporaryDirectory directory;
    const auto directories = ask_pg_config(fake_pg_config(directory, "/opt/pg"));
    ASSERT_TRUE(directories) << directories.error().message;
    EXPECT_EQ(directories->major, 18U);
    EXPECT_EQ(directories->version, "18.6");
    EXPECT_EQ(directories->share, "/opt/pg/share");
    EXPECT_EQ(directories->pkglib, "/opt/pg/lib/postgresql");
    EXPECT_EQ(directories->bin, "/opt/pg/bin");
    const std::vector<std::pair<std::string, std::string>> cases{
        {"/opt/pg/share/extension/x.control", "pgsql/share/extension/x.control"},
        {"/opt/pg/lib/postgresql/x.so", "pgsql/pkglib/x.so"},
        {"/opt/pg/lib/libx.so.1", "pgsql/lib/libx.so.1"},
        {"/opt/pg/share/man/man1/x.1", "pgsql/man/man1/x.1"},
        {"/opt/pg/share/doc/x.md", "pgsql/doc/x.md"},
        {"/opt/pg/include/postgresql/server/x.h", "pgsql/pkginclude/server/x.h"},
        {"/opt/pg/include/x.h", "pgsql/include/x.h"},
        {"/opt/pg/bin/tool", "pgsql/bin/tool"},
        {"/opt/pg/share", ""},
        {"/opt/pg/shared/x", ""},
        {"/opt/pg/x", ""},
        {"/etc/x", ""},
        {"", ""},
    };
    for (const auto &[path, expected] : cases)
        EXPECT_EQ(directories->bundle_path(path), expected) << path;
}

TEST(PostgresDirectoriesTest, ProgramsThatAreNotPgConfig) {
    const TemporaryDirectory directory;
    const auto script = [&](const std::string &text) {
        const std::string path = directory.put("program", "#!/bin/sh\n" + text);
        ::chmod(path.c_str(), 0755);
        return path;
    };
    const std::pair<std::string, std::string> cases[] = {
        {script("echo broken >&2; exit 1"), "where PostgreSQL is"},
        {directory / "missing", "could not run"},
    };
    for (const auto &[program, message] : cases) {
        const auto result = ask_pg_config(program);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::io);
        EXPECT_NE(result.error().hint.find("--pg-config"), std::string::npos);
    }
    EXPECT_NE(ask_pg_config(script("echo broken >&2; exit 1")).error().detail.find("broken"),
              std::string::npos);
    EXPECT_FALSE(ask_pg_config(script("echo PostgreSQL 18.6")));
    const auto other = ask_pg_config(script("for i in \"$@\"; do echo /x; done"));
    ASSERT_FALSE(other);
    EXPECT_NE(other.error().message.find("tells no version"), std::string::npos);
}

TEST(PostgresDirectoriesTest, Versions) {
    const auto version = [](const char *text) {
        const auto parsed = parse_postgres_version(text);
        return parsed ? parsed->first + "/" + std::to_string(parsed->second) : std::string();
    };
    EXPECT_EQ(version("PostgreSQL 18.6 (Debian 18.6-3)"), "18.6/18");
    EXPECT_EQ(version("PostgreSQL 19devel\n"), "19devel/19");
    EXPECT_EQ(version("PostgreSQL 18beta1"), "18beta1/18");
    for (const char *text : {"", "PostgreSQL", "PostgreSQL x", "PostgreSQL 9.6.1", "MySQL 18.1",
                             "PostgreSQL 99999999999"})
        EXPECT_EQ(version(text), "") << text;
}

TEST(PostgresDirectoriesTest, LayoutsByTheShareDirectory) {
    struct Case {
        const char *share;
        unsigned major;
        const char *pkglib;
    };
    for (const Case &c :
         {Case{"/usr/share/postgresql/18", 18, "/usr/lib/postgresql/18/lib"},
          Case{"/usr/local/share/postgresql", 0, "/usr/local/lib/postgresql"},
          Case{"/usr/local/pgsql/share", 0, "/usr/local/pgsql/lib"},
          Case{"/usr/pgsql-18/share", 0, "/usr/pgsql-18/lib"}, Case{"/share", 0, "/lib"},
          Case{"/opt/shared", 0, ""}, Case{"/opt/other", 0, ""}}) {
        const PostgresDirectories directories = directories_of_share(c.share);
        EXPECT_EQ(directories.major, c.major) << c.share;
        EXPECT_EQ(directories.pkglib, c.pkglib) << c.share;
        EXPECT_EQ(directories.bundle_path(std::string(c.share) + "/extension/x.control"),
                  "pgsql/share/extension/x.control");
        if (*c.pkglib != '\0') {
            EXPECT_EQ(directories.bundle_path(std::string(c.pkglib) + "/x.so"),
                      "pgsql/pkglib/x.so");
        }
    }
}

}  // namespace
}  // namespace pgx
