// sandbox_test.cpp - each denial and each permission, tried from inside.
//
// Entering cannot be undone, so every test forks a child that enters and tries things there.  What
// it finds comes back as lines on a pipe; no line means that all was as it should be.
#include "core/registry/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
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
    const auto report = enter_sandbox({.writable = writable});
    if (!report) {
        findings.wrong(report.error().message);
        ::_exit(0);
    }
}

void narrow(const Findings &findings, const SandboxRules &rules) {
    const auto narrowed = narrow_sandbox(rules);
    if (!narrowed) {
        findings.wrong(narrowed.error().message);
        ::_exit(0);
    }
}

// Opens and closes again, so that the answer is like that of other calls.
long try_open(const std::string &path, int flags) {
    const int descriptor = ::open(path.c_str(), flags, 0600);
    if (descriptor >= 0) ::close(descriptor);
    return descriptor;
}

bool has_seccomp() { return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0; }

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
                  const auto report = enter_sandbox({.writable = {cache}});
                  if (!report) return findings.wrong(report.error().message);
                  if (!report->no_new_privileges || ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
                      findings.wrong("privileges can still be gained");
                  if (report->landlock_abi != landlock_abi()) findings.wrong("another ABI");
                  const bool filtered = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2;
                  if (report->system_calls != filtered) findings.wrong("another filter");
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
            findings.denied("making a symbolic link inside",
                            ::symlink("x", (cache + "/s").c_str()));
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
            findings.allowed("making a node that is a file",
                             ::mknod((cache + "/n").c_str(), S_IFREG | 0600, 0));
            findings.allowed("writing to staging", try_open(staging + "/f", O_WRONLY | O_CREAT));
            if (landlock_abi() != 1) {  // the first ABI denied every move between directories
                findings.allowed("moving within",
                                 ::rename((fresh + "/f").c_str(), (cache + "/f").c_str()));
                findings.allowed("moving across",
                                 ::rename((cache + "/f").c_str(), (staging + "/moved").c_str()));
            } else {
                findings.allowed("removing below", ::unlink((fresh + "/f").c_str()));
            }
            findings.allowed("removing a directory", ::rmdir(fresh.c_str()));
            if (has_seccomp())
                findings.denied("a second name",
                                ::link(file.c_str(), (staging + "/linked").c_str()));
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

TEST_F(Sandbox, ReadingAndRunningStayFreeWithoutRules) {
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

// A socket that listens on a port of this machine.
class Listener {
   public:
    Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        if (::bind(socket_, reinterpret_cast<sockaddr *>(&address_), size) != 0 ||
            ::listen(socket_, 1) != 0 ||
            ::getsockname(socket_, reinterpret_cast<sockaddr *>(&address_), &size) != 0)
            ADD_FAILURE() << "no port to listen on";
    }
    ~Listener() { ::close(socket_); }
    Listener(const Listener &) = delete;
    Listener &operator=(const Listener &) = delete;

    std::uint16_t port() const { return ntohs(address_.sin_port); }
    long connect() const {
        const int connection = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connection < 0) return connection;
        const int answer =
            ::connect(connection, reinterpret_cast<const sockaddr *>(&address_), sizeof address_);
        const int error = errno;
        ::close(connection);
        errno = error;
        return answer;
    }

   private:
    int socket_;
    sockaddr_in address_ = {};
};

long bind_any_port() {
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int answer = ::bind(server, reinterpret_cast<const sockaddr *>(&address), sizeof address);
    const int error = errno;
    ::close(server);
    errno = error;
    return answer;
}

TEST_F(Sandbox, TheNetworkStaysOpenWithoutRules) {
    const Listener listener;
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  findings.allowed("connecting", listener.connect());
                  findings.allowed("binding", bind_any_port());
              }),
              "");
}

TEST_F(Sandbox, ConnectsToTheRulesPortsOnly) {
    if (landlock_abi() < landlock_abi_tcp) GTEST_SKIP() << "this kernel's Landlock knows no ports";
    const Listener good, bad;
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  narrow(findings, {.writable = {cache}, .ports = std::set{good.port()}});
                  findings.allowed("connecting", good.connect());
                  findings.denied("connecting to another port", bad.connect());
                  findings.denied("binding", bind_any_port());
                  findings.allowed("a datagram socket", ::socket(AF_INET, SOCK_DGRAM, 0));
                  narrow(findings, {.writable = {cache}, .ports = std::set{bad.port()}});
                  findings.denied("connecting to what was given up", good.connect());
                  findings.denied("connecting to what was never allowed", bad.connect());
              }),
              "");
}

