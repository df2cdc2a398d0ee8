// helper_test.cpp - the built program `pgx`, as a backend and as a person run it.
//
// It lies one directory above this program's own: build/test/unit and build/pgx.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/protocol.h"
#include "core/registry/sandbox.h"
#include "core/registry/subprocess.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

std::string program() {
    std::error_code error;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
    return (self.parent_path().parent_path() / "pgx").string();
}

struct Pipe {
    int reading = -1, writing = -1;
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return;
        reading = ends[0];
        writing = ends[1];
    }
    ~Pipe() {
        close_reading();
        close_writing();
    }
    Pipe(const Pipe &) = delete;
    Pipe &operator=(const Pipe &) = delete;
    void close_reading() {
        if (reading >= 0) ::close(reading);
        reading = -1;
    }
    void close_writing() {
        if (writing >= 0) ::close(writing);
        writing = -1;
    }
    std::string read_all() const {
        std::string result;
        char buffer[65536];
        for (ssize_t count; (count = ::read(reading, buffer, sizeof buffer)) > 0;)
            result.append(buffer, static_cast<std::size_t>(count));
        return result;
    }
};

class Program : public testing::Test {
   protected:
    TemporaryDirectory directory;

    void SetUp() override {
        ::signal(SIGPIPE, SIG_IGN);
        ::alarm(120);  // a helper that does not end would hold the test up for ever
        if (::access(program().c_str(), X_OK) != 0)
            GTEST_SKIP() << program() << " has not been built";
        ASSERT_EQ(::mkdir((directory / "cache").c_str(), 0700), 0);
    }
    void TearDown() override {
        ::alarm(0);
        ::signal(SIGPIPE, SIG_DFL);
    }

    static CommandResult run(const std::vector<std::string> &arguments) {
        auto result = run_command(program(), arguments);
        if (result) return *result;
        ADD_FAILURE() << result.error().message;
        return {};
    }

    // Starts it with pipes for input and output and, for a test of leaks, `extra` inherited.
    static pid_t start(const std::vector<std::string> &arguments, const Pipe &input,
                       const Pipe &output, int extra = -1) {
        const std::string path = program();
        std::vector<char *> pointers{const_cast<char *>(path.c_str())};
        for (const std::string &argument : arguments)
            pointers.push_back(const_cast<char *>(argument.c_str()));
        pointers.push_back(nullptr);
        const pid_t child = ::fork();
        if (child == 0) {
            ::dup2(input.reading, 0);
            ::dup2(output.writing, 1);
            if (extra >= 0) ::fcntl(extra, F_SETFD, 0);
#ifdef __SANITIZE_ADDRESS__
            // Leaks are looked for by tracing the process, which the sandbox does not allow.
            ::setenv("LSAN_OPTIONS", "detect_leaks=0", 1);
#endif
            ::execv(path.c_str(), pointers.data());
            ::_exit(126);
        }
        return child;
    }

    struct Answer {
        std::vector<Json> lines;
        int status = -1;
    };

    // Sends a request as a backend does.
    static Answer ask(const std::string &request) {
        Pipe input, output;
        const pid_t child =
            start({"helper", "--parent", std::to_string(::getpid())}, input, output);
        input.close_reading();
        output.close_writing();
        std::string_view rest = request;
        while (!rest.empty()) {
            const ssize_t count = ::write(input.writing, rest.data(), rest.size());
            if (count < 0) break;
            rest.remove_prefix(static_cast<std::size_t>(count));
        }
        input.close_writing();
        const std::string text = output.read_all();
        Answer answer;
        ::waitpid(child, &answer.status, 0);
        for (std::size_t begin = 0; begin < text.size();) {
            const std::size_t end = text.find('\n', begin);
            if (end == std::string::npos) {
                ADD_FAILURE() << "a line without an end: " << text.substr(begin);
                break;
            }
            auto line = parse_json(text.substr(begin, end - begin));
            if (line)
                answer.lines.push_back(*line);
            else
                ADD_FAILURE() << line.error().message;
            begin = end + 1;
        }
        return answer;
    }

    Json refresh_request() const {
        return Json{{"op", "refresh"},
                    {"cache", directory / "cache"},
                    {"platform", {{"postgres_major", 18}, {"architecture", "amd64"}}},
                    {"registry", {{"name", "system"}, {"kind", "no-such-kind"}}}};
    }
};

