#include "core/registry/apt_registry.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "apt_test_support.h"
#include "deb_builder.h"

namespace pgx {
namespace {

// python3's http.server on a free port of the loopback, with its log; knows If-Modified-Since.
class WebServer {
   public:
    explicit WebServer(const std::string &root, const std::string &log) : log_(log) {
        std::string python = find_program("python3");
        if (python.empty()) return;
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return;
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
        const char *arguments[] = {"python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory",
                                   root.c_str(), nullptr};
        if (::posix_spawn(&pid_, python.c_str(), &actions, nullptr, const_cast<char **>(arguments), environ) != 0) pid_ = 0;
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        std::string line;
        for (char c; ::read(ends[0], &c, 1) == 1 && c != '\n';) line += c;
        ::close(ends[0]);
        std::size_t at = line.find("port ");
        if (at != std::string::npos) port_ = std::atoi(line.c_str() + at + 5);
    }
    WebServer(const WebServer &) = delete;
    WebServer &operator=(const WebServer &) = delete;
    ~WebServer() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGTERM);
        ::waitpid(pid_, nullptr, 0);
    }
    bool available() const { return port_ > 0; }
    std::string uri() const { return "http://127.0.0.1:" + std::to_string(port_); }
    // Lines of the log with this status.
    std::ptrdiff_t answers(int status) const {
        std::ifstream file(log_);
        std::string text{std::istreambuf_iterator<char>(file), {}}, part = "\" " + std::to_string(status) + " ";
        std::ptrdiff_t count = 0;
        for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
        return count;
    }

   private:
    std::string log_;
    pid_t pid_ = 0;
    int port_ = 0;
};

class Apt : public ::testing::Test {
   protected:
    static void SetUpTestSuite() {
        keys = std::make_unique<TestKeys>();
        if (!keys->available()) return;
        keys->make("one");
        keys->make("two");
    }
    static void TearDownTestSuite() { keys.reset(); }
    void SetUp() override {
        if (!keys->available()) GTEST_SKIP() << "gpg is not installed";
        if (find_program("sqv").empty() && find_program("gpgv").empty()) GTEST_SKIP() << "neither sqv nor gpgv is installed";
        directory.put("key.gpg", keys->binary("one"));
        std::filesystem::create_directory(directory / "cache");
        build("1.0-1");
    }
    static std::string deb(const std::string &name) {
        std::string base = "./usr/share/postgresql/18/extension/";
        return make_deb(TarBuilder()
                            .file(base + name + ".control", "default_version = '1.0'\ncomment = 'for tests'\n")
                            .file(base + name + "--1.0.sql", "SELECT 1;\n")
                            .finish());
    }
    void build(const std::string &version, const std::string &fields = {}) {
        repository.index("main/binary-amd64/Packages",
                         repository.package("postgresql-18-pgvector", version, "amd64", deb("vector")) +
                             repository.package("postgresql-18-semver", version, "amd64", deb("semver")));
        repository.index("main/Contents-amd64",
                         "usr/share/postgresql/18/extension/vector.control database/postgresql-18-pgvector\n"
                         "usr/share/postgresql/18/extension/semver.control database/postgresql-18-semver\n", "gz");
        repository.sign({"one"}, fields);
    }
    std::string source(const std::string &uri, const std::string &options = {}) {
        return "deb [signed-by=" + directory.path() + "/key.gpg" + options + "] " + uri + " stable main\n";
    }
    Result<RefreshResult> refresh(const std::string &text, const std::string &state = {}, bool names = false) {
        AptRegistry registry(real_file_system(), host);
        reporter = {};
        RefreshRequest request;
        request.registry = "test";
        request.source = text;
        request.state = state;
        request.extension_names = names;
        request.platform = platform;
        request.cache = directory / "cache";
        return registry.refresh(request, reporter);
    }
    Artifact artifact(const std::string &package) {
        Json row = reporter.row(package);
        Artifact one;
        one.package = package;
        one.registry = "test";
        one.version = row.at("version");
        one.url = row.at("url");
        one.sha256 = row.at("sha256");
        one.signer = row.at("signer");
        one.size = row.at("size");
        return one;
    }
    Result<std::vector<Receipt>> fetch(const std::vector<Artifact> &artifacts) {
        AptRegistry registry(real_file_system(), host);
        std::filesystem::remove_all(directory / "staging");
        std::filesystem::create_directory(directory / "staging");
        FetchRequest request;
        request.artifacts = artifacts;
        request.platform = platform;
        request.cache = directory / "cache";
        request.staging = directory / "staging";
        CollectingReporter other;
        return registry.fetch(request, other);
    }

