// job_test.cpp - requests to the helper: what is refused, and who gets to do what.
#include "core/registry/job.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

namespace pgx {
namespace {

const std::string digest(64, '0');

Json refresh_request() {
    return Json::parse(R"({
        "op": "refresh", "cache": "/var/cache/pgx", "extension_names": "always",
        "platform": {"postgres_major": 18, "os": "debian", "architecture": "amd64"},
        "registry": {"name": "system", "kind": "apt", "source": "deb x", "state": "token"}})");
}

Json artifact(const std::string &package, const std::string &kind = "apt") {
    return Json{{"package", package},   {"version", "1.0-1"},
                {"registry", "system"}, {"kind", kind},
                {"source", "deb x"},    {"url", "https://example.org/" + package + ".deb"},
                {"size", 1000},         {"sha256", digest},
                {"signer", "ABC"}};
}

Json fetch_request() {
    return Json{{"op", "fetch"},
                {"cache", "/var/cache/pgx"},
                {"staging", "/var/staging"},
                {"platform", {{"postgres_major", 18}, {"architecture", "amd64"}}},
                {"artifacts", {artifact("a"), artifact("b")}}};
}

class NoReporter : public Reporter {
   public:
    void progress(std::string_view, std::string_view, std::uint64_t, std::uint64_t) override {}
    void notice(std::string_view, std::string_view, std::string_view) override {}
    void releases(Json, std::string_view) override {}
};

// Answers as told, and remembers what it was asked.
class FakeRegistry : public Registry {
   public:
    struct Log {
        std::vector<RefreshRequest> refreshes;
        std::vector<std::pair<std::string, FetchRequest>> fetches;
        bool fails = false;
        std::size_t receipts_missing = 0;
    };
    FakeRegistry(std::string kind, Log &log) : kind_(std::move(kind)), log_(log) {}

    Result<RefreshResult> refresh(const RefreshRequest &request, Reporter &) override {
        log_.refreshes.push_back(request);
        if (log_.fails) return fail(ErrorCode::signature_invalid, "bad signature");
        return RefreshResult{false, "next", 1, 2, true, 3, 4};
    }
    Result<std::vector<Receipt>> fetch(const FetchRequest &request, Reporter &) override {
        log_.fetches.emplace_back(kind_, request);
        if (log_.fails) return fail(ErrorCode::digest_mismatch, "wrong digest");
        std::vector<Receipt> receipts;
        for (const Artifact &wanted : request.artifacts) {
            Receipt receipt;
            receipt.package = wanted.package;
            receipt.version = wanted.version;
            receipt.signer = kind_;
            receipts.push_back(receipt);
        }
        receipts.resize(receipts.size() - log_.receipts_missing);
        return receipts;
    }

   private:
    std::string kind_;
    Log &log_;
};

class Jobs : public testing::Test {
   protected:
    FakeRegistry::Log log;
    NoReporter reporter;