void expect_error(const std::vector<Json> &lines, int status, ErrorCode code,
                  const std::string &message) {
    ASSERT_EQ(lines.size(), 1U);
    ASSERT_TRUE(lines[0].contains("error")) << lines[0];
    const Error error = error_from_json(lines[0]["error"]);
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_NE(error.message.find(message), std::string::npos)
        << error.message << "\nwanted: " << message;
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST_F(Program, HelpsPeople) {
    const CommandResult help = run({"--help"});
    EXPECT_EQ(help.exit_status, 0);
    EXPECT_EQ(help.errors, "");
    for (const char *word : {"pgx --version", "pgx platform", "pgx helper", "CREATE EXTENSION pgx"})
        EXPECT_NE(help.output.find(word), std::string::npos) << word;
    EXPECT_EQ(run({"-h"}).output, help.output);
    const CommandResult version = run({"--version"});
    EXPECT_EQ(version.exit_status, 0);
    EXPECT_EQ(version.output, "pgx " PGX_VERSION "\n");
}

TEST_F(Program, TellsThePlatform) {
    const CommandResult result = run({"platform"});
    EXPECT_EQ(result.exit_status, 0);
    for (const char *word : {"operating system ", "C library ", "architecture ", "file sandbox "})
        EXPECT_NE(result.output.find(word), std::string::npos) << word;
}

TEST_F(Program, ComplainsOnStandardError) {
    struct {
        std::vector<std::string> arguments;
        const char *message;
    } const cases[] = {
        {{}, "pgx: a command is needed\n"},
        {{"helpr"}, "pgx: unknown command \"helpr\"; did you mean \"helper\"?\n"},
        {{"--verson"}, "pgx: unknown command \"--verson\"; did you mean \"--version\"?\n"},
        {{"xyzzyx"}, "pgx: unknown command \"xyzzyx\"\n"},
        {{"platform", "x"}, "pgx: \"pgx platform\" takes no arguments\n"},
        {{"helper", "x"}, "pgx: \"pgx helper\" takes only \"--parent PID\"\n"},
        {{"helper", "--parent"}, "pgx: \"pgx helper\" takes only \"--parent PID\"\n"},
        {{"helper", "--parent", "1x"}, "pgx: \"--parent\" needs the number of a process\n"},
        {{"helper", "--parent", "-1"}, "pgx: \"--parent\" needs the number of a process\n"},
        {{"helper", "--parent", ""}, "pgx: \"--parent\" needs the number of a process\n"},
    };
    for (const auto &c : cases) {
        const CommandResult result = run(c.arguments);
        EXPECT_EQ(result.exit_status, 2);
        EXPECT_EQ(result.output, "");
        EXPECT_TRUE(result.errors.starts_with(c.message)) << result.errors;
        EXPECT_NE(result.errors.find("pgx --help"), std::string::npos);
    }
}

TEST_F(Program, SaysWhenItsOutputIsLost) {
    const auto result =
        run_command("sh", {"-c", "exec \"$1\" --help > /dev/full", "sh", program()});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->exit_status, 1);
    EXPECT_NE(result->errors.find("could not write"), std::string::npos);
}

TEST_F(Program, AnswersBadRequestsWithAnError) {
    struct {
        std::string request, message;
        ErrorCode code;
    } const cases[] = {
        {"", "could not read the request: invalid JSON", ErrorCode::invalid_argument},
        {"hello", "could not read the request: invalid JSON", ErrorCode::invalid_argument},
        {"{}{}", "could not read the request: invalid JSON", ErrorCode::invalid_argument},
        {R"({"op":"refresh","op":"fetch"})", "duplicate key \"op\"", ErrorCode::invalid_argument},
        {std::string(1'000'000, '['), "nested more than", ErrorCode::invalid_argument},
        {"[]", "the request must be an object", ErrorCode::invalid_argument},
        {R"({"op":"rm"})", "\"op\" must be", ErrorCode::invalid_argument},
        {R"({"op":"fetch"})", "the platform must be an object", ErrorCode::invalid_argument},
        {std::string(protocol_line_limit + 1, ' '), "the request is longer than",
         ErrorCode::limit_exceeded},
    };
    for (const auto &c : cases) {
        const Answer answer = ask(c.request);
        expect_error(answer.lines, answer.status, c.code, c.message);
    }
}

