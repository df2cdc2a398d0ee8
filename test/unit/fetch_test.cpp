// fetch_test.cpp - downloads from a server that misbehaves on demand.
//
// The server is a Python program on loopback; the path of a request says what it does. libcurl is
// not replaced by anything: what is tested is what happens on a socket.
#include "core/registry/fetch.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "core/registry/sha256.h"
#include "http_test_server.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

class SilentReporter : public Reporter {
   public:
    void progress(std::string_view phase, std::string_view item, std::uint64_t done,
                  std::uint64_t total) override {
        last_phase = phase;
        last_item = item;
        last_done = done;
        last_total = total;
    }
    void notice(std::string_view, std::string_view, std::string_view) override {}
    void releases(Json, std::string_view) override {}
    std::string last_phase, last_item;
    std::uint64_t last_done = 0, last_total = 0;
};

class FetchTest : public ::testing::Test {
   protected:
    static void SetUpTestSuite() { server_ = std::make_unique<HttpTestServer>(); }
    static void TearDownTestSuite() { server_.reset(); }

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

    static std::unique_ptr<HttpTestServer> server_;
    TemporaryDirectory directory_;
    SilentReporter reporter_;
};

std::unique_ptr<HttpTestServer> FetchTest::server_;

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
    const std::string beginning =
        "could not download \"thing\" from \"127.0.0.1:" + server_->port() + "\": ";
    EXPECT_TRUE(result.error().message.starts_with(beginning)) << result.error().message;
    EXPECT_NE(result.error().message.find(GetParam().message), std::string::npos)
        << result.error().message;
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
        for (char c : std::string(parameter.param.path))
            name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
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
        EXPECT_NE(result.error().message.find(c.message), std::string::npos)
            << result.error().message;
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
    EXPECT_NE(result.error().message.find("from \"127.0.0.1:1\": could not connect"),
              std::string::npos)
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

// Loopback plays the Internet, but for the ports that are given here.
std::vector<unsigned> internal_ports;
bool is_internal_port(const sockaddr *address) {
    const auto *in = reinterpret_cast<const sockaddr_in *>(address);
    return std::ranges::find(internal_ports, ntohs(in->sin_port)) != internal_ports.end();
}

unsigned port_of(const std::string &url) {
    return static_cast<unsigned>(std::stoul(url.substr(url.find(':', 8) + 1)));
}

TEST_F(FetchTest, NoRedirectLeadsInside) {
    FetchOptions with = options();
    with.ca_file = server_->certificate();
    with.is_internal = is_internal_port;
    const unsigned outside = port_of(server_->url("/")), inside = port_of(server_->secure_url("/"));
    internal_ports = {inside};
    for (const std::vector<std::string> &headers :
         {std::vector<std::string>{}, {"Authorization: Bearer secret"}}) {
        Download one = request(server_->url("/redirect/https"));
        one.headers = headers;
        const auto result = fetch(one, with);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::registry_refused);
        EXPECT_NE(result.error().message.find("redirected to an address that is not allowed"),
                  std::string::npos)
            << result.error().message;
    }
    // A connection that stays open is remembered for what it is.
    Connections connections;
    ASSERT_TRUE(download({request(server_->url("/ok"))}, with, real_file_system(), reporter_,
                         &connections));
    EXPECT_FALSE(download({request(server_->url("/redirect/https"))}, with, real_file_system(),
                          reporter_, &connections));
    // A registry that is inside itself may lead to its neighbours, and any to itself.
    internal_ports = {outside, inside};
    EXPECT_EQ(body_of("/redirect/https", with), "hello\n");
    internal_ports = {};
    EXPECT_EQ(body_of("/redirect/https", with), "hello\n");
}

// 127.0.0.2, where nobody listens, is inside, too.
bool is_internal_port_or_second_address(const sockaddr *address) {
    const auto *in = reinterpret_cast<const sockaddr_in *>(address);
    return in->sin_addr.s_addr == htonl(INADDR_LOOPBACK + 1) || is_internal_port(address);
}

