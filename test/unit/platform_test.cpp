// platform_test.cpp - the host's facts, and platforms as JSON.
#include "core/base/platform.h"

#include <gtest/gtest.h>

#include "core/registry/subprocess.h"

namespace pgx {
namespace {

TEST(OsRelease, ReadsWhatDistributionsWrite) {
    struct {
        const char *text, *os, *version, *codename;
    } const cases[] = {
        {"PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nNAME=\"Debian "
         "GNU/Linux\"\nVERSION_ID=\"13\"\n"
         "VERSION=\"13 (trixie)\"\nVERSION_CODENAME=trixie\nID=debian\n",
         "debian", "13", "trixie"},
        {"ID=debian\nVERSION_CODENAME=forky\n", "debian", "", "forky"},
        {"NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.1\n", "alpine", "3.20.1", ""},
        {"ID='ubuntu'\r\nVERSION_ID='24.04' \r\n", "ubuntu", "24.04", ""},
        {"ID=\"a\\\"b\\$c\"\n", "a\"b$c", "", ""},
        {"# ID=no\nXID=no\nID_LIKE=no\nID\n\nID=last", "last", "", ""},
        {"ID=\"\nVERSION_ID=\"x'\n", "\"", "\"x'", ""},
        {"", "", "", ""},
    };
    for (const auto &c : cases) {
        Platform platform;
        read_os_release(c.text, platform);
        EXPECT_EQ(platform.os, c.os) << c.text;
        EXPECT_EQ(platform.os_version, c.version) << c.text;
        EXPECT_EQ(platform.os_codename, c.codename) << c.text;
    }
}

TEST(HostPlatform, TellsTheTruth) {
    const Platform platform = host_platform();
    EXPECT_EQ(platform.postgres_major, 0U);
    if (const std::string dpkg = find_program("dpkg"); !dpkg.empty()) {
        const auto said = run_command(dpkg, {"--print-architecture"});
        ASSERT_TRUE(said) << said.error().message;
        EXPECT_EQ(platform.architecture + "\n", said->output);
        EXPECT_FALSE(platform.os.empty());
    }
    EXPECT_TRUE(platform.libc == "glibc" || platform.libc == "musl");
    EXPECT_FALSE(platform.architecture.empty());
    EXPECT_EQ(platform.libc == "glibc", platform.libc_version.find('.') != std::string::npos);
}

TEST(PlatformJson, RoundTrip) {
    const Platform platform{18, "debian", "13", "trixie", "glibc", "2.41", "amd64"};
    const auto back = platform_from_json(to_json(platform));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(to_json(*back), to_json(platform));
    EXPECT_EQ(back->postgres_major, 18U);
    EXPECT_EQ(back->os_codename, "trixie");
    EXPECT_EQ(back->architecture, "amd64");
}

TEST(PlatformJson, RefusesWithTheMembersName) {
    struct {
        const char *member;
        Json value;
        const char *message;
    } const cases[] = {
        {"postgres_major", nullptr, "\"postgres_major\" is missing"},
        {"postgres_major", 0, "\"postgres_major\" must be between"},
        {"postgres_major", 1000, "\"postgres_major\" must be between"},
        {"postgres_major", -1, "\"postgres_major\" must be a whole number"},
        {"postgres_major", "18", "\"postgres_major\" must be a whole number"},
        {"architecture", "", "\"architecture\" must not be empty"},
        {"architecture", nullptr, "\"architecture\" must not be empty"},
        {"architecture", "../amd64", "\"architecture\" of the platform is not a single word"},
        {"os", "a b", "\"os\" of the platform is not a single word"},
        {"os_version", std::string(64, '1'), "\"os_version\" of the platform is not a single word"},
        {"os_codename", 3, "\"os_codename\" must be a string"},
        {"libc", "\n", "\"libc\" of the platform is not a single word"},
        {"libc_version", "2/3", "\"libc_version\" of the platform is not a single word"},
    };
    for (const auto &c : cases) {
        Json json = to_json(Platform{18, "debian", "13", "trixie", "glibc", "2.41", "amd64"});
        json[c.member] = c.value;
        const auto result = platform_from_json(json);
        ASSERT_FALSE(result) << c.message;
        EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
        EXPECT_NE(result.error().message.find(c.message), std::string::npos)
            << result.error().message;
    }
    EXPECT_FALSE(platform_from_json(Json::array()));
    EXPECT_FALSE(platform_from_json(Json()));
}

}  // namespace
}  // namespace pgx
