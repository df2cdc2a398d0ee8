// pack_test.cpp - from files to a bundle that has been tried.
#include "core/bundle/pack.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "deb_builder.h"
#include "faulty_file_system.h"
#include "silent_reporter.h"
#include "test_library.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

const std::string share = "pgsql/share/extension/";

class PackTest : public ::testing::Test {
   protected:
    PackTest() {
        source_.postgres_major = 18;
        put(share + "thing.control",
            "comment = 'a thing'\ndefault_version = '1.0'\nmodule_pathname = '$libdir/thing'\n"
            "requires = 'cube, other'\n");
        put(share + "thing--1.0.sql", "AS 'MODULE_PATHNAME', 'f';\n");
        options_.output = directory_ / "output";
    }
    void put(const std::string &path, std::string_view content) {
        source_.files[path] = {directory_.put("files/" + path, content), false};
    }
    void put_library(const std::string &path, const std::string &more = "",
                     const Strings &flags = {}, unsigned major = 18) {
        TemporaryDirectory build;
        compile_library(build, "x.so", module_source(major, more), flags);
        put(path, build.get("x.so"));
    }
    Result<PackResult> run(FileSystem &fs = real_file_system()) {
        std::filesystem::remove_all(directory_ / "scratch");
        std::filesystem::create_directory(directory_ / "scratch");
        return pack(source_, options_, directory_ / "scratch", fs, reporter_);
    }
    void expect_error(ErrorCode code, const std::string &text) {
        const auto result = run();
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, code) << result.error().message << result.error().detail;
        const std::string all =
            result.error().message + "\n" + result.error().detail + "\n" + result.error().hint;
        EXPECT_NE(all.find(text), std::string::npos) << all;
        EXPECT_TRUE(!std::filesystem::exists(options_.output) ||
                    std::filesystem::is_empty(options_.output));
    }
    Strings files_of(const PackResult &result) {
        Strings names;
        for (const auto &[path, digest] : result.inspected.bundle.digests) names.push_back(path);
        return names;
    }

    TemporaryDirectory directory_;
    PackSource source_;
    PackOptions options_;
    SilentReporter reporter_;
};

TEST_F(PackTest, SqlOnly) {
    const auto result = run();
    ASSERT_TRUE(result) << result.error().message << result.error().detail;
    EXPECT_EQ(result->path, options_.output + "/thing-1.0.0+pg18-any.trunk");
    const InspectedBundle &inspected = result->inspected;
    EXPECT_EQ(inspected.bundle.name, (BundleName{"thing", "1.0.0", 18, "any", "", ""}));
    EXPECT_EQ(inspected.bundle.manifest.language, "sql");
    ASSERT_TRUE(inspected.bundle.meta);
    const Meta &meta = *inspected.bundle.meta;
    EXPECT_EQ(meta.abstract, "a thing");
    EXPECT_EQ(meta.extensions.at("thing").control, share + "thing.control");
    EXPECT_EQ(meta.extensions.at("thing").sql, share + "thing--1.0.sql");
    EXPECT_EQ(meta.run_requires, (std::map<std::string, std::string>{{"pkg:pgxn/other", "0"},
                                                                     {"pkg:postgres/cube", "0"}}));
    EXPECT_EQ(result->remarks.size(), 2U);
    EXPECT_EQ(directory_.get("scratch/stage/share/extension/thing.control"),
              "comment = 'a thing'\ndefault_version = '1.0'\nmodule_pathname = 'thing'\n"
              "requires = 'cube, other'\n");
    EXPECT_FALSE(std::filesystem::exists(directory_ / "scratch/check"));
}

