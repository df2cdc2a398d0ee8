// minisign.h - signatures of single files in the format of the program minisign.
//
// For a bundle that reaches a server without a registry: one file, one signature file beside it,
// one short public key. It proves who made the file; it does not tell whether there is a newer one,
// and knows no rotation of keys, which is what The Update Framework is for.
//
// Format (jedisct1/minisign, the program and its documents), both files being lines of text:
//
//     public key  "untrusted comment: ..."           signature  "untrusted comment: ..."
//                 base64("Ed" key-id[8] key[32])                base64("ED" key-id[8]
//                 signature[64])
//                                                               "trusted comment: ..."
//                                                               base64(signature[64])
//
// The first signature is over the BLAKE2b-512 of the file, the second over the first and the
// trusted comment. The older kind ("Ed", over the file itself) is not accepted: it cannot be
// checked in constant memory, and there is no need for two.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/result.h"

namespace pgx {

struct MinisignPublicKey {
    std::array<unsigned char, 8> id{};
    std::array<unsigned char, 32> key{};

    bool operator==(const MinisignPublicKey &) const = default;
};

// A public key as people pass it around: the whole file, or only its second line ("RW...").
// invalid_argument.
Result<MinisignPublicKey> parse_minisign_public_key(std::string_view text);

// The second line, and the whole file.
std::string minisign_public_key_text(const MinisignPublicKey &key);
std::string minisign_public_key_file(const MinisignPublicKey &key);

// The key's number as minisign prints it: 16 upper-case hex digits.
std::string minisign_key_id(const MinisignPublicKey &key);

// A secret key; wiped from memory at the end of its life.
class MinisignSecretKey {
   public:
    static Result<MinisignSecretKey> generate();
    // The content of a secret key file. invalid_argument: not one, or the wrong password;
    // permission_denied: it has a password and `password` is empty. Needs as much memory and time
    // as the file asks for; more than 1 GiB or 2^33 operations is limit_exceeded.
    static Result<MinisignSecretKey> parse(std::string_view text, std::string_view password = {});

    // The secret key file: unencrypted (as by "minisign -G -W") without a password. With one,
    // `fast` takes a thousandth of the time that minisign takes, for tests.
    Result<std::string> file(std::string_view password = {}, bool fast = false) const;
    MinisignPublicKey public_key() const;

    MinisignSecretKey(const MinisignSecretKey &) = delete;
    MinisignSecretKey &operator=(const MinisignSecretKey &) = delete;
    MinisignSecretKey(MinisignSecretKey &&other) noexcept;
    MinisignSecretKey &operator=(MinisignSecretKey &&other) noexcept;
    ~MinisignSecretKey();

   private:
    MinisignSecretKey() = default;
    friend Result<std::string> minisign_sign(FileSystem &fs, const std::string &path,
                                             const MinisignSecretKey &key,
                                             std::string_view trusted_comment);

    std::array<unsigned char, 8> id_{};
    std::array<unsigned char, 64> key_{};
};

// The signature file for the file at `path`. invalid_argument: the trusted comment is longer than
// 8192 bytes, not UTF-8, or has control characters other
// than the tab.
Result<std::string> minisign_sign(FileSystem &fs, const std::string &path,
                                  const MinisignSecretKey &key, std::string_view trusted_comment);

struct MinisignVerified {
    MinisignPublicKey key;        // that made the signature
    std::string trusted_comment;  // signed too
};

// Checks `signature` (the content of a .minisig file) of the file at `path` against those keys.
// signature_invalid with the reason: not of this format, none of the keys, the file or the comment
// is not what was signed.
Result<MinisignVerified> minisign_verify(FileSystem &fs, const std::string &path,
                                         std::string_view signature,
                                         const std::vector<MinisignPublicKey> &keys);

// The same for bytes in memory.
Result<MinisignVerified> minisign_verify_bytes(std::string_view bytes, std::string_view signature,
                                               const std::vector<MinisignPublicKey> &keys);

}  // namespace pgx
