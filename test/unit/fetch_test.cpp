// fetch_test.cpp - downloads from a server that misbehaves on demand.
//
// The server is a Python program on loopback; the path of a request says what it does. libcurl is not replaced by anything: what
// is tested is what happens on a socket.
#include "core/registry/fetch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "core/registry/sha256.h"
#include "temporary_directory.h"

extern char **environ;

namespace pgx {
namespace {

constexpr const char *server_program = R"python(
import collections, http.server, socket, ssl, subprocess, sys, threading, time, zlib

counters = collections.Counter()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args): pass

    def setup(self):
        super().setup()
        counters["connections"] += 1

    def answer(self, status, body=b"", length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        try:
            self.act(self.path.strip("/").split("/"))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def act(self, words):
        what, rest = words[0], words[1:]
        port = self.server.server_address[1]
        if what == "ok":
            counters["ok"] += 1
            tags = {"ETag": '"v1"', "Last_Modified": "Sat, 01 Jan 2022 00:00:00 GMT"}
            if (self.headers.get("If-None-Match") == '"v1"' or
                    self.headers.get("If-Modified-Since") == tags["Last_Modified"]):
                self.send_response(304)
                self.send_header("ETag", '"v1"')
                self.end_headers()
            else:
                self.answer(200, b"hello\n", **tags)
        elif what == "size":
            self.answer(200, b"x" * int(rest[0]))
        elif what == "empty":
            self.answer(200)
        elif what == "status":
            self.answer(int(rest[0]), b"this page is no file")
        elif what == "unasked-304":
            self.send_response(304)
            self.end_headers()
        elif what == "flaky":      # /flaky/NAME/STATUS/COUNT: that status COUNT times, then the file
            counters[rest[0]] += 1
            if counters[rest[0]] <= int(rest[2]):
                headers = {"Retry_After": "1"} if rest[0].startswith("later") else {}
                self.answer(int(rest[1]), b"not now", **headers)
            else:
                self.answer(200, b"hello\n")
        elif what == "count":
            self.answer(200, str(counters[rest[0]]).encode())
        elif what == "cut":        # /cut/NAME/COUNT: closes in the middle COUNT times
            counters[rest[0]] += 1
            if counters[rest[0]] <= int(rest[1]):
                self.answer(200, b"x" * 50000, length=100000)
                self.close_connection = True
            else:
                self.answer(200, b"x" * 100000)
        elif what == "drop":       # no answer at all
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif what == "short-length":
            self.answer(200, b"x" * 100, length=10)
            self.close_connection = True
        elif what == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 65536)
        elif what == "silent":
            time.sleep(30)
        elif what == "stall":
            self.answer(200, b"x" * 10, length=1000)
            time.sleep(30)
        elif what == "trickle":
            self.answer(200, b"", length=1000000)
            for _ in range(300):
                self.wfile.write(b"x")
                time.sleep(0.1)
        elif what == "gzip":
            packer = zlib.compressobj(wbits=31)
            self.answer(200, packer.compress(b"\0" * 1000000) + packer.flush(), Content_Encoding="gzip")
        elif what == "agent":
            self.answer(200, self.headers.get("User-Agent", "").encode())
        elif what == "encodings":
            self.answer(200, self.headers.get("Accept-Encoding", "none").encode())
        elif what == "authorization":
            self.answer(200, self.headers.get("Authorization", "none").encode())
        elif what == "redirect":
            where = {"ok": "/ok", "loop": "/redirect/loop", "file": "file:///etc/passwd",
                     "ftp": "ftp://127.0.0.1/", "http": "http://127.0.0.1:%s/ok" % http_port,
                     "https": "https://127.0.0.1:%s/ok" % https_port, "missing": "/status/404",
                     "other-host": "http://localhost:%s/authorization" % port}[rest[0]]
            self.answer(302, b"moved", Location=where)
        elif what == "tag":
            self.answer(200, b"x", ETag='"' + "x" * int(rest[0]) + '"')

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    def handle_error(self, *args): pass

plain = Server(("127.0.0.1", 0), Handler)
http_port = plain.server_address[1]
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=test",
                "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
secure = Server(("127.0.0.1", 0), Handler)
https_port = secure.server_address[1]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
secure.socket = context.wrap_socket(secure.socket, server_side=True)
threading.Thread(target=secure.serve_forever, daemon=True).start()
threading.Thread(target=plain.serve_forever, daemon=True).start()
print(http_port, https_port, flush=True)
sys.stdin.read()
)python";

