// fetch.h - downloads with libcurl's multi interface, side by side on one thread.
//
// https, http and file; at most four connections to one host; redirects are followed only within
// http(s), never from https to http, and not from the Internet to an internal address; a request's
// own headers, which may hold credentials, never go to another host, port or scheme than the URL's.
// Connect, stall and total time-outs; up to three tries with backoff for what may pass (connection
// failures, 408, 429, 5xx); a byte cap for each transfer that is enforced while receiving.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/protocol.h"
#include "core/base/result.h"
#include "core/registry/internal_address.h"

namespace pgx {

struct FetchOptions {
    std::string http_proxy, https_proxy;  // empty: none. "DIRECT" likewise.
    std::string ca_file;                  // empty: the system's
    unsigned connect_timeout_s = 15;
    unsigned stall_timeout_s = 30;  // less than 1 byte/s for so long
    unsigned total_timeout_s = 3600;
    unsigned tries = 3;
    // Where a redirect may not lead from an address that is not so; tests have one address only.
    bool (*is_internal)(const sockaddr *) = is_internal_address;
    // Only for tests: "host:port:address,address" instead of what the resolver would say.
    std::string addresses = {};
};

// One file to get. Give either `path` (streamed to a new file there) or leave it empty (kept in
// memory).
struct Download {
    std::string item;  // what to call it in progress and errors
    std::string url;
    std::string path;
    std::uint64_t limit = 0;            // byte cap, must be set
    std::optional<std::uint64_t> size;  // exact size when known: a difference is digest_mismatch
    std::string sha256;                 // expected, lower-case hex; empty: not checked
    std::string if_none_match;          // ETag of the copy at hand, quotes included
    std::string if_modified_since;      // its Last-Modified, verbatim
    bool may_be_missing = false;        // 404 and 410 are an answer, not an error
    bool forbidden_is_missing = false;  // so is 403: object stores say so of what is not there
    std::vector<std::string> headers = {};  // "Name: value"
};

struct Downloaded {
    enum class Outcome { received, not_modified, missing } outcome = Outcome::received;
    std::string body;  // when no path was given
    std::string etag, last_modified;
    std::uint64_t bytes = 0;  // received body bytes
    std::string sha256;       // of what was received
};

// Connections that stay open between downloads, for those who need one file to know of the next:
// each connection anew costs two round trips with TLS, and the authorities' certificates read
// again.
class Connections {
   public:
    Connections();
    Connections(Connections &&) noexcept;
    Connections &operator=(Connections &&) noexcept;
    ~Connections();

   private:
    friend Result<std::vector<Downloaded>> download(const std::vector<Download> &,
                                                    const FetchOptions &, FileSystem &, Reporter &,
                                                    Connections *);
    struct Handles;
    std::unique_ptr<Handles> handles_;  // null before the first download
};

// Gets all of them, in any order, side by side. The first failure ends all and removes the files of
// unfinished ones. Results are in the order of the requests. Every file is complete and checked
// (size, sha256), not synced. `connections` null: none are kept.
Result<std::vector<Downloaded>> download(const std::vector<Download> &downloads,
                                         const FetchOptions &options, FileSystem &fs,
                                         Reporter &reporter, Connections *connections = nullptr);

}  // namespace pgx
