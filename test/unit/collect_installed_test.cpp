// collect_installed_test.cpp - an extension gathered from a server's directories.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/bundle/pack_source.h"
#include "fake_pg_config.h"
#include "test_library.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

class CollectInstalledTest : public ::testing::Test {
   protected:
    CollectInstalledTest() {
        directories_ = *ask_pg_config(fake_pg_config(directory_, directory_ / "pg"));
        put("share/extension/thing.control",
            "default_version = '1.1'\nmodule_pathname = '$libdir/thing'\n");
        put("share/extension/thing--1.0.sql", "AS 'MODULE_PATHNAME'; AS '$libdir/second.so', 'f'");
        put("share/extension/thing--1.0--1.1.sql", "");
        put("share/extension/thing--1.1.control", "requires = cube\n");
        put("share/extension/thingy.control", "default_version = '1.0'\n");
        put("share/extension/thingy--1.0.sql", "");
        put("share/extension/thing.txt", "");
        TemporaryDirectory build;
        compile_library(build, "libhelper.so.1", "int helper(void); int helper(void) { return 1; }",
                        {"-Wl,-soname,libhelper.so.1"});
        put("lib/postgresql/libhelper.so.1", build.get("libhelper.so.1"));
        compile_library(
            build, "thing.so",
            module_source(18, "int helper(void); int f(void); int f(void) { return helper(); }"),
            {build / "libhelper.so.1"});
        put("lib/postgresql/thing.so", build.get("thing.so"));
        put("lib/postgresql/second.so", module_bytes());
        put("lib/postgresql/third.so", module_bytes());
    }
    void put(const std::string &path, std::string_view content) {
        directory_.put("pg/" + path, content);
    }
    Result<Strings> paths(const std::string &extension) {
        const PackSource source =
            TRY(collect_installed(real_file_system(), extension, directories_));
        EXPECT_EQ(source.postgres_major, 18U);
        Strings result;
        for (const auto &[path, file] : source.files) result.push_back(path);
        return result;
    }

    TemporaryDirectory directory_;
    PostgresDirectories directories_;
};

TEST_F(CollectInstalledTest, EverythingOfIt) {
    const auto found = paths("thing");
    ASSERT_TRUE(found) << found.error().message << found.error().detail;
    EXPECT_EQ(*found, (Strings{"pgsql/pkglib/libhelper.so.1", "pgsql/pkglib/second.so",
                               "pgsql/pkglib/thing.so", "pgsql/share/extension/thing--1.0--1.1.sql",
                               "pgsql/share/extension/thing--1.0.sql",
                               "pgsql/share/extension/thing--1.1.control",
                               "pgsql/share/extension/thing.control"}));
    EXPECT_EQ(*paths("thingy"), (Strings{"pgsql/share/extension/thingy--1.0.sql",
                                         "pgsql/share/extension/thingy.control"}));
}

TEST_F(CollectInstalledTest, ADirectoryOfItsOwn) {
    put("share/extension/own.control", "default_version = '1'\ndirectory = 'own'\n");
    put("share/own/own--1.sql", "");
    put("share/own/data.txt", "");
    put("share/own/below/x", "");
    EXPECT_EQ(*paths("own"), (Strings{"pgsql/share/extension/own.control",
                                      "pgsql/share/own/data.txt", "pgsql/share/own/own--1.sql"}));
}

TEST_F(CollectInstalledTest, LinksOfAlternatives) {
    std::filesystem::rename(directory_ / "pg/share/extension/thing.control",
                            directory_ / "pg/thing-3.control");
    std::filesystem::create_symlink(directory_ / "pg/thing-3.control",
                                    directory_ / "pg/share/extension/thing.control");
    const auto source = collect_installed(real_file_system(), "thing", directories_);
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_EQ(source->files.at("pgsql/share/extension/thing.control").path,
              directory_ / "pg/thing-3.control");
}

TEST_F(CollectInstalledTest, Refused) {
    const auto unknown = paths("thin");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, ErrorCode::unknown_package);
    EXPECT_NE(unknown.error().hint.find("\"thing\""), std::string::npos) << unknown.error().hint;
    EXPECT_EQ(paths("../thing").error().code, ErrorCode::invalid_name);
    EXPECT_EQ(paths("zzzzzzzz").error().hint, "Name another installation with --pg-config.");
    put("share/extension/bad.control", "unknown = 1\n");
    EXPECT_EQ(paths("bad").error().code, ErrorCode::control_file_invalid);
    put("share/extension/broken.control", "module_pathname = '$libdir/broken'\n");
    put("lib/postgresql/broken.so", "not a library");
    EXPECT_EQ(paths("broken").error().code, ErrorCode::artifact_malformed);
}

}  // namespace
}  // namespace pgx
