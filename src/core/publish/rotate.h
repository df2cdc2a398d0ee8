// rotate.h - other keys for a role, which is always a new root.
//
// The root says whose keys count, so every change of keys is a new version of it, signed by as many
// keys as the present root asks for and as many as the new one does. Where these are in the hands
// of several people, the new root goes from one to the next as a file: begun with
// `pgx registry rotate --out`, signed by each with `pgx registry sign-root`, and put into the
// registry by the last.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/publish/generation.h"

namespace pgx {

struct KeyRotation {
    std::string role;                        // "root", "targets", "snapshot", "timestamp"
    std::vector<tuf::PublicKey> keys;        // all that the role is to have
    std::optional<std::uint64_t> threshold;  // nullopt: as before
};

// The root after `root`. invalid_argument: no such role, or fewer keys than the threshold.
Result<tuf::Root> rotate_keys(const tuf::Root &root, const KeyRotation &rotation,
                              const Lifetimes &lifetimes, tuf::Time now);

// Signed with all keys at hand that `root` or `next` has for its role "root"; they may be too few.
Result<std::string> sign_root(const tuf::Root &root, const tuf::Root &next, KeyFolder &keys);

// Checks a new root as a client will: its version and both sets of signatures. signature_invalid
// tells how many are missing.
Result<tuf::Root> check_next_root(const tuf::Root &root, const std::string &bytes);

// Puts a signed root into the registry, with new metadata of every role whose keys it changes.
Result<Publication> install_root(Generation &generation, const std::string &bytes, KeyFolder &keys,
                                 const Lifetimes &lifetimes, tuf::Time now);

}  // namespace pgx
