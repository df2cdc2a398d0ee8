// initialize.h - a new registry: keys, the first root, empty bins.
//
// Four keys from the start, one for each of TUF's roles, although a small team may keep all of them
// in one folder: to move the root's to a safe place later is a matter of moving a file then, and
// costs no rotation.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/publish/generation.h"

namespace pgx {

struct NewRegistry {
    tuf::Fingerprint fingerprint;
    Publication publication;
    std::vector<std::pair<std::string, std::string>> key_files;  // role and path
};

// Makes the folder, which may exist if it is empty, and keys in `keys`. With `root_passphrase` the
// root's key is encrypted. wrong_state: there is something already; invalid_argument: the keys
// would be published. After an error there are neither keys nor a registry.
Result<NewRegistry> initialize_registry(FileSystem &fs, const RegistryFolder &folder,
                                        KeyFolder &keys, const Lifetimes &lifetimes, tuf::Time now,
                                        const std::string &root_passphrase = {});

// invalid_argument when keys in `key_directory` would be in what is published in `folder`.
Result<void> check_keys_outside(const RegistryFolder &folder, const std::string &key_directory);

}  // namespace pgx