    Result<Json> run(const Json &request) {
        const Job job = TRY(read_job(request));
        const auto make = [this](std::string_view kind,
                                 FileSystem &) -> Result<std::unique_ptr<Registry>> {
            if (kind == "unknown")
                return fail(ErrorCode::invalid_argument, "unknown registry kind");
            return std::make_unique<FakeRegistry>(std::string(kind), log);
        };
        return perform(job, make, real_file_system(), reporter);
    }
};

TEST_F(Jobs, RefreshGetsEverything) {
    const auto result = run(refresh_request());
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(*result,
              Json::parse(R"({"unchanged":false,"state":"next","repositories":1,"packages":2,
                                       "extension_names":true,"requests":3,"bytes":4})"));
    ASSERT_EQ(log.refreshes.size(), 1U);
    const RefreshRequest &request = log.refreshes[0];
    EXPECT_EQ(request.registry, "system");
    EXPECT_EQ(request.source, "deb x");
    EXPECT_EQ(request.state, "token");
    EXPECT_EQ(request.cache, "/var/cache/pgx");
    EXPECT_TRUE(request.extension_names);
    EXPECT_EQ(request.platform.postgres_major, 18U);
    EXPECT_EQ(request.platform.architecture, "amd64");

    Json automatic = refresh_request();
    automatic["extension_names"] = "auto";
    automatic["registry"].erase("source");
    automatic["registry"].erase("state");
    ASSERT_TRUE(run(automatic));
    EXPECT_FALSE(log.refreshes[1].extension_names);
    EXPECT_EQ(log.refreshes[1].source, "");
}

TEST_F(Jobs, EveryArtifactIsToldWhereItWillBe) {
    Json request = fetch_request();
    request["destination"] = "pgx/18";
    ASSERT_TRUE(run(request));
    for (const Artifact &one : log.fetches.at(0).second.artifacts)
        EXPECT_EQ(one.destination, "pgx/18");
    request["destination"] = 18;
    EXPECT_FALSE(run(request));
}

TEST_F(Jobs, OtherRegistriesAreNamed) {
    Json request = fetch_request();
    request["others"] = {{"other", "deb x"}};
    ASSERT_TRUE(run(request));
    EXPECT_EQ(log.fetches.at(0).second.others,
              (std::map<std::string, std::string>{{"other", "deb x"}}));
    for (const Json &wrong : {Json("x"), Json{{"other", 1}}, Json{{"../other", "deb x"}}}) {
        request["others"] = wrong;
        EXPECT_FALSE(run(request)) << wrong.dump();
    }
}

TEST_F(Jobs, FetchGetsEverything) {
    const auto result = run(fetch_request());
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_EQ(log.fetches.size(), 1U);
    const FetchRequest &request = log.fetches[0].second;
    EXPECT_EQ(request.cache, "/var/cache/pgx");
    EXPECT_EQ(request.staging, "/var/staging");
    EXPECT_EQ(request.artifacts[0].destination, "");
    EXPECT_EQ(request.platform.postgres_major, 18U);
    ASSERT_EQ(request.artifacts.size(), 2U);
    const Artifact &first = request.artifacts[0];
    EXPECT_EQ(first.package, "a");
    EXPECT_EQ(first.version, "1.0-1");
    EXPECT_EQ(first.registry, "system");
    EXPECT_EQ(first.source, "deb x");
    EXPECT_EQ(first.url, "https://example.org/a.deb");
    EXPECT_EQ(first.size, 1000U);
    EXPECT_EQ(first.sha256, digest);
    EXPECT_EQ(first.signer, "ABC");
}

TEST_F(Jobs, ArtifactsAreGroupedByKindAndReceiptsKeepTheOrder) {
    Json request = fetch_request();
    request["artifacts"] = {artifact("a", "pgx"), artifact("b", "apt"), artifact("c", "pgx"),
                            artifact("d", "apt")};
    const auto result = run(request);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(log.fetches.size(), 2U);
    std::map<std::string, std::string> by_kind;
    for (const auto &[kind, fetch] : log.fetches)
        for (const Artifact &wanted : fetch.artifacts) by_kind[kind] += wanted.package;
    EXPECT_EQ(by_kind, (std::map<std::string, std::string>{{"apt", "bd"}, {"pgx", "ac"}}));
    std::string order;
    for (const Json &receipt : (*result)["receipts"])
        order += receipt["package"].get<std::string>() + ":" +
                 receipt["signer"].get<std::string>() + " ";
    EXPECT_EQ(order, "a:pgx b:apt c:pgx d:apt ");
}

TEST_F(Jobs, AnUnknownKindStopsBeforeAnythingIsFetched) {
    Json request = fetch_request();
    request["artifacts"].push_back(artifact("c", "unknown"));
    const auto result = run(request);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, "unknown registry kind");
    EXPECT_TRUE(log.fetches.empty());
}

TEST_F(Jobs, ErrorsOfARegistryPassThrough) {
    log.fails = true;
    EXPECT_EQ(run(refresh_request()).error().code, ErrorCode::signature_invalid);
    EXPECT_EQ(run(fetch_request()).error().code, ErrorCode::digest_mismatch);
}

TEST_F(Jobs, ARegistryThatLosesAReceiptIsADefect) {
    log.receipts_missing = 1;
    const auto result = run(fetch_request());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::internal);
}