TEST_F(Program, LooksUpTheRegistryKind) {
    const Answer answer = ask(dump_json(refresh_request()));
    expect_error(answer.lines, answer.status, ErrorCode::invalid_argument, "\"no-such-kind\"");
}

TEST_F(Program, EntersTheSandboxBeforeTheRegistryIsAsked) {
    if (landlock_abi() == 0)
        GTEST_SKIP() << "this kernel has no Landlock, so no directory is opened";
    Json request = refresh_request();
    request["cache"] = directory / "none";
    const Answer answer = ask(dump_json(request));
    expect_error(answer.lines, answer.status, ErrorCode::io,
                 "could not open \"" + (directory / "none") + "\"");
}

TEST_F(Program, ReportsItsSandbox) {
    const Answer answer = ask(R"({"op": "report_sandbox"})");
    ASSERT_EQ(answer.lines.size(), 1U);
    EXPECT_EQ(answer.lines[0],
              (Json{{"result", {{"landlock_abi", landlock_abi()}, {"system_calls", true}}}}));
    EXPECT_EQ(answer.status, 0);
}

// What the request does not name is out of reach, whatever a registry leads to.
TEST_F(Program, ReadsOnlyWhatTheRequestNames) {
    if (landlock_abi() == 0) GTEST_SKIP() << "this kernel has no Landlock, so nothing is denied";
    directory.put("secret", "deb nonsense");
    ASSERT_EQ(::mkdir((directory / "repository").c_str(), 0700), 0);
    const std::string metadata = directory / "repository/metadata";
    ASSERT_EQ(::mkdir(metadata.c_str(), 0700), 0);
    ASSERT_EQ(::mkdir((directory / "trust").c_str(), 0700), 0);
    Json request = refresh_request();
    request["trust"] = directory / "trust";
    request["registry"] = {{"name", "r"},
                           {"kind", "pgx"},
                           {"source", "file://" + (directory / "repository")},
                           {"root", "sha256:" + std::string(64, 'a')}};
    const std::string root = metadata + "/1.root.json";
    directory.put("repository/metadata/1.root.json", "x");
    const Answer inside = ask(dump_json(request));
    ASSERT_FALSE(inside.lines.empty());
    const Error read = error_from_json(inside.lines.back()["error"]);
    EXPECT_EQ(read.message.find("could not read the file"), std::string::npos) << read.message;
    ASSERT_EQ(::unlink(root.c_str()), 0);
    ASSERT_EQ(::symlink((directory / "secret").c_str(), root.c_str()), 0);
    const Answer outside = ask(dump_json(request));
    expect_error({outside.lines.back()}, outside.status, ErrorCode::registry_refused,
                 "could not read the file");
}

TEST_F(Program, EndsAtOnceForAnotherParent) {
    Pipe input, output;
    const pid_t child = start({"helper", "--parent", "1"}, input, output);
    output.close_writing();
    EXPECT_EQ(output.read_all(), "");  // although its input is still open
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST_F(Program, DiesWithItsParent) {
    Pipe input, output, ready;
    const pid_t parent = ::fork();
    ASSERT_GE(parent, 0);
    if (parent == 0) {
        start({"helper", "--parent", std::to_string(::getpid())}, input, output, ready.writing);
        ready.close_writing();
        while (true) ::pause();
    }
    ready.close_writing();
    output.close_writing();
    // The helper closes what it inherits after it has tied itself to its parent: then the pipe
    // ends.
    EXPECT_EQ(ready.read_all(), "");
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(output.read_all(), "");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(Program, ClosesWhatItInherits) {
    Pipe input, output, leaked;
    const pid_t child = start({"helper"}, input, output, leaked.writing);
    input.close_reading();
    leaked.close_writing();
    EXPECT_EQ(leaked.read_all(), "");  // ends although the helper still waits for its request
    EXPECT_EQ(::waitpid(child, nullptr, WNOHANG), 0);
    input.close_writing();
    ::waitpid(child, nullptr, 0);
}

TEST_F(Program, EndsQuietlyWhenNobodyReads) {
    Pipe input, output;
    const pid_t child = start({"helper"}, input, output);
    input.close_reading();
    output.close_writing();
    output.close_reading();
    input.close_writing();
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << "SIGPIPE must not end it";
    EXPECT_EQ(WEXITSTATUS(status), 1);
}

}  // namespace
}  // namespace pgx
