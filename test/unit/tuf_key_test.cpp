// tuf_key_test.cpp - public keys of the three schemes, their ids and identities, and what is
// refused.
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "core/tuf/key.h"
#include "core/tuf/secret_key.h"

namespace pgx::tuf {
namespace {

Json ed25519_json(const std::string &hex) {
    return {{"keytype", "ed25519"}, {"scheme", "ed25519"}, {"keyval", {{"public", hex}}}};
}

// The first test vector of RFC 8032: the empty message.
const std::string rfc_public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const std::string rfc_signature =
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
    "46bd25bf5f0595bbe24655141438e7a100b";

// A key of libcrypto's that signs.
class LibcryptoKey {
   public:
    explicit LibcryptoKey(EVP_PKEY *key) : key_(key, EVP_PKEY_free) {}
    static LibcryptoKey ec(const char *curve) {
        return LibcryptoKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve));
    }
    static LibcryptoKey rsa(std::size_t bits) {
        return LibcryptoKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits));
    }

    std::string pem() const {
        const std::unique_ptr<BIO, int (*)(BIO *)> bio(BIO_new(BIO_s_mem()), BIO_free);
        PEM_write_bio_PUBKEY(bio.get(), key_.get());
        char *text = nullptr;
        const long size = BIO_get_mem_data(bio.get(), &text);
        return {text, static_cast<std::size_t>(size)};
    }
    // The point in its short form: the same key in other bytes.
    std::string compressed_pem() const {
        EVP_PKEY_set_utf8_string_param(key_.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                       "compressed");
        return pem();
    }
    // `salt` for RSA-PSS; 0 for none.
    std::string sign(const std::string &message, int salt = 0) const {
        const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX *)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
        EVP_PKEY_CTX *parameters = nullptr;
        EVP_DigestSignInit(context.get(), &parameters, EVP_sha256(), nullptr, key_.get());
        if (salt != 0) {
            EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
            EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, salt);
        }
        const auto *bytes = reinterpret_cast<const unsigned char *>(message.data());
        std::size_t size = 0;
        EVP_DigestSign(context.get(), nullptr, &size, bytes, message.size());
        std::string signature(size, '\0');
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char *>(signature.data()), &size,
                       bytes, message.size());
        signature.resize(size);
        return signature;
    }

   private:
    std::shared_ptr<EVP_PKEY> key_;
};

Json pem_json(const char *type, const char *scheme, const std::string &pem) {
    return {{"keytype", type}, {"scheme", scheme}, {"keyval", {{"public", pem}}}};
}

TEST(TufKey, Ed25519VerifiesTheVectorOfTheRfc) {
    const PublicKey key = PublicKey::from_json(ed25519_json(rfc_public)).value();
    const std::string signature = bytes_from_hex(rfc_signature).value();
    EXPECT_TRUE(key.verifies("", signature));
    EXPECT_FALSE(key.verifies("x", signature));
    EXPECT_FALSE(key.verifies("", signature.substr(1)));
    EXPECT_FALSE(key.verifies("", signature + "x"));
    EXPECT_FALSE(key.verifies("", ""));
}

TEST(TufKey, IdIsTheDigestOfTheCanonicalKey) {
    // computed with sha256sum over the canonical text
    const char *id = "74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916";
    Json json = ed25519_json(rfc_public);
    EXPECT_EQ(PublicKey::from_json(json)->id(), id);
    EXPECT_TRUE(PublicKey::from_json(json)->has_id(id));
    EXPECT_FALSE(PublicKey::from_json(json)->has_id(std::string(64, '0')));

    json["keyid_hash_algorithms"] = {"sha256", "sha512"};
    EXPECT_TRUE(PublicKey::from_json(json)->has_id(
        "01e8764eedab63b3593451765fc337b2cc6d2c66923845da255f448c19e2afc5"));
    EXPECT_TRUE(PublicKey::from_json(json)->has_id(id));
    json["x-owner"] = "somebody";
    EXPECT_TRUE(PublicKey::from_json(json)->has_id(
        "01e8764eedab63b3593451765fc337b2cc6d2c66923845da255f448c19e2afc5"));
    EXPECT_FALSE(PublicKey::from_json(json)->has_id(std::string(64, '0')));
    json.erase("keyid_hash_algorithms");
    EXPECT_TRUE(PublicKey::from_json(json)->has_id(
        "5188c77984c7ef46224aeafa993e64a90154b87683c34ca6ec8e94a3e62a3bf6"));
    EXPECT_TRUE(PublicKey::from_json(json)->has_id(id));
    EXPECT_EQ(PublicKey::from_json(json)->json()["x-owner"], "somebody");
}

