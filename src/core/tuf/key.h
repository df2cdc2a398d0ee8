// key.h - public keys as TUF metadata has them.
//
// Ed25519 by libsodium, ECDSA on P-256 and RSA-PSS by libcrypto. A key has an id, under which roles
// name it, and an identity, the key material itself: thresholds count identities, because the same
// key under two ids must not count twice. A key of a type or scheme that is not known here is no
// error; it just verifies nothing.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/base/result.h"

struct evp_pkey_st;

namespace pgx::tuf {

class PublicKey {
   public:
    // {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": "<64 hex>"}}; other members
    // are kept but mean nothing. registry_malformed when a member is missing or when a key of a
    // known scheme cannot be read.
    static Result<PublicKey> from_json(const Json &json);
    // The same, but key material that cannot be read makes a key that verifies nothing, as an
    // unknown scheme does: others have published keys in other forms beside those that are used.
    static Result<PublicKey> from_foreign_json(const Json &json);
    // `bytes`: 32.
    static Result<PublicKey> ed25519(std::string_view bytes);

    // SHA-256 of the key's canonical form {keytype, keyval, scheme}, 64 hex digits.
    const std::string &id() const { return id_; }
    // Whether `id` is the digest of this key's canonical form: with just the members above, with
    // keyid_hash_algorithms as old implementations wrote it, or with all members.
    bool has_id(std::string_view id) const;
    // The same for two keys if and only if their key material is.
    const std::string &identity() const { return identity_; }
    const Json &json() const { return json_; }
    // False for an unknown scheme too. `signature` is raw bytes.
    bool verifies(std::string_view message, std::string_view signature) const;

   private:
    enum class Scheme { unknown, ed25519, ecdsa, rsa_pss };

    PublicKey() = default;
    static Result<PublicKey> without_material(const Json &json);
    Result<void> read_material();

    Scheme scheme_ = Scheme::unknown;
    std::string id_, identity_;
    Json json_;
    std::shared_ptr<evp_pkey_st> libcrypto_key_;  // immutable, therefore shared by copies
};

// Hexadecimal digits of either case to bytes; registry_malformed when there is anything else, or an
// odd number.
Result<std::string> bytes_from_hex(std::string_view hex);
std::string hex_from_bytes(std::string_view bytes);

// SHA-256 of bytes at hand, 64 hex digits.
Result<std::string> sha256_hex(std::string_view bytes);

}  // namespace pgx::tuf
