// platform.h - what a build must match: PostgreSQL major, operating system, libc, architecture.
#pragma once

#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/base/result.h"

namespace pgx {

struct Platform {
    unsigned postgres_major = 0;   // 18
    std::string os;                // "debian", from os-release ID
    std::string os_version;        // "13", may be empty (testing)
    std::string os_codename;       // "trixie", may be empty
    std::string libc;              // "glibc" or "musl"
    std::string libc_version;      // "2.41", empty with musl, which does not tell
    std::string architecture;      // Debian's word: "amd64", "arm64", ...
};

// Facts of the host this code runs on; postgres_major is the caller's to fill. What cannot be found out is
// left empty.
Platform host_platform();

// Fills os, os_version and os_codename from the text of an os-release file (os-release(5)).
void read_os_release(std::string_view text, Platform &platform);

Json to_json(const Platform &platform);

// invalid_argument naming the member when one has the wrong type or characters that such a word cannot have.
Result<Platform> platform_from_json(const Json &json);

}  // namespace pgx
