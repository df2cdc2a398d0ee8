// address.h - a URL, checked before anything is done with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace pgx {

struct Address {
    std::string scheme;  // "http", "https", "file"
    std::string host;    // with the port, as people write it ("example.org:8080"); empty for files
    std::string shown;   // the whole URL without credentials, for messages
    std::string path;    // of a file, decoded; empty otherwise
    std::uint16_t port = 0;  // what is connected to; 0 for files
};

// invalid_argument for anything that is not an absolute URL of one of the three schemes, in
// printable ASCII without spaces: a line break in it would end the request line and begin another
// one. `item` says in messages what the URL is for.
Result<Address> parse_address(const std::string &url, std::string_view item);

// The port of a proxy in the notation of libcurl's option, which goes without a scheme too; nullopt
// when it makes no sense.
std::optional<std::uint16_t> proxy_port(const std::string &proxy);

}  // namespace pgx
