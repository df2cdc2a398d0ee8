#include "core/registry/apt_suite.h"

#include <gtest/gtest.h>

#include "apt_test_support.h"
#include "faulty_file_system.h"

namespace pgx {
namespace {

class Suite : public ::testing::Test {
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
        for (TestRepository *repository : {&a, &b}) {
            repository->index("main/binary-amd64/Packages", "");
            repository->sign({"one"});
        }
    }
    Result<std::vector<AptSuite>> load(const std::string &text, bool tolerant = false) {
        auto sources = parse_apt_sources(text, SourceSyntax::detect, "here", "amd64");
        EXPECT_TRUE(sources) << whole(sources);
        auto cache = AptCache::open(directory.path(), fs);
        EXPECT_TRUE(cache);
        reporter = {};
        traffic = {};
        return load_suites(sources->sources, tolerant, {host, config, *cache, fs, reporter, traffic});
    }
    std::string source(const TestRepository &repository, const std::string &options = {}) {
        return "deb [signed-by=" + directory.path() + "/key.gpg " + options + "] " + repository.uri() + " stable main\n";
    }
    // Removes what verifiers are called for: with it gone, only a recorded verification passes.
    AptConfig config;
    AptHost host = [] {
        AptHost one;
        one.now = [] { return test_now; };
        return one;
    }();
    static std::unique_ptr<TestKeys> keys;
    TemporaryDirectory directory;
    FaultyFileSystem fs{real_file_system()};
    CollectingReporter reporter;
    Traffic traffic;
    TestRepository a{directory / "a", *keys}, b{directory / "b", *keys};
};

std::unique_ptr<TestKeys> Suite::keys;

void expect_error(const Result<std::vector<AptSuite>> &result, ErrorCode code, const std::string &says) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code) << whole(result);
    EXPECT_NE(whole(result).find(says), std::string::npos) << whole(result);
    EXPECT_NE(result.error().hint + error_info(code).remedy, "");
}

TEST_F(Suite, VerifiedAndRead) {
    auto suites = load(source(a) + source(b));
    ASSERT_TRUE(suites) << whole(suites);
    ASSERT_EQ(suites->size(), 2u);
    EXPECT_EQ(suites->front().signer, keys->fingerprint("one"));
    EXPECT_EQ(suites->front().release.origin, "Example");
    EXPECT_EQ(suites->front().text_sha256.size(), 64u);
    EXPECT_EQ(traffic.requests, 2u);
}

TEST_F(Suite, SameBytesAndKeysNeedNoVerifier) {
    ASSERT_TRUE(load(source(a)));
    // The verifier's files cannot be made any more, so a second run of it would fail.
    auto no_verifier = [](std::string_view doing, const std::string &path) {
        return doing == "make_directory" && path.find("verify-") != std::string::npos ? EIO : 0;
    };
    fs.on_call(no_verifier);
    auto again = load(source(a));
    ASSERT_TRUE(again) << whole(again);
    EXPECT_EQ(again->front().signer, keys->fingerprint("one"));
    // Other keys, other fingerprints and other bytes are another question.
    EXPECT_FALSE(load(source(a, "signed-by=" + directory.path() + "/key.gpg," + keys->fingerprint("one"))));
    directory.put("key.gpg", keys->binary("one") + keys->binary("two"));
    EXPECT_FALSE(load(source(a)));
    directory.put("key.gpg", keys->binary("one"));
    EXPECT_TRUE(load(source(a)));
    a.sign({"one"}, "Description: changed\n");
    EXPECT_FALSE(load(source(a)));
    fs.heal();
    fs.on_call(nullptr);
    EXPECT_TRUE(load(source(a)));
}

TEST_F(Suite, DamagedCacheIsAMiss) {
    ASSERT_TRUE(load(source(a)));
    for (const auto &entry : std::filesystem::directory_iterator(directory / "apt")) {
        std::string name = "apt/" + entry.path().filename().string();
        std::string bytes = directory.get(name);
        directory.put(name, bytes.substr(0, bytes.size() / 2));
        auto again = load(source(a));
        ASSERT_TRUE(again) << name << "\n" << whole(again);
    }
    // A record that was edited together with its digest still has to fit the text.
    for (const auto &entry : std::filesystem::directory_iterator(directory / "apt")) {
        std::string name = entry.path().filename().string();
        if (!name.ends_with(".text")) continue;
        std::string body = "-----BEGIN PGP SIGNED MESSAGE-----\n\nevil\n";
        directory.put("apt/" + name, sha256(body) + "\n" + body);
    }
    EXPECT_TRUE(load(source(a)));
}

TEST_F(Suite, ReleaseWithDetachedSignature) {
    std::filesystem::remove(a.file("InRelease"));
    a.sign_detached({"one"});
    auto first = load(source(a));
    ASSERT_TRUE(first) << whole(first);
    EXPECT_EQ(traffic.requests, 3u);
    auto second = load(source(a));
    ASSERT_TRUE(second) << whole(second);
    EXPECT_EQ(second->front().text_sha256, first->front().text_sha256);
    a.sign_detached({"two"}, "Description: x\n");
    expect_error(load(source(a)), ErrorCode::signature_invalid, "is by a key that is not trusted for it");
    std::filesystem::remove(a.file("Release.gpg"));
    expect_error(load(source(a)), ErrorCode::signature_missing, "is not signed");
    // The repository now has an InRelease only.
    std::filesystem::remove(a.file("Release"));
    a.sign({"one"});
    auto third = load(source(a));
    EXPECT_TRUE(third) << whole(third);
}

