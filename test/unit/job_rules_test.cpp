// job_rules_test.cpp - what follows from a request and the host's configuration, and that it holds
// from inside.
#include "core/registry/job_rules.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "core/base/json.h"
#include "core/registry/apt_cache.h"
#include "core/registry/pgx_registry.h"
#include "core/registry/subprocess.h"
#include "core/tuf/transport.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

class JobRules : public testing::Test {
   protected:
    TemporaryDirectory directory;
    AptHost host;

    void SetUp() override {
        ASSERT_EQ(::mkdir((directory / "cache").c_str(), 0700), 0);
        host.now = [] { return std::int64_t{0}; };
    }

    Job job(const Json &request) {
        Result<Job> read = read_job(request);
        if (read) return *read;
        ADD_FAILURE() << read.error().message;
        return ReadKeyJob{};
    }
    Json platform() const { return {{"postgres_major", 18}, {"architecture", "amd64"}}; }
    Json refresh(const std::string &kind, const std::string &source) const {
        return {{"op", "refresh"},
                {"cache", directory / "cache"},
                {"platform", platform()},
                {"registry", {{"name", "r"}, {"kind", kind}, {"source", source}}}};
    }
    Json fetch(const std::string &kind, const std::string &source, const std::string &url) const {
        return {{"op", "fetch"},
                {"cache", directory / "cache"},
                {"staging", directory / "cache"},
                {"platform", platform()},
                {"server", "/opt/pg/bin/postgres"},
                {"artifacts",
                 {{{"package", "a"},
                   {"version", "1"},
                   {"registry", "r"},
                   {"kind", kind},
                   {"source", source},
                   {"url", url},
                   {"size", 1},
                   {"sha256", std::string(64, '0')}}}}};
    }
    SandboxRules rules_for(const Json &request) {
        return rules(job(request), host, real_file_system());
    }
};

bool reads(const SandboxRules &rules, const std::string &path) {
    return rules.readable && std::ranges::find(*rules.readable, path) != rules.readable->end();
}

using Ports = std::set<std::uint16_t>;

TEST_F(JobRules, PortsOfARegistry) {
    struct {
        const char *kind, *source;
        Ports ports;
    } const cases[] = {
        {"pgx", "https://example.org/registry", {53, 443}},
        {"pgx", "http://127.0.0.1:8080/registry", {53, 443, 8080}},
        {"pgx", "file:///srv/registry", {}},
        {"apt", "deb http://example.org/debian trixie main", {53, 80, 443}},
        {"apt", "deb [trusted=no] https://example.org:8443/debian trixie main", {53, 443, 8443}},
        {"apt", "deb nonsense", {}},
        {"pgx", "gopher://example.org/", {}},
    };
    for (const auto &c : cases)
        EXPECT_EQ(rules_for(refresh(c.kind, c.source)).ports, c.ports) << c.source;
}

TEST_F(JobRules, PortsOfProxies) {
    host.http_proxy = "http://proxy.example.org:3128";
    host.no_proxy = "direct.example.org";
    EXPECT_EQ(rules_for(refresh("pgx", "http://example.org/")).ports, (Ports{53, 80, 443, 3128}));
    EXPECT_EQ(rules_for(refresh("pgx", "http://direct.example.org/")).ports, (Ports{53, 80, 443}));
}

TEST_F(JobRules, FilesOfLocalRegistriesAndKeyrings) {
    EXPECT_TRUE(reads(rules_for(refresh("pgx", "file:///srv/a%20b")), "/srv/a b"));
    const SandboxRules apt =
        rules_for(refresh("apt", "deb [signed-by=/home/u/key.gpg] file:///srv/mirror trixie main"));
    EXPECT_TRUE(reads(apt, "/home/u/key.gpg"));
    EXPECT_TRUE(reads(apt, "/srv/mirror/"));
    EXPECT_FALSE(reads(apt, "/home/u"));
    EXPECT_TRUE(
        reads(rules_for(refresh("apt", "deb copy:/srv/mirror trixie main")), "/srv/mirror/"));
    EXPECT_TRUE(reads(rules_for(fetch("apt", "deb file:/srv/m x main", "file:/srv/pool/a.deb")),
                      "/srv/m/"));
    EXPECT_TRUE(reads(rules_for(fetch("pgx", "file:///srv/pgx", "file:///srv/pgx/a")), "/srv/pgx"));
}