TEST(TufKey, Ecdsa) {
    const LibcryptoKey signer = LibcryptoKey::ec("P-256");
    for (const char *type : {"ecdsa", "ecdsa-sha2-nistp256"}) {
        const PublicKey key =
            PublicKey::from_json(pem_json(type, "ecdsa-sha2-nistp256", signer.pem())).value();
        const std::string signature = signer.sign("message");
        EXPECT_TRUE(key.verifies("message", signature));
        EXPECT_FALSE(key.verifies("massage", signature));
        EXPECT_FALSE(key.verifies("message", signature.substr(0, signature.size() - 1)));
        EXPECT_FALSE(key.verifies("message", std::string(72, 'x')));
        EXPECT_FALSE(key.verifies("message", LibcryptoKey::ec("P-256").sign("message")));
    }
}

TEST(TufKey, RsaPssWithAnySalt) {
    const LibcryptoKey signer = LibcryptoKey::rsa(2048);
    const PublicKey key =
        PublicKey::from_json(pem_json("rsa", "rsassa-pss-sha256", signer.pem())).value();
    for (const int salt : {RSA_PSS_SALTLEN_DIGEST, RSA_PSS_SALTLEN_MAX, 20})
        EXPECT_TRUE(key.verifies("message", signer.sign("message", salt))) << salt;
    EXPECT_FALSE(key.verifies("massage", signer.sign("message", RSA_PSS_SALTLEN_DIGEST)));
    // PKCS #1 v1.5 is another scheme
    EXPECT_FALSE(key.verifies("message", signer.sign("message")));
}

TEST(TufKey, IdentityIsTheKeyMaterialAlone) {
    std::string upper = rfc_public;
    for (char &c : upper) c = static_cast<char>(std::toupper(c));
    const PublicKey lower_key = PublicKey::from_json(ed25519_json(rfc_public)).value();
    const PublicKey upper_key = PublicKey::from_json(ed25519_json(upper)).value();
    EXPECT_NE(lower_key.id(), upper_key.id());
    EXPECT_EQ(lower_key.identity(), upper_key.identity());

    const LibcryptoKey point = LibcryptoKey::ec("P-256");
    const std::string plain = point.pem(), compressed = point.compressed_pem();
    ASSERT_NE(plain, compressed);
    const char *scheme = "ecdsa-sha2-nistp256";
    EXPECT_EQ(PublicKey::from_json(pem_json("ecdsa", scheme, plain))->identity(),
              PublicKey::from_json(pem_json("ecdsa", scheme, compressed))->identity());
    EXPECT_NE(PublicKey::from_json(pem_json("ecdsa", scheme, plain))->identity(),
              PublicKey::from_json(pem_json("ecdsa", scheme, LibcryptoKey::ec("P-256").pem()))
                  ->identity());
    const LibcryptoKey modulus = LibcryptoKey::rsa(2048);
    EXPECT_EQ(
        PublicKey::from_json(pem_json("rsa", "rsassa-pss-sha256", modulus.pem()))->identity(),
        PublicKey::from_json(pem_json("rsa", "rsassa-pss-sha256", "\n" + modulus.pem() + "\n"))
            ->identity());
}