    static std::unique_ptr<TestKeys> keys;
    TemporaryDirectory directory;
    TestRepository repository{directory / "repository", *keys};
    AptHost host = test_host(directory);
    Platform platform = [] {
        Platform one;
        one.postgres_major = 18;
        one.architecture = "amd64";
        return one;
    }();
    CollectingReporter reporter;
};

std::unique_ptr<TestKeys> Apt::keys;

TEST_F(Apt, RefreshesFromASource) {
    auto result = refresh(source(repository.uri()));
    ASSERT_TRUE(result) << whole(result);
    EXPECT_FALSE(result->unchanged);
    EXPECT_EQ(result->repositories, 1u);
    EXPECT_EQ(result->packages, 2u);
    EXPECT_TRUE(result->extension_names);
    EXPECT_EQ(result->requests, 3u);
    EXPECT_GT(result->bytes, 0u);
    ASSERT_EQ(reporter.rows.size(), 2u);
    Json row = reporter.row("postgresql-18-pgvector");
    EXPECT_EQ(row.at("extensions"), Json({"vector"}));
    EXPECT_EQ(row.at("repository"), "stable/main");
    EXPECT_EQ(row.at("signer"), keys->fingerprint("one"));
    EXPECT_EQ(row.at("version"), "1.0-1");
}

TEST_F(Apt, RefreshesFromTheHost) {
    put_source(directory, source(repository.uri()) + "deb cdrom:[x]/ stable main\n");
    auto result = refresh("");
    ASSERT_TRUE(result) << whole(result);
    EXPECT_EQ(reporter.rows.size(), 2u);
    EXPECT_TRUE(reporter.has_notice("\"cdrom\" is not supported"));
    auto again = refresh("", result->state);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->unchanged);
}

TEST_F(Apt, UnchangedIsNoticed) {
    auto first = refresh(source(repository.uri()));
    ASSERT_TRUE(first);
    auto second = refresh(source(repository.uri()), first->state, true);
    ASSERT_TRUE(second) << whole(second);
    EXPECT_TRUE(second->unchanged);
    EXPECT_EQ(second->state, first->state);
    EXPECT_TRUE(second->extension_names);
    EXPECT_EQ(second->requests, 1u);
    EXPECT_TRUE(reporter.rows.empty());
    // Without a token the rows come, all from the cache.
    auto third = refresh(source(repository.uri()));
    ASSERT_TRUE(third);
    EXPECT_FALSE(third->unchanged);
    EXPECT_EQ(third->state, first->state);
    EXPECT_EQ(third->requests, 1u);
    EXPECT_EQ(reporter.rows.size(), 2u);
    // Another text, major or content is another state.
    EXPECT_FALSE(refresh(source(repository.uri(), " by-hash=no"), first->state)->unchanged);
    platform.postgres_major = 17;
    auto other_major = refresh(source(repository.uri()), first->state);
    ASSERT_TRUE(other_major);
    EXPECT_FALSE(other_major->unchanged);
    EXPECT_EQ(other_major->packages, 0u);
    EXPECT_TRUE(reporter.has_notice("no packages for PostgreSQL 17"));
    platform.postgres_major = 18;
    build("1.1-1");
    auto changed = refresh(source(repository.uri()), first->state);
    ASSERT_TRUE(changed);
    EXPECT_FALSE(changed->unchanged);
    EXPECT_NE(changed->state, first->state);
    EXPECT_EQ(reporter.row("postgresql-18-semver").at("version"), "1.1-1");
}

TEST_F(Apt, TokensThatAreNotOursMeanChanged) {
    auto first = refresh(source(repository.uri()));
    ASSERT_TRUE(first);
    for (std::string state : {std::string("x"), first->state + "1", first->state.substr(0, first->state.size() - 1),
                              first->state.substr(0, first->state.size() - 1) + "2", first->state.substr(1)})
        EXPECT_FALSE(refresh(source(repository.uri()), state)->unchanged) << state;
    // Rows without names serve who does not need them.
    std::string without = first->state.substr(0, first->state.size() - 1) + "0";
    auto enough = refresh(source(repository.uri()), without);
    EXPECT_TRUE(enough->unchanged);
    EXPECT_FALSE(enough->extension_names);
    EXPECT_FALSE(refresh(source(repository.uri()), without, true)->unchanged);
}

