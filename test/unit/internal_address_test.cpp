// internal_address_test.cpp - which addresses are nearby.
#include "core/registry/internal_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <string>

namespace pgx {
namespace {

bool is_internal(const std::string &text) {
    sockaddr_storage storage = {};
    auto *in = reinterpret_cast<sockaddr_in *>(&storage);
    auto *in6 = reinterpret_cast<sockaddr_in6 *>(&storage);
    if (::inet_pton(AF_INET, text.c_str(), &in->sin_addr) == 1) {
        storage.ss_family = AF_INET;
    } else {
        storage.ss_family = AF_INET6;
        EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &in6->sin6_addr), 1) << text;
    }
    return is_internal_address(reinterpret_cast<const sockaddr *>(&storage));
}

TEST(InternalAddressTest, Nearby) {
    for (const char *text : {"0.0.0.0",
                             "0.1.2.3",
                             "10.0.0.0",
                             "10.255.255.255",
                             "100.64.0.1",
                             "100.127.255.255",
                             "127.0.0.1",
                             "127.255.0.1",
                             "169.254.169.254",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.0.0.8",
                             "192.168.0.1",
                             "198.18.0.1",
                             "198.19.255.255",
                             "224.0.0.1",
                             "240.0.0.1",
                             "255.255.255.255",
                             "::",
                             "::1",
                             "::7f00:1",
                             "::ffff:127.0.0.1",
                             "::ffff:10.1.2.3",
                             "64:ff9b::10.1.2.3",
                             "2002:7f00:1::",
                             "2002:c0a8:101::1",
                             "fc00::1",
                             "fdff::1",
                             "fe80::1",
                             "febf::1",
                             "fec0::1",
                             "ff02::1"})
        EXPECT_TRUE(is_internal(text)) << text;
}

TEST(InternalAddressTest, FarAway) {
    for (const char *text :
         {"1.1.1.1",     "9.255.255.255",   "11.0.0.0",       "100.63.255.255",   "100.128.0.0",
          "126.0.0.1",   "128.0.0.1",       "169.253.0.1",    "172.15.255.255",   "172.32.0.0",
          "192.0.1.1",   "192.167.0.1",     "198.17.0.1",     "198.20.0.1",       "223.255.255.255",
          "2001:db8::1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
          "fb00::1"})
        EXPECT_FALSE(is_internal(text)) << text;
}

TEST(InternalAddressTest, NeitherOfThem) {
    sockaddr_un local = {};
    local.sun_family = AF_UNIX;
    EXPECT_TRUE(is_internal_address(reinterpret_cast<const sockaddr *>(&local)));
}

}  // namespace
}  // namespace pgx
