// sandbox_test.cpp - each denial and each permission of files, programs and ports, tried from
// inside.
#include "core/registry/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include "core/base/file_system.h"
#include "core/registry/subprocess.h"
#include "sandbox_test_support.h"

namespace pgx {
namespace {

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

}  // namespace
}  // namespace pgx