Json preload_request() {
    return {{"op", "try_preload"},
            {"platform", refresh_request()["platform"]},
            {"directory", "/var/trial"},
            {"program", "/usr/bin/postgres"},
            {"control_file", "/var/data/global/pg_control"},
            {"module", "/usr/lib/pgx.so"},
            {"settings", {{{"name", "a"}, {"value", "1"}}, {{"name", "a"}, {"value", ""}}}}};
}

TEST_F(Jobs, WritableDirectories) {
    EXPECT_EQ(writable_directories(*read_job(refresh_request())),
              std::vector<std::string>{"/var/cache/pgx"});
    EXPECT_EQ(writable_directories(*read_job(fetch_request())),
              (std::vector<std::string>{"/var/cache/pgx", "/var/staging"}));
    EXPECT_EQ(writable_directories(*read_job(preload_request())),
              (std::vector<std::string>{"/var/trial", "/dev/null"}));
}

struct Spoiled {
    const char *message;
    std::function<void(Json &)> spoil;
    ErrorCode code = ErrorCode::invalid_argument;
};

void expect_refused(const Json &good, const std::vector<Spoiled> &cases) {
    ASSERT_TRUE(read_job(good));
    for (const Spoiled &c : cases) {
        Json request = good;
        c.spoil(request);
        const auto result = read_job(request);
        ASSERT_FALSE(result) << c.message;
        EXPECT_NE(result.error().message.find(c.message), std::string::npos)
            << result.error().message << "\nwanted: " << c.message;
        EXPECT_EQ(result.error().code, c.code) << c.message;
    }
}

TEST(ReadJob, RefusesWhatIsNoRefresh) {
    expect_refused(
        refresh_request(),
        {
            {"the request must be an object", [](Json &j) { j = Json::array(); }},
            {"\"op\" is missing", [](Json &j) { j.erase("op"); }},
            {"\"op\" must be \"refresh\", \"fetch\"", [](Json &j) { j["op"] = "rm"; }},
            {"the platform must be an object", [](Json &j) { j.erase("platform"); }},
            {"\"postgres_major\" is missing",
             [](Json &j) { j["platform"].erase("postgres_major"); }},
            {"\"cache\" is missing", [](Json &j) { j.erase("cache"); }},
            {"\"cache\" must be an absolute path", [](Json &j) { j["cache"] = "cache"; }},
            {"\"cache\" must be an absolute path", [](Json &j) { j["cache"] = ""; }},
            {"\"cache\" must not contain", [](Json &j) { j["cache"] = "/a/../b"; }},
            {"\"cache\" must not contain", [](Json &j) { j["cache"] = "/a/."; }},
            {"\"cache\" contains a NUL", [](Json &j) { j["cache"] = std::string("/a\0", 3); }},
            {"\"extension_names\" must be", [](Json &j) { j["extension_names"] = "never"; }},
            {"\"extension_names\" must be", [](Json &j) { j["extension_names"] = true; }},
            {"\"registry\" must be an object", [](Json &j) { j.erase("registry"); }},
            {"\"registry\" must be an object", [](Json &j) { j["registry"] = "system"; }},
            {"invalid registry name", [](Json &j) { j["registry"]["name"] = "a/b"; },
             ErrorCode::invalid_name},
            {"\"kind\" is missing", [](Json &j) { j["registry"].erase("kind"); }},
            {"invalid registry kind name", [](Json &j) { j["registry"]["kind"] = ""; },
             ErrorCode::invalid_name},
            {"\"source\" must be a string", [](Json &j) { j["registry"]["source"] = 1; }},
            {"\"state\" must be a string", [](Json &j) { j["registry"]["state"] = 1; }},
        });
}

TEST(ReadJob, PreloadTrialGetsEverything) {
    const auto job = read_job(preload_request());
    ASSERT_TRUE(job) << job.error().message;
    const auto &trial = std::get<PreloadTrialJob>(*job);
    EXPECT_EQ(trial.directory, "/var/trial");
    EXPECT_EQ(trial.program, "/usr/bin/postgres");
    EXPECT_EQ(trial.control_file, "/var/data/global/pg_control");
    EXPECT_EQ(trial.module, "/usr/lib/pgx.so");
    EXPECT_EQ(trial.postgres_major, 18U);
    ASSERT_EQ(trial.settings.size(), 2U);
    EXPECT_EQ(trial.settings[1], (std::pair<std::string, std::string>("a", "")));
}

