#include "core/registry/apt_host.h"

#include <gtest/gtest.h>

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
    auto first = load_apt_config(host), second = load_apt_config(host);
    ASSERT_TRUE(first) << whole(first);
    ASSERT_TRUE(second) << whole(second);
    EXPECT_EQ(first->get("Acquire::Marker"), "1");
    EXPECT_NE(first->get("Run"), second->get("Run"));
    host.config = first;
    EXPECT_EQ(load_apt_config(host)->get("Run"), first->get("Run"));
    host.config = fail(ErrorCode::io, "it did not work");
    EXPECT_EQ(load_apt_config(host).error().message, "it did not work");
}

TEST_F(LoadConfig, WithoutApt) {
    host.apt_config.clear();
    auto config = load_apt_config(host);
    ASSERT_TRUE(config);
    EXPECT_TRUE(config->empty());
    host.apt_config = directory / "none";
    EXPECT_FALSE(load_apt_config(host));
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