TEST_F(PackTest, WithAModule) {
    put_library("pgsql/pkglib/thing.so",
                "#include <stdio.h>\nextern int process_shared_preload_libraries_in_progress;\n"
                "const char *f(void); const char *f(void) { if "
                "(!process_shared_preload_libraries_in_progress) puts(\"thing must be loaded via "
                "shared_preload_libraries\"); return \"\"; }",
                {"-Wl,--no-as-needed", "-lm"});
    put("README", "x");
    const auto result = run();
    ASSERT_TRUE(result) << result.error().message << result.error().detail;
    const BundleName &name = result->inspected.bundle.name;
    EXPECT_EQ(name.os, "gnulinux");
    EXPECT_EQ(name.architecture, host_platform().architecture);
    EXPECT_FALSE(name.libc.empty());
    EXPECT_EQ(result->inspected.bundle.manifest.language, "c");
    const MetaModule &module = result->inspected.bundle.meta->modules.at("thing");
    EXPECT_EQ(module.library, "pgsql/pkglib/thing");
    EXPECT_EQ(module.preload, "server");
    EXPECT_EQ(module.type, "extension");
    EXPECT_EQ(result->system_libraries, Strings{});
    EXPECT_EQ(files_of(*result),
              (Strings{"META.json", "README", "pgsql/pkglib/thing.so", share + "thing--1.0.sql",
                       share + "thing.control", "trunk.json"}));
}

TEST_F(PackTest, SystemLibraries) {
    TemporaryDirectory build;
    for (const char *name : {"libown.so.1", "libother.so.2"})
        compile_library(build, name, "int " + std::string(name, 3, 3) + "(void) { return 1; }",
                        {std::string("-Wl,-soname,") + name});
    put("pgsql/pkglib/libown.so.1", build.get("libown.so.1"));
    put_library("pgsql/pkglib/thing.so", "",
                {"-Wl,--no-as-needed", build / "libown.so.1", build / "libother.so.2"});
    const auto result = run();
    ASSERT_TRUE(result) << result.error().message << result.error().detail;
    EXPECT_EQ(result->system_libraries, Strings{"libother.so.2"});
    EXPECT_EQ(result->inspected.bundle.meta->system_libraries, Strings{"libother.so.2"});
}

TEST_F(PackTest, SystemLibrariesComeAlong) {
    if (find_program("patchelf").empty()) GTEST_SKIP() << "there is no patchelf";
    std::filesystem::create_directories(directory_ / "found/deep");
    compile_library(directory_, "found/deep/liblower.so.1", "int low(void) { return 1; }\n",
                    {"-Wl,-soname,liblower.so.1"});
    compile_library(directory_, "found/libupper.so.1",
                    "int low(void); int up(void) { return low(); }\n",
                    {"-Wl,-soname,libupper.so.1", directory_ / "found/deep/liblower.so.1"});
    put_library("pgsql/pkglib/thing.so", "int up(void); int f(void); int f(void) { return up(); }",
                {directory_ / "found/libupper.so.1", "-Wl,--allow-shlib-undefined"});
    auto result = run();
    ASSERT_TRUE(result) << result.error().message << result.error().detail;
    EXPECT_EQ(result->system_libraries, Strings{"libupper.so.1"});
    EXPECT_TRUE(result->private_libraries.empty());

    std::filesystem::remove_all(options_.output);
    options_.bring_libraries = true;
    expect_error(ErrorCode::dependency_missing, "\"thing.so\"");
    options_.libraries = directory_ / "nowhere";
    expect_error(ErrorCode::invalid_argument, "there is no directory");
    options_.libraries = directory_ / "found";
    result = run();
    ASSERT_TRUE(result) << result.error().message << result.error().detail;
    EXPECT_EQ(result->private_libraries, (Strings{"liblower.so.1", "libupper.so.1"}));
    EXPECT_TRUE(result->system_libraries.empty());
    unsigned inside = 0;
    for (const std::string &path : files_of(*result))
        inside += path.starts_with("pgsql/pkglib/thing/lib/lib") ? 1 : 0;
    EXPECT_EQ(inside, 2U);
    // As a server gets it.
    const Receipt &receipt = result->inspected.receipt;
    ASSERT_EQ(receipt.modules.size(), 1U);
    EXPECT_EQ(receipt.modules[0].path, "lib/thing.so");
    EXPECT_TRUE(receipt.modules[0].needed.at(0).starts_with("libupper-"));
    const std::string sha256 = result->inspected.sha256;
    std::filesystem::remove_all(options_.output);
    EXPECT_EQ(run()->inspected.sha256, sha256);
}

