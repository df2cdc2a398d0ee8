// bundle_name_test.cpp - file names of bundles, taken apart and put together.
#include "core/bundle/bundle_name.h"

#include <gtest/gtest.h>

#include <vector>

namespace pgx {
namespace {

TEST(BundleNameTest, Parsed) {
    const std::vector<std::pair<std::string, BundleName>> cases{
        {"semver-0.40.0+pg18-gnulinux-2.36-amd64.trunk",
         {"semver", "0.40.0", 18, "gnulinux", "2.36", "amd64"}},
        {"pgtap-1.0.1+pg15-any.trunk", {"pgtap", "1.0.1", 15, "any", "", ""}},
        {"pair-0.32.1+pg16-gnulinux-amd64.trunk", {"pair", "0.32.1", 16, "gnulinux", "", "amd64"}},
        {"pair-0.32.1+pg16-darwin-23.5.0-arm64.trunk",
         {"pair", "0.32.1", 16, "darwin", "23.5.0", "arm64"}},
        {"uuid-ossp-1.1.0+pg18-any.trunk", {"uuid-ossp", "1.1.0", 18, "any", "", ""}},
        {"postgis-3-3.4.0+pg18-any.trunk", {"postgis-3", "3.4.0", 18, "any", "", ""}},
        {"x-1.0.0-2.3+pg18-any.trunk", {"x", "1.0.0-2.3", 18, "any", "", ""}},
        {"x-1.0.0-beta.1+pg9-any.trunk", {"x", "1.0.0-beta.1", 9, "any", "", ""}},
        {"a+b-1.0.0+pg999-any.trunk", {"a+b", "1.0.0", 999, "any", "", ""}},
    };
    for (const auto &[file, expected] : cases) {
        const auto name = parse_bundle_file_name(file);
        ASSERT_TRUE(name) << file << name.error().detail;
        EXPECT_EQ(*name, expected) << file;
        EXPECT_EQ(bundle_file_name(*name), file);
        // Others may write it; we do not (below).
        EXPECT_EQ(check_bundle_name(*name).has_value(), expected.version != "1.0.0-2.3") << file;
        const auto folder = parse_bundle_folder_name(bundle_folder_name(*name));
        ASSERT_TRUE(folder);
        EXPECT_EQ(*folder, expected);
    }
}

TEST(BundleNameTest, Refused) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"semver-0.40.0+pg18-any", "end with"},
        {"semver-0.40.0+pg18-any.trunk.gz", "end with"},
        {"", "end with"},
        {".trunk", "\"+\""},
        {"semver-0.40.0.trunk", "\"+\""},
        {"semver+pg18-any.trunk", "no version"},
        {"semver-x+pg18-any.trunk", "no version"},
        {"-1.0.0+pg18-any.trunk", "package name"},
        {"../x-1.0.0+pg18-any.trunk", "package name"},
        {"a/b-1.0.0+pg18-any.trunk", "package name"},
        {"a--b-1.0.0+pg18-any.trunk", "package name"},
        {"semver-0.40+pg18-any.trunk", "semantic"},
        {"semver-0.40.00+pg18-any.trunk", "semantic"},
        {"semver-0.40.0+pg18.trunk", "too few"},
        {"semver-0.40.0+pg18-a-b-c-d.trunk", "too many"},
        {"semver-0.40.0+18-any.trunk", "major"},
        {"semver-0.40.0+pg-any.trunk", "major"},
        {"semver-0.40.0+pg0-any.trunk", "major"},
        {"semver-0.40.0+pg018-any.trunk", "major"},
        {"semver-0.40.0+pg1000-any.trunk", "major"},
        {"semver-0.40.0+pg18x-any.trunk", "major"},
        {"semver-0.40.0+pg18-any-amd64.trunk", "says more"},
        {"semver-0.40.0+pg18-any-.trunk", "empty"},
        {"semver-0.40.0+pg18-any-1.0-amd64.trunk", "says more"},
        {"semver-0.40.0+pg18-linux.trunk", "system-version"},
        {"semver-0.40.0+pg18-linux-x86_64.trunk", "system-version"},
        {"semver-0.40.0+pg18-1linux-amd64.trunk", "system-version"},
        {"semver-0.40.0+pg18-linux-.trunk", "system-version"},
        {"semver-0.40.0+pg18-darwin-24-arm64.trunk", "numbers and dots"},
        {"semver-0.40.0+pg18-darwin-2.x-arm64.trunk", "numbers and dots"},
        {"semver-0.40.0+pg18-darwin-.2-arm64.trunk", "numbers and dots"},
        {"semver-0.40.0+pg18-darwin-2..2-arm64.trunk", "numbers and dots"},
        {"semver-0.40.0+pg18-darwin--arm64.trunk", "empty"},
    };
    for (const auto &[file, reason] : cases) {
        const auto name = parse_bundle_file_name(file);
        ASSERT_FALSE(name) << file;
        EXPECT_EQ(name.error().code, ErrorCode::artifact_malformed);
        EXPECT_NE(name.error().detail.find(reason), std::string::npos)
            << file << ": " << name.error().detail;
    }
}

