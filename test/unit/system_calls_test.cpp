// system_calls_test.cpp - what the filter of system calls denies and lets through, tried from
// inside.
#include "core/registry/system_calls.h"

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
#include <csignal>
#include <cstring>
#include <functional>
#include <thread>

#include "core/base/file_system.h"
#include "core/registry/subprocess.h"
#include "sandbox_test_support.h"

namespace pgx {
namespace {

class SandboxCalls : public Sandbox {};

struct Call {
    const char *name;
    std::function<long()> make;
    int error = EPERM;
};

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

TEST_F(SandboxCalls, DeniesSystemCallsThatNothingNeeds) {
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

TEST_F(SandboxCalls, AllowsTheSystemCallsOfDownloads) {
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
TEST_F(SandboxCalls, CreatesNothingWithSpecialModes) {
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
TEST_F(SandboxCalls, ModesTimesAndAttributesOfFilesOutsideStay) {
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
TEST_F(SandboxCalls, NothingConnectsAroundTheRules) {
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

TEST_F(SandboxCalls, AGrandchildIsEndedWithTheGroup) {
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
    expect_end_of_writers(ends[0]);
    ::close(ends[0]);
}

TEST_F(SandboxCalls, AServerOnTrialHasItsSharedMemory) {
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

}  // namespace
}  // namespace pgx