TEST_F(Suite, InReleasePath) {
    std::filesystem::rename(a.file("InRelease"), a.file("Other"));
    EXPECT_TRUE(load(source(a, "inrelease-path=Other")));
    expect_error(load(source(a, "inrelease-path=None")), ErrorCode::registry_refused, "has no file \"None\"");
}

TEST_F(Suite, SignatureFailures) {
    a.sign({"two"});
    expect_error(load(source(a), true), ErrorCode::signature_invalid, "is by a key that is not trusted for it");
    std::string good = directory.get("b/dists/stable/InRelease");
    directory.put("b/dists/stable/InRelease", "Origin: evil\n" + good);
    expect_error(load(source(b), true), ErrorCode::signature_invalid, "has a malformed signature");
    directory.put("b/dists/stable/InRelease", b.release_text());
    expect_error(load(source(b)), ErrorCode::signature_missing, "is not signed");
    expect_error(load("deb [signed-by=/none.gpg] " + b.uri() + " stable main"), ErrorCode::signature_invalid, "/none.gpg");
}

TEST_F(Suite, Dates) {
    a.sign({"one"}, "Date: " + format_release_date(test_now - 864000) + "\nValid-Until: " + format_release_date(test_now - 1) + "\n");
    expect_error(load(source(a), true), ErrorCode::metadata_expired, "has expired");
    EXPECT_TRUE(load(source(a, "check-valid-until=no")));
    // The date is looked at again although the file is in the cache, verified.
    expect_error(load(source(a)), ErrorCode::metadata_expired, a.uri() + " stable");
    a.sign({"one"}, "Date: " + format_release_date(test_now + 3600) + "\n");
    expect_error(load(source(a), true), ErrorCode::metadata_expired, "is not valid yet");
}

TEST_F(Suite, OlderStateIsIgnored) {
    a.sign({"one"}, "Date: " + format_release_date(test_now - 100) + "\n");
    auto newer = load(source(a));
    ASSERT_TRUE(newer);
    a.sign({"one"}, "Date: " + format_release_date(test_now - 200) + "\n");
    auto older = load(source(a));
    ASSERT_TRUE(older) << whole(older);
    EXPECT_EQ(older->front().text_sha256, newer->front().text_sha256);
    EXPECT_TRUE(reporter.has_notice("older state"));
}

TEST_F(Suite, MalformedRelease) {
    TestRepository::put(a.file("InRelease"), keys->clear_signed("Suite: x\n", {"one"}));
    expect_error(load(source(a), true), ErrorCode::registry_malformed, a.uri() + " stable");
}

TEST_F(Suite, ToleratesWhatCannotBeReachedWhenAnotherCan) {
    // Nobody listens on port 1.
    std::string away = "deb [signed-by=" + directory.path() + "/key.gpg] http://127.0.0.1:1/debian stable main\n";
    config = parse_apt_config("Acquire::Retries \"0\";\n").value();
    auto some = load(away + source(a), true);
    ASSERT_TRUE(some) << whole(some);
    EXPECT_EQ(some->size(), 1u);
    EXPECT_TRUE(reporter.has_notice("skipping repository \"http://127.0.0.1:1/debian stable\""));
    expect_error(load(away + source(a), false), ErrorCode::registry_unreachable, "127.0.0.1:1");
    expect_error(load(away, true), ErrorCode::registry_unreachable, "127.0.0.1:1");

    TestRepository missing(directory / "missing", *keys);
    auto others = load(source(missing) + source(a), true);
    ASSERT_TRUE(others) << whole(others);
    EXPECT_TRUE(reporter.has_notice("has no Release file"));
    expect_error(load(source(missing) + source(a), false), ErrorCode::registry_refused, "has no Release file");
    expect_error(load(source(missing), true), ErrorCode::registry_refused, "has no Release file");
}

TEST_F(Suite, CopyOfWhatCannotBeReachedIsUsed) {
    ASSERT_TRUE(load(source(a) + source(b)));
    std::filesystem::remove_all(directory / "a/dists");
    auto suites = load(source(a) + source(b), true);
    ASSERT_TRUE(suites) << whole(suites);
    EXPECT_EQ(suites->size(), 2u);
    EXPECT_TRUE(reporter.has_notice("using its copy of"));
    // With nothing reached there is nothing to say.
    std::filesystem::remove_all(directory / "b/dists");
    expect_error(load(source(a) + source(b), true), ErrorCode::registry_refused, "has no Release file");
}

TEST_F(Suite, UnsignedIsSkippedOnlyIfItNeverWasSigned) {
    TestRepository::put(a.file("InRelease"), a.release_text());
    auto suites = load(source(a) + source(b), true);
    ASSERT_TRUE(suites) << whole(suites);
    EXPECT_EQ(suites->size(), 1u);
    EXPECT_TRUE(reporter.has_notice("is not signed"));
    expect_error(load(source(a), true), ErrorCode::signature_missing, "is not signed");
    TestRepository::put(b.file("InRelease"), b.release_text());
    a.sign({"one"});
    expect_error(load(source(a) + source(b), true), ErrorCode::signature_missing, "is not signed");
}

}  // namespace
}  // namespace pgx