// The server as a child process. It ends when its standard input does, so it cannot outlive the test.
class TestServer {
   public:
    TestServer() {
        directory_.put("server.py", server_program);
        int input[2], output[2];
        if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) {
            ADD_FAILURE() << "could not create pipes";
            return;
        }
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, input[0], 0);
        posix_spawn_file_actions_adddup2(&actions, output[1], 1);
        const std::string change = "cd '" + directory_.path() + "' && exec python3 server.py";
        const char *arguments[] = {"sh", "-c", change.c_str(), nullptr};
        const int error = ::posix_spawnp(&child_, "sh", &actions, nullptr,
                                         const_cast<char *const *>(arguments), environ);
        posix_spawn_file_actions_destroy(&actions);
        ::close(input[0]);
        ::close(output[1]);
        input_ = input[1];
        std::string ports;
        char c = 0;
        while (error == 0 && ::read(output[0], &c, 1) == 1 && c != '\n') ports += c;
        ::close(output[0]);
        const std::size_t space = ports.find(' ');
        if (space == std::string::npos) {
            ADD_FAILURE() << "could not start the test server: python3 and openssl are needed";
            return;
        }
        plain_ = "http://127.0.0.1:" + ports.substr(0, space);
        secure_ = "https://127.0.0.1:" + ports.substr(space + 1);
        port_ = ports.substr(0, space);
    }
    TestServer(const TestServer &) = delete;
    TestServer &operator=(const TestServer &) = delete;
    ~TestServer() {
        if (input_ >= 0) ::close(input_);
        if (child_ > 0) {
            ::kill(child_, SIGTERM);
            ::waitpid(child_, nullptr, 0);
        }
    }

    std::string url(const std::string &path) const { return plain_ + path; }
    std::string secure_url(const std::string &path) const { return secure_ + path; }
    std::string certificate() const { return directory_ / "cert.pem"; }
    const std::string &port() const { return port_; }

   private:
    TemporaryDirectory directory_;
    pid_t child_ = -1;
    int input_ = -1;
    std::string plain_, secure_, port_;
};

class SilentReporter : public Reporter {
   public:
    void progress(std::string_view phase, std::string_view item, std::uint64_t done, std::uint64_t total) override {
        last_phase = phase;
        last_item = item;
        last_done = done;
        last_total = total;
    }
    void notice(std::string_view, std::string_view, std::string_view) override {}
    void releases(Json) override {}
    std::string last_phase, last_item;
    std::uint64_t last_done = 0, last_total = 0;
};

class FetchTest : public ::testing::Test {
   protected:
    static void SetUpTestSuite() { server_ = new TestServer; }
    static void TearDownTestSuite() {
        delete server_;
        server_ = nullptr;
    }

    // Time-outs that only a broken server or a hopelessly loaded machine reaches.
    static FetchOptions options() {
        FetchOptions result;
        result.connect_timeout_s = 30;
        result.stall_timeout_s = 30;
        result.total_timeout_s = 60;
        result.tries = 3;
        return result;
    }

    static Download request(const std::string &path) {
        Download result;
        result.item = "thing";
        result.url = path.starts_with('/') ? server_->url(path) : path;
        result.limit = 1'000'000;
        return result;
    }

