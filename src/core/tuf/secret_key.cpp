#include "core/tuf/secret_key.h"

#include <sodium.h>

#include <cstring>

#include "core/base/json.h"

namespace pgx::tuf {

namespace {

constexpr std::uint64_t key_file_limit = 16 * 1024;  // bytes
constexpr const char *key_derivation = "argon2id13";
// A file from elsewhere must not be able to ask for all of the machine.
constexpr std::uint64_t operations_most = 100;
constexpr std::uint64_t memory_most = std::uint64_t{1} << 31;

const unsigned char *unsigned_bytes(std::string_view bytes) {
    return reinterpret_cast<const unsigned char *>(bytes.data());
}
unsigned char *unsigned_bytes(std::string &bytes) {
    return reinterpret_cast<unsigned char *>(bytes.data());
}

// A string that is wiped when it goes.
class Secret {
   public:
    explicit Secret(std::string text) : text_(std::move(text)) {}
    explicit Secret(std::size_t size) : text_(size, '\0') {}
    Secret(const Secret &) = delete;
    Secret &operator=(const Secret &) = delete;
    Secret(Secret &&other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
    ~Secret() { wipe(); }
    std::string &text() { return text_; }

   private:
    void wipe() { sodium_memzero(text_.data(), text_.size()); }
    std::string text_;
};

std::unexpected<Error> no_key_file(const char *what, std::string detail) {
    return fail(ErrorCode::invalid_argument, std::string("not a ") + what + " of pgx",
                std::move(detail), "Make one with \"pgx key generate\".");
}

Result<void> prepare_sodium() {
    if (sodium_init() < 0)
        return fail(ErrorCode::internal, "could not initialize the cryptographic library");
    return {};
}

Result<Secret> derive(const std::string &passphrase, std::string_view salt, PassphraseCost cost) {
    Secret key(crypto_secretbox_KEYBYTES);
    if (crypto_pwhash(unsigned_bytes(key.text()), key.text().size(), passphrase.data(),
                      passphrase.size(), unsigned_bytes(salt), cost.operations, cost.memory,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        return fail(ErrorCode::out_of_memory, "could not derive a key from the passphrase",
                    "That takes " + std::to_string(cost.memory >> 20) + " MB of memory.");
    return key;
}

Result<Json> seal(std::string_view seed, const std::string &passphrase, PassphraseCost cost) {
    std::string salt(crypto_pwhash_SALTBYTES, '\0'), nonce(crypto_secretbox_NONCEBYTES, '\0');
    randombytes_buf(salt.data(), salt.size());
    randombytes_buf(nonce.data(), nonce.size());
    Secret key = TRY(derive(passphrase, salt, cost));
    std::string box(seed.size() + crypto_secretbox_MACBYTES, '\0');
    crypto_secretbox_easy(unsigned_bytes(box), unsigned_bytes(seed), seed.size(),
                          unsigned_bytes(nonce), unsigned_bytes(key.text()));
    return Json{{"kdf", key_derivation},          {"operations", cost.operations},
                {"memory", cost.memory},          {"salt", hex_from_bytes(salt)},
                {"nonce", hex_from_bytes(nonce)}, {"box", hex_from_bytes(box)}};
}

// The bytes that a member holds as hexadecimal digits.
Result<std::string> hex_member(const Json &json, const char *member, std::size_t size) {
    auto text = json_string(json, member);
    if (!text) return no_key_file("secret key", "Its " + text.error().message + ".");
    auto bytes = bytes_from_hex(*text);
    sodium_memzero(text->data(), text->size());
    if (!bytes || bytes->size() != size)
        return no_key_file("secret key", "Its member \"" + std::string(member) +
                                             "\" is not a hexadecimal number of " +
                                             std::to_string(size) + " bytes.");
    return bytes;
}

Result<Secret> unseal(const Json &sealed,
                      const std::function<Result<std::string>()> &ask_passphrase) {
    const auto kdf = json_string(sealed, "kdf");
    const auto operations = json_unsigned(sealed, "operations");
    const auto memory = json_unsigned(sealed, "memory");
    if (!kdf || *kdf != key_derivation || !operations || *operations < 1 ||
        *operations > operations_most || !memory || *memory < crypto_pwhash_MEMLIMIT_MIN ||
        *memory > memory_most)
        return no_key_file("secret key", "Its encryption is not one that is known here.");
    const std::string salt = TRY(hex_member(sealed, "salt", crypto_pwhash_SALTBYTES));
    const std::string nonce = TRY(hex_member(sealed, "nonce", crypto_secretbox_NONCEBYTES));
    const std::string box =
        TRY(hex_member(sealed, "box", crypto_sign_SEEDBYTES + crypto_secretbox_MACBYTES));
    Secret passphrase(TRY(ask_passphrase()));
    Secret key = TRY(derive(passphrase.text(), salt, {*operations, *memory}));
    Secret seed(crypto_sign_SEEDBYTES);
    if (crypto_secretbox_open_easy(unsigned_bytes(seed.text()), unsigned_bytes(box), box.size(),
                                   unsigned_bytes(nonce), unsigned_bytes(key.text())) != 0)
        return fail(ErrorCode::permission_denied, "wrong passphrase, or a damaged key file");
    return seed;
}

Result<Json> parse_key_file(std::string_view text, const char *what) {
    auto json = parse_json(text, {key_file_limit, 8});
    if (!json) return no_key_file(what, "It is not JSON.");
    if (json_string(*json, "pgx").value_or("") != what)
        return no_key_file(what,
                           "It does not say of itself that it is a " + std::string(what) + ".");
    const auto format = json_unsigned(*json, "format");
    if (!format) return no_key_file(what, "Its " + format.error().message + ".");
    if (*format != 1)
        return fail(ErrorCode::feature_not_supported,
                    "the key file has format " + std::to_string(*format) +
                        ", which this version of pgx does not know",
                    {}, "Use a newer version of pgx.");
    return *std::move(json);
}

}  // namespace

void SecretKey::Free::operator()(unsigned char *memory) const { sodium_free(memory); }

Result<SecretKey> SecretKey::from_seed(std::string_view seed) {
    TRY(prepare_sodium());
    if (seed.size() != crypto_sign_SEEDBYTES)
        return fail(ErrorCode::invalid_argument, "the seed of a key must have 32 bytes");
    std::unique_ptr<unsigned char[], Free> secret(
        static_cast<unsigned char *>(sodium_malloc(crypto_sign_SECRETKEYBYTES)));
    if (!secret) return fail(ErrorCode::out_of_memory, "could not allocate memory for a key");
    std::string public_part(crypto_sign_PUBLICKEYBYTES, '\0');
    crypto_sign_seed_keypair(unsigned_bytes(public_part), secret.get(), unsigned_bytes(seed));
    return SecretKey(std::move(secret), TRY(PublicKey::ed25519(public_part)));
}

Result<SecretKey> SecretKey::generate() {
    TRY(prepare_sodium());
    Secret seed(crypto_sign_SEEDBYTES);
    randombytes_buf(seed.text().data(), seed.text().size());
    return from_seed(seed.text());
}

Result<std::string> SecretKey::sign(std::string_view message) const {
    std::string signature(crypto_sign_BYTES, '\0');
    if (crypto_sign_detached(unsigned_bytes(signature), nullptr, unsigned_bytes(message),
                             message.size(), secret_.get()) != 0)
        return fail(ErrorCode::internal, "could not sign");
    return signature;
}

std::string SecretKey::seed() const {
    std::string seed(crypto_sign_SEEDBYTES, '\0');
    crypto_sign_ed25519_sk_to_seed(unsigned_bytes(seed), secret_.get());
    return seed;
}

Result<void> write_secret_key(FileSystem &fs, const std::string &path, const SecretKey &key,
                              const std::string &passphrase, PassphraseCost cost) {
    if (TRY(fs.info(path)))
        return fail(ErrorCode::wrong_state, "file \"" + path + "\" exists already",
                    "A secret key is never overwritten, because it cannot be made again.",
                    "Choose another name, or move the old file away.");
    Json json = {{"pgx", "secret key"},
                 {"format", 1},
                 {"id", key.id()},
                 {"public", key.public_key().json()["keyval"]["public"]}};
    Secret seed(key.seed());
    if (passphrase.empty())
        json["secret"] = hex_from_bytes(seed.text());
    else
        json["sealed"] = TRY(seal(seed.text(), passphrase, cost));
    Secret text(json.dump(2) + "\n");
    if (passphrase.empty()) {
        std::string &copy = json["secret"].get_ref<std::string &>();
        sodium_memzero(copy.data(), copy.size());
    }
    const auto file = TRY(fs.create(path, 0600));
    TRY(file->append(text.text()));
    TRY(file->sync());
    TRY(file->close());
    return fs.sync_directory(parent_path(path));
}

Result<SecretKey> read_secret_key(FileSystem &fs, const std::string &path,
                                  const std::function<Result<std::string>()> &passphrase) {
    const auto info = TRY(fs.info(path));
    if (info && (info->mode & 077) != 0)
        return fail(ErrorCode::permission_denied,
                    "secret key \"" + path + "\" can be read by others", {},
                    "Change its mode: chmod 600 " + path);
    Secret text(TRY(fs.read(path, key_file_limit)));
    const Json json = TRY(parse_key_file(text.text(), "secret key"));
    const auto sealed = json.find("sealed");
    Secret seed = sealed != json.end()
                      ? TRY(unseal(*sealed, passphrase))
                      : Secret(TRY(hex_member(json, "secret", crypto_sign_SEEDBYTES)));
    SecretKey key = TRY(SecretKey::from_seed(seed.text()));
    if (json_string(json, "id").value_or("") != key.id())
        return no_key_file("secret key", "Its id and its secret do not belong together.");
    return key;
}

std::string public_key_text(const PublicKey &key) {
    return Json{{"pgx", "public key"}, {"format", 1}, {"id", key.id()}, {"key", key.json()}}.dump(
               2) +
           "\n";
}

Result<PublicKey> parse_public_key(std::string_view text) {
    auto secret = parse_key_file(text, "secret key");
    if (secret) {
        const std::string bytes = TRY(hex_member(*secret, "public", crypto_sign_PUBLICKEYBYTES));
        return PublicKey::ed25519(bytes);
    }
    const Json json = TRY(parse_key_file(text, "public key"));
    const auto member = json.find("key");
    if (member == json.end()) return no_key_file("public key", "It has no member \"key\".");
    PublicKey key = TRY(PublicKey::from_json(*member));
    if (json_string(json, "id").value_or("") != key.id())
        return no_key_file("public key", "Its id and its key do not belong together.");
    if (key.identity().empty())
        return no_key_file("public key", "Its scheme is not one that is known here.");
    return key;
}

Result<PublicKey> read_public_key(FileSystem &fs, const std::string &path) {
    Secret text(TRY(fs.read(path, key_file_limit)));
    auto key = parse_public_key(text.text());
    if (!key) return fail(std::move(key).error().prefixed("could not read \"" + path + "\""));
    return key;
}

}  // namespace pgx::tuf