TEST_F(Sandbox, ReadsWhatTheRulesListOnly) {
    SKIP_WITHOUT_LANDLOCK();
    const std::string input = directory / "input", secret = outside + "/file";
    ASSERT_EQ(::mkdir(input.c_str(), 0700), 0);
    directory.put("input/file", "content");
    directory.put("key", "content");
    ASSERT_EQ(::symlink(secret.c_str(), (input + "/link").c_str()), 0);
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  narrow(findings,
                         {.writable = {cache},
                          .readable = std::vector{input, directory / "key", directory / "absent"}});
                  findings.allowed("reading an input", try_open(input + "/file", O_RDONLY));
                  findings.allowed("listing inputs", try_open(input, O_RDONLY | O_DIRECTORY));
                  findings.allowed("reading a single file", try_open(directory / "key", O_RDONLY));
                  findings.allowed("reading the cache", try_open(cache + "/file", O_RDONLY));
                  findings.allowed("writing the cache", try_open(cache + "/file", O_RDWR));
                  findings.denied("writing an input", try_open(input + "/file", O_WRONLY));
                  findings.denied("reading outside", try_open(secret, O_RDONLY));
                  findings.denied("listing outside", try_open(outside, O_RDONLY | O_DIRECTORY));
                  findings.denied("listing above",
                                  try_open(directory / "", O_RDONLY | O_DIRECTORY));
                  findings.denied("reading through a link", try_open(input + "/link", O_RDONLY));
                  findings.denied("reading through \"..\"",
                                  try_open(input + "/../outside/file", O_RDONLY));
                  findings.denied("reading /etc", try_open("/etc/passwd", O_RDONLY));
                  findings.denied(
                      "reading another process's environment",
                      try_open("/proc/" + std::to_string(::getppid()) + "/environ", O_RDONLY));
                  findings.denied("linking it to where one may read",
                                  ::link(secret.c_str(), (cache + "/stolen").c_str()));
                  findings.denied("moving it there",
                                  ::rename(secret.c_str(), (cache + "/stolen").c_str()));
              }),
              "");
}

TEST_F(Sandbox, StartsTheRulesProgramsOnly) {
    SKIP_WITHOUT_LANDLOCK();
    const std::string allowed = find_program("true"), other = find_program("sh");
    ASSERT_FALSE(allowed.empty() || other.empty());
    const std::string script = directory / "script", copy = cache + "/copy";
    directory.put("script", "#!" + other + "\n");
    ASSERT_EQ(::chmod(script.c_str(), 0700), 0);
    const auto copied = run_command("cp", {allowed, copy});
    ASSERT_TRUE(copied && copied->exit_status == 0);
    EXPECT_EQ(
        in_child([&](const Findings &findings) {
            enter(findings, {cache});
            narrow(findings,
                   {.writable = {cache},
                    .readable = std::vector<std::string>{"/lib", "/lib64", "/usr/lib", "/usr/lib64",
                                                         "/etc/ld.so.cache", "/dev/null"},
                    .programs = std::vector{allowed, script, dynamic_linker()}});
            const auto started = run_command(allowed, {});
            if (!started || started->exit_status != 0)
                findings.wrong("what is allowed could not be started");
            for (const std::string &program : {other, script, copy}) {
                const auto result = run_command(program, {"-c", "exit 0"});
                if (result)
                    findings.wrong(program + " was started");
                else if (result.error().message.find("Permission denied") == std::string::npos)
                    findings.wrong(result.error().message);
            }
            // The dynamic linker can start what it can read; programs are not among it.
            const auto indirect = run_command(dynamic_linker(), {other, "-c", "exit 0"});
            if (indirect && indirect->exit_status == 0)
                findings.wrong("a program was started by way of the linker");
        }),
        "");
}

// What can be read can be run by way of the linker: nothing is won by that.
TEST_F(Sandbox, WhatTheLinkerRunsIsInsideToo) {
    SKIP_WITHOUT_LANDLOCK();
    const std::string shell = find_program("sh"), programs = directory / "programs";
    ASSERT_EQ(::mkdir(programs.c_str(), 0700), 0);
    const auto copied = run_command("cp", {shell, programs + "/sh"});
    ASSERT_TRUE(copied && copied->exit_status == 0);
    EXPECT_EQ(
        in_child([&](const Findings &findings) {
            enter(findings, {cache});
            narrow(findings,
                   {.writable = {cache},
                    .readable = std::vector<std::string>{"/lib", "/lib64", "/usr/lib", "/usr/lib64",
                                                         "/etc/ld.so.cache", "/dev/null", programs},
                    .programs = std::vector{dynamic_linker()}});
            if (run_command(programs + "/sh", {"-c", "exit 0"}))
                findings.wrong("it was started by its path");
            const auto result = run_command(dynamic_linker(),
                                            {programs + "/sh", "-c",
                                             "(echo x > \"$1/new\") 2> \"$2/errors\" || echo no; "
                                             "(read x < \"$1/file\") 2> \"$2/errors\" || echo no; "
                                             "kill -CONT $3 2> \"$2/errors\" || echo no",
                                             "sh", outside, cache, std::to_string(::getppid())});
            if (!result) return findings.wrong(result.error().message);
            const std::string wanted =
                landlock_abi() >= landlock_abi_scope ? "no\nno\nno\n" : "no\nno\n";
            if (result->output != wanted) findings.wrong(result->output + result->errors);
        }),
        "");
}

