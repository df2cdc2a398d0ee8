// unpack_bundle_test.cpp - bundles from file to receipt, and every way in which that has to fail.
#include "core/bundle/unpack_bundle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "bundle_builder.h"
#include "faulty_file_system.h"
#include "silent_reporter.h"
#include "test_library.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

const std::string share = "pgsql/share/extension/";

class UnpackBundleTest : public ::testing::Test {
   protected:
    UnpackBundleTest() {
        platform_ = host_platform();
        platform_.postgres_major = 18;
        platform_.libc = "glibc";
        platform_.libc_version = "2.99";
        artifact_.package = "thing";
        artifact_.version = "1.0.0";
        artifact_.registry = "ours";
        artifact_.signer = "key";
    }

    // For this machine.
    std::string here(const std::string &libc = "2.99") const {
        return "gnulinux-" + libc + "-" + platform_.architecture;
    }
    Result<Receipt> unpack(const std::string &bytes, FileSystem &fs = real_file_system()) {
        std::filesystem::remove_all(staging());
        return unpack_bundle(directory_.put("bundle", bytes), artifact_, platform_, staging(), fs,
                             reporter_);
    }
    void expect_error(const std::string &bytes, ErrorCode code, const std::string &text) {
        const auto result = unpack(bytes);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, code) << result.error().message;
        const std::string all = result.error().message + "\n" + result.error().detail;
        EXPECT_NE(all.find(text), std::string::npos) << all;
        EXPECT_FALSE(std::filesystem::exists(staging()));
    }
    std::string staging() const { return directory_ / "staging"; }
    static Strings paths(const Receipt &receipt) {
        Strings result;
        for (const ReceiptFile &file : receipt.files) result.push_back(file.path);
        return result;
    }

    TemporaryDirectory directory_;
    Platform platform_;
    Artifact artifact_;
    SilentReporter reporter_;
};

TEST_F(UnpackBundleTest, EverythingInItsPlace) {
    BundleBuilder builder = BundleBuilder::thing(here());
    builder.file("pgsql/pkglib/thing.so", module_bytes());
    builder.file(share + "thing.control", "default_version = '1.0'\ndirectory = 'mine'\n");
    builder.file("pgsql/share/mine/thing--1.0.sql", "AS 'thing', 'f';\n", DigestAlgorithm::sha512);
    builder.file("pgsql/share/other/data", "x").file("pgsql/doc/thing.md", "x");
    builder.file("pgsql/bin/tool", "x").file("pgsql/locale/de/x.mo", "x").file("README.md", "x");
    builder.file("pgsql/pkglib/bitcode/thing/x.bc", "x").file("pgsql/lib/libx.so.1", "x");
    builder.file("pgsql/include/x.h", "x").file("pgsql/sysconf/x.conf", "x");
    for (const std::string &bytes : {builder.finish(), builder.zip()}) {
        const auto receipt = unpack(bytes);
        ASSERT_TRUE(receipt) << receipt.error().message << receipt.error().detail;
        EXPECT_EQ(paths(*receipt),
                  (Strings{"lib/thing.so", "share/extension/thing--1.0.sql",
                           "share/extension/thing.control", "share/mine/thing--1.0.sql"}));
        EXPECT_EQ(directory_.get("staging/share/mine/thing--1.0.sql"), "AS 'thing', 'f';\n");
        EXPECT_EQ(directory_.get("staging/lib/thing.so"), module_bytes());
        EXPECT_EQ(receipt->package, "thing");
        EXPECT_EQ(receipt->version, "1.0.0");
        EXPECT_EQ(receipt->registry, "ours");
        EXPECT_EQ(receipt->signer, "key");
        ASSERT_EQ(receipt->extensions.size(), 1U);
        EXPECT_EQ(receipt->extensions[0].libraries, Strings{"thing"});
        EXPECT_EQ(receipt->modules.size(), 1U);
        EXPECT_EQ(receipt->left_out, (std::map<std::string, std::uint64_t>{{"bitcode", 1},
                                                                           {"configuration", 1},
                                                                           {"data", 1},
                                                                           {"documentation", 2},
                                                                           {"header", 1},
                                                                           {"other", 1},
                                                                           {"program", 1},
                                                                           {"translation", 1}}));
        const auto library = std::ranges::find(receipt->files, "lib/thing.so", &ReceiptFile::path);
        EXPECT_EQ(library->sha256, digest_of(module_bytes()).hex);
        EXPECT_EQ(library->mode, 0755U);
        const auto script =
            std::ranges::find(receipt->files, "share/mine/thing--1.0.sql", &ReceiptFile::path);
        EXPECT_EQ(script->sha256, digest_of("AS 'thing', 'f';\n").hex);
    }
    EXPECT_GT(reporter_.reports, 2);
}

