#include "extension/door.h"

#include "extension/helper_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "core/base/descriptor.h"
#include "core/base/protocol.h"
#include "extension/settings.h"

extern "C" {
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/wait_event.h"
}

extern char **environ;

namespace pgx {

namespace {

// No answer of an honest helper comes near these.
constexpr std::uint64_t output_limit = std::uint64_t{1} << 30;
constexpr long silence_limit_ms = 180 * 1000;

// The request as a file in memory: unlike a pipe it takes any amount without a reader.
Result<Descriptor> request_file(const std::string &request) {
    Descriptor file(memfd_create("pgx request", MFD_CLOEXEC));
    if (file.number() < 0) return fail(system_error("could not create a file in memory", errno));
    std::size_t written = 0;
    while (written < request.size()) {
        ssize_t count = write(file.number(), request.data() + written, request.size() - written);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0)
            return fail(system_error("could not write the request to the helper", errno));
        written += static_cast<std::size_t>(count);
    }
    (void)lseek(file.number(), 0, SEEK_SET);
    return file;
}

// A running child in a process group of its own. The destructor leaves no process behind.
class Child {
   public:
    static Result<Child> start(const std::string &program, const Descriptor &input);
    Child(Child &&other) noexcept
        : pid_(std::exchange(other.pid_, -1)), output_(std::move(other.output_)) {}
    Child &operator=(Child &&) = delete;
    ~Child() {
        if (pid_ > 0) (void)end();
    }

    int output() const { return output_.number(); }

    // Kills what is left of the group, reaps the child, returns its wait status.
    int end() {
        // While the child is not reaped its number, and so its group's, belongs to nobody else.
        (void)kill(-pid_, SIGKILL);
        return reap();
    }
    // Waits for a child that has closed its output and so is about to end.
    int reap() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return status;
    }
    // Gives a child that has closed its output a moment to end by itself, so that its exit status
    // tells something.
    int finish() {
        for (int i = 0; i < 200; i++) {
            siginfo_t info{};
            if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
                info.si_pid == pid_)
                break;
            poll(nullptr, 0, 5);
        }
        return end();
    }

   private:
    Child(pid_t pid, Descriptor output) : pid_(pid), output_(std::move(output)) {}
    pid_t pid_;
    Descriptor output_;
};

class SpawnActions {
   public:
    SpawnActions() {
        posix_spawn_file_actions_init(&actions_);
        posix_spawnattr_init(&attributes_);
    }
    ~SpawnActions() {
        posix_spawn_file_actions_destroy(&actions_);
        posix_spawnattr_destroy(&attributes_);
    }
    SpawnActions(const SpawnActions &) = delete;
    SpawnActions &operator=(const SpawnActions &) = delete;
    posix_spawn_file_actions_t actions_;
    posix_spawnattr_t attributes_;
};

Result<Child> Child::start(const std::string &program, const Descriptor &input) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return fail(system_error("could not create a pipe", errno));
    Descriptor read_end(ends[0]), write_end(ends[1]);
    (void)fcntl(read_end.number(), F_SETFL, O_NONBLOCK);

    SpawnActions spawn;
    posix_spawn_file_actions_adddup2(&spawn.actions_, input.number(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&spawn.actions_, write_end.number(), STDOUT_FILENO);
    // Standard error stays: the server's log. A group of its own, so that it can be ended with what
    // it started; default signal handling, because a backend ignores and blocks some.
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&spawn.attributes_, &none);
    posix_spawnattr_setsigdefault(&spawn.attributes_, &all);
    posix_spawnattr_setpgroup(&spawn.attributes_, 0);
    posix_spawnattr_setflags(
        &spawn.attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

    std::string parent = std::to_string(getpid());
    char *arguments[] = {const_cast<char *>("pgx"), const_cast<char *>("helper"),
                         const_cast<char *>("--parent"), parent.data(), nullptr};
    pid_t pid = -1;
    int error =
        posix_spawn(&pid, program.c_str(), &spawn.actions_, &spawn.attributes_, arguments, environ);
    if (error != 0) {
        Error why = system_error("could not start the helper program \"" + program + "\"", error);
        why.code = ErrorCode::helper_failed;
        why.hint =
            "It is installed by \"make install\" together with the extension; see pgx.helper_path.";
        return fail(std::move(why));
    }
    return Child(pid, std::move(read_end));
}

