#include "core/registry/apt_host.h"

#include <gtest/gtest.h>

#include <set>

#include "apt_test_support.h"

namespace pgx {
namespace {

class LoadConfig : public ::testing::Test {
   protected:
    TemporaryDirectory directory;
    AptHost host = test_host(directory, "Acquire::Marker \"1\";\n");
};

TEST_F(LoadConfig, AsksUnlessItWasAsked) {
    // What apt-config says is another thing each time.
    auto first = load_apt_config(host, real_file_system()), second = load_apt_config(host, real_file_system());
    ASSERT_TRUE(first) << whole(first);
    ASSERT_TRUE(second) << whole(second);
    EXPECT_EQ(first->get("Acquire::Marker"), "1");
    EXPECT_NE(first->get("Run"), second->get("Run"));
    host.config = first;
    EXPECT_EQ(load_apt_config(host, real_file_system())->get("Run"), first->get("Run"));
    host.config = fail(ErrorCode::io, "it did not work");
    EXPECT_EQ(load_apt_config(host, real_file_system()).error().message, "it did not work");
}

// How often apt-config ran: it says another thing each time.
class RecordedConfig : public LoadConfig {
   protected:
    RecordedConfig() {
        host.records = directory.path();
        // Nothing is taken for granted that was changed in the last two seconds.
        for (const char *name : {"host/apt-config", "host/etc/apt/apt.conf"}) make_old(name);
    }
    void make_old(const std::string &name) {
        std::filesystem::last_write_time(directory / name,
                                         std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    }
    Result<AptConfig> load() {
        auto config = load_apt_config(host, real_file_system());
        if (config) seen.insert(config->get("Run"));
        return config;
    }
    std::size_t runs() const { return seen.size(); }
    std::set<std::string> seen;
};

TEST_F(RecordedConfig, RunsAptConfigOnlyWhenSomethingChanged) {
    for (int i = 0; i < 3; ++i) {
        auto config = load();
        ASSERT_TRUE(config) << whole(config);
        EXPECT_EQ(config->get("Acquire::Marker"), "1");
    }
    EXPECT_EQ(runs(), 1U);
    // A new file in apt.conf.d.
    directory.put("host/etc/apt/apt.conf.d/10x", "x");
    ASSERT_TRUE(load());
    EXPECT_EQ(runs(), 2U);
    // A damaged record is a miss.
    for (const char *name : {"host/etc/apt/apt.conf.d/10x", "host/etc/apt/apt.conf.d"}) make_old(name);
    ASSERT_TRUE(load());
    ASSERT_TRUE(load());
    EXPECT_EQ(runs(), 3U);
    directory.put("apt/apt-config-1", "rubbish");
    ASSERT_TRUE(load());
    EXPECT_EQ(runs(), 4U);
    // Other environment.
    host.environment = {"APT_CONFIG=/dev/null"};
    ASSERT_TRUE(load());
    EXPECT_EQ(runs(), 5U);
}

TEST_F(RecordedConfig, WhatChangedJustNowIsNotRecorded) {
    directory.put("host/etc/apt/apt.conf", "// changed now\n");
    ASSERT_TRUE(load());
    ASSERT_TRUE(load());
    EXPECT_EQ(runs(), 2U);
}

TEST_F(RecordedConfig, PasswordsAreNotKept) {
    directory.put("host/dump", "Acquire::http::Proxy \"http://somebody:secret@192.0.2.1:3128/\";\n");
    for (int i = 0; i < 2; ++i) EXPECT_EQ(load()->get("Acquire::http::Proxy"), "http://somebody:secret@192.0.2.1:3128/");
    EXPECT_EQ(runs(), 2U);
    EXPECT_TRUE(std::filesystem::is_empty(directory / "apt"));
}

TEST_F(RecordedConfig, OtherAtSignsAreNoPasswords) {
    directory.put("host/dump", "Acquire::Snapshots::URI::Host::x \"https://example.org/@PATH@/@SNAPSHOTID@/\";\n");
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(load());
    EXPECT_EQ(runs(), 1U);
    // Of an address that is no proxy's, and of a proxy's that is no address.
    for (const char *line : {"Acquire::Other \"https://me:secret@example.org/\";\n", "Acquire::ftp::ProxyLogin \"USER me@x\";\n"}) {
        directory.put("host/dump", line);
        make_old("host/etc/apt/apt.conf");
        host.environment = {line};
        const std::size_t before = runs();
        for (int i = 0; i < 2; ++i) ASSERT_TRUE(load());
        EXPECT_EQ(runs(), before + 2) << line;
    }
}

TEST_F(RecordedConfig, WorksWhereNothingCanBeKept) {
    host.records = directory / "host/apt-config";  // a file
    ASSERT_TRUE(load());
    ASSERT_TRUE(load());
    EXPECT_EQ(runs(), 2U);
}

TEST_F(LoadConfig, WithoutApt) {
    host.apt_config.clear();
    auto config = load_apt_config(host, real_file_system());
    ASSERT_TRUE(config);
    EXPECT_TRUE(config->empty());
    host.apt_config = directory / "none";
    EXPECT_FALSE(load_apt_config(host, real_file_system()));
}

TEST(AptHost, OfThisHost) {
    AptHost host = this_host();
    EXPECT_EQ(host.apt_config, find_program("apt-config"));
    EXPECT_GT(host.now(), 1600000000);
}

TEST(AptHost, HostsInUrls) {
    EXPECT_EQ(url_host("http://User@Example.ORG:80/x"), "example.org");
    EXPECT_EQ(url_host("https://[::1]:80/x"), "[::1]");
    EXPECT_EQ(url_host("http://example.org"), "example.org");
    EXPECT_EQ(url_host("file:/x"), "");
}

TEST(AptHost, OptionsFollowApt) {
    auto options = [](const std::string &settings, const std::string &url, const AptHost &host = {}) {
        auto config = parse_apt_config(settings);
        EXPECT_TRUE(config) << settings;
        return fetch_options(host, *config, url);
    };
    const std::string proxy = "Acquire::http::Proxy \"http://p:1\";\n";
    EXPECT_EQ(options("", "http://a/").http_proxy, "");
    EXPECT_EQ(options(proxy, "http://a/").http_proxy, "http://p:1");
    EXPECT_EQ(options(proxy, "https://a/").https_proxy, "http://p:1");
    EXPECT_EQ(options(proxy + "Acquire::https::Proxy \"http://q:2\";\n", "https://a/").https_proxy, "http://q:2");
    EXPECT_EQ(options(proxy + "Acquire::https::Proxy \"http://q:2\";\n", "http://a/").http_proxy, "http://p:1");
    EXPECT_EQ(options(proxy + "Acquire::http::Proxy::a \"DIRECT\";\n", "http://a/").http_proxy, "");
    EXPECT_EQ(options(proxy + "Acquire::http::Proxy::a \"DIRECT\";\n", "http://b/").http_proxy, "http://p:1");
    EXPECT_EQ(options(proxy, "file:///a").http_proxy, "");

    AptHost host;
    host.http_proxy = "http://e:3";
    host.https_proxy = "http://e:4";
    host.no_proxy = "localhost, .example.org,10.0.0.1:80";
    EXPECT_EQ(options("", "http://a/", host).http_proxy, "http://e:3");
    EXPECT_EQ(options("", "https://a/", host).https_proxy, "http://e:4");
    EXPECT_EQ(options(proxy, "http://a/", host).http_proxy, "http://p:1");
    for (const char *url : {"http://localhost/", "http://x.example.org/", "http://example.org/", "http://10.0.0.1/"})
        EXPECT_EQ(options("", url, host).http_proxy, "") << url;
    EXPECT_EQ(options("", "http://notexample.org/", host).http_proxy, "http://e:3");

    EXPECT_EQ(options("Acquire::https::CAInfo \"/ca\";\n", "https://a/").ca_file, "/ca");
    EXPECT_EQ(options("Acquire::https::CAInfo \"/ca\";\nAcquire::https::a::CAInfo \"/a\";\n", "https://a/").ca_file, "/a");
    EXPECT_EQ(options("Acquire::http::Timeout \"7\";\nAcquire::Retries \"0\";\n", "http://a/").connect_timeout_s, 7u);
    EXPECT_EQ(options("Acquire::Retries \"0\";\n", "http://a/").tries, 1u);
    EXPECT_EQ(options("Acquire::http::Timeout \"soon\";\n", "http://a/").connect_timeout_s, FetchOptions{}.connect_timeout_s);
}

TEST(AptHost, DownloadsFromSeveralGroupsKeepTheirOrder) {
    TemporaryDirectory directory;
    std::vector<Download> downloads;
    for (const char *name : {"a", "b", "c"}) {
        Download one;
        one.item = name;
        one.url = "file://" + directory.put(name, name);
        one.limit = 10;
        downloads.push_back(one);
    }
    CollectingReporter reporter;
    Traffic traffic;
    auto results = download_from({}, {}, downloads, real_file_system(), reporter, traffic);
    ASSERT_TRUE(results) << whole(results);
    EXPECT_EQ((*results)[0].body + (*results)[1].body + (*results)[2].body, "abc");
    EXPECT_EQ(traffic.requests, 3u);
    EXPECT_EQ(traffic.bytes, 3u);
}

}  // namespace
}  // namespace pgx
