// apt_release.h - the Release file: what a repository signs.
//
// It names every index of the suite with size and SHA-256, so its signature covers them all. It also says when it was made
// and until when it is good, which is what keeps somebody in the middle from serving last year's security holes. The rules for
// the dates are apt's (apt.conf(5), sources.list(5)), with the host's settings and the source's own over them. MD5Sum, SHA1 and
// SHA512 are not read: SHA256 is everywhere.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/registry/apt_config.h"
#include "core/registry/apt_sources.h"

namespace pgx {

struct ReleaseFile {
    std::uint64_t size = 0;  // bytes
    std::string sha256;      // 64 lower-case hex digits
};

struct AptRelease {
    std::string origin, label, suite, codename;
    std::int64_t date = 0;         // seconds since the epoch; 0: not told
    std::int64_t valid_until = 0;  // 0: not told
    bool acquire_by_hash = false;
    std::vector<std::string> architectures, components;
    bool all_is_separate = false;  // packages for all architectures are in indexes of their own
    std::map<std::string, ReleaseFile, std::less<>> files;  // by path relative to the Release file's directory
};

// Reads the signed text of a Release file. registry_malformed when it is none or lists no SHA256.
Result<AptRelease> parse_apt_release(std::string_view text);

// "Sat, 11 Jul 2026 10:16:37 UTC" as seconds since the epoch. Only UTC in its spellings, as apt accepts.
Result<std::int64_t> parse_release_date(std::string_view text);

// The same in the other direction, for messages.
std::string format_release_date(std::int64_t seconds);

// Whether the Release file may be used at the time `now` (seconds since the epoch), or metadata_expired that names the
// repository. Follows Acquire::Check-Date, Check-Valid-Until, Max-FutureTime, Min-ValidTime and Max-ValidTime (each also
// with ::<Label>) unless the source says otherwise.
Result<void> check_release_dates(const AptRelease &release, const AptSource &source, const AptConfig &config,
                                 std::int64_t now);

}  // namespace pgx