TEST_F(UnpackBundleTest, ItIsTheOneThatWasSigned) {
    const std::string bytes = BundleBuilder::thing().finish();
    artifact_.file = "thing-1.0.0+pg18-any.trunk";
    EXPECT_TRUE(unpack(bytes));
    const Artifact right = artifact_;
    const auto expect_refused = [&](const std::string &text) {
        expect_error(bytes, ErrorCode::artifact_malformed, text);
        artifact_ = right;
    };
    artifact_.version = "1.0.1";
    expect_refused("version should be \"1.0.1\" and is \"1.0.0\"");
    artifact_.package = "other";
    expect_refused("package name should be \"other\"");
    for (const char *file :
         {"thing-1.0.1+pg18-any.trunk", "thing-1.0.0+pg17-any.trunk", "other-1.0.0+pg18-any.trunk",
          "thing-1.0.0+pg18-gnulinux-amd64.trunk", "x"}) {
        artifact_.file = file;
        expect_refused("file name should be");
    }
}

TEST_F(UnpackBundleTest, Platforms) {
    platform_.postgres_major = 17;
    expect_error(BundleBuilder::thing().finish(), ErrorCode::wrong_platform, "PostgreSQL 18");
    platform_.postgres_major = 18;
    platform_.libc_version = "2.30";
    expect_error(BundleBuilder::thing(here("2.31")).finish(), ErrorCode::wrong_platform,
                 "gnulinux 2.31");
    EXPECT_TRUE(unpack(BundleBuilder::thing(here("2.30")).finish()));
    expect_error(BundleBuilder::thing("gnulinux-2.30-sparc").finish(), ErrorCode::wrong_platform,
                 "sparc");
    expect_error(BundleBuilder::thing("darwin-23.5.0-arm64").finish(), ErrorCode::wrong_platform,
                 "darwin");
    expect_error(BundleBuilder::thing("musllinux-" + platform_.architecture).finish(),
                 ErrorCode::wrong_platform, "musllinux");
}

TEST_F(UnpackBundleTest, LibrariesAgreeWithTheName) {
    expect_error(BundleBuilder::thing().file("pgsql/pkglib/thing.so", module_bytes()).finish(),
                 ErrorCode::artifact_malformed, "for any platform");
    TemporaryDirectory build;
    compile_library(
        build, "thing.so",
        module_source(18, "#include <stdio.h>\nvoid f(void); void f(void) { puts(\"\"); }"));
    const std::string bytes = build.get("thing.so");
    expect_error(BundleBuilder::thing(here("2.1")).file("pgsql/pkglib/thing.so", bytes).finish(),
                 ErrorCode::artifact_malformed, "needs glibc 2.1");
    EXPECT_TRUE(unpack(BundleBuilder::thing(here()).file("pgsql/pkglib/thing.so", bytes).finish()));
    compile_library(build, "old.so", module_source(17));
    expect_error(
        BundleBuilder::thing(here()).file("pgsql/pkglib/old.so", build.get("old.so")).finish(),
        ErrorCode::wrong_platform, "PostgreSQL 17");
}

