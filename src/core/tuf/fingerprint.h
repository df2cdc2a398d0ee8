// fingerprint.h - trust in a registry as one line of text.
//
// "sha256:<64 hex digits>" is the digest of 1.root.json, "N:sha256:<64 hex digits>" that of
// N.root.json: what somebody who runs a registry can print in a README and a superuser can paste
// into SQL. From that root the client follows the chain of later ones, so that the line stays valid
// for as long as the chain is served.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/tuf/transport.h"

namespace pgx::tuf {

struct Fingerprint {
    std::uint64_t version = 1;  // of the root
    std::string sha256;         // 64 lower-case hex digits
};

// invalid_argument, with an example in the hint.
Result<Fingerprint> parse_fingerprint(std::string_view text);
std::string format_fingerprint(const Fingerprint &fingerprint);
// Of the bytes of a root file; its version is read from it.
Result<Fingerprint> fingerprint_of_root(std::string_view root);

// The bytes of the root that the fingerprint is of. digest_mismatch when the server has another
// one.
Result<std::string> fetch_root(Transport &transport, const Fingerprint &fingerprint);

}  // namespace pgx::tuf