// The address of an artifact is what an earlier helper has reported.
TEST_F(JobRules, AddressesOfArtifactsWidenNothing) {
    for (const char *kind : {"pgx", "apt"}) {
        const std::string source = kind == std::string("pgx") ? "http://example.org:81/"
                                                              : "deb http://example.org:81/ x main";
        const Ports ports{53, 81, 443};
        const SandboxRules file = rules_for(fetch(kind, source, "file:///srv/data"));
        EXPECT_FALSE(reads(file, "/srv/data")) << kind;
        EXPECT_EQ(file.ports, ports) << kind;
        EXPECT_EQ(rules_for(fetch(kind, source, "http://example.org:5432/a")).ports, ports) << kind;
    }
}

// Nor does anything that it has left in the cache.
TEST_F(JobRules, ARecordInTheCacheWidensNothing) {
    directory.put("apt-config", "#!/bin/sh\necho 'APT::Key::GPGVCommand \"/own/gpgv\";'\n");
    ASSERT_EQ(::chmod((directory / "apt-config").c_str(), 0700), 0);
    host.apt_config = directory / "apt-config";
    // As it was kept there once.
    const auto digest = sha256_of(host.apt_config + "\n");
    auto cache = AptCache::open(directory / "cache", real_file_system());
    ASSERT_TRUE(digest && cache);
    ASSERT_TRUE(
        cache->store("apt-config-1", dump_json({{"watched", Json::array()},
                                                {"fingerprint", *digest},
                                                {"dump",
                                                 "Dir::Etc::trusted \"/srv/data\";\n"
                                                 "APT::Key::GPGVCommand \"/srv/program\";\n"}})));
    const SandboxRules found = rules_for(refresh("apt", "deb http://example.org/debian x main"));
    EXPECT_FALSE(reads(found, "/srv/data"));
    EXPECT_EQ(std::ranges::count(*found.programs, "/srv/program"), 0);
    EXPECT_EQ(std::ranges::count(*found.programs, "/own/gpgv"), 1);
    // What is there afterwards is what was there before.
    const auto names = real_file_system().list(directory / "cache/apt");
    EXPECT_EQ(*names, std::vector<std::string>{"apt-config-1"});
}

// What is kept of apt-config's answer is kept while only the host's own configuration has been
// read.
TEST_F(JobRules, TheRecordOfTheHostIsWrittenBeforehandOnly) {
    for (const char *operation : {"refresh", "fetch"}) {
        Json request =
            operation == std::string("refresh")
                ? refresh("apt", "deb http://example.org/debian x main")
                : fetch("apt", "deb http://example.org/debian x main", "http://example.org/a.deb");
        request["host"] = "/var/lib/host";
        const Job parsed = job(request);
        EXPECT_EQ(host_records(parsed), "/var/lib/host");
        EXPECT_EQ(std::ranges::count(first_rules(parsed).writable, "/var/lib/host"), 1);
        const SandboxRules after = rules(parsed, host, real_file_system());
        EXPECT_EQ(std::ranges::count(after.writable, "/var/lib/host"), 0);
        EXPECT_FALSE(reads(after, "/var/lib/host"));
        request["host"] = "../host";
        EXPECT_FALSE(read_job(request));
    }
}

// Trust of other registries is out of reach of what this one sends.
TEST_F(JobRules, TrustIsWrittenByItsOwnRegistryOnly) {
    const std::string trust = directory / "trust";
    ASSERT_EQ(::mkdir(trust.c_str(), 0700), 0);
    Json request = refresh("pgx", "https://example.org/registry");
    request["trust"] = trust;
    request["registry"]["root"] = "sha256:" + std::string(64, 'a');
    const Job parsed = job(request);
    EXPECT_EQ(std::ranges::count(first_rules(parsed).writable, trust), 1);
    const SandboxRules after = rules(parsed, host, real_file_system());
    const std::string own = trust_directory(std::get<RefreshJob>(parsed).request).value();
    EXPECT_TRUE(own.starts_with(trust + "/1-aaa"));
    EXPECT_EQ(after.writable, (std::vector<std::string>{directory / "cache", own}));
    EXPECT_TRUE(real_file_system().info(own).value());
    EXPECT_FALSE(reads(after, trust));
    // By the address and by the fingerprint.
    Json mirror = request;
    mirror["registry"]["source"] = "https://mirror.example.org/registry";
    const SandboxRules of_mirror = rules_for(mirror);
    ASSERT_EQ(of_mirror.writable.size(), 2U);
    EXPECT_NE(of_mirror.writable[1], own);

    request["registry"]["root"] = "none";
    EXPECT_EQ(rules_for(request).writable, std::vector<std::string>{directory / "cache"});
    for (const char *kind : {"apt", "bundle"}) {
        request["registry"]["kind"] = kind;
        EXPECT_EQ(std::ranges::count(first_rules(job(request)).writable, trust), 0) << kind;
        EXPECT_EQ(rules_for(request).writable, std::vector<std::string>{directory / "cache"});
    }
}

