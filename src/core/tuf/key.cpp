// key.cpp - three signature schemes behind one class.
//
// A PEM key may spell the same point or modulus in several ways (compressed or not, other line
// breaks). The identity is therefore made of the numbers in it, never of its text.
#include "core/tuf/key.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include <array>

#include "core/registry/sha256.h"
#include "core/tuf/canonical_json.h"

namespace pgx::tuf {

namespace {

// Far more than an RSA key of 8192 bits needs.
constexpr std::size_t pem_limit = 4096;
// Verification gets slow beyond, and what is shorter than that is broken.
constexpr int rsa_bits_least = 2048, rsa_bits_most = 8192;

struct Free {
    void operator()(BIO *bio) const { BIO_free(bio); }
    void operator()(BIGNUM *number) const { BN_free(number); }
    void operator()(EVP_MD_CTX *context) const { EVP_MD_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

std::unexpected<Error> malformed(std::string message, std::string detail = {}) {
    return fail(ErrorCode::registry_malformed, std::move(message), std::move(detail));
}

Result<std::shared_ptr<EVP_PKEY>> read_pem(const std::string &text) {
    if (text.size() > pem_limit) return malformed("a public key is too long");
    const Owned<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    if (!bio) return fail(ErrorCode::out_of_memory, "could not read a public key");
    // No password: a public key that wants one is none.
    const auto no_password = [](char *, int, int, void *) { return -1; };
    std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr),
                                  EVP_PKEY_free);
    if (!key) return malformed("a public key is not in PEM format");
    return key;
}

Result<std::string> key_number(const EVP_PKEY *key, const char *name) {
    BIGNUM *number = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
        return malformed("a public key is incomplete");
    const Owned<BIGNUM> owned(number);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
    BN_bn2bin(number, reinterpret_cast<unsigned char *>(bytes.data()));
    return hex_from_bytes(bytes);
}

Result<std::string> ecdsa_identity(const EVP_PKEY *key) {
    std::array<char, 64> group{};
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
        EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1 ||
        std::string_view(group.data()) != "prime256v1")
        return malformed("a public key of scheme \"ecdsa-sha2-nistp256\" is not on that curve");
    const std::string x = TRY(key_number(key, OSSL_PKEY_PARAM_EC_PUB_X));
    const std::string y = TRY(key_number(key, OSSL_PKEY_PARAM_EC_PUB_Y));
    return "ecdsa:" + x + ":" + y;
}

Result<std::string> rsa_identity(const EVP_PKEY *key) {
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return malformed("a public key of scheme \"rsassa-pss-sha256\" is not an RSA key");
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < rsa_bits_least || bits > rsa_bits_most)
        return malformed("an RSA key has a length that is not supported",
                         "It has " + std::to_string(bits) + " bits; 2048 to 8192 are accepted.");
    const std::string modulus = TRY(key_number(key, OSSL_PKEY_PARAM_RSA_N));
    const std::string exponent = TRY(key_number(key, OSSL_PKEY_PARAM_RSA_E));
    return "rsa:" + modulus + ":" + exponent;
}

Result<std::string> digest_of(const Json &json) { return sha256_hex(TRY(canonical_json(json))); }

Json standard_members(const Json &json) {
    return {{"keytype", json["keytype"]}, {"scheme", json["scheme"]}, {"keyval", json["keyval"]}};
}

std::unexpected<Error> malformed_member(const Error &error) {
    return malformed("a public key is malformed", "Its " + error.message + ".");
}

}  // namespace

Result<std::string> bytes_from_hex(std::string_view hex) {
    std::string bytes(hex.size() / 2, '\0');
    std::size_t written = 0;
    const char *end = nullptr;
    if (hex.size() % 2 != 0 ||
        sodium_hex2bin(reinterpret_cast<unsigned char *>(bytes.data()), bytes.size(), hex.data(),
                       hex.size(), nullptr, &written, &end) != 0 ||
        written != bytes.size() || end != hex.data() + hex.size())
        return malformed("not a hexadecimal number of whole bytes");
    return bytes;
}

std::string hex_from_bytes(std::string_view bytes) {
    std::string hex(bytes.size() * 2 + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char *>(bytes.data()),
                   bytes.size());
    hex.pop_back();
    return hex;
}

Result<std::string> sha256_hex(std::string_view bytes) {
    Sha256 digest;
    digest.update(bytes);
    return digest.finish();
}

