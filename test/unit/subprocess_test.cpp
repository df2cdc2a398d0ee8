// subprocess_test.cpp - programs get what they are given and nothing else, and do not outlive us.
#include "core/registry/subprocess.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "temporary_directory.h"

namespace pgx {
namespace {

using namespace std::chrono_literals;

Result<CommandResult> shell(const std::string &script, unsigned timeout_s = 30) {
    return run_command("/bin/sh", {"-c", script}, {}, timeout_s);
}

// Waits until the process is gone; false when it is still there after a while.
bool ends_soon(pid_t id) {
    for (int i = 0; i < 500; ++i, std::this_thread::sleep_for(10ms))
        if (::kill(id, 0) != 0 && errno == ESRCH) return true;
    return false;
}

TEST(FindProgram, LooksInTheUsualPlaces) {
    EXPECT_TRUE(find_program("sh").ends_with("/bin/sh"));
    EXPECT_EQ(find_program("no-such-program"), "");
    EXPECT_EQ(find_program(""), "");
    EXPECT_EQ(find_program("../bin/sh"), "");
    EXPECT_EQ(find_program("/bin/sh"), "");
}

TEST(RunCommand, CollectsBothOutputsAndTheStatus) {
    const auto result = shell("echo out; echo err >&2; exit 3");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->exit_status, 3);
    EXPECT_EQ(result->output, "out\n");
    EXPECT_EQ(result->errors, "err\n");
    const auto killed = shell("kill -9 $$");
    ASSERT_TRUE(killed);
    EXPECT_EQ(killed->exit_status, 128 + SIGKILL);
    EXPECT_EQ(run_command("true", {})->exit_status, 0);
}

TEST(RunCommand, ArgumentsAreNoShellText) {
    const std::string nasty = "a b; echo no > /dev/null $(id) \"'\n*";
    const auto result = run_command("printf", {"%s|", nasty, ""});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->output, nasty + "||");
}

TEST(RunCommand, EnvironmentIsOnlyWhatWasGiven) {
    ::setenv("PGX_TEST_SECRET", "secret", 1);
    const auto result = run_command("env", {}, {"EXTRA=1 2"});
    ::unsetenv("PGX_TEST_SECRET");
    ASSERT_TRUE(result);
    EXPECT_EQ(result->output, "PATH=/usr/bin:/usr/local/bin:/bin\nLANG=C\nEXTRA=1 2\n");
}

TEST(RunCommand, StandardInputIsEmpty) {
    const auto result = run_command("cat", {});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->exit_status, 0);
    EXPECT_EQ(result->output, "");
    EXPECT_EQ(run_command("readlink", {"/proc/self/fd/0"})->output, "/dev/null\n");
}

TEST(RunCommand, NoOtherDescriptorIsInherited) {
    const int leaked = ::dup(2);
    const int high = ::fcntl(2, F_DUPFD, 200);
    ASSERT_GE(leaked, 3);
    ASSERT_GE(high, 200);
    // 3 is the directory that ls itself reads.
    EXPECT_EQ(run_command("ls", {"/proc/self/fd"})->output, "0\n1\n2\n3\n");
    ::close(leaked);
    ::close(high);
}

TEST(RunCommand, WorksWithClosedStandardDescriptors) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        for (int number = 0; number < 3; ++number) ::close(number);
        const auto result = shell("echo out; echo err >&2; cat");
        ::_exit(result && result->output == "out\n" && result->errors == "err\n" &&
                        result->exit_status == 0
                    ? 0
                    : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST(RunCommand, SignalsAreAtTheirDefaults) {
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    sigset_t blocked, old;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &blocked, &old);
    const auto result = run_command("grep", {"-E", "^Sig(Blk|Ign)", "/proc/self/status"});
    ::sigprocmask(SIG_SETMASK, &old, nullptr);
    ::signal(SIGPIPE, before);
    ASSERT_TRUE(result);
    // Signals 32 and 33 are the C library's own: programs cannot reach them, but may have inherited them ignored.
    unsigned long long masks[2] = {~0ULL, ~0ULL};
    ASSERT_EQ(std::sscanf(result->output.c_str(), "SigBlk: %llx SigIgn: %llx", &masks[0], &masks[1]), 2);
    EXPECT_EQ(masks[0], 0U);
    EXPECT_EQ(masks[1] & ~(3ULL << 31), 0U);
}

