// internal_address.h - addresses that only machines nearby can reach.
#pragma once

#include <sys/socket.h>

namespace pgx {

// Whether an address is not one of the public Internet's: loopback, private (RFC 1918, RFC 4193),
// link-local, shared (RFC 6598), unspecified, multicast, and IPv6 addresses that contain such an
// IPv4 address ("::ffff:10.0.0.1", 6to4, NAT64). True as well for what is neither IPv4 nor IPv6.
bool is_internal_address(const sockaddr *address);

}  // namespace pgx