    Result<Downloaded> fetch(const Download &one, const FetchOptions &with = options()) {
        auto results = download({one}, with, real_file_system(), reporter_);
        if (!results) return fail(results.error());
        return std::move(results->at(0));
    }

    // What went wrong; `cancelled`, which a download never says, when nothing did.
    ErrorCode code_of(const Download &one) {
        const auto result = fetch(one);
        return result ? ErrorCode::cancelled : result.error().code;
    }

    std::string body_of(const std::string &path, const FetchOptions &with = options()) {
        auto result = fetch(request(path), with);
        if (!result) return "error: " + result.error().message + " " + result.error().detail;
        return result->body;
    }

    // Nothing but `names` may be in the directory.
    void expect_only(const std::vector<std::string> &names) {
        EXPECT_EQ(real_file_system().list(directory_.path()).value(), names);
    }

    static TestServer *server_;
    TemporaryDirectory directory_;
    SilentReporter reporter_;
};

TestServer *FetchTest::server_ = nullptr;

std::string sha256_of(std::string_view text) {
    Sha256 digest;
    digest.update(text);
    return digest.finish().value();
}

TEST_F(FetchTest, KeepsInMemoryWithTags) {
    const auto result = fetch(request("/ok"));
    ASSERT_TRUE(result) << result.error().message << result.error().detail;
    EXPECT_EQ(result->outcome, Downloaded::Outcome::received);
    EXPECT_EQ(result->body, "hello\n");
    EXPECT_EQ(result->bytes, 6U);
    EXPECT_EQ(result->etag, "\"v1\"");
    EXPECT_EQ(result->last_modified, "Sat, 01 Jan 2022 00:00:00 GMT");
    EXPECT_EQ(result->sha256, sha256_of("hello\n"));
    EXPECT_EQ(reporter_.last_phase, "download");
    EXPECT_EQ(reporter_.last_item, "thing");
    EXPECT_EQ(reporter_.last_done, 6U);
    EXPECT_EQ(reporter_.last_total, 6U);
}

TEST_F(FetchTest, WritesAFileThatOnlyWeCanRead) {
    Download one = request("/size/300000");
    one.path = directory_ / "file";
    one.size = 300000;
    one.sha256 = sha256_of(std::string(300000, 'x'));
    const auto result = fetch(one);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->body, "");
    EXPECT_EQ(directory_.get("file"), std::string(300000, 'x'));
    EXPECT_EQ(real_file_system().info(one.path).value()->mode, 0600U);
    expect_only({"file"});
}

TEST_F(FetchTest, AnEmptyFileIsAFile) {
    Download one = request("/empty");
    one.path = directory_ / "file";
    one.size = 0;
    ASSERT_TRUE(fetch(one));
    expect_only({"file"});
}

TEST_F(FetchTest, ConditionalRequests) {
    Download one = request("/ok");
    one.path = directory_ / "file";
    one.if_none_match = "\"v1\"";
    auto result = fetch(one);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->outcome, Downloaded::Outcome::not_modified);
    EXPECT_EQ(result->etag, "\"v1\"");
    expect_only({});

    one.if_none_match = "\"other\"";
    result = fetch(one);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->outcome, Downloaded::Outcome::received);
    expect_only({"file"});

    Download two = request("/ok");
    two.if_modified_since = "Sat, 01 Jan 2022 00:00:00 GMT";
    result = fetch(two);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->outcome, Downloaded::Outcome::not_modified);

    result = fetch(request("/unasked-304"));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::registry_refused);
}

TEST_F(FetchTest, MissingFiles) {
    for (const char *path : {"/status/404", "/status/410", "/redirect/missing"}) {
        Download one = request(path);
        one.path = directory_ / "file";
        auto result = fetch(one);
        ASSERT_FALSE(result) << path;
        EXPECT_EQ(result.error().code, ErrorCode::registry_refused);
        one.may_be_missing = true;
        result = fetch(one);
        ASSERT_TRUE(result) << path;
        EXPECT_EQ(result->outcome, Downloaded::Outcome::missing);
        EXPECT_EQ(result->body, "");
        expect_only({});
    }
}

