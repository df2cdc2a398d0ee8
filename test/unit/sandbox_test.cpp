// sandbox_test.cpp - each denial and each permission, tried from inside.
//
// Entering cannot be undone, so every test forks a child that enters and tries things there.  What
// it finds comes back as lines on a pipe; no line means that all was as it should be.
#include "core/registry/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <thread>

#include "core/base/file_system.h"
#include "core/registry/subprocess.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

// What a test in the child reports to.
class Findings {
   public:
    explicit Findings(int descriptor) : descriptor_(descriptor) {}
    void wrong(const std::string &what) const {
        const std::string line = what + "\n";
        if (::write(descriptor_, line.data(), line.size()) < 0) ::_exit(3);
    }
    // The call must succeed, or must fail with EACCES (EPERM for signals, EXDEV for moving between
    // directories).
    void allowed(const std::string &what, long answer) const {
        if (answer < 0) wrong(what + " was denied: " + std::strerror(errno));
    }
    void denied(const std::string &what, long answer) const {
        if (answer >= 0)
            wrong(what + " was allowed");
        else if (errno != EACCES && errno != EPERM && errno != EXDEV)
            wrong(what + " failed otherwise: " + std::strerror(errno));
    }

   private:
    int descriptor_;
};

// Runs `body` in a child; its findings, or how it died.
std::string in_child(const std::function<void(const Findings &)> &body) {
    int ends[2];
    if (::pipe(ends) != 0) return "no pipe";
    const pid_t child = ::fork();
    if (child < 0) return "no child";
    if (child == 0) {
        ::close(ends[0]);
        body(Findings(ends[1]));
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string found;
    char buffer[4096];
    for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        found.append(buffer, static_cast<std::size_t>(count));
    ::close(ends[0]);
    int status = -1;
    ::waitpid(child, &status, 0);
    if (status != 0) found += "the child ended with status " + std::to_string(status);
    return found;
}

void enter(const Findings &findings, const std::vector<std::string> &writable) {
    const auto report = enter_sandbox(writable);
    if (!report) {
        findings.wrong(report.error().message);
        ::_exit(0);
    }
}

// Opens and closes again, so that the answer is like that of other calls.
long try_open(const std::string &path, int flags) {
    const int descriptor = ::open(path.c_str(), flags, 0600);
    if (descriptor >= 0) ::close(descriptor);
    return descriptor;
}

class Sandbox : public testing::Test {
   protected:
    TemporaryDirectory directory;
    std::string cache = directory / "cache";
    std::string staging = directory / "staging";
    std::string outside = directory / "outside";

    void SetUp() override {
        for (const std::string &path : {cache, staging, outside})
            ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
        directory.put("outside/file", "content");
        directory.put("cache/file", "content");
        ASSERT_EQ(::mkdir((outside + "/empty").c_str(), 0700), 0);
    }
};

#define SKIP_WITHOUT_LANDLOCK() \
    if (landlock_abi() == 0) GTEST_SKIP() << "this kernel has no Landlock, so nothing is denied"

TEST_F(Sandbox, ReportsWhatIsInForce) {
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  const auto report = enter_sandbox({cache});
                  if (!report) return findings.wrong(report.error().message);
                  if (!report->no_new_privileges || ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
                      findings.wrong("privileges can still be gained");
                  if (report->landlock_abi != landlock_abi()) findings.wrong("another ABI");
              }),
              "");
}

TEST_F(Sandbox, DeniesEveryChangeOutside) {
    SKIP_WITHOUT_LANDLOCK();
    ASSERT_EQ(::symlink((outside + "/file").c_str(), (cache + "/link").c_str()), 0);
    EXPECT_EQ(
        in_child([&](const Findings &findings) {
            enter(findings, {cache, staging});
            const std::string file = outside + "/file";
            const std::string fresh = outside + "/new";
            findings.denied("creating a file", try_open(fresh, O_WRONLY | O_CREAT));
            findings.denied("creating an unnamed file", try_open(outside, O_WRONLY | O_TMPFILE));
            findings.denied("writing a file", try_open(file, O_WRONLY));
            findings.denied("appending to a file", try_open(file, O_WRONLY | O_APPEND));
            findings.denied("opening for both", try_open(file, O_RDWR));
            findings.denied("removing a file", ::unlink(file.c_str()));
            findings.denied("renaming a file", ::rename(file.c_str(), fresh.c_str()));
            findings.denied("making a directory", ::mkdir(fresh.c_str(), 0700));
            findings.denied("removing a directory", ::rmdir((outside + "/empty").c_str()));
            findings.denied("making a symbolic link", ::symlink("x", fresh.c_str()));
            findings.denied("making a hard link", ::link(file.c_str(), fresh.c_str()));
            findings.denied("making a pipe", ::mkfifo(fresh.c_str(), 0600));
            findings.denied("making a socket", ::mknod(fresh.c_str(), S_IFSOCK | 0600, 0));
            findings.denied("moving a file out",
                            ::rename((cache + "/file").c_str(), fresh.c_str()));
            findings.denied("moving a file in", ::rename(file.c_str(), (cache + "/in").c_str()));
            findings.denied("linking a file out", ::link((cache + "/file").c_str(), fresh.c_str()));
            findings.denied("linking a file in", ::link(file.c_str(), (cache + "/in").c_str()));
            findings.denied("writing /dev/null", try_open("/dev/null", O_WRONLY));
            findings.denied("writing to /tmp",
                            try_open("/tmp/pgx-sandbox-test", O_WRONLY | O_CREAT));
            if (landlock_abi() >= 3)
                findings.denied("truncating a file", ::truncate(file.c_str(), 0));
            findings.denied("making a symbolic link inside", ::symlink("x", (cache + "/s").c_str()));
            // A link inside that leads out is no way out.
            findings.denied("writing through a link", try_open(cache + "/link", O_WRONLY));
            findings.denied("writing through \"..\"",
                            try_open(cache + "/../outside/file", O_WRONLY));
        }),
        "");
    EXPECT_EQ(directory.get("outside/file"), "content");
}

