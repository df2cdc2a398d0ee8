#include "core/registry/apt_config.h"

#include <gtest/gtest.h>

#include "apt_test_support.h"

namespace pgx {
namespace {

constexpr const char *dump =
    "APT \"\";\n"
    "APT::Architecture \"amd64\";\n"
    "APT::Architectures \"\";\n"
    "APT::Architectures:: \"amd64\";\n"
    "APT::Architectures:: \"i386\";\n"
    "Dir \"/\";\n"
    "Dir::Etc \"etc/apt\";\n"
    "Dir::Etc::sourcelist \"sources.list\";\n"
    "Dir::Etc::parts \"/dev/null\";\n"
    "Dir::State::status \"/var/lib/dpkg/status\";\n"
    "Dir::Media \"\";\n"
    "Dir::Media::Path \"media/apt\";\n"
    "Acquire::Check-Valid-Until \"false\";\n"
    "Acquire::Max-ValidTime \"86400\";\n"
    "Acquire::Odd \"say \"x\"\";\n"
    "Acquire::http::Proxy::example.org \"DIRECT\";\n"
    "DPkg::Post-Invoke:: \"first line\nsecond line\";\n"
    "Last \"1\";\n";

TEST(AptConfig, ReadsValuesWithoutCase) {
    auto config = parse_apt_config(dump);
    ASSERT_TRUE(config) << whole(config);
    EXPECT_EQ(config->get("apt::ARCHITECTURE"), "amd64");
    EXPECT_EQ(config->get("Acquire::http::Proxy::example.org"), "DIRECT");
    EXPECT_EQ(config->get("Acquire::Odd"), "say \"x\"");
    EXPECT_EQ(config->get("Last"), "1");
    EXPECT_EQ(config->get("none", "fallback"), "fallback");
    EXPECT_EQ(config->get("APT", "fallback"), "fallback");
    EXPECT_FALSE(config->flag("Acquire::Check-Valid-Until", true));
    EXPECT_TRUE(config->flag("none", true));
    EXPECT_TRUE(config->flag("APT::Architecture", true));
    EXPECT_EQ(config->number("Acquire::Max-ValidTime", 0), 86400);
    EXPECT_EQ(config->number("APT::Architecture", 7), 7);
    EXPECT_EQ(config->number("none", 7), 7);
}

TEST(AptConfig, ReadsLists) {
    auto config = parse_apt_config(dump);
    ASSERT_TRUE(config);
    EXPECT_EQ(config->list("APT::Architectures"), (std::vector<std::string>{"amd64", "i386"}));
    EXPECT_EQ(config->list("Acquire::http::Proxy"), (std::vector<std::string>{"DIRECT"}));
    EXPECT_EQ(config->list("DPkg::Post-Invoke"), (std::vector<std::string>{"first line\nsecond line"}));
    EXPECT_TRUE(config->list("none").empty());
}

TEST(AptConfig, PutsPathsTogether) {
    auto config = parse_apt_config(dump);
    ASSERT_TRUE(config);
    EXPECT_EQ(config->path("Dir::Etc::sourcelist"), "/etc/apt/sources.list");
    EXPECT_EQ(config->path("Dir::Etc"), "/etc/apt");
    EXPECT_EQ(config->path("Dir::Etc::parts"), "/dev/null");
    EXPECT_EQ(config->path("Dir::State::status"), "/var/lib/dpkg/status");
    EXPECT_EQ(config->path("Dir::Media::Path"), "/media/apt");
    EXPECT_EQ(config->path("Dir::Etc::trusted"), "");
    auto moved = parse_apt_config("RootDir \"/chroot/\";\nDir \"/\";\nDir::Etc \"etc/apt\";\n");
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->path("Dir::Etc"), "/chroot/etc/apt");
}

TEST(AptConfig, Malformed) {
    for (const char *text : {"nonsense\n", "A \"1\"\n", "A 1;\n", " \"1\";\n", "A \"1\";\nB\n"}) {
        auto config = parse_apt_config(text);
        ASSERT_FALSE(config) << text;
        EXPECT_EQ(config.error().code, ErrorCode::registry_malformed);
    }
    auto second = parse_apt_config("A \"1\";\nB\n");
    EXPECT_NE(second.error().message.find("line 2"), std::string::npos) << second.error().message;
    auto empty = parse_apt_config("\n");
    ASSERT_TRUE(empty);
    EXPECT_TRUE(empty->empty());
}

TEST(AptConfig, RunsTheProgram) {
    TemporaryDirectory directory;
    std::string program = directory.put("apt-config", "#!/bin/sh\necho \"Arg \\\"$1\\\";\"\necho \"Env \\\"$APT_CONFIG\\\";\"\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    auto text = run_apt_config(program, {"APT_CONFIG=/x"});
    ASSERT_TRUE(text) << whole(text);
    auto config = parse_apt_config(*text);
    ASSERT_TRUE(config);
    EXPECT_EQ(config->get("Arg"), "dump");
    EXPECT_EQ(config->get("Env"), "/x");
}

TEST(AptConfig, ProgramThatIsMissingOrFails) {
    auto missing = run_apt_config("", {});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::no_registry);
    TemporaryDirectory directory;
    std::string program = directory.put("apt-config", "#!/bin/sh\necho 'E: Syntax error' >&2\nexit 100\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    auto failed = run_apt_config(program, {});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::io);
    EXPECT_NE(failed.error().detail.find("status 100: E: Syntax error"), std::string::npos) << whole(failed);
}

TEST(AptConfig, ReadsThisHostsConfiguration) {
    std::string program = find_program("apt-config");
    if (program.empty()) GTEST_SKIP() << "this host has no apt-config";
    auto text = run_apt_config(program, {});
    ASSERT_TRUE(text) << whole(text);
    auto config = parse_apt_config(*text);
    ASSERT_TRUE(config) << whole(config);
    EXPECT_NE(config->get("APT::Architecture"), "");
    EXPECT_NE(config->path("Dir::Etc::sourceparts"), "");
}

}  // namespace
}  // namespace pgx