// --- system calls
// ---------------------------------------------------------------------------------

struct Call {
    const char *name;
    std::function<long()> make;
    int error = EPERM;
};

long open_socket(int family, int protocol) {
    const int descriptor = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, protocol);
    if (descriptor >= 0) ::close(descriptor);
    return descriptor;
}

// Of the kernel's numbers that older headers do not have; the same on all architectures.
constexpr long number_of_call(int generic) { return SYS_io_uring_setup + (generic - 425); }

long open_stream(int family, int type, int protocol) {
    const int descriptor = ::socket(family, type | SOCK_CLOEXEC, protocol);
    if (descriptor >= 0) ::close(descriptor);
    return descriptor;
}

// What may be done with a descriptor, whatever it is of.
constexpr int no_descriptor = -1;

long lock_by(int command) {
    struct flock lock = {};
    lock.l_type = F_RDLCK;
    return ::fcntl(no_descriptor, command, &lock);
}

// With arguments for which, without the filter, most answer something else than EPERM.
const std::vector<Call> &denied_calls() {
    static const std::vector<Call> calls{
        {"ptrace", [] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
        {"process_vm_readv",
         [] { return ::syscall(SYS_process_vm_readv, ::getpid(), nullptr, 0, nullptr, 0, 0); }},
        {"process_vm_writev",
         [] { return ::syscall(SYS_process_vm_writev, ::getpid(), nullptr, 0, nullptr, 0, 0); }},
        {"kcmp", [] { return ::syscall(SYS_kcmp, ::getpid(), ::getpid(), 0, 0, 0); }},
        {"pidfd_getfd", [] { return ::syscall(SYS_pidfd_getfd, -1, 0, 0); }},
        {"perf_event_open", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); }},
        {"mount", [] { return ::syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr); }},
        {"umount2", [] { return ::syscall(SYS_umount2, nullptr, -1); }},
        {"fsopen", [] { return ::syscall(SYS_fsopen, nullptr, -1); }},
        {"move_mount", [] { return ::syscall(SYS_move_mount, -1, nullptr, -1, nullptr, -1); }},
        {"chroot", [] { return ::syscall(SYS_chroot, nullptr); }},
        {"unshare", [] { return ::syscall(SYS_unshare, 0); }},
        {"setns", [] { return ::syscall(SYS_setns, -1, 0); }},
        {"clone with a user namespace",
         [] {
             const long child = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
             if (child == 0) ::_exit(0);
             if (child > 0) ::waitpid(static_cast<pid_t>(child), nullptr, 0);
             return child;
         }},
        {"clone3", [] { return ::syscall(SYS_clone3, nullptr, 0); }, ENOSYS},
        {"open_by_handle_at", [] { return ::syscall(SYS_open_by_handle_at, -1, nullptr, 0); }},
        {"quotactl", [] { return ::syscall(SYS_quotactl, -1, nullptr, 0, nullptr); }},
        {"bpf", [] { return ::syscall(SYS_bpf, -1, nullptr, 0); }},
        {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, 1); }},
        {"io_uring_setup", [] { return ::syscall(SYS_io_uring_setup, 0, nullptr); }, ENOSYS},
        {"kexec_load", [] { return ::syscall(SYS_kexec_load, 0, 0, nullptr, 0); }},
        {"init_module", [] { return ::syscall(SYS_init_module, nullptr, 0, nullptr); }},
        {"finit_module", [] { return ::syscall(SYS_finit_module, -1, nullptr, 0); }},
        {"delete_module", [] { return ::syscall(SYS_delete_module, nullptr, 0); }},
        {"reboot", [] { return ::syscall(SYS_reboot, 0, 0, 0, nullptr); }},
        {"swapon", [] { return ::syscall(SYS_swapon, nullptr, 0); }},
        {"acct", [] { return ::syscall(SYS_acct, ""); }},
        {"personality", [] { return ::syscall(SYS_personality, 0xffffffffUL); }},
        {"add_key", [] { return ::syscall(SYS_add_key, nullptr, nullptr, nullptr, 0, 0); }},
        {"request_key", [] { return ::syscall(SYS_request_key, nullptr, nullptr, nullptr, 0); }},
        {"keyctl", [] { return ::syscall(SYS_keyctl, 0, -3, 0, 0, 0); }},
        {"prlimit of another process",
         [] { return ::prlimit(::getppid(), RLIMIT_NOFILE, nullptr, nullptr); }},
        {"setpriority of another process",
         [] { return ::syscall(SYS_setpriority, PRIO_PROCESS, ::getppid(), 0); }},
        {"setpriority of all processes of the user",
         [] { return ::syscall(SYS_setpriority, PRIO_USER, 0, 0); }},
        {"setpriority of the group", [] { return ::syscall(SYS_setpriority, PRIO_PGRP, 0, 0); }},
        {"ioprio_set of all processes of the user",
         [] { return ::syscall(SYS_ioprio_set, 3, 0, 2 << 13 | 4); }},
        {"leaving the session", [] { return static_cast<long>(::setsid()); }},
        {"leaving the group", [] { return ::setpgid(0, 0); }},
        // what belongs to files
        {"chmod", [] { return ::syscall(SYS_fchmodat, AT_FDCWD, "/", 0755); }},
        {"link",
         [] { return ::syscall(SYS_linkat, AT_FDCWD, "/no-such", AT_FDCWD, "/neither", 0); }},
        {"fchmodat2", [] { return ::syscall(number_of_call(452), AT_FDCWD, "", 0755, 0); }, ENOSYS},
        {"fchown", [] { return ::fchown(no_descriptor, 0, 0); }},
        {"fchownat", [] { return ::fchownat(AT_FDCWD, "", 0, 0, 0); }},
        {"utimensat", [] { return ::utimensat(AT_FDCWD, "", nullptr, 0); }},
        {"utimensat of a descriptor", [] { return ::futimens(STDIN_FILENO, nullptr); }},
        {"setxattr", [] { return ::setxattr("", "user.x", "x", 1, 0); }},
        {"lsetxattr", [] { return ::lsetxattr("", "user.x", "x", 1, 0); }},
        {"fsetxattr", [] { return ::fsetxattr(no_descriptor, "user.x", "x", 1, 0); }},
        {"removexattr", [] { return ::removexattr("", "user.x"); }},
        {"lremovexattr", [] { return ::lremovexattr("", "user.x"); }},
        {"fremovexattr", [] { return ::fremovexattr(no_descriptor, "user.x"); }},
        {"setxattrat", [] { return ::syscall(number_of_call(463), -1, "", 0, "", "", 0); }, ENOSYS},
        {"file_setattr", [] { return ::syscall(number_of_call(469), -1, "", "", 0, 0); }, ENOSYS},
        {"flags of files", [] { return ::ioctl(no_descriptor, FS_IOC_SETFLAGS, ""); }},
        {"projects of files", [] { return ::ioctl(no_descriptor, FS_IOC_FSSETXATTR, ""); }},
        {"what a file system invents", [] { return ::ioctl(no_descriptor, 0x5000940e, ""); }},
        {"inotify_init1", [] { return ::inotify_init1(IN_CLOEXEC); }},
        {"inotify_add_watch", [] { return ::inotify_add_watch(no_descriptor, "", IN_OPEN); }},
        {"name_to_handle_at",
         [] { return ::syscall(SYS_name_to_handle_at, -1, "", nullptr, nullptr, 0); }},
        {"a lock on a file", [] { return ::flock(no_descriptor, LOCK_SH); }},
        {"a lock on a part of a file", [] { return lock_by(F_SETLK); }},
        {"waiting for a lock on a part of a file", [] { return lock_by(F_SETLKW); }},
        {"a lock of a descriptor", [] { return lock_by(F_OFD_SETLK); }},
        {"waiting for a lock of a descriptor", [] { return lock_by(F_OFD_SETLKW); }},
        {"openat2", [] { return ::syscall(number_of_call(437), -1, "", nullptr, 0); }, ENOSYS},
        {"a lease", [] { return ::fcntl(no_descriptor, F_SETLEASE, F_RDLCK); }},
        {"being told of changes", [] { return ::fcntl(no_descriptor, F_NOTIFY, DN_ACCESS); }},
        {"signals by a file", [] { return ::fcntl(no_descriptor, F_SETOWN, ::getppid()); }},
        {"signals of one's choice by a file",
         [] { return ::fcntl(no_descriptor, F_SETSIG, SIGKILL); }},
        // programs and memory that are no files
        {"execveat", [] { return ::syscall(SYS_execveat, -1, "", nullptr, nullptr, 0); }},
        {"memfd_create", [] { return ::syscall(SYS_memfd_create, "x", 0); }},
        {"memfd_secret", [] { return ::syscall(SYS_io_uring_setup + 22, 1 << 20); }},
        {"a message queue",
         [] { return ::syscall(SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, nullptr); }},
        {"emptying a file", [] { return ::ftruncate(STDERR_FILENO, 0); }},
        {"giving a file's room back", [] { return ::fallocate(no_descriptor, 0, 0, 1); }},
        {"letting others write", [] { return ::fchmod(no_descriptor, 0666); }},
        {"giving away one's rights", [] { return ::fchmod(no_descriptor, 04755); }},
        {"a call of a kernel to come", [] { return ::syscall(number_of_call(900)); }, ENOSYS},
        // the network
        {"listen", [] { return ::listen(no_descriptor, 1); }},
        {"accept", [] { return ::accept(no_descriptor, nullptr, nullptr); }},
        {"accept4", [] { return ::accept4(no_descriptor, nullptr, nullptr, 0); }},
        {"connecting by sendto", [] { return ::sendto(-1, "", 1, MSG_FASTOPEN, nullptr, 0); }},
        {"connecting by sendto, with another flag",
         [] { return ::sendto(-1, "", 1, MSG_FASTOPEN | MSG_NOSIGNAL, nullptr, 0); }},
        {"connecting by sendmsg", [] { return ::sendmsg(no_descriptor, nullptr, MSG_FASTOPEN); }},
        {"connecting by sendmmsg", [] { return ::sendmmsg(-1, nullptr, 1, MSG_FASTOPEN); }},
        {"MPTCP", [] { return open_stream(AF_INET, SOCK_STREAM, 262); }},
        {"MPTCP of IPv6", [] { return open_stream(AF_INET6, SOCK_STREAM, 262); }},
        {"SCTP", [] { return open_stream(AF_INET, SOCK_STREAM, IPPROTO_SCTP); }},
        {"SCTP, unsaid", [] { return open_stream(AF_INET, SOCK_SEQPACKET, 0); }},
        {"DCCP", [] { return open_stream(AF_INET, SOCK_DCCP, IPPROTO_DCCP); }},
        {"ICMP", [] { return open_stream(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); }},
        {"raw IP", [] { return open_stream(AF_INET, SOCK_RAW, IPPROTO_TCP); }},
        {"raw IPv6", [] { return open_stream(AF_INET6, SOCK_RAW, 0); }},
        {"a pair of sockets for datagrams",
         [] {
             int pair[2];
             return ::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
         }},
        {"a pair of sockets for packets",
         [] {
             int pair[2];
             return ::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
         }},
        {"sched_setaffinity of another process",
         [] { return ::syscall(SYS_sched_setaffinity, ::getppid(), 0, nullptr); }},
        {"shmget", [] { return ::syscall(SYS_shmget, IPC_PRIVATE, 0, 0); }},
        {"shmctl", [] { return ::syscall(SYS_shmctl, -1, IPC_RMID, nullptr); }},
        {"semget", [] { return ::syscall(SYS_semget, IPC_PRIVATE, -1, 0); }},
        {"msgget", [] { return ::syscall(SYS_msgget, 1, 0); }},
        {"typing into a terminal", [] { return ::ioctl(-1, TIOCSTI, ""); }},
        {"typing into a terminal with bits above the request's",
         [] { return ::syscall(SYS_ioctl, -1, (1ULL << 32) | TIOCSTI, ""); }},
        {"a local socket, such as the server's", [] { return open_socket(AF_UNIX, 0); }},
        {"a packet socket", [] { return open_socket(AF_PACKET, 0); }},
        {"a socket for the kernel's ciphers", [] { return open_socket(38, 0); }},  // AF_ALG
        {"a socket of a family of long ago", [] { return open_socket(9, 0); }},    // AF_X25
        {"a socket of a family to come", [] { return open_socket(77, 0); }},
        {"a netlink socket for events",
         [] { return open_socket(AF_NETLINK, NETLINK_KOBJECT_UEVENT); }},