TEST(RunCommand, CutsOutputWithoutHoldingTheProgramUp) {
    const auto result =
        shell("head -c 5000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait; exit 7");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->output.size(), 1024U * 1024);
    EXPECT_EQ(result->errors.size(), 1024U * 1024);
    EXPECT_EQ(result->exit_status, 7);
}

TEST(RunCommand, WhatCannotBeRun) {
    TemporaryDirectory directory;
    const std::string text = directory.put("text", "no program");
    struct {
        std::string program, reason;
        ErrorCode code;
    } const cases[] = {
        {"no-such-program", "No such file or directory", ErrorCode::io},
        {directory / "none", "No such file or directory", ErrorCode::io},
        {text, "Permission denied", ErrorCode::permission_denied},
        {directory.path(), "Permission denied", ErrorCode::permission_denied},
    };
    for (const auto &c : cases) {
        const auto result = run_command(c.program, {});
        ASSERT_FALSE(result) << c.program;
        EXPECT_EQ(result.error().message,
                  "could not run program \"" + c.program + "\": " + c.reason);
        EXPECT_EQ(result.error().code, c.code);
    }
    ASSERT_EQ(::chmod(text.c_str(), 0755), 0);
    const auto no_format = run_command(text, {});
    ASSERT_FALSE(no_format);
    EXPECT_EQ(no_format.error().message,
              "could not run program \"" + text + "\": Exec format error");

    for (const auto &result : {run_command("true", {std::string("a\0b", 3)}),
                               run_command("true", {}, {std::string("A=\0", 3)})}) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    }
}

TEST(RunCommand, KillsWhatTakesTooLong) {
    TemporaryDirectory directory;
    const auto start = std::chrono::steady_clock::now();
    const auto result =
        shell("echo $$ > '" + (directory / "pid") + "'; echo started; exec sleep 60", 1);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::registry_unreachable);
    EXPECT_EQ(result.error().message, "could not run program \"/bin/sh\": no answer within 1 s");
    const pid_t id = std::stoi(directory.get("pid"));
    EXPECT_EQ(::kill(id, 0), -1) << "still there";
}

TEST(RunCommand, EndsWithTheProgramNotWithItsChildren) {
    TemporaryDirectory directory;
    const auto start = std::chrono::steady_clock::now();
    const auto result = shell("sleep 30 & echo $! > '" + (directory / "pid") + "'; echo done");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->output, "done\n");
    ::kill(std::stoi(directory.get("pid")), SIGKILL);
}

TEST(RunCommand, TheProgramDiesWithUs) {
    TemporaryDirectory directory;
    const pid_t runner = ::fork();
    ASSERT_GE(runner, 0);
    if (runner == 0) {
        (void)shell("echo $$ > '" + (directory / "new") + "'; mv '" + (directory / "new") + "' '" +
                    (directory / "pid") + "'; exec sleep 60");
        ::_exit(0);
    }
    for (int i = 0; i < 500 && directory.get("pid").empty(); ++i) std::this_thread::sleep_for(10ms);
    const std::string id = directory.get("pid");
    ASSERT_FALSE(id.empty());
    EXPECT_EQ(::kill(std::stoi(id), 0), 0);
    ::kill(runner, SIGKILL);
    ::waitpid(runner, nullptr, 0);
    EXPECT_TRUE(ends_soon(std::stoi(id)));
}

TEST(RunCommand, LeavesNoDescriptorAndNoZombie) {
    const auto count = [] {
        const auto entries = std::filesystem::directory_iterator("/proc/self/fd");
        return std::distance(std::filesystem::begin(entries), std::filesystem::end(entries));
    };
    const auto before = count();
    (void)run_command("true", {});
    (void)run_command("no-such-program", {});
    (void)run_command("/no/such/program", {});
    (void)shell("sleep 60", 0);
    EXPECT_EQ(count(), before);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace pgx
