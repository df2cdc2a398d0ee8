// apt_cache.h - what refreshes leave behind for the next one: <cache>/apt.
//
// Everything in it can be had again from the network, so nothing is synced and nothing is repaired. A file begins with the
// digest of what follows; one that is cut off, edited or half-written is a miss. Names are chosen by the digest of what the
// content was made from where there is one ("rows-<sha256 of Packages>-..."), so such a file never has to be renewed.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/base/file_system.h"
#include "core/base/json.h"
#include "core/base/result.h"

namespace pgx {

// SHA-256 of bytes in memory, 64 lower-case hex digits.
Result<std::string> sha256_of(std::string_view bytes);

// A number that no other call in any process will have, for names of temporary files.
std::string random_name();

class AptCache {
   public:
    // Uses <cache>/apt and makes it when it is missing.
    static Result<AptCache> open(const std::string &cache, FileSystem &fs);

    // The content stored under `name`, nullopt when there is none or it is damaged.
    std::optional<std::string> load(const std::string &name);
    std::optional<Json> load_json(const std::string &name);
    // Replaces what is stored under `name`; another process sees the old or the new content.
    Result<void> store(const std::string &name, std::string_view content);

    // A path for a file that is downloaded now and removed by the caller.
    std::string temporary_path(std::string_view what) const;
    const std::string &directory() const { return directory_; }

    // Removes what no refresh has stored or loaded for 90 days, and what ended helpers left unfinished for a day. `now` in
    // seconds since the epoch. Failing to remove something does no harm.
    void sweep(std::int64_t now);

   private:
    AptCache(std::string directory, FileSystem &fs) : directory_(std::move(directory)), fs_(&fs) {}
    std::string directory_;
    FileSystem *fs_;
    std::set<std::string> used_;
};

// Removes what is older than `age_s` seconds in a directory and has a name with this ending. Not recursive.
void remove_old_files(FileSystem &fs, const std::string &directory, std::string_view ending, std::int64_t now,
                      std::int64_t age_s);

}  // namespace pgx
