// server.cpp - the helper's protocol mode.
//
// The order is the point: first the tie to the parent, then the descriptors that a backend may have
// leaked, then the request (which is the backend's own and needs no sandbox), then the sandbox made
// for just this request, in two steps (sandbox.h); only after that does anything look at a foreign
// byte.
#include "helper/server.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "core/base/json_lines.h"
#include "core/registry/apt_host.h"
#include "core/registry/job.h"
#include "core/registry/job_rules.h"
#include "core/registry/registry.h"
#include "core/registry/sandbox.h"

namespace pgx {

namespace {

// Nobody is there to read: nothing is worth doing any more, and nothing of ours needs an orderly
// end.
void write_or_end(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) ::_exit(1);
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

Result<std::string> read_request() {
    std::string request;
    std::array<char, 65536> buffer;
    while (true) {
        const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(system_error("could not read the request", errno));
        if (count == 0) return request;
        if (request.size() + static_cast<std::size_t>(count) > protocol_line_limit)
            return fail(
                ErrorCode::limit_exceeded,
                "the request is longer than " + std::to_string(protocol_line_limit) + " bytes");
        request.append(buffer.data(), static_cast<std::size_t>(count));
    }
}

// What the process inherited from the backend and must not keep.
void make_own_process() {
    close_descriptors_from(3);
    // A file that is opened later must not become standard output.
    int null = 0;
    do null = ::open("/dev/null", O_RDWR);
    while (null >= 0 && null <= 2);
    ::close(null);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_IGN);  // a reader that left shows as EPIPE
    ::signal(SIGXFSZ, SIG_IGN);  // a file that grew too large as EFBIG
    // libcurl and run_command() wait for children and hang-ups in their own way; the rest ends us.
    for (int number : {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGCHLD}) ::signal(number, SIG_DFL);
    ::umask(077);
    // libarchive converts names from the archive's UTF-8, and drops those that the locale cannot
    // say.
    std::setlocale(LC_CTYPE, "C.UTF-8");
}

Result<Json> answer(Reporter &reporter) {
    const std::string text = TRY(read_request());
    auto request = parse_json(text, {.bytes = protocol_line_limit});
    if (!request) return fail(std::move(request.error()).prefixed("could not read the request"));
    auto job = read_job(*request);
    if (!job) return fail(std::move(job.error()).prefixed("could not read the request"));
    const SandboxReport report = TRY(enter_sandbox(first_rules(*job), system_calls(*job)));
    AptHost host = this_host();
    host.records = host_records(*job);
    TRY(narrow_sandbox(rules(*job, host, real_file_system())));
    if (auto *wanted = std::get_if<ReportSandboxJob>(&*job)) wanted->report = report;
    const auto make = [&host](std::string_view kind, FileSystem &fs) {
        return make_registry(kind, fs, host);
    };
    return perform(*job, make, real_file_system(), reporter);
}

}  // namespace

int serve(int parent) {
    die_with_parent(parent);
    make_own_process();
    try {
        JsonLinesReporter reporter(write_or_end);
        try {
            const Result<Json> result = answer(reporter);
            if (result) return reporter.result(*result) ? 0 : 1;
            reporter.error(result.error());
        } catch (const std::bad_alloc &) {
            throw;
        } catch (const std::exception &error) {
            reporter.error(
                Error{ErrorCode::internal, std::string("unexpected error: ") + error.what()});
        } catch (...) {
            reporter.error(Error{ErrorCode::internal, "unexpected error"});
        }
    } catch (...) {
        // No memory, if not for the request then for the report on it: a line that needs none.
        write_or_end(
            "{\"error\":{\"code\":\"out_of_memory\",\"message\":\"out of memory in the "
            "helper\"}}\n");
    }
    return 1;
}

}  // namespace pgx