struct RefusalCase {
    const char *path;
    ErrorCode code;
    const char *message;  // a part of it
};

class FetchRefusalTest : public FetchTest, public ::testing::WithParamInterface<RefusalCase> {};

TEST_P(FetchRefusalTest, TellsWhatAndWhereAndLeavesNothing) {
    FetchOptions with = options();
    with.tries = 1;
    const std::string path = GetParam().path;
    if (path == "/silent" || path == "/stall") with.stall_timeout_s = 1;
    if (path == "/trickle") with.total_timeout_s = 2;
    Download one = request(path);
    one.path = directory_ / "file";
    const auto result = fetch(one, with);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, GetParam().code) << result.error().message;
    const std::string beginning = "could not download \"thing\" from \"127.0.0.1:" + server_->port() + "\": ";
    EXPECT_TRUE(result.error().message.starts_with(beginning)) << result.error().message;
    EXPECT_NE(result.error().message.find(GetParam().message), std::string::npos) << result.error().message;
    EXPECT_TRUE(result.error().detail.ends_with('.')) << result.error().detail;
    expect_only({});
}

INSTANTIATE_TEST_SUITE_P(
    Cases, FetchRefusalTest,
    ::testing::Values(
        RefusalCase{"/status/403", ErrorCode::registry_refused, "HTTP status 403"},
        RefusalCase{"/status/404", ErrorCode::registry_refused, "HTTP status 404"},
        RefusalCase{"/status/206", ErrorCode::registry_refused, "HTTP status 206"},
        RefusalCase{"/status/500", ErrorCode::registry_refused, "HTTP status 500"},
        RefusalCase{"/status/429", ErrorCode::registry_refused, "HTTP status 429"},
        RefusalCase{"/redirect/file", ErrorCode::registry_refused, "not allowed"},
        RefusalCase{"/redirect/ftp", ErrorCode::registry_refused, "not allowed"},
        RefusalCase{"/redirect/loop", ErrorCode::registry_refused, "redirected too often"},
        RefusalCase{"/endless", ErrorCode::limit_exceeded, "too large"},
        RefusalCase{"/size/1000001", ErrorCode::limit_exceeded, "too large"},
        RefusalCase{"/silent", ErrorCode::registry_unreachable, "timed out"},
        RefusalCase{"/stall", ErrorCode::registry_unreachable, "timed out"},
        RefusalCase{"/trickle", ErrorCode::registry_unreachable, "timed out"},
        RefusalCase{"/cut/always/1000", ErrorCode::registry_unreachable, "the connection was lost"},
        RefusalCase{"/drop", ErrorCode::registry_unreachable, "the connection was lost"}),
    [](const auto &parameter) {
        std::string name;
        for (char c : std::string(parameter.param.path)) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
        return name;
    });

TEST_F(FetchTest, ChecksSizeAndDigest) {
    struct Case {
        const char *path;
        std::optional<std::uint64_t> size;
        std::string sha256;
        const char *message;
    };
    const Case cases[] = {
        {"/size/100", 99, "", "wrong size"},
        {"/size/100", 101, "", "wrong size"},
        {"/short-length", 100, "", "wrong size"},
        {"/endless", 70000, "", "wrong size"},
        {"/size/100", 100, sha256_of("something else"), "wrong SHA-256 digest"},
        {"/empty", {}, sha256_of("something else"), "wrong SHA-256 digest"},
    };
    for (const Case &c : cases) {
        Download one = request(c.path);
        one.path = directory_ / "file";
        one.size = c.size;
        one.sha256 = c.sha256;
        const auto result = fetch(one);
        ASSERT_FALSE(result) << c.path;
        EXPECT_EQ(result.error().code, ErrorCode::digest_mismatch) << c.path;
        EXPECT_NE(result.error().message.find(c.message), std::string::npos) << result.error().message;
        expect_only({});
    }
}

