// internal_address.cpp - by the IANA registries of special-purpose addresses (RFC 6890).
//
// Compared as numbers, of the address that a connection is about to be made to: names and spellings
// ("0x7f.1") have all been resolved by then.
#include "core/registry/internal_address.h"

#include <netinet/in.h>

#include <cstdint>
#include <cstring>

namespace pgx {

namespace {

struct Network {
    std::uint32_t prefix;
    unsigned bits;
};

constexpr Network internal_networks[] = {
    {0x00000000, 8},   // 0.0.0.0/8: this host
    {0x0a000000, 8},   // 10.0.0.0/8
    {0x64400000, 10},  // 100.64.0.0/10: shared, behind carriers' translators
    {0x7f000000, 8},   // 127.0.0.0/8
    {0xa9fe0000, 16},  // 169.254.0.0/16: link-local, and the metadata services of clouds
    {0xac100000, 12},  // 172.16.0.0/12
    {0xc0000000, 24},  // 192.0.0.0/24: protocol assignments
    {0xc0a80000, 16},  // 192.168.0.0/16
    {0xc6120000, 15},  // 198.18.0.0/15: benchmarks
    {0xe0000000, 3},   // 224.0.0.0/3: multicast, reserved, broadcast
};

bool is_internal(std::uint32_t address) {
    for (const Network &network : internal_networks)
        if ((address ^ network.prefix) >> (32 - network.bits) == 0) return true;
    return false;
}

std::uint32_t number(const std::uint8_t *bytes) {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
           std::uint32_t{bytes[2]} << 8 | bytes[3];
}

bool is_internal(const in6_addr &address) {
    const std::uint8_t *bytes = address.s6_addr;
    constexpr std::uint8_t zeros[12] = {};
    constexpr std::uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    constexpr std::uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    if (std::memcmp(bytes, mapped, 12) == 0 || std::memcmp(bytes, nat64, 12) == 0)
        return is_internal(number(bytes + 12));
    if (std::memcmp(bytes, zeros, 12) == 0) return true;  // ::, ::1, IPv4-compatible
    if (bytes[0] == 0x20 && bytes[1] == 0x02) return is_internal(number(bytes + 2));  // 6to4
    return (bytes[0] & 0xfe) == 0xfc ||                     // fc00::/7: unique local
           (bytes[0] == 0xfe && (bytes[1] & 0x80) != 0) ||  // fe80::/10, fec0::/10
           bytes[0] == 0xff;                                // multicast
}

}  // namespace

bool is_internal_address(const sockaddr *address) {
    if (address->sa_family == AF_INET) {
        sockaddr_in in;
        std::memcpy(&in, address, sizeof in);
        return is_internal(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        sockaddr_in6 in6;
        std::memcpy(&in6, address, sizeof in6);
        return is_internal(in6.sin6_addr);
    }
    return true;
}

}  // namespace pgx
