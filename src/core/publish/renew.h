// renew.h - what has to be done to a registry again and again, for cron.
//
// Renews what has passed half of its life with the keys at hand, takes in what publishers have
// signed, and clears away what no reader needs any more. It can run as often as one likes, and
// from several places with different keys: each does its part.
#pragma once

#include <string>
#include <vector>

#include "core/publish/generation.h"

namespace pgx {

struct Renewal {
    struct Left {
        std::string role;
        tuf::Time expires;
        bool expired = false, late = false;  // late: less than a third is left
        std::string reason;                  // why it was not renewed, a sentence
    };
    std::vector<Left> left;             // due, but not renewed
    std::vector<std::string> taken_in;  // publishers whose newer metadata is in now
    std::vector<std::pair<std::string, Error>> refused;  // publishers' metadata that is not right
    std::vector<std::string> waiting;  // publishers who have not signed with their present keys yet
    Publication publication;           // no roles: there was nothing to do
    std::uint64_t files_deleted = 0;
};

// `scratch`: a directory that does not exist, for looking into publishers' bundles.
// `deleted_after`: how long what was replaced stays for readers that are still at it.
Result<Renewal> renew_registry(Generation &generation, const std::string &scratch, KeyFolder &keys,
                               const Lifetimes &lifetimes, tuf::Time now,
                               std::chrono::seconds deleted_after = std::chrono::hours(24));

}  // namespace pgx