TEST(ReadJob, RefusesWhatIsNoPreloadTrial) {
    expect_refused(
        preload_request(),
        {
            {"\"directory\" must be an absolute path", [](Json &j) { j["directory"] = "x"; }},
            {"\"program\" is missing", [](Json &j) { j.erase("program"); }},
            {"\"control_file\" must not contain", [](Json &j) { j["control_file"] = "/a/../b"; }},
            {"\"module\" is missing", [](Json &j) { j.erase("module"); }},
            {"the platform must be an object", [](Json &j) { j.erase("platform"); }},
            {"\"settings\" must be an array", [](Json &j) { j.erase("settings"); }},
            {"\"settings\" must have objects", [](Json &j) { j["settings"] = {"a"}; }},
            {"\"name\" is missing", [](Json &j) { j["settings"][0].erase("name"); }},
            {"\"value\" is missing", [](Json &j) { j["settings"][1].erase("value"); }},
        });
}

TEST(ReadJob, RefusesWhatIsNoFetch) {
    expect_refused(
        fetch_request(),
        {
            {"the platform must be an object", [](Json &j) { j.erase("platform"); }},
            {"\"cache\" is missing", [](Json &j) { j.erase("cache"); }},
            {"\"staging\" is missing", [](Json &j) { j.erase("staging"); }},
            {"\"staging\" must be an absolute path", [](Json &j) { j["staging"] = "x"; }},
            {"\"artifacts\" must be an array", [](Json &j) { j.erase("artifacts"); }},
            {"\"artifacts\" must be an array", [](Json &j) { j["artifacts"] = Json::object(); }},
            {"\"artifacts\" must be an array", [](Json &j) { j["artifacts"] = Json::array(); }},
            {"in \"artifacts\": member \"package\" is missing",
             [](Json &j) { j["artifacts"][0] = 1; }},
            {"in \"artifacts\": invalid package name",
             [](Json &j) { j["artifacts"][0]["package"] = "../a"; }, ErrorCode::invalid_name},
            {"names package \"a\" twice", [](Json &j) { j["artifacts"][1]["package"] = "a"; }},
            {"\"version\" must have between", [](Json &j) { j["artifacts"][0]["version"] = ""; }},
            {"\"version\" must have between",
             [](Json &j) { j["artifacts"][0]["version"] = std::string(256, '1'); }},
            {"\"version\" contains a character",
             [](Json &j) { j["artifacts"][0]["version"] = "1/2"; }},
            {"\"version\" contains a character",
             [](Json &j) { j["artifacts"][0]["version"] = "1 2"; }},
            {"\"version\" contains a character",
             [](Json &j) { j["artifacts"][0]["version"] = "1\xc3\xa9"; }},
            {"in \"artifacts\": invalid registry name",
             [](Json &j) { j["artifacts"][0]["registry"] = ""; }, ErrorCode::invalid_name},
            {"in \"artifacts\": member \"kind\" is missing",
             [](Json &j) { j["artifacts"][0].erase("kind"); }},
            {"\"url\" must not be empty", [](Json &j) { j["artifacts"][0]["url"] = ""; }},
            {"\"size\" must not be 0", [](Json &j) { j["artifacts"][0]["size"] = 0; }},
            {"\"size\" must be a whole number", [](Json &j) { j["artifacts"][0]["size"] = -5; }},
            {"\"sha256\" must be 64", [](Json &j) { j["artifacts"][0]["sha256"] = "abc"; }},
            {"\"sha256\" must be 64",
             [](Json &j) { j["artifacts"][0]["sha256"] = std::string(64, 'A'); }},
            {"\"sha256\" is missing", [](Json &j) { j["artifacts"][0].erase("sha256"); }},
            {"\"signer\" must be a string", [](Json &j) { j["artifacts"][0]["signer"] = 1; }},
            {"\"source\" must be a string", [](Json &j) { j["artifacts"][0]["source"] = 1; }},
        });
}

}  // namespace
}  // namespace pgx