#ifdef __x86_64__
        {"a call by x32's number", [] { return ::syscall(0x40000000 | SYS_getpid); }},
#endif
    };
    return calls;
}

TEST_F(Sandbox, DeniesSystemCallsThatNothingNeeds) {
    if (!has_seccomp()) GTEST_SKIP() << "this kernel has no seccomp";
    int telling = 0;
    for (const Call &call : denied_calls()) {
        // What it would answer without the filter, to know that the filter is what denies it.
        const std::string free = in_child([&](const Findings &findings) {
            findings.wrong(call.make() < 0 ? std::to_string(errno) : "0");
        });
        telling += free != std::to_string(call.error) + "\n";
        EXPECT_EQ(in_child([&](const Findings &findings) {
                      enter(findings, {cache});
                      const long answer = call.make();
                      if (answer >= 0 || errno != call.error)
                          findings.wrong(answer >= 0 ? "was allowed" : std::strerror(errno));
                  }),
                  "")
            << call.name;
    }
    // Some are the administrator's alone on any kernel.
    EXPECT_GT(telling, 75);
}

TEST_F(Sandbox, AllowsTheSystemCallsOfDownloads) {
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  enter(findings, {cache});
                  findings.allowed("a socket", open_socket(AF_INET, 0));
                  findings.allowed("a socket of IPv6", open_socket(AF_INET6, 0));
                  int pair[2];
                  findings.allowed("a pair of sockets",
                                   ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
                  findings.allowed("asking for addresses", open_socket(AF_NETLINK, NETLINK_ROUTE));
                  findings.allowed("its own limits", ::prlimit(0, RLIMIT_NOFILE, nullptr, nullptr));
                  findings.allowed("a timer", ::alarm(0));
                  std::thread([] {}).join();
                  const pid_t child = ::fork();
                  if (child == 0) ::_exit(0);
                  findings.allowed("a child", child);
                  ::waitpid(child, nullptr, 0);
              }),
              "");
}