TEST_F(JobRules, TrustHoldsFromInside) {
    if (landlock_abi() == 0) GTEST_SKIP() << "this kernel has no Landlock, so nothing is denied";
    directory.put("trust/other/roots/1.json", "of another registry");
    const std::string trust = directory / "trust";
    Json request = refresh("pgx", "https://example.org/registry");
    request["trust"] = trust;
    request["registry"]["root"] = "sha256:" + std::string(64, 'a');
    const Job parsed = job(request);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        FileSystem &fs = real_file_system();
        const auto first = enter_sandbox(first_rules(parsed), system_calls(parsed));
        const auto second = narrow_sandbox(rules(parsed, host, fs));
        if (!first || !second) ::_exit(1);
        const std::string own = trust_directory(std::get<RefreshJob>(parsed).request).value();
        tuf::DirectoryStore store(fs, own), other(fs, trust + "/other");
        if (!store.save("timestamp", "x") || !store.save_root(1, "x")) ::_exit(2);
        if (store.load_root(1).value_or("") != "x") ::_exit(3);
        if (other.save("timestamp", "x") || other.save_root(1, "x")) ::_exit(4);
        if (other.load_root(1)) ::_exit(5);
        if (fs.unlink(trust + "/other/roots/1.json")) ::_exit(6);
        if (fs.rename(own, trust + "/renamed")) ::_exit(7);
        if (fs.make_directory(trust + "/new", 0700)) ::_exit(8);
        ::_exit(0);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "exit status " << WEXITSTATUS(status);
}

// It is asked once, and cannot be started any more.
TEST_F(JobRules, AptConfigIsAskedBeforehand) {
    directory.put("apt-config", "#!/bin/sh\necho \"Run \\\"$$\\\";\"\n");
    ASSERT_EQ(::chmod((directory / "apt-config").c_str(), 0700), 0);
    host.apt_config = directory / "apt-config";
    const SandboxRules found = rules_for(refresh("apt", "deb http://example.org/debian x main"));
    EXPECT_EQ(std::ranges::count(*found.programs, host.apt_config), 0);
    EXPECT_EQ(std::ranges::count(*found.programs, find_program("dpkg")), 0);
    ASSERT_TRUE(host.config && *host.config);
    EXPECT_EQ(load_apt_config(host, real_file_system())->get("Run"), (*host.config)->get("Run"));
    host.config.reset();
    directory.put("apt-config", "#!/bin/sh\nexit 1\n");
    rules_for(refresh("apt", "deb http://example.org/debian x main"));
    ASSERT_TRUE(host.config);
    EXPECT_FALSE(*host.config);
    // Those that have nothing to do with apt do not ask.
    host.config.reset();
    rules_for(refresh("pgx", "https://example.org/"));
    EXPECT_FALSE(host.config);
}

TEST_F(JobRules, FollowTheHostsConfiguration) {
    directory.put("apt-config",
                  "#!/bin/sh\n"
                  "echo 'Dir \"/\";'\n"
                  "echo 'Dir::Etc \"somewhere/apt\";'\n"
                  "echo 'Dir::Etc::sourcelist \"" +
                      (directory / "sources.list") +
                      "\";'\n"
                      "echo 'Dir::Etc::trustedparts \"/keys\";'\n"
                      "echo 'Acquire::http::Proxy \"http://proxy:999\";'\n"
                      "echo 'Acquire::https::CAInfo \"/own/ca.pem\";'\n"
                      "echo 'APT::Key::GPGVCommand \"/own/gpgv\";'\n");
    ASSERT_EQ(::chmod((directory / "apt-config").c_str(), 0700), 0);
    directory.put("sources.list", "deb https://example.org:444/debian trixie main\n");
    host.apt_config = directory / "apt-config";
    host.environment = {"APT_CONFIG=/own/apt.conf"};
    const SandboxRules found = rules_for(refresh("apt", ""));
    for (const char *path : {"/somewhere/apt", "/keys", "/own/ca.pem", "/own/apt.conf"})
        EXPECT_TRUE(reads(found, path)) << path;
    EXPECT_TRUE(reads(found, directory / "sources.list"));
    EXPECT_EQ(found.ports, (Ports{53, 443, 444, 999}));
    EXPECT_EQ(std::ranges::count(*found.programs, "/own/gpgv"), 1);
}

