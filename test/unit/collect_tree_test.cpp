// collect_tree_test.cpp - install trees of all layouts.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/bundle/pack_source.h"
#include "fake_pg_config.h"
#include "faulty_file_system.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

class CollectTreeTest : public ::testing::Test {
   protected:
    void put(const std::string &path) { directory_.put("tree/" + path, "content"); }
    void link(const std::string &path, const std::string &target) {
        const std::filesystem::path full = directory_ / ("tree/" + path);
        std::filesystem::create_directories(full.parent_path());
        std::filesystem::create_symlink(target, full);
    }
    Result<PackSource> collect(const PostgresDirectories *directories = nullptr,
                               unsigned major = 0) {
        return collect_tree(real_file_system(), directory_ / "tree", directories, major);
    }
    static Strings paths(const PackSource &source) {
        Strings result;
        for (const auto &[path, file] : source.files) result.push_back(path);
        return result;
    }

    TemporaryDirectory directory_;
};

TEST_F(CollectTreeTest, ByPgConfig) {
    const auto directories = ask_pg_config(fake_pg_config(directory_, "/opt/pg"));
    ASSERT_TRUE(directories);
    put("opt/pg/share/extension/a.control");
    put("opt/pg/share/extension/a--1.sql");
    put("opt/pg/share/tsearch_data/a.dict");
    put("opt/pg/lib/postgresql/a.so");
    put("opt/pg/lib/postgresql/bitcode/a.index.bc");
    put("opt/pg/lib/postgresql/bitcode/a/a.bc");
    put("opt/pg/share/doc/extension/a.md");
    put("opt/pg/bin/tool");
    put("etc/a.conf");
    std::filesystem::permissions(directory_ / "tree/opt/pg/bin/tool",
                                 std::filesystem::perms::owner_all);
    const auto source = collect(&*directories);
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_EQ(source->postgres_major, 18U);
    EXPECT_EQ(paths(*source),
              (Strings{"pgsql/bin/tool", "pgsql/doc/extension/a.md", "pgsql/pkglib/a.so",
                       "pgsql/share/extension/a--1.sql", "pgsql/share/extension/a.control",
                       "pgsql/share/tsearch_data/a.dict"}));
    EXPECT_TRUE(source->files.at("pgsql/bin/tool").executable);
    EXPECT_FALSE(source->files.at("pgsql/share/extension/a.control").executable);
    EXPECT_EQ(source->left_out, (std::map<std::string, std::uint64_t>{
                                    {"bitcode", 2}, {"outside of PostgreSQL's directories", 1}}));
}

TEST_F(CollectTreeTest, ByTheTree) {
    const auto directories = ask_pg_config(fake_pg_config(directory_, "/opt/pg"));
    put("usr/share/postgresql/17/extension/a.control");
    put("usr/lib/postgresql/17/lib/a.so");
    for (const PostgresDirectories *asked :
         {&*directories, static_cast<const PostgresDirectories *>(nullptr)}) {
        const auto source = collect(asked);
        ASSERT_TRUE(source) << source.error().message;
        EXPECT_EQ(source->postgres_major, 17U);
        EXPECT_EQ(paths(*source),
                  (Strings{"pgsql/pkglib/a.so", "pgsql/share/extension/a.control"}));
    }
}

TEST_F(CollectTreeTest, SeveralInstallations) {
    put("usr/share/postgresql/17/extension/a.control");
    put("usr/share/postgresql/18/extension/a.control");
    const auto unclear = collect();
    ASSERT_FALSE(unclear);
    EXPECT_EQ(unclear.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(unclear.error().hint.find("--postgres"), std::string::npos);
    const auto chosen = collect(nullptr, 18);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->postgres_major, 18U);
    EXPECT_EQ(paths(*chosen), Strings{"pgsql/share/extension/a.control"});
    EXPECT_EQ(collect(nullptr, 16).error().code, ErrorCode::unknown_package);
}

TEST_F(CollectTreeTest, LinksBecomeFiles) {
    put("usr/share/postgresql/18/extension/a.control");
    put("usr/lib/postgresql/18/lib/libx.so.1.2");
    link("usr/lib/postgresql/18/lib/libx.so.1", "libx.so.1.2");
    link("usr/lib/postgresql/18/lib/libx.so", "/usr/lib/postgresql/18/lib/libx.so.1");
    link("usr/lib/postgresql/18/lib/gone.so", "missing.so");
    link("usr/lib/postgresql/18/lib/out.so", "/etc/passwd");
    link("usr/lib/postgresql/18/lib/far.so", "../../../../../../../../etc/passwd");
    link("usr/lib/postgresql/18/lib/loop.so", "loop.so");
    const auto source = collect();
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_EQ(paths(*source),
              (Strings{"pgsql/pkglib/libx.so", "pgsql/pkglib/libx.so.1", "pgsql/pkglib/libx.so.1.2",
                       "pgsql/share/extension/a.control"}));
    EXPECT_TRUE(source->files.at("pgsql/pkglib/libx.so").path.ends_with("/libx.so.1.2"));
    EXPECT_EQ(source->left_out.at("link to nothing"), 4U);
}

TEST_F(CollectTreeTest, NothingThere) {
    EXPECT_EQ(collect().error().code, ErrorCode::invalid_argument);
    put("usr/share/doc/x");
    const auto nothing = collect();
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code, ErrorCode::unknown_package);
    put("file");
    EXPECT_EQ(collect_tree(real_file_system(), directory_ / "tree/file", nullptr, 0).error().code,
              ErrorCode::invalid_argument);
    std::string deep = "x";
    for (int i = 0; i < 70; ++i) deep += "/x";
    put(deep);
    EXPECT_EQ(collect().error().code, ErrorCode::limit_exceeded);
}

TEST_F(CollectTreeTest, AFaultAtAnyCallIsAnError) {
    put("usr/share/postgresql/18/extension/a.control");
    FaultyFileSystem counting(real_file_system());
    ASSERT_TRUE(collect_tree(counting, directory_ / "tree", nullptr, 0));
    for (std::size_t n = 1; n <= counting.calls(); ++n) {
        FaultyFileSystem fs(real_file_system());
        fs.fail_at(n, EIO);
        EXPECT_EQ(collect_tree(fs, directory_ / "tree", nullptr, 0).error().code, ErrorCode::io);
    }
}

TEST_F(CollectTreeTest, Documents) {
    for (const char *name : {"README.md", "License", "CHANGELOG", "COPYING.txt", "Makefile",
                             "READMEnot", "x.README", "copyright/x"})
        put(name);
    link("NOTICE", "README.md");
    const auto documents = collect_documents(real_file_system(), directory_ / "tree");
    ASSERT_TRUE(documents);
    Strings names;
    for (const auto &[name, file] : *documents) names.push_back(name);
    EXPECT_EQ(names, (Strings{"CHANGELOG", "COPYING.txt", "License", "README.md"}));
}

}  // namespace
}  // namespace pgx