// Calls that create something, in every kind of sandbox: by the right to make files, only plain
// ones with no more than ordinary modes.
TEST_F(Sandbox, CreatesNothingWithSpecialModes) {
    if (!has_seccomp()) GTEST_SKIP() << "this kernel has no seccomp";
    const std::string path = cache + "/new";
    const char *name = path.c_str();
    const auto remove = [&](long answer) {
        const int error = errno;
        if (answer > 2) ::close(static_cast<int>(answer));
        ::unlink(name);
        ::rmdir(name);
        errno = error;
        return answer;
    };
    constexpr int create = O_WRONLY | O_CREAT, unnamed = O_WRONLY | O_TMPFILE;
    struct {
        const char *name;
        std::function<long(unsigned mode)> make;
    } const calls[] = {
        {"openat",
         [&](unsigned mode) { return ::syscall(SYS_openat, AT_FDCWD, name, create, mode); }},
        {"an unnamed file",
         [&](unsigned mode) {
             return ::syscall(SYS_openat, AT_FDCWD, cache.c_str(), unnamed, mode);
         }},
        {"mkdirat", [&](unsigned mode) { return ::syscall(SYS_mkdirat, AT_FDCWD, name, mode); }},
        {"mknodat",
         [&](unsigned mode) { return ::syscall(SYS_mknodat, AT_FDCWD, name, S_IFREG | mode, 0); }},
#ifdef SYS_open
        {"open", [&](unsigned mode) { return ::syscall(SYS_open, name, create, mode); }},
        {"creat", [&](unsigned mode) { return ::syscall(SYS_creat, name, mode); }},
        {"mkdir", [&](unsigned mode) { return ::syscall(SYS_mkdir, name, mode); }},
        {"mknod", [&](unsigned mode) { return ::syscall(SYS_mknod, name, S_IFREG | mode, 0); }},
#endif
    };
    for (const SystemCalls kind : {SystemCalls::helper, SystemCalls::server, SystemCalls::offline})
        EXPECT_EQ(in_child([&](const Findings &findings) {
                      const auto report = enter_sandbox({.writable = {cache}}, kind);
                      if (!report) return findings.wrong(report.error().message);
                      for (const auto &call : calls) {
                          const std::string what = call.name;
                          findings.allowed(what, remove(call.make(0600)));
                          for (const unsigned bits : {04000U, 02000U, 01000U, 06000U, 07000U})
                              findings.denied(what + " with " + std::to_string(bits),
                                              remove(call.make(bits | 0755)));
                      }
                      for (const unsigned type : {S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK}) {
                          findings.denied(
                              "mknodat of type " + std::to_string(type),
                              remove(::syscall(SYS_mknodat, AT_FDCWD, name, type | 0600, 0)));
#ifdef SYS_mknod
                          findings.denied("mknod of type " + std::to_string(type),
                                          remove(::syscall(SYS_mknod, name, type | 0600, 0)));
#endif
                      }
                      // What creates nothing has no mode, whatever the register says.
                      findings.allowed(
                          "opening", remove(::syscall(SYS_openat, AT_FDCWD,
                                                      (cache + "/file").c_str(), O_RDONLY, 07777)));
                  }),
                  "");
}