TEST_F(Sandbox, AllowsEveryChangeInside) {
    EXPECT_EQ(
        in_child([&](const Findings &findings) {
            enter(findings, {cache, staging});
            const std::string file = cache + "/file";
            const std::string fresh = cache + "/new";
            findings.allowed("creating a file", try_open(fresh, O_WRONLY | O_CREAT | O_EXCL));
            findings.allowed("writing a file", try_open(file, O_RDWR));
            findings.allowed("emptying a file", try_open(file, O_WRONLY | O_TRUNC));
            findings.allowed("truncating a file", ::truncate(file.c_str(), 3));
            findings.allowed("renaming", ::rename(fresh.c_str(), (cache + "/renamed").c_str()));
            findings.allowed("removing", ::unlink((cache + "/renamed").c_str()));
            findings.allowed("making a directory", ::mkdir(fresh.c_str(), 0700));
            findings.allowed("writing below it", try_open(fresh + "/f", O_WRONLY | O_CREAT));
            findings.allowed("making a pipe", ::mkfifo((cache + "/p").c_str(), 0600));
            findings.allowed("writing to staging", try_open(staging + "/f", O_WRONLY | O_CREAT));
            if (landlock_abi() != 1) {  // the first ABI denied every move between directories
                findings.allowed("moving within",
                                 ::rename((fresh + "/f").c_str(), (cache + "/f").c_str()));
                findings.allowed("linking across",
                                 ::link(file.c_str(), (staging + "/linked").c_str()));
                findings.allowed("moving across",
                                 ::rename((cache + "/f").c_str(), (staging + "/moved").c_str()));
            } else {
                findings.allowed("removing below", ::unlink((fresh + "/f").c_str()));
            }
            findings.allowed("removing a directory", ::rmdir(fresh.c_str()));
            FileSystem &fs = real_file_system();
            const auto durable = write_file_durably(fs, cache + "/durable", "x", 0644);
            if (!durable) findings.wrong(durable.error().message);
            const auto removed = remove_tree(fs, staging);
            if (removed) findings.wrong("staging itself could be removed from its parent");
            const auto emptied = fs.list(staging);
            if (!emptied || !emptied->empty()) findings.wrong("staging was not emptied");
        }),
        landlock_abi() > 0 ? "" : "staging itself could be removed from its parent\n");
}

TEST_F(Sandbox, ReadingAndRunningStayFree) {
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  findings.allowed("reading a file", try_open(outside + "/file", O_RDONLY));
                  findings.allowed("reading a directory",
                                   try_open(outside, O_RDONLY | O_DIRECTORY));
                  findings.allowed("reading /etc", try_open("/etc/passwd", O_RDONLY));
                  findings.allowed("reading /dev/null", try_open("/dev/null", O_RDONLY));
                  const auto result = run_command("sh", {"-c", "echo ran"});
                  if (!result || result->output != "ran\n")
                      findings.wrong("a program could not be run");
                  std::thread([] {}).join();  // libcurl's resolver needs one
              }),
              "");
}

TEST_F(Sandbox, TheNetworkStaysOpen) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(listener, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr *>(&address), size), 0);
    ASSERT_EQ(::listen(listener, 1), 0);
    ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size), 0);
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  const int connection = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                  findings.allowed("a socket", connection);
                  findings.allowed("connecting",
                                   ::connect(connection, reinterpret_cast<sockaddr *>(&address),
                                             sizeof address));
              }),
              "");
    ::close(listener);
}