Result<PublicKey> PublicKey::without_material(const Json &json) {
    auto type = json_string(json, "keytype");
    auto scheme = json_string(json, "scheme");
    if (!type) return malformed_member(type.error());
    if (!scheme) return malformed_member(scheme.error());
    const auto value = json.find("keyval");
    if (value == json.end() || !value->is_object())
        return malformed("a public key is malformed", "Member \"keyval\" must be an object.");

    PublicKey key;
    key.json_ = json;
    if (*type == "ed25519" && *scheme == "ed25519") {
        key.scheme_ = Scheme::ed25519;
    } else if ((*type == "ecdsa" || *type == "ecdsa-sha2-nistp256") &&
               *scheme == "ecdsa-sha2-nistp256") {
        key.scheme_ = Scheme::ecdsa;
    } else if (*type == "rsa" && *scheme == "rsassa-pss-sha256") {
        key.scheme_ = Scheme::rsa_pss;
    }
    if (auto id = digest_of(standard_members(json)))
        key.id_ = *std::move(id);
    else
        return malformed("a public key is malformed", std::move(id).error().message + ".");
    return key;
}

Result<void> PublicKey::read_material() {
    if (scheme_ == Scheme::unknown) return {};
    auto material = json_string(json_["keyval"], "public");
    if (!material) return malformed_member(material.error());
    if (scheme_ == Scheme::ed25519) {
        auto bytes = bytes_from_hex(*material);
        if (!bytes || bytes->size() != crypto_sign_PUBLICKEYBYTES)
            return malformed("an Ed25519 key is not 64 hexadecimal digits");
        identity_ = "ed25519:" + *std::move(bytes);
        return {};
    }
    libcrypto_key_ = TRY(read_pem(*material));
    identity_ = scheme_ == Scheme::ecdsa ? TRY(ecdsa_identity(libcrypto_key_.get()))
                                         : TRY(rsa_identity(libcrypto_key_.get()));
    return {};
}

Result<PublicKey> PublicKey::from_json(const Json &json) {
    PublicKey key = TRY(without_material(json));
    TRY(key.read_material());
    return key;
}

Result<PublicKey> PublicKey::from_foreign_json(const Json &json) {
    PublicKey key = TRY(without_material(json));
    const auto read = key.read_material();
    if (!read && read.error().code != ErrorCode::registry_malformed) return fail(read.error());
    if (!read) key.scheme_ = Scheme::unknown;
    return key;
}

Result<PublicKey> PublicKey::ed25519(std::string_view bytes) {
    return from_json({{"keytype", "ed25519"},
                      {"scheme", "ed25519"},
                      {"keyval", {{"public", hex_from_bytes(bytes)}}}});
}

bool PublicKey::has_id(std::string_view id) const {
    if (id == id_) return true;
    if (const auto all = digest_of(json_); all && id == *all) return true;
    const auto algorithms = json_.find("keyid_hash_algorithms");
    if (algorithms == json_.end()) return false;
    Json old_form = standard_members(json_);
    old_form["keyid_hash_algorithms"] = *algorithms;
    const auto old_id = digest_of(old_form);
    return old_id && id == *old_id;
}

bool PublicKey::verifies(std::string_view message, std::string_view signature) const {
    const auto *signed_bytes = reinterpret_cast<const unsigned char *>(message.data());
    const auto *signature_bytes = reinterpret_cast<const unsigned char *>(signature.data());
    if (scheme_ == Scheme::unknown) return false;
    if (scheme_ == Scheme::ed25519) {
        const std::string_view bytes = std::string_view(identity_).substr(sizeof("ed25519:") - 1);
        return signature.size() == crypto_sign_BYTES &&
               crypto_sign_verify_detached(signature_bytes, signed_bytes, message.size(),
                                           reinterpret_cast<const unsigned char *>(bytes.data())) ==
                   0;
    }
    const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
    EVP_PKEY_CTX *parameters = nullptr;  // belongs to context
    if (!context || EVP_DigestVerifyInit(context.get(), &parameters, EVP_sha256(), nullptr,
                                         libcrypto_key_.get()) != 1)
        return false;
    // The length of the salt is not said anywhere; signers use the digest's or the greatest
    // possible.
    if (scheme_ == Scheme::rsa_pss &&
        (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_AUTO) != 1))
        return false;
    return EVP_DigestVerify(context.get(), signature_bytes, signature.size(), signed_bytes,
                            message.size()) == 1;
}

}  // namespace pgx::tuf