TEST_F(FetchTest, TriesAgainWhatMayPass) {
    EXPECT_EQ(body_of("/flaky/a/500/2"), "hello\n");
    EXPECT_EQ(body_of("/count/a"), "3");
    EXPECT_EQ(body_of("/flaky/b/503/1"), "hello\n");
    EXPECT_EQ(body_of("/flaky/c/408/1"), "hello\n");
    // Three tries, no more.
    EXPECT_NE(body_of("/flaky/d/502/3").find("HTTP status 502"), std::string::npos);
    EXPECT_EQ(body_of("/count/d"), "3");
    // What will not pass is not tried again.
    EXPECT_NE(body_of("/flaky/e/403/1").find("HTTP status 403"), std::string::npos);
    EXPECT_EQ(body_of("/count/e"), "1");
}

TEST_F(FetchTest, WaitsAsLongAsTheServerAsks) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(body_of("/flaky/later/429/1"), "hello\n");
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(1000));
}

TEST_F(FetchTest, BeginsTheFileAnewAfterADisconnect) {
    Download one = request("/cut/twice/2");
    one.path = directory_ / "file";
    one.size = 100000;
    one.sha256 = sha256_of(std::string(100000, 'x'));
    const auto result = fetch(one);
    ASSERT_TRUE(result) << result.error().message << result.error().detail;
    EXPECT_EQ(result->bytes, 100000U);
    EXPECT_EQ(directory_.get("file").size(), 100000U);
    expect_only({"file"});
}

TEST_F(FetchTest, TheTotalTimeCoversAllTries) {
    FetchOptions with = options();
    with.total_timeout_s = 1;
    with.tries = 100;
    const auto start = std::chrono::steady_clock::now();
    const auto result = fetch(request("/status/500"), with);
    ASSERT_FALSE(result);
    // A hundred tries with their pauses would take days.
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST_F(FetchTest, Unreachable) {
    FetchOptions with = options();
    with.tries = 2;
    auto result = fetch(request("http://127.0.0.1:1/x"), with);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::registry_unreachable);
    EXPECT_NE(result.error().message.find("from \"127.0.0.1:1\": could not connect"), std::string::npos)
        << result.error().message;
    EXPECT_NE(result.error().detail.find("127.0.0.1"), std::string::npos);
    result = fetch(request("http://no-such-host.invalid/x"), with);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::registry_unreachable);
}

TEST_F(FetchTest, FollowsRedirectsWithinHttp) {
    EXPECT_EQ(body_of("/redirect/ok"), "hello\n");
    FetchOptions with = options();
    with.ca_file = server_->certificate();
    EXPECT_EQ(body_of("/redirect/https", with), "hello\n");
}

TEST_F(FetchTest, CredentialsStayWithTheirHostAndOutOfMessages) {
    std::string url = server_->url("/authorization");
    url.insert(7, "user:secret@");
    EXPECT_TRUE(body_of(url).starts_with("Basic ")) << body_of(url);
    url = server_->url("/redirect/other-host");
    url.insert(7, "user:secret@");
    EXPECT_EQ(body_of(url), "none");
    url = server_->url("/status/403");
    url.insert(7, "user:secret@");
    const std::string error = body_of(url);
    EXPECT_NE(error.find("/status/403"), std::string::npos) << error;
    EXPECT_EQ(error.find("secret"), std::string::npos) << error;
}