TEST_F(PackTest, LibrariesOutOfPackages) {
    if (find_program("patchelf").empty()) GTEST_SKIP() << "there is no patchelf";
    compile_library(directory_, "libinside.so.3", "int in(void) { return 1; }\n",
                    {"-Wl,-soname,libinside.so.3"});
    std::filesystem::create_directories(directory_ / "debs");
    directory_.put(
        "debs/libinside3_1.0_amd64.deb",
        make_deb(TarBuilder()
                     .file("./usr/lib/x/libinside.so.3.0", directory_.get("libinside.so.3"))
                     .symlink("./usr/lib/x/libinside.so.3", "libinside.so.3.0")
                     .finish()));
    put_library("pgsql/pkglib/thing.so", "int in(void); int f(void); int f(void) { return in(); }",
                {directory_ / "libinside.so.3"});
    options_.bring_libraries = true;
    options_.libraries = directory_ / "debs";
    const auto result = run();
    ASSERT_TRUE(result) << result.error().message << result.error().detail;
    EXPECT_EQ(result->private_libraries, Strings{"libinside.so.3"});
    directory_.put("debs/a_1_all.deb", "this is no package");
    const auto broken = run();
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().message.find("a_1_all.deb"), std::string::npos);
}

TEST_F(PackTest, WhatIsToldComesFirst) {
    Meta meta;
    meta.name = "pack";
    meta.version = "3.0.0";
    meta.abstract = "From META.json";
    meta.license = "MIT";
    meta.repository = "https://github.com/x/pack";
    meta.run_requires["pkg:postgres/cube"] = "1.2";
    meta.document["x_kept"] = 1;
    options_.meta = meta;
    const auto by_meta = run();
    ASSERT_TRUE(by_meta) << by_meta.error().message;
    EXPECT_TRUE(by_meta->path.ends_with("/pack-3.0.0+pg18-any.trunk"));
    EXPECT_EQ(by_meta->inspected.bundle.meta->abstract, "From META.json");
    EXPECT_EQ(by_meta->inspected.bundle.meta->module_path, "github.com/x/pack");
    EXPECT_EQ(by_meta->inspected.bundle.meta->run_requires.at("pkg:postgres/cube"), "1.2");
    EXPECT_EQ(by_meta->inspected.bundle.meta->document["x_kept"], 1);
    EXPECT_EQ(by_meta->inspected.bundle.manifest.license, "MIT");
    options_.name = "mine";
    options_.version = "4.0.0-beta.1";
    options_.abstract = "Told";
    options_.license = "ISC";
    options_.homepage = "https://example.org";
    options_.maintainer = "A B <a@example.org>";
    const auto told = run();
    ASSERT_TRUE(told) << told.error().message;
    EXPECT_TRUE(told->path.ends_with("/mine-4.0.0-beta.1+pg18-any.trunk"));
    const Meta &result = *told->inspected.bundle.meta;
    EXPECT_EQ(result.abstract, "Told");
    EXPECT_EQ(result.license, "ISC");
    EXPECT_EQ(result.homepage, "https://example.org");
    ASSERT_EQ(result.maintainers.size(), 1U);
    EXPECT_EQ(result.maintainers[0].name, "A B");
    EXPECT_EQ(result.maintainers[0].email, "a@example.org");
    EXPECT_TRUE(told->remarks.empty());
}

TEST_F(PackTest, SuggestionsComeLast) {
    source_.suggested.name = "thing-3";
    source_.suggested.version = "3.5.0";
    put(share + "second.control", "default_version = '1'\n");
    put(share + "second--1.sql", "");
    const auto result = run();
    ASSERT_TRUE(result) << result.error().message << result.error().detail;
    EXPECT_TRUE(result->path.ends_with("/thing-3.5.0+pg18-any.trunk")) << result->path;
}

TEST_F(PackTest, TwiceTheSame) {
    put_library("pgsql/pkglib/thing.so");
    const auto first = run();
    ASSERT_TRUE(first);
    const auto second = run();
    ASSERT_TRUE(second);
    EXPECT_EQ(first->inspected.sha256, second->inspected.sha256);
}

