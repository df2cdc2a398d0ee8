// collect_deb_test.cpp - Debian packages as sources of bundles.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/bundle/pack_source.h"
#include "deb_builder.h"
#include "silent_reporter.h"
#include "temporary_directory.h"
#include "test_library.h"

namespace pgx {
namespace {

const std::string share = "./usr/share/postgresql/18/extension/";

class CollectDebTest : public ::testing::Test {
   protected:
    static std::string control(const std::string &version = "1.0-1") {
        return "Package: postgresql-18-thing\nVersion: " + version +
               "\nArchitecture: " + host_platform().architecture +
               "\nHomepage: https://example.org/thing\nDescription: A thing\n More of it.\n .\n "
               "And more.\n";
    }
    static TarBuilder data() {
        return TarBuilder()
            .file(share + "thing.control", "default_version = '1.0'\n")
            .file(share + "thing--1.0.sql")
            .file("./usr/share/doc/postgresql-18-thing/copyright", "License: MIT\n")
            .file("./usr/lib/postgresql/18/lib/thing.so", module_bytes())
            .file("./usr/lib/postgresql/18/lib/bitcode/thing.bc");
    }
    static std::string deb(const TarBuilder &data, const TarBuilder &control) {
        return ArBuilder()
            .member("debian-binary", "2.0\n")
            .member("control.tar.xz", compress(control.finish(), "xz"))
            .member("data.tar.xz", compress(data.finish(), "xz"))
            .finish();
    }
    static std::string deb(const TarBuilder &data, const std::string &text = control()) {
        return deb(data, TarBuilder().file("./control", text));
    }
    Result<PackSource> collect(const std::string &bytes, unsigned major = 0) {
        std::filesystem::remove_all(directory_ / "scratch");
        std::filesystem::create_directory(directory_ / "scratch");
        return collect_deb(real_file_system(), directory_.put("thing.deb", bytes),
                           directory_ / "scratch", major, reporter_);
    }
    void expect_error(const std::string &bytes, ErrorCode code, unsigned major = 0) {
        const auto source = collect(bytes, major);
        ASSERT_FALSE(source);
        EXPECT_EQ(source.error().code, code) << source.error().message << source.error().detail;
    }

    TemporaryDirectory directory_;
    SilentReporter reporter_;
};

TEST_F(CollectDebTest, FilesAndSuggestions) {
    const auto source = collect(deb(data()));
    ASSERT_TRUE(source) << source.error().message << source.error().detail;
    EXPECT_EQ(source->postgres_major, 18U);
    std::vector<std::string> paths;
    for (const auto &[path, file] : source->files) paths.push_back(path);
    EXPECT_EQ(paths, (std::vector<std::string>{"LICENSE", "pgsql/pkglib/thing.so",
                                               "pgsql/share/extension/thing--1.0.sql",
                                               "pgsql/share/extension/thing.control"}));
    EXPECT_EQ(source->files.at("LICENSE").bytes, "License: MIT\n");
    EXPECT_EQ(source->suggested.name, "thing");
    EXPECT_EQ(source->suggested.version, "1.0.0");
    EXPECT_EQ(source->suggested.abstract, "A thing");
    EXPECT_EQ(source->suggested.description, "More of it.\n\nAnd more.");
    EXPECT_EQ(source->suggested.homepage, "https://example.org/thing");
    EXPECT_EQ(source->left_out,
              (std::map<std::string, std::uint64_t>{{"bitcode", 1}, {"documentation", 1}}));
}

TEST_F(CollectDebTest, Versions) {
    const std::pair<const char *, const char *> cases[] = {
        {"1:0.8.0-2+b1", "0.8.0"}, {"3.6.4+dfsg-2", "3.6.4"}, {"2.0~rc1-1", "2.0.0-rc1"},
        {"1.2+ds1-1", "1.2.0"},    {"1.0+git2024-1", ""},     {"1.2.3.4-1", ""}};
    for (const auto &[version, expected] : cases) {
        const auto source = collect(deb(data(), control(version)));
        ASSERT_TRUE(source);
        EXPECT_EQ(source->suggested.version, expected) << version;
    }
}

TEST_F(CollectDebTest, SeveralMajors) {
    const TarBuilder both =
        data().file("./usr/share/postgresql/17/extension/thing.control", "default_version = 1\n");
    expect_error(deb(both), ErrorCode::invalid_argument);
    const auto chosen = collect(deb(both), 18);
    ASSERT_TRUE(chosen) << chosen.error().message;
    EXPECT_EQ(chosen->postgres_major, 18U);
    expect_error(deb(both), ErrorCode::wrong_platform, 16);
}

TEST_F(CollectDebTest, NotAPackageOfAnExtension) {
    expect_error(deb(TarBuilder().file("./usr/bin/x")), ErrorCode::unknown_package);
    expect_error("nonsense", ErrorCode::artifact_malformed);
    expect_error(deb(data(), TarBuilder().file("./md5sums")), ErrorCode::artifact_malformed);
    expect_error(deb(data(), control() + "\nPackage: second\n"), ErrorCode::artifact_malformed);
    expect_error(deb(data(), std::string("nonsense\n")), ErrorCode::registry_malformed);
    expect_error(deb(data(), std::string(2 * 1024 * 1024, 'x')), ErrorCode::artifact_unsafe);
    std::string other = control();
    other.replace(other.find("Architecture: "), 14, "Architecture: sparc-or-");
    EXPECT_TRUE(collect(deb(data(), other)));  // a word that the table of machines does not have
    expect_error(deb(data(), "Package: x\nVersion: 1\nArchitecture: s390x\n"),
                 ErrorCode::wrong_platform);
}

}  // namespace
}  // namespace pgx