Error helper_error(std::string message, std::string detail) {
    return Error{ErrorCode::helper_failed, std::move(message), std::move(detail)};
}

std::string describe(int status) {
    if (WIFSIGNALED(status))
        return "It was ended by signal " + std::to_string(WTERMSIG(status)) + " (" +
               strsignal(WTERMSIG(status)) + ").";
    return "It exited with status " + std::to_string(WEXITSTATUS(status)) + ".";
}

// Shown in pg_stat_activity.wait_event while the helper works.
std::uint32_t helper_wait_event() {
    static std::uint32_t event = 0;
    if (event == 0) event = pg::call([] { return WaitEventExtensionNew("PgxHelper"); });
    return event;
}

class Conversation {
   public:
    Conversation(Child child, ProgressSlot &progress, const ReleasesHandler &releases)
        : child_(std::move(child)), progress_(progress), releases_(releases) {}

    Result<Json> run();

   private:
    Result<bool> receive();  // false at the end of the output
    Result<void> handle(const std::string &line);

    Child child_;
    ProgressSlot &progress_;
    const ReleasesHandler &releases_;
    std::string buffer_;
    std::uint64_t received_ = 0;
    std::optional<Json> result_;
};

Result<Json> Conversation::run() {
    const std::uint32_t event = helper_wait_event();
    while (true) {
        const int events = pg::call([descriptor = child_.output(), event] {
            int occurred = WaitLatchOrSocket(
                MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                descriptor, silence_limit_ms, event);
            if (occurred & WL_LATCH_SET) ResetLatch(MyLatch);
            CHECK_FOR_INTERRUPTS();
            return occurred;
        });
        if (events & WL_SOCKET_READABLE) {
            if (!TRY(receive())) break;
        } else if (events & WL_TIMEOUT) {
            return fail(helper_error("the helper program does not answer",
                                     "It has said nothing for " +
                                         std::to_string(silence_limit_ms / 1000) + " seconds."));
        }
    }
    if (result_) return std::move(*result_);
    return fail(
        helper_error("the helper program ended without an answer", describe(child_.finish())));
}

Result<bool> Conversation::receive() {
    char chunk[65536];
    ssize_t count = read(child_.output(), chunk, sizeof chunk);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (count < 0) return fail(system_error("could not read from the helper program", errno));
    if (count == 0) return false;
    received_ += static_cast<std::uint64_t>(count);
    buffer_.append(chunk, static_cast<std::size_t>(count));
    if (received_ > output_limit)
        return fail(
            helper_error("the helper program says too much", "Its answer is longer than 1 GB."));

    std::size_t begin = 0;
    for (std::size_t end; (end = buffer_.find('\n', begin)) != std::string::npos; begin = end + 1)
        TRY(handle(buffer_.substr(begin, end - begin)));
    buffer_.erase(0, begin);
    if (buffer_.size() > protocol_line_limit)
        return fail(
            helper_error("the helper program says too much", "A line of its answer has no end."));
    return true;
}

Result<void> Conversation::handle(const std::string &line) {
    Result<Json> message = parse_json(line);
    if (!message || !message->is_object())
        return fail(helper_error("could not understand the helper program",
                                 "It answered with something that is not a message."));
    if (message->contains("error")) return fail(error_from_json((*message)["error"]));
    if (message->contains("result")) {
        result_ = std::move((*message)["result"]);
        return {};
    }
    const std::string event = TRY(json_string(*message, "event", ""));
    if (event == "progress") {
        progress_.report(
            TRY(json_string(*message, "phase", "")), TRY(json_string(*message, "item", "")),
            TRY(json_unsigned(*message, "done", 0)), TRY(json_unsigned(*message, "total", 0)));
    } else if (event == "notice") {
        pg::notice(TRY(json_string(*message, "message", "")),
                   TRY(json_string(*message, "detail", "")),
                   TRY(json_string(*message, "hint", "")));
    } else if (event == "releases" && releases_) {
        TRY(releases_(line));
    }
    return {};
}

}  // namespace

Result<Json> run_helper(const Json &request, ProgressSlot &progress,
                        const ReleasesHandler &releases) {
    const std::string program = TRY(helper_path());
    Descriptor input = TRY(request_file(dump_json(request)));
    Child child = TRY(Child::start(program, input));
    return Conversation(std::move(child), progress, releases).run();
}

}  // namespace pgx
