// sandbox_test_support.h - trying things from inside a sandbox.
//
// Entering cannot be undone, so every test forks a child that enters and tries things there.  What
// it finds comes back as lines on a pipe; no line means that all was as it should be.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "core/registry/sandbox.h"
#include "temporary_directory.h"

namespace pgx {

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
inline std::string in_child(const std::function<void(const Findings &)> &body) {
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

inline void enter(const Findings &findings, const std::vector<std::string> &writable) {
    const auto report = enter_sandbox({.writable = writable});
    if (!report) {
        findings.wrong(report.error().message);
        ::_exit(0);
    }
}

inline void narrow(const Findings &findings, const SandboxRules &rules) {
    const auto narrowed = narrow_sandbox(rules);
    if (!narrowed) {
        findings.wrong(narrowed.error().message);
        ::_exit(0);
    }
}

// Opens and closes again, so that the answer is like that of other calls.
inline long try_open(const std::string &path, int flags) {
    const int descriptor = ::open(path.c_str(), flags, 0600);
    if (descriptor >= 0) ::close(descriptor);
    return descriptor;
}

inline bool has_seccomp() { return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0; }

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

inline long open_socket(int family, int protocol) {
    const int descriptor = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, protocol);
    if (descriptor >= 0) ::close(descriptor);
    return descriptor;
}

// Whoever holds the other end of the pipe ends soon: nothing is left that could still write to it.
inline void expect_end_of_writers(int descriptor) {
    char byte = 0;
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(::read(descriptor, &byte, 1), 0);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace pgx
