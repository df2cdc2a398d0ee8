// subprocess.cpp - fork and exec, with everything that a shell would have guessed said plainly.
//
// posix_spawn cannot set PR_SET_PDEATHSIG, so this is fork; between fork and exec only calls are
// made that are safe although other threads (libcurl's resolver) may have been holding locks.  Why
// the exec failed comes back through a pipe that a successful exec closes.
#include "core/registry/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "core/base/descriptor.h"
#include "core/registry/sandbox.h"

namespace pgx {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t output_limit = 1024 * 1024;
constexpr std::array program_directories{"/usr/bin", "/usr/local/bin", "/bin"};

struct Pipe {
    Descriptor reading, writing;

    // Both ends are 3 or more, so that the child can put them in place without losing one.
    static Result<Pipe> create() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0)
            return fail(system_error("could not create a pipe", errno));
        Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
        for (Descriptor *end : {&pipe.reading, &pipe.writing}) {
            if (end->number() >= 3) continue;
            *end = Descriptor(::fcntl(end->number(), F_DUPFD_CLOEXEC, 3));
            if (!end->valid()) return fail(system_error("could not create a pipe", errno));
        }
        return pipe;
    }
};

// A child process; one that is still there at the end of the scope is killed and waited for.
class Child {
   public:
    explicit Child(pid_t id) : id_(id) {}
    Child(const Child &) = delete;
    Child &operator=(const Child &) = delete;
    ~Child() {
        if (id_ <= 0) return;
        ::kill(id_, SIGKILL);
        while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    // Whether the child has ended; then `status` is its exit status in a shell's terms.
    bool ended(int &status) {
        int raw = 0;
        pid_t answer = 0;
        do answer = ::waitpid(id_, &raw, WNOHANG);
        while (answer < 0 && errno == EINTR);
        if (answer == 0) return false;
        id_ = 0;
        // ECHILD: somebody set SIGCHLD to be ignored, so nobody knows how it ended.
        if (answer < 0)
            status = -1;
        else
            status = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
        return true;
    }

   private:
    pid_t id_;
};

// Runs in the child. Only async-signal-safe calls; never returns. The descriptors are 3 or more.
[[noreturn]] void become(const char *program, char *const *arguments, char *const *environment,
                         pid_t parent, int output, int errors, int report,
                         const OfflineSandbox *sandbox) {
    const auto give_up = [&report](int error_number) {
        [[maybe_unused]] const ssize_t written =
            ::write(report, &error_number, sizeof error_number);
        ::_exit(127);
    };
    // While its descriptor is still there.
    if (sandbox != nullptr && !sandbox->enter()) give_up(errno);
    const int null = ::open("/dev/null", O_RDONLY);
    if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(errors, 2) < 0)
        give_up(errno);
    if (::dup2(report, 3) < 0 || ::fcntl(3, F_SETFD, FD_CLOEXEC) < 0) give_up(errno);
    report = 3;
    close_descriptors_from(4);

    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) give_up(errno);
    if (::getppid() != parent) ::_exit(127);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(program, arguments, environment);
    give_up(errno);
    ::_exit(127);
}

// Reads what is there; closes the descriptor at its end. The excess is read too, or the child would
// wait for us for ever.
void drain(Descriptor &from, std::string &to) {
    std::array<char, 65536> buffer;
    while (from.valid()) {
        const ssize_t count = ::read(from.number(), buffer.data(), buffer.size());
        if (count > 0) {
            const std::size_t room = output_limit - to.size();
            to.append(buffer.data(), std::min(static_cast<std::size_t>(count), room));
        } else if (count < 0 && errno == EINTR) {
            continue;
        } else if (count < 0 && errno == EAGAIN) {
            return;
        } else {
            from.close();
        }
    }
}

std::vector<char *> pointers(std::vector<std::string> &strings) {
    std::vector<char *> result;
    for (std::string &string : strings) result.push_back(string.data());
    result.push_back(nullptr);
    return result;
}