// Whoever publishes a registry chooses its host's addresses: one that is inside, and is only tried,
// must not make the registry an internal one.
TEST_F(FetchTest, AnAddressThatWasOnlyTriedDoesNotCount) {
    FetchOptions with = options();
    with.ca_file = server_->certificate();
    with.is_internal = is_internal_port_or_second_address;
    const std::string port = std::to_string(port_of(server_->url("/")));
    const auto named = [&](const std::string &path) {
        return request("http://two.example.org:" + port + path);
    };
    internal_ports = {port_of(server_->secure_url("/"))};
    with.addresses = "two.example.org:" + port + ":127.0.0.2,127.0.0.1";
    const auto reached = fetch(named("/ok"), with);
    ASSERT_TRUE(reached) << reached.error().message << reached.error().detail;
    for (const std::vector<std::string> &headers :
         {std::vector<std::string>{}, {"Authorization: Bearer secret"}}) {
        Download one = named("/redirect/https");
        one.headers = headers;
        const auto result = fetch(one, with);
        ASSERT_FALSE(result);
        EXPECT_NE(result.error().message.find("redirected to an address that is not allowed"),
                  std::string::npos)
            << result.error().message;
    }
    // Nor does it for other downloads over connections that are kept.
    Connections connections;
    for (int i = 0; i < 2; ++i)
        EXPECT_FALSE(download({named("/redirect/https"), named("/redirect/https")}, with,
                              real_file_system(), reporter_, &connections));
    // One that is inside may lead to its neighbours.
    internal_ports.push_back(port_of(server_->url("/")));
    EXPECT_TRUE(fetch(named("/redirect/https"), with));
    internal_ports = {};
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
    // The test server does not care that it is asked as a proxy, except for the path being a whole
    // URL.
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
    EXPECT_NE(body_of(url, with).find("could not make a secure connection"), std::string::npos)
        << body_of(url, with);
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
    const auto count = [&] {
        return std::strtol(body_of("/count/connections").c_str(), nullptr, 10);
    };
    const int before = count();
    std::vector<Download> all;
    for (int i = 0; i < 60; ++i) {
        Download one = request(i % 3 == 0 ? "/flaky/many" + std::to_string(i) + "/503/1"
                                          : "/size/" + std::to_string(1000 + i));
        one.path = directory_ / ("file" + std::to_string(i));
        all.push_back(one);
    }
    const auto results = download(all, options(), real_file_system(), reporter_);
    ASSERT_TRUE(results) << results.error().message;
    ASSERT_EQ(results->size(), 60U);
    for (int i = 0; i < 60; ++i)
        EXPECT_EQ(results->at(static_cast<std::size_t>(i)).bytes,
                  i % 3 == 0 ? 6U : 1000U + static_cast<unsigned>(i));
    EXPECT_EQ(real_file_system().list(directory_.path())->size(), 60U);
    // Four to a host, and one for each count.
    EXPECT_LE(count() - before, 4 + 1);
}

TEST_F(FetchTest, ConnectionsCanBeKept) {
    const auto count = [&] {
        return std::strtol(body_of("/count/connections").c_str(), nullptr, 10);
    };
    const auto get = [&](const std::string &path, Connections *connections) {
        const auto results =
            download({request(path)}, options(), real_file_system(), reporter_, connections);
        return results ? results->at(0).bytes : 0;
    };
    const long before = count();
    Connections connections;
    for (std::uint64_t size = 1; size <= 5; ++size)
        EXPECT_EQ(get("/size/" + std::to_string(size), &connections), size);
    // Errors, and a connection that is lost, do no harm.
    EXPECT_EQ(get("/status/403", &connections), 0U);
    EXPECT_EQ(get("/size/7", &connections), 7U);
    Connections moved = std::move(connections);
    EXPECT_EQ(get("/size/8", &moved), 8U);
    const long kept = count() - before - 1;
    EXPECT_EQ(kept, 1);
    EXPECT_EQ(get("/cut/kept/1", &moved), 100'000U);
    EXPECT_EQ(get("/size/9", &moved), 9U);
    for (std::uint64_t size = 1; size <= 3; ++size)
        EXPECT_EQ(get("/size/" + std::to_string(size), nullptr), size);
    EXPECT_GE(count() - before - 2, kept + 3);
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

TEST_F(FetchTest, NothingToDo) {
    EXPECT_TRUE(download({}, options(), real_file_system(), reporter_).value().empty());
}

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
