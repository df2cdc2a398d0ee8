// secret_key.h - keys to sign with, and the files that hold them.
//
// Only Ed25519: one scheme to publish with is enough, and it has no parameters to choose wrongly. A
// secret key lives in memory that libsodium guards and wipes. Its file is JSON, 0600:
//
//     {"pgx": "secret key", "format": 1, "id": "<64 hex>", "public": "<64 hex>",
//      "secret": "<64 hex>"}                                                        or, with a
//      passphrase, "sealed": {"kdf": "argon2id13", "operations": 3, "memory": 268435456, "salt":
//      "<hex>", "nonce": "<hex>", "box": "<hex>"}}
//
// and the public one, which is given to others, {"pgx": "public key", "format": 1, "id": ...,
// "key": {as in metadata}}.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/file_system.h"
#include "core/tuf/key.h"

namespace pgx::tuf {

class SecretKey {
   public:
    static Result<SecretKey> generate();
    // `seed`: 32 bytes.
    static Result<SecretKey> from_seed(std::string_view seed);

    const PublicKey &public_key() const { return public_key_; }
    const std::string &id() const { return public_key_.id(); }
    // The signature, 64 bytes.
    Result<std::string> sign(std::string_view message) const;
    // The 32 bytes that it was made from. The caller wipes them (sodium_memzero).
    std::string seed() const;

   private:
    struct Free {
        void operator()(unsigned char *memory) const;
    };
    SecretKey(std::unique_ptr<unsigned char[], Free> secret, PublicKey key)
        : secret_(std::move(secret)), public_key_(std::move(key)) {}

    std::unique_ptr<unsigned char[], Free> secret_;  // crypto_sign_SECRETKEYBYTES
    PublicKey public_key_;
};

// What argon2id costs: one is for keys that people type a passphrase for, the other for tests.
struct PassphraseCost {
    std::uint64_t operations = 3;
    std::uint64_t memory = 256 * 1024 * 1024;  // bytes
};

// Makes a new file with mode 0600; one that exists is never replaced (wrong_state). With an empty
// passphrase it is not encrypted.
Result<void> write_secret_key(FileSystem &fs, const std::string &path, const SecretKey &key,
                              const std::string &passphrase, PassphraseCost cost = {});

// `passphrase` is asked only for an encrypted key. permission_denied when others than the owner can
// read the file or the passphrase is wrong; invalid_argument when it is no such file.
Result<SecretKey> read_secret_key(FileSystem &fs, const std::string &path,
                                  const std::function<Result<std::string>()> &passphrase);

// The text of a public key's file, and back. Reading accepts a secret key's file too (its public
// part), so that a person may give either.
std::string public_key_text(const PublicKey &key);
Result<PublicKey> parse_public_key(std::string_view text);
Result<PublicKey> read_public_key(FileSystem &fs, const std::string &path);

}  // namespace pgx::tuf