// By files that are there, and belong to whoever tries.
TEST_F(Sandbox, ModesTimesAndAttributesOfFilesOutsideStay) {
    if (!has_seccomp()) GTEST_SKIP() << "this kernel has no seccomp";
    const std::string file = outside + "/file";
    struct stat before = {}, after = {};
    ASSERT_EQ(::stat(file.c_str(), &before), 0);
    for (const SystemCalls kind : {SystemCalls::helper, SystemCalls::server}) {
        EXPECT_EQ(in_child([&](const Findings &findings) {
                      const auto report = enter_sandbox({.writable = {cache}}, kind);
                      if (!report) return findings.wrong(report.error().message);
                      const char *path = file.c_str();
                      const timespec times[2] = {{1, 0}, {1, 0}};
                      findings.denied("chmod", ::chmod(path, 0777));
                      findings.denied("chown", ::chown(path, ::getuid(), ::getgid()));
                      findings.denied("utimensat", ::utimensat(AT_FDCWD, path, times, 0));
                      findings.denied("setxattr", ::setxattr(path, "user.x", "x", 1, 0));
                      // A descriptor that Landlock lets everybody have.
                      const int no_rights = ::open(path, O_PATH | O_CLOEXEC);
                      if (no_rights < 0) return findings.wrong("no descriptor of the path");
                      const std::string link = "/proc/self/fd/" + std::to_string(no_rights);
                      if (::fchmod(no_rights, 0777) == 0) findings.wrong("fchmod of a path");
                      if (::fchmodat(no_rights, "", 0777, AT_EMPTY_PATH) == 0)
                          findings.wrong("fchmodat of a path");
                      if (::syscall(number_of_call(452), no_rights, "", 0777, AT_EMPTY_PATH) == 0)
                          findings.wrong("fchmodat2 of a path");
                      findings.denied("chmod by /proc", ::chmod(link.c_str(), 0777));
                      if (::futimens(no_rights, times) == 0) findings.wrong("futimens of a path");
                      const int flags = FS_NODUMP_FL;
                      const int reading = ::open(path, O_RDONLY | O_CLOEXEC);
                      findings.denied("flags", ::ioctl(reading, FS_IOC_SETFLAGS, &flags));
                      findings.denied("letting others write", ::fchmod(reading, 0777));
                      if (kind == SystemCalls::server)
                          findings.denied("letting others read", ::fchmod(reading, 0755));
                      // What is made inside gets its mode.
                      ::umask(077);
                      FileSystem &fs = real_file_system();
                      const bool trial = kind == SystemCalls::server;
                      const std::string name = cache + (trial ? "/trial" : "/made");
                      const auto made = fs.create(name, trial ? 0600 : 0644);
                      if (!made) findings.wrong(made.error().message);
                      const auto folder = fs.make_directory(name + ".d", trial ? 0700 : 0755);
                      if (!folder) findings.wrong(folder.error().message);
                  }),
                  "");
    }
    ASSERT_EQ(::stat((cache + "/made").c_str(), &after), 0);
    EXPECT_EQ(after.st_mode & 07777, 0644U);
    ASSERT_EQ(::stat(file.c_str(), &after), 0);
    EXPECT_EQ(after.st_mode, before.st_mode);
    EXPECT_EQ(after.st_mtime, before.st_mtime);
    EXPECT_EQ(after.st_ctime, before.st_ctime);
}