TEST_F(UnpackBundleTest, Refused) {
    struct Case {
        const char *name;
        std::function<void(BundleBuilder &)> change;
        ErrorCode code;
        const char *text;
    };
    const std::vector<Case> cases{
        {"unlisted", [](auto &b) { b.put(share + "x.sql", "x"); }, ErrorCode::artifact_malformed,
         "not listed"},
        {"missing", [](auto &b) { b.list("x", "x"); }, ErrorCode::artifact_malformed,
         "is not there"},
        {"changed", [](auto &b) { b.put(share + "thing--1.0.sql", "x"); },
         ErrorCode::digest_mismatch, "thing--1.0.sql"},
        {"changed where nothing is installed",
         [](auto &b) { b.file("README", "x").put("README", "y"); }, ErrorCode::digest_mismatch,
         "README"},
        {"odd name", [](auto &b) { b.file(share + "a b.sql", "x"); }, ErrorCode::artifact_unsafe,
         "not allowed"},
        {"case", [](auto &b) { b.file(share + "Thing--1.0.sql", "x"); }, ErrorCode::artifact_unsafe,
         "collides"},
        {"control file", [](auto &b) { b.file(share + "bad.control", "unknown = 1\n"); },
         ErrorCode::control_file_invalid, "unknown"},
        {"include", [](auto &b) { b.file(share + "bad.control", "include '/etc/passwd'\n"); },
         ErrorCode::control_file_invalid, "include"},
        {"nothing",
         [](auto &b) { b.remove(share + "thing.control").remove(share + "thing--1.0.sql"); },
         ErrorCode::artifact_malformed, "is not there"},
        {"no library", [](auto &b) { b.file("pgsql/pkglib/x.so", "x"); },
         ErrorCode::artifact_malformed, "x.so"},
    };
    for (const Case &c : cases) {
        SCOPED_TRACE(c.name);
        BundleBuilder builder = BundleBuilder::thing();
        c.change(builder);
        expect_error(builder.finish(), c.code, c.text);
        expect_error(builder.zip(), c.code, c.text);
    }
    BundleBuilder empty("thing-1.0.0+pg18-any");
    empty.file("trunk.json", BundleBuilder::manifest("any"));
    expect_error(empty.finish(), ErrorCode::wrong_platform, "holds nothing for PostgreSQL 18");
}

TEST_F(UnpackBundleTest, AFaultAtAnyCallIsAnErrorAndLeavesNothing) {
    BundleBuilder builder = BundleBuilder::thing(here());
    builder.file(share + "thing.control", "default_version = '1.0'\ndirectory = 'mine'\n");
    builder.file("pgsql/share/mine/thing--1.0.sql", "x").file("pgsql/pkglib/x.so", module_bytes());
    for (const std::string &bytes : {builder.finish(), builder.zip()}) {
        FaultyFileSystem counting(real_file_system());
        ASSERT_TRUE(unpack(bytes, counting));
        ASSERT_GT(counting.calls(), 20U);
        for (std::size_t n = 1; n <= counting.calls(); ++n) {
            FaultyFileSystem fs(real_file_system());
            fs.fail_at(n, ENOSPC);
            const auto result = unpack(bytes, fs);
            ASSERT_FALSE(result) << n;
            EXPECT_EQ(result.error().code, ErrorCode::disk_full) << n << result.error().message;
            EXPECT_FALSE(std::filesystem::exists(staging())) << n;
        }
    }
}

TEST_F(UnpackBundleTest, Inspect) {
    const std::string scratch = directory_ / "scratch";
    const BundleBuilder builder = BundleBuilder::thing("gnulinux-2.36-sparc");
    const auto inspected = inspect_bundle(directory_.put(builder.file_name(), builder.finish()),
                                          scratch, real_file_system(), reporter_);
    ASSERT_TRUE(inspected) << inspected.error().message << inspected.error().detail;
    EXPECT_EQ(inspected->bundle.name.architecture, "sparc");
    EXPECT_EQ(inspected->size, builder.finish().size());
    EXPECT_EQ(inspected->sha256, digest_of(builder.finish()).hex);
    EXPECT_EQ(inspected->receipt.extensions.size(), 1U);
    EXPECT_FALSE(std::filesystem::exists(scratch));

    const auto renamed = inspect_bundle(
        directory_.put("thing-1.0.1+pg18-any.trunk", BundleBuilder::thing().finish()), scratch,
        real_file_system(), reporter_);
    ASSERT_FALSE(renamed);
    EXPECT_EQ(renamed.error().code, ErrorCode::artifact_malformed);
    const auto unnamed = inspect_bundle(directory_.put("x.trunk", builder.finish()), scratch,
                                        real_file_system(), reporter_);
    ASSERT_FALSE(unnamed);
    EXPECT_EQ(unnamed.error().code, ErrorCode::artifact_malformed);
}

}  // namespace
}  // namespace pgx
