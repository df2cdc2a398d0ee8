// sandboxed_programs_test.cpp - the programs that a helper runs, inside its sandbox, and the ties
// to the parent.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/base/file_system.h"
#include "core/registry/subprocess.h"
#include "sandbox_test_support.h"

namespace pgx {
namespace {

class SandboxedPrograms : public Sandbox {};

TEST_F(SandboxedPrograms, ProgramsAreOffline) {
    const Listener listener;
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  const auto sandbox = OfflineSandbox::prepare({staging});
                  if (!sandbox) return findings.wrong(sandbox.error().message);
                  if (!sandbox->enter()) return findings.wrong(std::strerror(errno));
                  if (has_seccomp()) {
                      findings.denied("a socket", open_socket(AF_INET, 0));
                      findings.denied("a socket of IPv6", open_socket(AF_INET6, 0));
                      findings.denied("a netlink socket", open_socket(AF_NETLINK, NETLINK_ROUTE));
                      findings.denied("a local socket", open_socket(AF_UNIX, 0));
                      int pair[2];
                      findings.denied("a pair of sockets",
                                      ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
                      findings.denied("fchmod", ::fchmod(-1, 0700));
                      findings.denied("chmod", ::chmod(cache.c_str(), 0700));
                      findings.denied("ptrace", ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
                  }
                  findings.allowed("reading", try_open(cache + "/file", O_RDONLY));
                  if (landlock_abi() == 0) return;
                  findings.denied("writing the cache", try_open(cache + "/file", O_WRONLY));
                  // The outer sandbox has only the cache.
                  findings.denied("writing", try_open(staging + "/new", O_WRONLY | O_CREAT));
              }),
              "");
}

TEST_F(SandboxedPrograms, RunConfinedStartsThemSo) {
    SKIP_WITHOUT_LANDLOCK();
    const auto write = [](const std::string &path, const std::vector<std::string> &writable) {
        const auto result = run_confined("sh", {"-c", "echo x > \"$1\"", "sh", path}, {}, writable);
        return result && result->exit_status == 0;
    };
    EXPECT_TRUE(write(cache + "/new", {cache}));
    EXPECT_EQ(directory.get("cache/new"), "x\n");
    EXPECT_FALSE(write(cache + "/other", {}));
    EXPECT_FALSE(write(outside + "/new", {cache}));
    const auto missing = run_confined("true", {}, {}, {directory / "none"});
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message.find("could not open"), std::string::npos);
    EXPECT_FALSE(run_confined("no-such-program", {}));
}

// --- the programs that the apt registry needs ----------------------------------------------------

TEST_F(SandboxedPrograms, AptConfigWorksInside) {
    if (find_program("apt-config").empty()) GTEST_SKIP() << "apt-config is not here";
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  const auto result = run_confined("apt-config", {"dump"});
                  if (!result) return findings.wrong(result.error().message);
                  if (result->exit_status != 0 ||
                      result->output.find("APT::Architecture") == std::string::npos)
                      findings.wrong("status " + std::to_string(result->exit_status) + ": " +
                                     result->errors);
              }),
              "");
}

// A key made for the test, a text signed by it and the keyring to check it with.
class Signatures : public Sandbox {
   protected:
    std::string home = directory / "home";

    bool gpg(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(),
                         {"--homedir", home, "--batch", "--yes", "--quiet", "--no-tty"});
        const auto result = run_command("gpg", arguments);
        if (result && result->exit_status == 0) return true;
        ADD_FAILURE() << (result ? result->errors : result.error().message);
        return false;
    }

    void SetUp() override {
        Sandbox::SetUp();
        if (find_program("gpg").empty()) GTEST_SKIP() << "gpg is not here to sign with";
        ASSERT_EQ(::mkdir(home.c_str(), 0700), 0);
        directory.put("text", "hello\n");
        ASSERT_TRUE(gpg(
            {"--passphrase", "", "--quick-gen-key", "test@example.org", "ed25519", "sign", "0"}));
        ASSERT_TRUE(gpg({"--output", directory / "text.asc", "--clearsign", directory / "text"}));
        ASSERT_TRUE(gpg({"--output", directory / "text.sig", "--detach-sign", directory / "text"}));
        ASSERT_TRUE(gpg({"--output", directory / "keyring.gpg", "--export"}));
        directory.put("wrong", "hallo\n");
    }

    void TearDown() override { (void)run_command("gpgconf", {"--homedir", home, "--kill", "all"}); }

    // The program must accept what `good` asks about and refuse what `bad` does.
    void expect_verdicts(const std::string &program, const std::vector<std::string> &good,
                         const std::vector<std::string> &bad) {
        EXPECT_EQ(
            in_child([&](const Findings &findings) {
                enter(findings, {cache});
                const auto yes = run_confined(program, good);
                if (!yes || yes->exit_status != 0)
                    findings.wrong("good signature: " + (yes ? yes->errors : yes.error().message));
                const auto no = run_confined(program, bad);
                if (!no || no->exit_status == 0) findings.wrong("a bad signature was accepted");
            }),
            "");
    }
};

TEST_F(Signatures, GpgvWorksInside) {
    if (find_program("gpgv").empty()) GTEST_SKIP() << "gpgv is not here";
    const std::string keyring = directory / "keyring.gpg";
    expect_verdicts("gpgv", {"--keyring", keyring, "--output", "-", directory / "text.asc"},
                    {"--keyring", keyring, directory / "text.sig", directory / "wrong"});
}

TEST_F(Signatures, SqvWorksInside) {
    if (find_program("sqv").empty()) GTEST_SKIP() << "sqv is not here";
    const std::string keyring = directory / "keyring.gpg";
    expect_verdicts("sqv", {"--keyring", keyring, directory / "text.sig", directory / "text"},
                    {"--keyring", keyring, directory / "text.sig", directory / "wrong"});
}

// --- the ties to the parent ----------------------------------------------------------------------

TEST(DieWithParent, EndsAtOnceWhenItIsAnother) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        die_with_parent(::getpid());  // nobody is one's own parent
        ::_exit(0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST(DieWithParent, DiesWithIt) {
    // The pipe is closed when all that hold it are gone, so its end tells that the grandchild has
    // died.
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const pid_t parent = ::getpid();
        if (::fork() == 0) {
            die_with_parent(parent);
            if (::write(ends[1], "x", 1) != 1) ::_exit(1);
            ::alarm(60);
            while (true) ::pause();
        }
        while (true) ::pause();
    }
    ::close(ends[1]);
    char byte = 0;
    ASSERT_EQ(::read(ends[0], &byte, 1), 1);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    expect_end_of_writers(ends[0]);
    ::close(ends[0]);
}

TEST(CloseDescriptors, ClosesAllFromTheFirst) {
    EXPECT_EQ(in_child([](const Findings &) {
                  const int low = ::fcntl(2, F_DUPFD, 10);
                  const int high = ::fcntl(2, F_DUPFD, 200);
                  if (low < 10 || high < 200) ::_exit(1);
                  close_descriptors_from(low);
                  if (::fcntl(low, F_GETFD) != -1 || ::fcntl(high, F_GETFD) != -1 ||
                      ::fcntl(2, F_GETFD) == -1)
                      ::_exit(2);
              }),
              "");
}

}  // namespace
}  // namespace pgx