TEST_F(Apt, ManyRowsComeInBatches) {
    std::string packages;
    for (int i = 0; i < 1001; ++i) packages += repository.package("postgresql-18-x" + std::to_string(i), "1", "amd64", "x");
    repository.index("main/binary-amd64/Packages", packages);
    repository.sign({"one"});
    auto result = refresh(source(repository.uri()));
    ASSERT_TRUE(result) << whole(result);
    EXPECT_EQ(result->packages, 1001u);
    EXPECT_EQ(reporter.batches, (std::vector<std::size_t>{500, 500, 1}));
}

TEST_F(Apt, OneConditionalRequestOverHttp) {
    WebServer server(directory / "repository", directory / "log");
    if (!server.available()) GTEST_SKIP() << "python3 is not installed";
    auto first = refresh(source(server.uri()));
    ASSERT_TRUE(first) << whole(first);
    EXPECT_EQ(reporter.rows.size(), 2u);
    auto second = refresh(source(server.uri()), first->state);
    ASSERT_TRUE(second) << whole(second);
    EXPECT_TRUE(second->unchanged);
    EXPECT_EQ(second->requests, 1u);
    EXPECT_EQ(second->bytes, 0u);
    EXPECT_EQ(server.answers(304), 1);
    EXPECT_EQ(server.answers(200), 3);
    // The copy of the Release file is lost: the next request must not be conditional.
    std::filesystem::remove_all(directory / "cache/apt");
    auto third = refresh(source(server.uri()), first->state);
    ASSERT_TRUE(third) << whole(third);
    EXPECT_TRUE(third->unchanged);
    EXPECT_EQ(server.answers(200), 4);

    ASSERT_TRUE(refresh(source(server.uri())));
    auto receipts = fetch({artifact("postgresql-18-semver"), artifact("postgresql-18-pgvector")});
    ASSERT_TRUE(receipts) << whole(receipts);
    EXPECT_EQ(receipts->size(), 2u);
}

TEST_F(Apt, TwoRepositoriesWithTheSamePackageKeepBothRows) {
    TestRepository other(directory / "other", *keys, "testing");
    other.index("main/binary-amd64/Packages", other.package("postgresql-18-semver", "2.0-1", "amd64"));
    other.sign({"one"});
    put_source(directory, source(repository.uri()) + "deb [signed-by=" + directory.path() + "/key.gpg] " + other.uri() + " testing main\n");
    auto result = refresh("");
    ASSERT_TRUE(result) << whole(result);
    EXPECT_EQ(result->repositories, 2u);
    std::vector<std::string> places;
    for (const Json &row : reporter.rows)
        if (row.at("package") == "postgresql-18-semver")
            places.push_back(row.at("repository").get<std::string>() + " " + row.at("version").get<std::string>());
    EXPECT_EQ(places, (std::vector<std::string>{"stable/main 1.0-1", "testing/main 2.0-1"}));
}

TEST_F(Apt, KeysOfTheSource) {
    std::string armored = keys->armored("one"), inline_key;
    for (std::size_t at = 0; at < armored.size();) {
        std::size_t end = armored.find('\n', at);
        std::string line = armored.substr(at, end - at);
        inline_key += " " + (line.empty() ? "." : line) + "\n";
        at = end + 1;
    }
    std::string stanza = "Types: deb\nURIs: " + repository.uri() + "\nSuites: stable\nComponents: main\n";
    auto with_inline = refresh(stanza + "Signed-By:\n" + inline_key);
    EXPECT_TRUE(with_inline) << whole(with_inline);
    directory.put("key.asc", armored);
    EXPECT_TRUE(refresh(stanza + "Signed-By: " + (directory / "key.asc") + "\n"));
    EXPECT_TRUE(refresh(stanza + "Signed-By: " + (directory / "key.gpg") + " " + keys->fingerprint("one") + "\n"));
    auto other = refresh(stanza + "Signed-By: " + (directory / "key.gpg") + " " + keys->fingerprint("two") + "\n");
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::signature_invalid);
    // Without Signed-By: what the host trusts.
    EXPECT_FALSE(refresh(stanza));
    directory.put("host/etc/apt/trusted.gpg.d/test.gpg", keys->binary("one"));
    EXPECT_TRUE(refresh(stanza));
}