TEST(BundleNameTest, Checked) {
    EXPECT_EQ(check_bundle_name({"", "1.0.0", 18, "any", "", ""}).error().code,
              ErrorCode::invalid_name);
    EXPECT_EQ(check_bundle_name({"x", "1.0", 18, "any", "", ""}).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(check_bundle_name({"x", "1.0.0", 0, "any", "", ""}).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(check_bundle_name({"x", "1.0.0", 18, "gnulinux", "2", "amd64"}).error().code,
              ErrorCode::invalid_argument);
    const auto two_things = check_bundle_name({"x", "1.2.0-1", 18, "any", "", ""});
    EXPECT_EQ(two_things.error().message, "version \"1.2.0-1\" means two things");
    EXPECT_EQ(two_things.error().hint, "A pre-release begins with a letter: 1.2.0-rc.1.");
    EXPECT_TRUE(check_bundle_name({"x", "1.2.0-rc.1", 18, "any", "", ""}));
    // It would come apart as "x" and "1.y-1.0.0".
    EXPECT_EQ(check_bundle_name({"x-1.y", "1.0.0", 18, "any", "", ""}).error().code,
              ErrorCode::invalid_name);
}

TEST(BundleNameTest, Platforms) {
    Platform platform;
    platform.postgres_major = 18;
    platform.libc = "glibc";
    platform.libc_version = "2.36";
    platform.architecture = "amd64";
    const auto fits = [&](const BundleName &name) {
        const auto result = check_platform(name, platform);
        if (!result) {
            EXPECT_EQ(result.error().code, ErrorCode::wrong_platform);
        }
        return result.has_value();
    };
    EXPECT_TRUE(fits({"x", "1.0.0", 18, "any", "", ""}));
    EXPECT_TRUE(fits({"x", "1.0.0", 18, "gnulinux", "2.36", "amd64"}));
    EXPECT_TRUE(fits({"x", "1.0.0", 18, "gnulinux", "2.4", "amd64"}));
    EXPECT_TRUE(fits({"x", "1.0.0", 18, "gnulinux", "", "amd64"}));
    EXPECT_TRUE(fits({"x", "1.0.0", 18, "linux", "", "amd64"}));
    EXPECT_FALSE(fits({"x", "1.0.0", 17, "any", "", ""}));
    EXPECT_FALSE(fits({"x", "1.0.0", 18, "gnulinux", "2.37", "amd64"}));
    EXPECT_FALSE(fits({"x", "1.0.0", 18, "gnulinux", "2.100", "amd64"}));
    EXPECT_FALSE(fits({"x", "1.0.0", 18, "gnulinux", "2.36", "arm64"}));
    EXPECT_FALSE(fits({"x", "1.0.0", 18, "musllinux", "1.2", "amd64"}));
    EXPECT_FALSE(fits({"x", "1.0.0", 18, "darwin", "23.5.0", "amd64"}));
    platform.libc = "musl";
    platform.libc_version = "";
    EXPECT_TRUE(fits({"x", "1.0.0", 18, "musllinux", "1.2", "amd64"}));
    EXPECT_FALSE(fits({"x", "1.0.0", 18, "gnulinux", "", "amd64"}));
    EXPECT_FALSE(fits({"x", "1.0.0", 18, "linux", "", "amd64"}));
}

TEST(BundleNameTest, APlatformThatItIsFor) {
    for (const BundleName &name : {BundleName{"x", "1.0.0", 18, "any", "", ""},
                                   BundleName{"x", "1.0.0", 17, "gnulinux", "2.99", "sparc"},
                                   BundleName{"x", "1.0.0", 18, "gnulinux", "", "amd64"},
                                   BundleName{"x", "1.0.0", 18, "musllinux", "1.2", "arm64"}})
        EXPECT_TRUE(check_platform(name, platform_of(name))) << bundle_file_name(name);
}

}  // namespace
}  // namespace pgx