// A server that must not be reached, and that would be by TCP and by a local socket.
TEST_F(Sandbox, NothingConnectsAroundTheRules) {
    if (!has_seccomp() || landlock_abi() < landlock_abi_tcp)
        GTEST_SKIP() << "this kernel has no seccomp, or its Landlock knows no ports";
    const Listener listener;
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(listener.port());
    const auto *there = reinterpret_cast<const sockaddr *>(&address);
    sockaddr_un local = {};
    local.sun_family = AF_UNIX;
    const std::string path = outside + "/socket";
    ASSERT_LT(path.size(), sizeof local.sun_path);
    std::strcpy(local.sun_path, path.c_str());
    const int log = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ASSERT_EQ(::bind(log, reinterpret_cast<const sockaddr *>(&local), sizeof local), 0);
    for (const SystemCalls kind : {SystemCalls::helper, SystemCalls::server})
        EXPECT_EQ(
            in_child([&](const Findings &findings) {
                const auto report = enter_sandbox({.writable = {cache}}, kind);
                if (!report) return findings.wrong(report.error().message);
                narrow(findings, {.writable = {cache}, .ports = std::set<std::uint16_t>{}});
                for (const int protocol : {0, 262}) {
                    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol);
                    if (socket < 0) continue;
                    findings.denied("connect", ::connect(socket, there, sizeof address));
                    findings.denied("sendto",
                                    ::sendto(socket, "x", 1, MSG_FASTOPEN, there, sizeof address));
                    findings.denied("listen", ::listen(socket, 1));
                    ::close(socket);
                }
                if (kind == SystemCalls::server) return;  // may use local sockets
                for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
                    int pair[2];
                    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) != 0) continue;
                    const auto *other = reinterpret_cast<const sockaddr *>(&local);
                    if (::sendto(pair[0], "x", 1, 0, other, sizeof local) >= 0)
                        findings.wrong("a datagram was sent");
                    ::close(pair[1]);
                    if (::connect(pair[0], other, sizeof local) == 0)
                        findings.wrong("a pair was connected");
                }
            }),
            "");
    char byte = 0;
    EXPECT_EQ(::recv(log, &byte, 1, 0), -1);
    ::close(log);
}

