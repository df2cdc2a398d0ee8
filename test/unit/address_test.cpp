// address_test.cpp - URLs that are taken and URLs that are not.
#include "core/registry/address.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

TEST(Address, Parts) {
    auto address = parse_address("https://user:secret@example.org:8443/a/b?c=d", "x");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->scheme, "https");
    EXPECT_EQ(address->host, "example.org:8443");
    EXPECT_EQ(address->shown, "https://example.org:8443/a/b?c=d");
    EXPECT_EQ(address->path, "");
    EXPECT_EQ(address->port, 8443);

    address = parse_address("HTTP://127.0.0.1/", "x");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->scheme, "http");
    EXPECT_EQ(address->host, "127.0.0.1");
    EXPECT_EQ(address->port, 80);

    address = parse_address("https://example.org/", "x");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->port, 443);

    address = parse_address("file:///some%20where/x", "x");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->host, "");
    EXPECT_EQ(address->path, "/some where/x");
    EXPECT_EQ(address->port, 0);
}

TEST(Address, PortsOfProxies) {
    struct {
        const char *proxy;
        std::optional<std::uint16_t> port;
    } const cases[] = {
        {"http://user:secret@proxy.example.org:3128/", 3128},
        {"proxy.example.org:8080", 8080},
        {"proxy.example.org", 1080},
        {"http://proxy.example.org", 1080},
        {"https://proxy.example.org", 443},
        {"socks5h://127.0.0.1:9050", 9050},
        {"[::1]:3128", 3128},
        {"", std::nullopt},
        {"proxy:0", std::nullopt},
        {"proxy:99999", std::nullopt},
        {"a b", std::nullopt},
    };
    for (const auto &c : cases) EXPECT_EQ(proxy_port(c.proxy), c.port) << c.proxy;
}

TEST(Address, Refused) {
    for (const char *url :
         {"", "x", "/x", "example.org/x", "//example.org/x", "ftp://example.org/x", "data:,x",
          "http:// example.org/", "http://example.org/a b", "http://example.org/\t",
          "http://example.org/\r\nx", "http://example.org/\x7f", "http://example.org/\xff",
          "http://example.org:99999/", "http://example.org:0/", "file://example.org/x",
          "file:///a%00b"}) {
        const auto address = parse_address(url, "the thing");
        ASSERT_FALSE(address) << url;
        EXPECT_EQ(address.error().code, ErrorCode::invalid_argument) << url;
        EXPECT_EQ(address.error().message, "invalid URL for \"the thing\"");
    }
}

}  // namespace
}  // namespace pgx