TEST_F(FetchTest, AsksForNoEncodingAndUndoesNone) {
    EXPECT_EQ(body_of("/encodings"), "none");
    const std::string body = body_of("/gzip");
    EXPECT_TRUE(body.starts_with("\x1f\x8b")) << body.substr(0, 100);
    EXPECT_LT(body.size(), 100'000U);
}

TEST_F(FetchTest, SaysWhoItIs) { EXPECT_TRUE(body_of("/agent").starts_with("pgx/")); }

TEST_F(FetchTest, IgnoresTheEnvironmentsProxyAndUsesTheGivenOne) {
    ::setenv("http_proxy", "http://127.0.0.1:1", 1);
    EXPECT_EQ(body_of("/ok"), "hello\n");
    ::unsetenv("http_proxy");
    // The test server does not care that it is asked as a proxy, except for the path being a whole URL.
    FetchOptions with = options();
    with.tries = 1;
    with.http_proxy = "http://127.0.0.1:1";
    EXPECT_NE(body_of("/ok", with).find("could not connect"), std::string::npos);
    with.http_proxy = "DIRECT";
    EXPECT_EQ(body_of("/ok", with), "hello\n");
}

TEST_F(FetchTest, TagsThatCouldNotBeSentBackAreDropped) {
    const auto kept = fetch(request("/tag/10")), dropped = fetch(request("/tag/5000"));
    ASSERT_TRUE(kept && dropped);
    EXPECT_EQ(kept->etag.size(), 12U);
    EXPECT_EQ(dropped->etag, "");
}

TEST_F(FetchTest, SecureConnections) {
    FetchOptions with = options();
    // Signed by itself and by nobody else.
    auto result = fetch(request(server_->secure_url("/ok")), with);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::registry_unreachable);
    EXPECT_NE(result.error().message.find("could not make a secure connection"), std::string::npos);
    with.ca_file = server_->certificate();
    EXPECT_EQ(body_of(server_->secure_url("/ok"), with), "hello\n");
    // The certificate is for the address, not for the name.
    std::string url = server_->secure_url("/ok");
    url.replace(url.find("127.0.0.1"), 9, "localhost");
    EXPECT_NE(body_of(url, with).find("could not make a secure connection"), std::string::npos) << body_of(url, with);
    // Never back to http.
    result = fetch(request(server_->secure_url("/redirect/http")), with);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::registry_refused);
    EXPECT_NE(result.error().message.find("not allowed"), std::string::npos);
    EXPECT_EQ(body_of(server_->secure_url("/redirect/ok"), with), "hello\n");
}

TEST_F(FetchTest, InvalidRequests) {
    struct Case {
        const char *url, *if_none_match, *if_modified_since;
        std::uint64_t limit;
        std::optional<std::uint64_t> size;
        ErrorCode code;
    };
    const Case cases[] = {
        {"", "", "", 10, {}, ErrorCode::invalid_argument},
        {"no url", "", "", 10, {}, ErrorCode::invalid_argument},
        {"ftp://example.org/x", "", "", 10, {}, ErrorCode::invalid_argument},
        {"gopher://example.org/x", "", "", 10, {}, ErrorCode::invalid_argument},
        {"http://example.org/x\r\nHost: y", "", "", 10, {}, ErrorCode::invalid_argument},
        {"http://example.org/x\ny", "", "", 10, {}, ErrorCode::invalid_argument},
        {"http://example.org/\xc3\xa4", "", "", 10, {}, ErrorCode::invalid_argument},
        {"http://example.org/x", "\"a\"\r\nX: y", "", 10, {}, ErrorCode::invalid_argument},
        {"http://example.org/x", "", "now\n", 10, {}, ErrorCode::invalid_argument},
        {"http://example.org/x", "", "", 0, {}, ErrorCode::internal},
        {"http://example.org/x", "", "", 10, 11, ErrorCode::limit_exceeded},
    };
    for (const Case &c : cases) {
        Download one;
        one.item = "thing";
        one.url = c.url;
        one.if_none_match = c.if_none_match;
        one.if_modified_since = c.if_modified_since;
        one.limit = c.limit;
        one.size = c.size;
        const auto result = fetch(one);
        ASSERT_FALSE(result) << c.url;
        EXPECT_EQ(result.error().code, c.code) << c.url;
        EXPECT_NE(result.error().message.find("thing"), std::string::npos);
    }
}