TEST_F(Apt, FailuresNameTheRepositoryAndARemedyAndSendNoRow) {
    auto expect = [&](const Result<RefreshResult> &result, ErrorCode code, const std::string &says) {
        ASSERT_FALSE(result) << says;
        EXPECT_EQ(result.error().code, code) << whole(result);
        EXPECT_NE(whole(result).find(says), std::string::npos) << whole(result);
        EXPECT_NE(result.error().message.find(repository.uri() + " stable"), std::string::npos) << whole(result);
        EXPECT_NE(result.error().hint + error_info(result.error().code).remedy, "");
        EXPECT_TRUE(reporter.rows.empty());
    };
    const std::string text = source(repository.uri());
    for (bool system : {false, true}) {
        if (system) put_source(directory, text);
        const std::string given = system ? "" : text;
        repository.sign({"two"});
        expect(refresh(given), ErrorCode::signature_invalid, "key.gpg");
        TestRepository::put(repository.file("InRelease"), repository.release_text());
        expect(refresh(given), ErrorCode::signature_missing, "is not signed");
        repository.sign({"one"}, "Valid-Until: " + format_release_date(test_now - 5) + "\n");
        expect(refresh(given), ErrorCode::metadata_expired, "check-valid-until=no");
        repository.sign({"one"}, "Date: " + format_release_date(test_now + 500) + "\n");
        expect(refresh(given), ErrorCode::metadata_expired, "is not valid yet");
        std::filesystem::remove_all(directory / "cache/apt");
        build("1.0-1");
        std::string good = directory.get("repository/dists/stable/main/binary-amd64/Packages.xz");
        std::string bad = good;
        bad[30] ^= 1;
        TestRepository::put(repository.file("main/binary-amd64/Packages.xz"), bad);
        auto mismatch = refresh(given);
        ASSERT_FALSE(mismatch);
        EXPECT_EQ(mismatch.error().code, ErrorCode::digest_mismatch);
        EXPECT_NE(whole(mismatch).find(repository.uri() + " stable"), std::string::npos) << whole(mismatch);
        std::filesystem::remove(repository.file("InRelease"));
        expect(refresh(given), ErrorCode::registry_refused, "has no Release file");
        build("1.0-1");
        ASSERT_TRUE(refresh(given));
        std::filesystem::remove_all(directory / "cache/apt");
    }
}

TEST_F(Apt, ExpiredIsAcceptedWhereTheHostSaysSo) {
    build("1.0-1", "Valid-Until: " + format_release_date(test_now - 5) + "\n");
    EXPECT_FALSE(refresh(source(repository.uri())));
    host = test_host(directory, "Acquire::Check-Valid-Until \"false\";\n");
    std::filesystem::remove_all(directory / "cache/apt");
    auto result = refresh(source(repository.uri()));
    EXPECT_TRUE(result) << whole(result);
}

TEST_F(Apt, ABadSignatureIsAnErrorEvenBesideGoodRepositories) {
    TestRepository other(directory / "other", *keys);
    other.index("main/binary-amd64/Packages", "");
    other.sign({"two"});
    put_source(directory, source(repository.uri()) + source(other.uri()));
    auto result = refresh("");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::signature_invalid);
    EXPECT_NE(result.error().message.find(other.uri()), std::string::npos);
}

TEST_F(Apt, SourcesThatCannotBeUsed) {
    auto nothing = refresh("");
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code, ErrorCode::no_registry);
    EXPECT_NE(nothing.error().hint.find("pgx.add_registry("), std::string::npos);

    put_source(directory, "deb cdrom:[x]/ stable main\n");
    auto cdrom = refresh("");
    ASSERT_FALSE(cdrom);
    EXPECT_EQ(cdrom.error().code, ErrorCode::no_registry);
    EXPECT_NE(cdrom.error().detail.find("cdrom"), std::string::npos) << whole(cdrom);

    put_source(directory, source(repository.uri(), " trusted=yes"));
    auto trusted = refresh("");
    ASSERT_FALSE(trusted);
    EXPECT_EQ(trusted.error().code, ErrorCode::signature_missing);
    EXPECT_NE(trusted.error().detail.find("trusted=yes"), std::string::npos) << whole(trusted);

    TestRepository other(directory / "other", *keys);
    other.index("main/binary-amd64/Packages", "");
    other.sign({"one"});
    put_source(directory, source(repository.uri(), " trusted=yes") + source(other.uri()));
    ASSERT_TRUE(refresh(""));
    EXPECT_TRUE(reporter.has_notice("trusted=yes"));

    auto elsewhere = refresh("deb [arch=arm64] http://example.org/debian stable main");
    ASSERT_FALSE(elsewhere);
    EXPECT_EQ(elsewhere.error().code, ErrorCode::invalid_argument);
    auto malformed = refresh("http://example.org/debian");
    ASSERT_FALSE(malformed);
    EXPECT_EQ(malformed.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(malformed.error().message.find("registry \"test\":1"), std::string::npos) << whole(malformed);

    host.apt_config.clear();
    auto no_apt = refresh("");
    ASSERT_FALSE(no_apt);
    EXPECT_EQ(no_apt.error().code, ErrorCode::no_registry);
    EXPECT_NE(no_apt.error().hint.find("pgx.add_registry("), std::string::npos);
    auto given = refresh(source(repository.uri()));
    EXPECT_TRUE(given) << whole(given);
}