TEST_F(Sandbox, AGrandchildIsEndedWithTheGroup) {
    if (!has_seccomp()) GTEST_SKIP() << "this kernel has no seccomp";
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::setpgid(0, 0);
        const auto report = enter_sandbox({.writable = {cache}});
        if (!report) ::_exit(1);
        if (::fork() == 0) {
            (void)::setsid();
            (void)::setpgid(0, 0);
            if (::write(ends[1], "x", 1) != 1) ::_exit(1);
            ::alarm(60);
            while (true) ::pause();
        }
        while (true) ::pause();
    }
    ::close(ends[1]);
    char byte = 0;
    ASSERT_EQ(::read(ends[0], &byte, 1), 1);
    ::kill(-child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(::read(ends[0], &byte, 1), 0);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
    ::close(ends[0]);
}

TEST_F(Sandbox, AServerOnTrialHasItsSharedMemory) {
    if (!has_seccomp()) GTEST_SKIP() << "this kernel has no seccomp";
    EXPECT_EQ(in_child([&](const Findings &findings) {
                  rlimit before = {}, space = {};
                  ::getrlimit(RLIMIT_AS, &before);
                  const auto report = enter_sandbox({.writable = {cache}}, SystemCalls::server);
                  if (!report) return findings.wrong(report.error().message);
                  const int memory = ::shmget(IPC_PRIVATE, 4096, 0600);
                  findings.allowed("memory that is a file",
                                   ::syscall(SYS_memfd_create, "x", MFD_CLOEXEC));
                  const int file = ::open((cache + "/file").c_str(), O_RDONLY | O_CLOEXEC);
                  findings.allowed("a lock on a file", ::flock(file, LOCK_SH));
                  struct flock part = {};
                  part.l_type = F_RDLCK;
                  findings.allowed("a lock on a part of it", ::fcntl(file, F_SETLK, &part));
                  ::getrlimit(RLIMIT_AS, &space);
                  if (space.rlim_cur != before.rlim_cur) findings.wrong("address space is limited");
                  findings.denied("MPTCP", open_stream(AF_INET, SOCK_STREAM, 262));
                  findings.denied("SCTP", open_stream(AF_INET, SOCK_SEQPACKET, 0));
                  findings.denied("fast open", ::sendto(-1, "", 1, MSG_FASTOPEN, nullptr, 0));
                  findings.denied("listening", ::listen(-1, 1));
                  findings.denied("fchmod", ::fchmod(-1, 0755));
                  findings.denied("chmod", ::chmod(cache.c_str(), 0700));
                  findings.denied("flags of files", ::ioctl(-1, FS_IOC_SETFLAGS, ""));
                  findings.denied("setpriority", ::setpriority(PRIO_USER, 0, 0));
                  findings.denied("leaving the session", ::setsid());
                  findings.allowed("System V shared memory", memory);
                  ::shmctl(memory, IPC_RMID, nullptr);
                  findings.allowed("a local socket", open_socket(AF_UNIX, 0));
                  findings.denied("ptrace", ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
              }),
              "");
}

// --- the programs that a helper runs
// --------------------------------------------------------------

TEST_F(Sandbox, ProgramsAreOffline) {
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

TEST_F(Sandbox, RunConfinedStartsThemSo) {
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
                      {RLIMIT_AS, rlim_t{3} << 30, "address space"},
#endif
                      {RLIMIT_FSIZE, rlim_t{4} << 30, "the size of files"},
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
                  memory = ::mmap(nullptr, std::size_t{4} << 30, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
                  if (memory != MAP_FAILED) findings.wrong("4 GiB could be shared");
#endif
                  ::signal(SIGXFSZ, SIG_IGN);
                  const int file = ::open((cache + "/file").c_str(), O_WRONLY | O_CLOEXEC);
                  findings.allowed("a file of 4 GiB", ::pwrite(file, "x", 1, (off_t{4} << 30) - 1));
                  if (::pwrite(file, "x", 1, off_t{4} << 30) == 1 || errno != EFBIG)
                      findings.wrong("a file could be larger than 4 GiB");
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
                  const auto report = enter_sandbox({.writable = {directory / "none"}});
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
