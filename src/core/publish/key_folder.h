// key_folder.h - the secret keys at hand.
//
// A folder of key files, outside of what is published. Which key signs which role is said by the
// registry's metadata and not by file names, so that people may keep their keys as they like, and
// each person only his own: what is at hand is what can be signed. Of an encrypted key the
// passphrase is asked when it is first needed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/result.h"
#include "core/tuf/fingerprint.h"
#include "core/tuf/metadata.h"
#include "core/tuf/secret_key.h"

namespace pgx {

class KeyFolder {
   public:
    // Gives the passphrase of the key in `file`.
    using Passphrase = std::function<Result<std::string>(const std::string &file)>;

    // Finds the keys in all files "*.key". A folder that does not exist has none.
    static Result<KeyFolder> open(FileSystem &fs, std::string directory, Passphrase passphrase);
    // Takes in one more file, whatever its name.
    Result<void> add(const std::string &path);
    // Makes a key in the folder, "<name>.key" or "<name>-2.key" ..., and takes it in; gives its
    // public part.
    Result<tuf::PublicKey> generate(const std::string &name, const std::string &passphrase = {});

    const std::string &directory() const { return directory_; }
    bool has(const std::string &id) const { return files_.contains(id); }
    // Where the key is; empty when it is not at hand.
    std::string file_of(const std::string &id) const;
    // unknown: wrong_state. permission_denied as read_secret_key().
    Result<const tuf::SecretKey *> key(const std::string &id);

    // How many of the role's keys are at hand.
    std::size_t count(const tuf::Role &role) const;
    bool can_sign(const tuf::Role &role) const { return count(role) >= role.threshold; }

    // Reads the role's keys that are at hand. Those that cannot be read, since nobody is there to
    // type a passphrase, are not at hand any more; gives why.
    std::vector<Error> drop_unreadable(const tuf::Role &role);

    // The registry whose keys these are, by the fingerprint of its first root; kept in the file
    // "fingerprint", so that a folder in which somebody has put another registry is noticed.
    Result<std::optional<tuf::Fingerprint>> registry() const;
    Result<void> remember_registry(const tuf::Fingerprint &fingerprint);

   private:
    KeyFolder(FileSystem &fs, std::string directory, Passphrase passphrase)
        : fs_(&fs), directory_(std::move(directory)), passphrase_(std::move(passphrase)) {}

    FileSystem *fs_;
    std::string directory_;
    Passphrase passphrase_;
    std::map<std::string, std::string> files_;  // by key id
    std::map<std::string, std::unique_ptr<tuf::SecretKey>> keys_;
};

// The metadata with the signatures of all keys of `role` that are at hand, and of `also` (keys that
// the role had or will have). wrong_state when they are fewer than the role's threshold; `what` is
// for the message.
Result<std::string> sign_with(KeyFolder &keys, const std::string &what, const tuf::Role &role,
                              const Json &signed_part, const std::vector<std::string> &also = {});

}  // namespace pgx
