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

    address = parse_address("HTTP://127.0.0.1/", "x");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->scheme, "http");
    EXPECT_EQ(address->host, "127.0.0.1");

    address = parse_address("file:///some%20where/x", "x");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->host, "");
    EXPECT_EQ(address->path, "/some where/x");
}

TEST(Address, Refused) {
    for (const char *url :
         {"", "x", "/x", "example.org/x", "//example.org/x", "ftp://example.org/x", "data:,x",
          "http:// example.org/", "http://example.org/a b", "http://example.org/\t",
          "http://example.org/\r\nx", "http://example.org/\x7f", "http://example.org/\xff",
          "http://example.org:99999/", "file://example.org/x", "file:///a%00b"}) {
        const auto address = parse_address(url, "the thing");
        ASSERT_FALSE(address) << url;
        EXPECT_EQ(address.error().code, ErrorCode::invalid_argument) << url;
        EXPECT_EQ(address.error().message, "invalid URL for \"the thing\"");
    }
}

}  // namespace
}  // namespace pgx