TEST_F(PackTest, ADirectoryOfItsOwn) {
    put(share + "thing.control", "default_version = '1.0'\ndirectory = 'mine'\n");
    put("pgsql/share/mine/thing--1.0.sql", "");
    const auto result = run();
    ASSERT_TRUE(result) << result.error().message << result.error().detail;
    EXPECT_EQ(result->inspected.bundle.meta->extensions.at("thing").sql,
              "pgsql/share/mine/thing--1.0.sql");
}

TEST_F(PackTest, TheMajorOfTheModule) {
    source_.postgres_major = 0;
    expect_error(ErrorCode::invalid_argument, "--postgres");
    put_library("pgsql/pkglib/thing.so", "", {}, 17);
    const auto result = run();
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->inspected.bundle.name.postgres_major, 17U);
    std::filesystem::remove_all(options_.output);
    options_.postgres_major = 18;
    expect_error(ErrorCode::wrong_platform, "PostgreSQL 17");
}

TEST_F(PackTest, ControlFilesWithoutScript) {
    put(share + "alias.control", "default_version = '1.0'\n");
    const auto result = run();
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_NE(result->remarks.back().find("\"alias.control\" has no script"), std::string::npos);
}

TEST_F(PackTest, Refused) {
    options_.version = "1.0";
    expect_error(ErrorCode::invalid_argument, "semantic version");
    options_.version = "";
    options_.name = "../x";
    expect_error(ErrorCode::invalid_name, "");
    options_.name = "";
    put(share + "second.control", "default_version = '1'\n");
    put(share + "second--1.sql", "");
    expect_error(ErrorCode::invalid_argument, "--name");
    options_.name = "neither";
    expect_error(ErrorCode::invalid_argument, "--version");
    source_.files.erase(share + "second.control");
    source_.files.erase(share + "second--1.sql");
    options_.name = "";
    put(share + "thing.control", "default_version = '1.2.3.4'\n");
    put(share + "thing--1.2.3.4.sql", "");
    expect_error(ErrorCode::invalid_argument, "\"1.2.3.4\" cannot be written");
    put(share + "thing.control", "nonsense = 1\n");
    expect_error(ErrorCode::control_file_invalid, "nonsense");
    put(share + "thing.control", "default_version = '1.0'\n");
    put("pgsql/pkglib/thing.so", "not a library");
    expect_error(ErrorCode::artifact_malformed, "thing.so");
    source_.files.erase("pgsql/pkglib/thing.so");
    put(share + "a b.sql", "");
    expect_error(ErrorCode::invalid_argument, "a b.sql");
    source_.files.clear();
    expect_error(ErrorCode::unknown_package, "no extension to pack");
    put("README", "x");
    expect_error(ErrorCode::unknown_package, "no extension to pack");
    put(share + "alone.control", "default_version = '1.0'\n");
    expect_error(ErrorCode::unknown_package, "with a script");
}

TEST_F(PackTest, OtherArchitectures) {
    put_library("pgsql/pkglib/thing.so");
    put_library("pgsql/pkglib/other.so");
    // e_machine of the second one becomes that of an IBM mainframe of 32 bits, which has no name.
    std::string bytes = directory_.get("files/pgsql/pkglib/other.so");
    bytes[18] = 22;
    bytes[19] = 0;
    put("pgsql/pkglib/other.so", bytes);
    const auto result = run();
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().code == ErrorCode::feature_not_supported ||
                result.error().code == ErrorCode::wrong_platform)
        << result.error().message;
}

TEST_F(PackTest, AFaultAtAnyCallIsAnErrorAndLeavesNoBundle) {
    put_library("pgsql/pkglib/thing.so");
    FaultyFileSystem counting(real_file_system());
    ASSERT_TRUE(run(counting));
    const std::size_t calls = counting.calls();
    ASSERT_GT(calls, 60U);
    std::size_t errors = 0;
    for (std::size_t n = 1; n <= calls; ++n) {
        std::filesystem::remove_all(options_.output);
        FaultyFileSystem fs(real_file_system());
        fs.fail_at(n, ENOSPC);
        const auto result = run(fs);
        if (result) continue;  // the removal of something that is removed again later
        ++errors;
        EXPECT_EQ(result.error().code, ErrorCode::disk_full) << n << result.error().message;
    }
    EXPECT_GT(errors + 5, calls);
}

}  // namespace
}  // namespace pgx