TEST_F(Sandbox, ChildrenAreInsideToo) {
    SKIP_WITHOUT_LANDLOCK();
    EXPECT_EQ(
        in_child([&](const Findings &findings) {
            enter(findings, {cache});
            const auto out = run_command("sh", {"-c", "echo x > \"$1\"", "sh", outside + "/new"});
            if (!out || out->exit_status == 0) findings.wrong("a program wrote outside");
            const auto in = run_command("sh", {"-c", "echo x > \"$1\"", "sh", cache + "/new"});
            if (!in || in->exit_status != 0) findings.wrong("a program could not write inside");
        }),
        "");
    EXPECT_EQ(directory.get("cache/new"), "x\n");
}

TEST_F(Sandbox, CannotBeWidened) {
    SKIP_WITHOUT_LANDLOCK();
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  enter(findings, {cache, outside});
                  findings.denied("writing a file", try_open(outside + "/file", O_WRONLY));
                  findings.allowed("writing inside", try_open(cache + "/file", O_WRONLY));
                  enter(findings, {staging});
                  findings.denied("writing what was given up", try_open(cache + "/file", O_WRONLY));
              }),
              "");
}

TEST_F(Sandbox, ASingleFileCanBeWritable) {
    SKIP_WITHOUT_LANDLOCK();
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {outside + "/file", "/dev/null"});
                  findings.allowed("writing the file", try_open(outside + "/file", O_WRONLY));
                  findings.allowed("writing /dev/null", try_open("/dev/null", O_WRONLY));
                  findings.denied("its neighbours", try_open(outside + "/new", O_WRONLY | O_CREAT));
                  findings.denied("writing the cache", try_open(cache + "/file", O_WRONLY));
              }),
              "");
}

TEST_F(Sandbox, SignalsDoNotReachOutside) {
    if (landlock_abi() < 6) GTEST_SKIP() << "this kernel's Landlock does not scope signals";
    const pid_t test = ::getpid();
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  findings.denied("a signal to the parent", ::kill(test, SIGCONT));
                  findings.allowed("a signal to itself", ::kill(::getpid(), SIGCONT));
                  const auto late =
                      run_command("sleep", {"60"}, {}, 0);  // killed by a signal of ours
                  if (late) findings.wrong("sleep was not killed");
              }),
              "");
}

TEST_F(Sandbox, LimitsAreSetForGood) {
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  struct {
                      int resource;
                      rlim_t most;
                      const char *what;
                  } const limits[] = {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
                      {RLIMIT_DATA, rlim_t{1} << 30, "memory"},
#endif
                      {RLIMIT_CPU, 3600, "processor time"},
                      {RLIMIT_NOFILE, 256, "files"},
                      {RLIMIT_CORE, 0, "core"},
                      {RLIMIT_NPROC, 16384, "processes"},
                  };
                  for (const auto &limit : limits) {
                      rlimit value = {};
                      ::getrlimit(limit.resource, &value);
                      if (value.rlim_cur > limit.most || value.rlim_max > limit.most)
                          findings.wrong(std::string(limit.what) + " is not limited");
                  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
                  void *memory = ::mmap(nullptr, std::size_t{2} << 30, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                  if (memory != MAP_FAILED) findings.wrong("2 GiB could be had");
#endif
              }),
              "");
}

TEST_F(Sandbox, KeepsLowerLimits) {
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  const rlimit low{64, 128};
                  ::setrlimit(RLIMIT_NOFILE, &low);
                  enter(findings, {cache});
                  rlimit value = {};
                  ::getrlimit(RLIMIT_NOFILE, &value);
                  if (value.rlim_cur != 64 || value.rlim_max != 128)
                      findings.wrong("a limit was raised");
              }),
              "");
}

TEST_F(Sandbox, AWritablePathThatIsMissingIsAnError) {
    SKIP_WITHOUT_LANDLOCK();
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  const auto report = enter_sandbox({directory / "none"});
                  if (report) return findings.wrong("no error");
                  const std::string wanted =
                      "could not open \"" + (directory / "none") + "\": No such file or directory";
                  if (report.error().message != wanted) findings.wrong(report.error().message);
              }),
              "");
}

// --- the programs that the apt registry needs ----------------------------------------------------

TEST_F(Sandbox, AptConfigWorksInside) {
    if (find_program("apt-config").empty()) GTEST_SKIP() << "apt-config is not here";
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  const auto result = run_command("apt-config", {"dump"});
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
                const auto yes = run_command(program, good);
                if (!yes || yes->exit_status != 0)
                    findings.wrong("good signature: " + (yes ? yes->errors : yes.error().message));
                const auto no = run_command(program, bad);
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
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(::read(ends[0], &byte, 1), 0);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
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