TEST_F(FetchTest, ManySideBySideOnFewConnections) {
    const auto count = [&] { return std::strtol(body_of("/count/connections").c_str(), nullptr, 10); };
    const int before = count();
    std::vector<Download> all;
    for (int i = 0; i < 60; ++i) {
        Download one = request(i % 3 == 0 ? "/flaky/many" + std::to_string(i) + "/503/1" : "/size/" + std::to_string(1000 + i));
        one.path = directory_ / ("file" + std::to_string(i));
        all.push_back(one);
    }
    const auto results = download(all, options(), real_file_system(), reporter_);
    ASSERT_TRUE(results) << results.error().message;
    ASSERT_EQ(results->size(), 60U);
    for (int i = 0; i < 60; ++i)
        EXPECT_EQ(results->at(static_cast<std::size_t>(i)).bytes, i % 3 == 0 ? 6U : 1000U + static_cast<unsigned>(i));
    EXPECT_EQ(real_file_system().list(directory_.path())->size(), 60U);
    // Four to a host, and one for each count.
    EXPECT_LE(count() - before, 4 + 1);
}

TEST_F(FetchTest, TheFirstFailureEndsAll) {
    std::vector<Download> all;
    for (const char *path : {"/size/10", "/trickle", "/status/403", "/stall"}) {
        Download one = request(path);
        one.path = directory_ / std::to_string(all.size());
        all.push_back(one);
    }
    const auto start = std::chrono::steady_clock::now();
    const auto results = download(all, options(), real_file_system(), reporter_);
    ASSERT_FALSE(results);
    EXPECT_EQ(results.error().code, ErrorCode::registry_refused);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(25));
    // The first one may have been complete by then.
    const auto left = real_file_system().list(directory_.path()).value();
    EXPECT_TRUE(left.empty() || left == std::vector<std::string>{"0"});
}

TEST_F(FetchTest, NothingToDo) { EXPECT_TRUE(download({}, options(), real_file_system(), reporter_).value().empty()); }

TEST_F(FetchTest, AFileThatCannotBeWritten) {
    Download one = request("/ok");
    one.path = directory_ / "no-directory/file";
    const auto result = fetch(one);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::io);
    EXPECT_NE(result.error().message.find("could not download \"thing\""), std::string::npos);
}

TEST_F(FetchTest, FileUrls) {
    TemporaryDirectory source;
    const std::string path = source.put("a file.txt", "content");
    std::string encoded = "file://" + path;
    encoded.replace(encoded.find(' '), 1, "%20");
    Download one = request(encoded);
    auto result = fetch(one);
    ASSERT_TRUE(result) << result.error().message << result.error().detail;
    EXPECT_EQ(result->body, "content");
    ASSERT_NE(result->etag, "");

    one.if_none_match = result->etag;
    result = fetch(one);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->outcome, Downloaded::Outcome::not_modified);

    source.put("a file.txt", "other content");
    result = fetch(one);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->outcome, Downloaded::Outcome::received);
    EXPECT_EQ(result->body, "other content");

    one.limit = 5;
    EXPECT_EQ(code_of(one), ErrorCode::limit_exceeded);

    Download missing = request("file://" + (source / "missing"));
    EXPECT_EQ(code_of(missing), ErrorCode::registry_refused);
    missing.may_be_missing = true;
    result = fetch(missing);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->outcome, Downloaded::Outcome::missing);

    // A directory is not a listing of it.
    EXPECT_EQ(code_of(request("file://" + source.path())), ErrorCode::registry_refused);

    // A link is followed, but never believed to be unchanged.
    std::filesystem::create_symlink(path, source / "link");
    const auto linked = fetch(request("file://" + (source / "link")));
    ASSERT_TRUE(linked) << linked.error().message;
    EXPECT_EQ(linked->body, "other content");
    EXPECT_EQ(linked->etag, "");
}

}  // namespace
}  // namespace pgx