TEST_F(Apt, FetchesUnpacksAndKeepsArtifacts) {
    ASSERT_TRUE(refresh(source(repository.uri())));
    Artifact semver = artifact("postgresql-18-semver"), vector = artifact("postgresql-18-pgvector");
    auto receipts = fetch({semver, vector});
    ASSERT_TRUE(receipts) << whole(receipts);
    ASSERT_EQ(receipts->size(), 2u);
    const Receipt &first = receipts->front();
    EXPECT_EQ(first.package, "postgresql-18-semver");
    EXPECT_EQ(first.version, "1.0-1");
    EXPECT_EQ(first.registry, "test");
    EXPECT_EQ(first.artifact_url, semver.url);
    EXPECT_EQ(first.artifact_sha256, semver.sha256);
    EXPECT_EQ(first.signer, keys->fingerprint("one"));
    ASSERT_EQ(first.extensions.size(), 1u);
    EXPECT_EQ(first.extensions[0].name, "semver");
    EXPECT_TRUE(std::filesystem::exists(directory / "staging/postgresql-18-semver/share/extension/semver.control"));
    EXPECT_TRUE(std::filesystem::exists(directory / "staging/postgresql-18-pgvector/share/extension/vector.control"));

    // From the cache when the repository has lost it; not from a damaged one.
    std::filesystem::remove_all(directory / "repository/pool");
    EXPECT_TRUE(fetch({semver}));
    std::string kept = "cache/artifacts/" + semver.sha256;
    std::string bytes = directory.get(kept);
    bytes[100] ^= 1;
    directory.put(kept, bytes);
    EXPECT_FALSE(fetch({semver}));
    std::size_t left = 0;
    for (const auto &entry : std::filesystem::directory_iterator(directory / "cache/artifacts")) {
        ++left;
        EXPECT_EQ(entry.path().filename(), vector.sha256);
    }
    EXPECT_EQ(left, 1u);
}

TEST_F(Apt, ArtifactsThatAreNotTheSignedOnes) {
    ASSERT_TRUE(refresh(source(repository.uri())));
    Artifact semver = artifact("postgresql-18-semver");
    std::string path = semver.url.substr(7);
    std::ifstream file(path, std::ios::binary);
    std::string good{std::istreambuf_iterator<char>(file), {}}, changed = good;
    changed[good.size() / 2] ^= 1;
    for (const std::string &bytes : {changed, good.substr(0, good.size() - 1), good + "x"}) {
        TestRepository::put(path, bytes);
        auto receipts = fetch({semver});
        ASSERT_FALSE(receipts);
        EXPECT_TRUE(receipts.error().code == ErrorCode::digest_mismatch || receipts.error().code == ErrorCode::limit_exceeded)
            << whole(receipts);
        EXPECT_TRUE(std::filesystem::is_empty(directory / "cache/artifacts"));
        EXPECT_TRUE(std::filesystem::is_empty(directory / "staging"));
    }
    TestRepository::put(path, good);
    Artifact wrong = semver;
    wrong.package = "../outside";
    auto name = fetch({wrong});
    ASSERT_FALSE(name);
    EXPECT_EQ(name.error().code, ErrorCode::invalid_name);
    for (const char *digest : {"", "../../outside", "0123"}) {
        wrong = semver;
        wrong.sha256 = digest;
        auto result = fetch({wrong});
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    }
    EXPECT_FALSE(fetch({semver, semver}).has_value()) << "one staging directory for two packages";
    EXPECT_TRUE(fetch({semver}));
}

TEST_F(Apt, RemovesWhatKilledHelpersLeft) {
    directory.put("cache/artifacts/x.part", "half");
    ASSERT_TRUE(refresh(source(repository.uri())));
    std::filesystem::last_write_time(directory / "cache/artifacts/x.part",
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(48));
    host.now = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
    ASSERT_TRUE(fetch({artifact("postgresql-18-semver")}));
    EXPECT_FALSE(std::filesystem::exists(directory / "cache/artifacts/x.part"));
}

}  // namespace
}  // namespace pgx