TEST(TufKey, UnknownSchemesVerifyNothing) {
    const LibcryptoKey signer = LibcryptoKey::rsa(2048);
    for (const Json &json :
         {pem_json("rsa", "rsa-pkcs1v15-sha256", signer.pem()),
          pem_json("rsa", "ed25519", rfc_public), pem_json("sigstore-oidc", "Fulcio", "")}) {
        const auto key = PublicKey::from_json(json);
        ASSERT_TRUE(key);
        EXPECT_FALSE(key->verifies("message", signer.sign("message")));
        EXPECT_EQ(key->id().size(), 64u);
    }
}

TEST(TufKey, MalformedKeysAreErrors) {
    const char *ecdsa = "ecdsa-sha2-nistp256";
    Json no_value = ed25519_json(rfc_public), null_value = no_value, number = no_value;
    no_value.erase("keyval");
    null_value["keyval"] = nullptr;
    number["keytype"] = 7;
    Json null_public = ed25519_json(rfc_public);
    null_public["keyval"]["public"] = nullptr;
    Json fraction = ed25519_json(rfc_public);
    fraction["keyval"]["weight"] = 0.5;
    const Json cases[] = {
        Json::object(),
        Json(nullptr),
        Json("key"),
        no_value,
        null_value,
        null_public,
        number,
        fraction,
        ed25519_json(""),
        ed25519_json(rfc_public.substr(2)),
        ed25519_json(rfc_public + "00"),
        ed25519_json(rfc_public.substr(1) + "g"),
        pem_json("ecdsa", ecdsa, ""),
        pem_json("ecdsa", ecdsa, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        pem_json("ecdsa", ecdsa, std::string(100000, 'x')),
        pem_json("ecdsa", ecdsa, LibcryptoKey::ec("P-384").pem()),
        pem_json("ecdsa", ecdsa, LibcryptoKey::rsa(2048).pem()),
        pem_json("rsa", "rsassa-pss-sha256", LibcryptoKey::ec("P-256").pem()),
        pem_json("rsa", "rsassa-pss-sha256", LibcryptoKey::rsa(1024).pem()),
    };
    for (const Json &json : cases) {
        const auto key = PublicKey::from_json(json);
        ASSERT_FALSE(key) << json.dump();
        EXPECT_EQ(key.error().code, ErrorCode::registry_malformed) << json.dump();
    }
    EXPECT_FALSE(PublicKey::ed25519("short"));
}

TEST(TufKey, ForeignKeysThatCannotBeReadVerifyNothing) {
    const Json foreign = pem_json("ecdsa", "ecdsa-sha2-nistp256", "04" + rfc_public + rfc_public);
    EXPECT_FALSE(PublicKey::from_json(foreign));
    const auto key = PublicKey::from_foreign_json(foreign);
    ASSERT_TRUE(key);
    EXPECT_FALSE(key->verifies("", bytes_from_hex(rfc_signature).value()));
    EXPECT_TRUE(PublicKey::from_foreign_json(ed25519_json(rfc_public))
                    ->verifies("", bytes_from_hex(rfc_signature).value()));
    EXPECT_FALSE(PublicKey::from_foreign_json(Json::object()));
    EXPECT_FALSE(PublicKey::from_foreign_json({{"keytype", "x"}, {"scheme", "y"}}));
}

TEST(TufKey, Hexadecimal) {
    EXPECT_EQ(bytes_from_hex("00fFa0").value(), std::string("\0\xff\xa0", 3));
    EXPECT_EQ(bytes_from_hex("").value(), "");
    for (const char *text : {"0", "000", "0g", " 00", "00 ", "0x00"})
        EXPECT_FALSE(bytes_from_hex(text)) << text;
    EXPECT_EQ(hex_from_bytes(std::string("\0\xff\xa0", 3)), "00ffa0");
    EXPECT_EQ(sha256_hex("abc").value(),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace pgx::tuf