// Collects output until the child has ended; false when `deadline` came first.
bool collect(Child &child, Descriptor &output, Descriptor &errors, Clock::time_point deadline,
             CommandResult &result) {
    using namespace std::chrono_literals;
    ::fcntl(output.number(), F_SETFL, O_NONBLOCK);
    ::fcntl(errors.number(), F_SETFL, O_NONBLOCK);
    while (true) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left <= 0ms) return false;
        // A grandchild may hold the pipes open after the child has ended, so ask for both now and
        // then; once they are closed the end is a matter of microseconds.
        const auto pause = std::min(left, output.valid() || errors.valid() ? 100ms : 1ms);
        std::array<pollfd, 2> waiting{pollfd{output.number(), POLLIN, 0},
                                      pollfd{errors.number(), POLLIN, 0}};
        const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(pause.count()));
        if (ready > 0) {
            drain(output, result.output);
            drain(errors, result.errors);
            if (output.valid() || errors.valid()) continue;
        }
        if (child.ended(result.exit_status)) {
            drain(output, result.output);
            drain(errors, result.errors);
            return true;
        }
    }
}

Result<CommandResult> run(const std::string &program, const std::vector<std::string> &arguments,
                          const std::vector<std::string> &environment, unsigned timeout_s,
                          const OfflineSandbox *sandbox);

}  // namespace

std::string find_program(std::string_view program) {
    if (program.empty() || program.find('/') != std::string_view::npos) return {};
    for (const char *directory : program_directories) {
        std::string path = std::string(directory) + "/" + std::string(program);
        if (::access(path.c_str(), X_OK) == 0) return path;
    }
    return {};
}

Result<CommandResult> run_command(const std::string &program,
                                  const std::vector<std::string> &arguments,
                                  const std::vector<std::string> &environment, unsigned timeout_s) {
    return run(program, arguments, environment, timeout_s, nullptr);
}

Result<CommandResult> run_confined(const std::string &program,
                                   const std::vector<std::string> &arguments,
                                   const std::vector<std::string> &environment,
                                   const std::vector<std::string> &writable, unsigned timeout_s) {
    const OfflineSandbox sandbox = TRY(OfflineSandbox::prepare(writable));
    return run(program, arguments, environment, timeout_s, &sandbox);
}

namespace {

Result<CommandResult> run(const std::string &program, const std::vector<std::string> &arguments,
                          const std::vector<std::string> &environment, unsigned timeout_s,
                          const OfflineSandbox *sandbox) {
    const std::string doing = "could not run program \"" + program + "\"";
    const std::string path =
        program.find('/') == std::string::npos ? find_program(program) : program;
    if (path.empty()) return fail(Error{ErrorCode::io, system_error(doing, ENOENT).message});
    for (const std::vector<std::string> *strings : {&arguments, &environment})
        for (const std::string &string : *strings)
            if (string.find('\0') != std::string::npos)
                return fail(ErrorCode::invalid_argument,
                            doing + ": an argument contains a NUL character");

    // Everything that allocates comes before fork.
    std::vector<std::string> argument_strings{program};
    argument_strings.insert(argument_strings.end(), arguments.begin(), arguments.end());
    std::vector<std::string> environment_strings{"PATH=/usr/bin:/usr/local/bin:/bin", "LANG=C"};
    environment_strings.insert(environment_strings.end(), environment.begin(), environment.end());
    const std::vector<char *> argument_pointers = pointers(argument_strings);
    const std::vector<char *> environment_pointers = pointers(environment_strings);
    Pipe output = TRY(Pipe::create());
    Pipe errors = TRY(Pipe::create());
    Pipe report = TRY(Pipe::create());

    const auto deadline = Clock::now() + std::chrono::seconds(timeout_s);
    const pid_t parent = ::getpid();
    const pid_t id = ::fork();
    if (id < 0) return fail(system_error(doing, errno));
    if (id == 0)
        become(path.c_str(), argument_pointers.data(), environment_pointers.data(), parent,
               output.writing.number(), errors.writing.number(), report.writing.number(), sandbox);
    Child child(id);
    output.writing.close();
    errors.writing.close();
    report.writing.close();

    int exec_error = 0;
    ssize_t count = 0;
    do count = ::read(report.reading.number(), &exec_error, sizeof exec_error);
    while (count < 0 && errno == EINTR);
    if (count == sizeof exec_error) return fail(system_error(doing, exec_error));

    CommandResult result;
    if (!collect(child, output.reading, errors.reading, deadline, result))
        return fail(ErrorCode::registry_unreachable,
                    doing + ": no answer within " + std::to_string(timeout_s) + " s");
    return result;
}

}  // namespace

}  // namespace pgx