TEST_F(JobRules, LibrariesAreForFetchingOnly) {
    const SandboxRules fetching = rules_for(fetch("pgx", "", "https://example.org/a"));
    EXPECT_TRUE(reads(fetching, "/opt/pg/lib"));
    EXPECT_TRUE(reads(fetching, "/opt/pg/bin/postgres"));
    EXPECT_FALSE(reads(fetching, "/opt/pg"));
    EXPECT_FALSE(reads(rules_for(refresh("pgx", "https://example.org/")), "/opt/pg/lib"));
    const std::string patchelf = find_program("patchelf");
    EXPECT_EQ(std::ranges::count(*fetching.programs, patchelf), patchelf.empty() ? 0 : 1);
}

TEST_F(JobRules, WhatNeedsNoNetworkHasNone) {
    for (const Json &request :
         {Json{{"op", "read_key"}, {"public_key", "x"}}, Json{{"op", "report_sandbox"}},
          Json{{"op", "describe_bundle"}, {"platform", platform()}, {"path", directory / "b"}}}) {
        const SandboxRules found = rules_for(request);
        EXPECT_EQ(found.ports, Ports{}) << request;
        EXPECT_LE(found.programs->size(), 1U) << request;  // the dynamic linker
    }
}

TEST_F(JobRules, AServerOnTrialIsOffline) {
    const Json request{{"op", "try_preload"},      {"platform", platform()}, {"directory", "/d"},
                       {"program", "/p"},          {"control_file", "/c"},   {"module", "/m"},
                       {"settings", Json::array()}};
    const SandboxRules found = rules_for(request);
    EXPECT_EQ(found.ports, Ports{});
    EXPECT_FALSE(found.readable);
    EXPECT_FALSE(found.programs);
    EXPECT_EQ(system_calls(job(request)), SystemCalls::server);
    EXPECT_EQ(system_calls(job(refresh("pgx", "https://example.org/"))), SystemCalls::helper);
}

TEST_F(JobRules, NeverWholeTreesThatHoldDataOrSecrets) {
    for (const Json &request : {refresh("apt", ""), refresh("pgx", "https://example.org/"),
                                fetch("apt", "", "https://example.org/a")})
        for (const std::string &path : *rules_for(request).readable)
            for (const char *never :
                 {"/", "/etc", "/etc/ssl", "/usr", "/usr/local", "/usr/bin", "/bin", "/var",
                  "/var/lib", "/home", "/root", "/tmp", "/run", "/proc", "/dev", "/opt"})
                EXPECT_NE(path, never);
}

TEST_F(JobRules, LinkerDirectories) {
    ASSERT_EQ(::mkdir((directory / "d").c_str(), 0700), 0);
    directory.put("conf",
                  "# comment\n/opt/a/lib # more\n\ninclude d/*.conf\nhwcap 1 x\n  /opt/c\n");
    directory.put("d/1.conf", "/opt/b\n");
    directory.put("d/2.conf", "include " + (directory / "conf") + "\nrelative\n");
    std::vector<std::string> found = linker_directories(directory / "conf", real_file_system());
    ASSERT_GE(found.size(), 3U);
    EXPECT_LT(found.size(), 100U) << "a file that includes itself comes to an end";
    EXPECT_EQ(found[0], "/opt/a/lib");
    EXPECT_EQ(found[1], "/opt/b");
    EXPECT_EQ(std::ranges::count(found, "relative"), 0);
    EXPECT_TRUE(linker_directories(directory / "none", real_file_system()).empty());
}

// What a helper that was taken over could do, in the sandbox of a real request.
TEST_F(JobRules, HoldFromInside) {
    if (landlock_abi() == 0) GTEST_SKIP() << "this kernel has no Landlock, so nothing is denied";
    directory.put("data", "secret");
    directory.put("key.gpg", "key");
    const Job refreshing = job(refresh("apt", "deb [signed-by=" + (directory / "key.gpg") +
                                                  "] http://example.org/debian trixie main"));
    const auto can_read = [](const std::string &path) {
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (file >= 0) ::close(file);
        return file >= 0;
    };
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const auto first = enter_sandbox(first_rules(refreshing), system_calls(refreshing));
        const auto second = narrow_sandbox(rules(refreshing, host, real_file_system()));
        if (!first || !second) ::_exit(1);
        if (can_read(directory / "data")) ::_exit(2);
        if (!can_read(directory / "key.gpg")) ::_exit(3);
        if (!can_read("/etc/passwd")) ::_exit(4);
        if (can_read("/usr/bin/env") || can_read("/proc/1/status")) ::_exit(5);
        if (!can_read("/proc/self/exe")) ::_exit(6);
        if (run_command("sh", {"-c", "exit 0"})) ::_exit(7);
        if (::access((directory / "data").c_str(), F_OK) != 0) ::_exit(8);
        ::_exit(0);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "exit status " << WEXITSTATUS(status);
}

}  // namespace
}  // namespace pgx
