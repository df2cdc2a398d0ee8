// minisign.cpp - libsodium's primitives in minisign's order, and its text files.
//
// A secret key file is one line of 158 bytes in base64:
//
//     "Ed"  key derivation "Sc" or 0,0  "B2"  salt[32]  operations[8]  memory[8]
//     key-id[8]  secret-key[64]  checksum[32]
//
// where the last three are masked with a stream derived from the password by scrypt, unless there
// is none; then the checksum is zero. Numbers are little-endian.
#include "core/bundle/minisign.h"

#include <sodium.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

namespace pgx {

namespace {

constexpr std::string_view untrusted_prefix = "untrusted comment: ";
constexpr std::string_view trusted_prefix = "trusted comment: ";
constexpr std::size_t longest_comment = 1024;
constexpr std::size_t longest_trusted_comment = 8192;
constexpr std::size_t chunk_size = 64 * 1024;
constexpr std::uint64_t most_operations = 1ULL << 33;
constexpr std::uint64_t most_memory = 1ULL << 30;
constexpr std::size_t header_size = 54;  // of a secret key, before what may be masked
constexpr std::size_t masked_size = 104;

using Bytes = std::vector<unsigned char>;

std::unexpected<Error> out_of_memory() {
    return fail(ErrorCode::out_of_memory, "could not compute a signature");
}

Result<void> start() {
    if (sodium_init() < 0) return fail(ErrorCode::internal, "could not initialize libsodium");
    return {};
}

// A vector that is wiped at the end of its life.
struct SecretBytes : Bytes {
    using Bytes::Bytes;
    SecretBytes(const SecretBytes &) = delete;
    SecretBytes &operator=(const SecretBytes &) = delete;
    ~SecretBytes() {
        if (!empty()) sodium_memzero(data(), size());
    }
};

std::string to_base64(std::span<const unsigned char> bytes) {
    std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(),
                      sodium_base64_VARIANT_ORIGINAL);
    text.pop_back();
    return text;
}

// Exactly bytes.size() bytes.
bool from_base64(std::string_view text, std::span<unsigned char> bytes) {
    std::size_t size = 0;
    return sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size,
                             nullptr, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           size == bytes.size();
}

// Lines without their newlines; the last one may lack it.
std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

// The number of bytes of the UTF-8 sequence at the start of `text`, 0 when it is ill-formed.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                               : first >= 0xe0 && first <= 0xef ? 3
                               : first >= 0xf0 && first <= 0xf4 ? 4
                                                                : 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool surrogate = first == 0xed && byte(1) > 0x9f;
    const bool too_large = first == 0xf4 && byte(1) > 0x8f;
    return overlong || surrogate || too_large ? 0 : length;
}

// UTF-8 without control characters, which could make a terminal show something else; but for the
// tab, which minisign itself writes.
bool is_printable(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        const auto first = static_cast<unsigned char>(text.front());
        if (length == 0 || (first < 0x20 && first != '\t') || first == 0x7f) return false;
        if (first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) return false;  // C1
        text.remove_prefix(length);
    }
    return true;
}

template <std::size_t size>
void append(Bytes &bytes, const std::array<unsigned char, size> &more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
}

using Hash = std::array<unsigned char, crypto_generichash_BYTES_MAX>;

Hash hash_of(std::string_view bytes) {
    Hash hash{};
    crypto_generichash(hash.data(), hash.size(),
                       reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size(), nullptr,
                       0);
    return hash;
}

Result<Hash> hash_of_file(FileSystem &fs, const std::string &path) {
    auto file = TRY(fs.open(path));
    crypto_generichash_state state;
    Hash hash{};
    crypto_generichash_init(&state, nullptr, 0, hash.size());
    std::string buffer(chunk_size, '\0');
    while (true) {
        const std::size_t size = TRY(file->read(buffer.data(), buffer.size()));
        if (size == 0) break;
        crypto_generichash_update(&state, reinterpret_cast<const unsigned char *>(buffer.data()),
                                  size);
    }
    crypto_generichash_final(&state, hash.data(), hash.size());
    return hash;
}

std::unexpected<Error> bad_signature(std::string detail) {
    return fail(ErrorCode::signature_invalid, "invalid signature", std::move(detail),
                "Check that the signature file belongs to this file, and that the key is the "
                "publisher's.");
}

using Signature = std::array<unsigned char, crypto_sign_BYTES>;

struct ParsedSignature {
    std::array<unsigned char, 8> key_id{};
    Signature signature{}, global{};
    std::string trusted_comment;
};

Result<ParsedSignature> parse_signature(std::string_view text) {
    const std::vector<std::string_view> lines = lines_of(text);
    if (lines.size() != 4 || !lines[0].starts_with(untrusted_prefix) ||
        !lines[2].starts_with(trusted_prefix))
        return bad_signature("It does not have the four lines of a minisign signature.");
    if (lines[0].size() > longest_comment ||
        lines[2].size() > trusted_prefix.size() + longest_trusted_comment)
        return bad_signature("A comment in it is too long.");
    ParsedSignature parsed;
    std::array<unsigned char, 74> first{};
    if (!from_base64(lines[1], first) || !from_base64(lines[3], parsed.global))
        return bad_signature("A line of it is not base64 of the right length.");
    if (first[0] == 'E' && first[1] == 'd')
        return bad_signature("It is of minisign's old kind (\"Ed\"), which pgx does not accept.");
    if (first[0] != 'E' || first[1] != 'D')
        return bad_signature("It is of a kind that is not known.");
    std::copy_n(first.begin() + 2, parsed.key_id.size(), parsed.key_id.begin());
    std::copy_n(first.begin() + 10, parsed.signature.size(), parsed.signature.begin());
    parsed.trusted_comment = lines[2].substr(trusted_prefix.size());
    if (!is_printable(parsed.trusted_comment))
        return bad_signature("Its trusted comment has characters that cannot be printed.");
    return parsed;
}

// What the second signature is over.
Bytes globally_signed(const Signature &signature, std::string_view trusted_comment) {
    Bytes bytes(signature.begin(), signature.end());
    bytes.insert(bytes.end(), trusted_comment.begin(), trusted_comment.end());
    return bytes;
}

Result<MinisignVerified> verify(const Hash &hash, std::string_view text,
                                const std::vector<MinisignPublicKey> &keys) {
    ParsedSignature parsed = TRY(parse_signature(text));
    const Bytes global = globally_signed(parsed.signature, parsed.trusted_comment);
    bool known = false;
    for (const MinisignPublicKey &key : keys) {
        if (key.id != parsed.key_id) continue;
        known = true;
        if (crypto_sign_verify_detached(parsed.signature.data(), hash.data(), hash.size(),
                                        key.key.data()) != 0)
            continue;
        if (crypto_sign_verify_detached(parsed.global.data(), global.data(), global.size(),
                                        key.key.data()) != 0)
            return bad_signature("Its trusted comment is not the one that was signed.");
        return MinisignVerified{key, std::move(parsed.trusted_comment)};
    }
    if (known) return bad_signature("The file is not the one that was signed.");
    MinisignPublicKey signer;
    signer.id = parsed.key_id;
    return bad_signature("It was made by key " + minisign_key_id(signer) +
                         ", which is not among the trusted ones.");
}

std::unexpected<Error> not_a_key(const char *what, std::string detail) {
    return fail(ErrorCode::invalid_argument, std::string("invalid minisign ") + what,
                std::move(detail));
}

std::uint64_t number_at(std::span<const unsigned char> bytes, std::size_t at) {
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;) value = value << 8 | bytes[at + i];
    return value;
}

void put_number(Bytes &bytes, std::uint64_t value) {
    for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<unsigned char>(value >> (8 * i)));
}

// XORs the stream derived from a password over `masked`.
Result<void> mask(std::span<unsigned char> masked, std::string_view password,
                  std::span<const unsigned char> salt, std::uint64_t operations,
                  std::uint64_t memory) {
    SecretBytes stream(masked.size());
    if (crypto_pwhash_scryptsalsa208sha256(stream.data(), stream.size(), password.data(),
                                           password.size(), salt.data(), operations, memory) != 0)
        return out_of_memory();
    for (std::size_t i = 0; i < masked.size(); ++i) masked[i] ^= stream[i];
    return {};
}

std::array<unsigned char, 32> checksum(const std::array<unsigned char, 8> &id,
                                       const std::array<unsigned char, 64> &key) {
    SecretBytes bytes;
    bytes.reserve(2 + id.size() + key.size());
    bytes.push_back('E');
    bytes.push_back('d');
    append(bytes, id);
    append(bytes, key);
    std::array<unsigned char, 32> sum{};
    crypto_generichash(sum.data(), sum.size(), bytes.data(), bytes.size(), nullptr, 0);
    return sum;
}

}  // namespace

// --- public keys

Result<MinisignPublicKey> parse_minisign_public_key(std::string_view text) {
    std::vector<std::string_view> lines = lines_of(text);
    if (lines.size() == 2 && lines[0].starts_with(untrusted_prefix) &&
        lines[0].size() <= longest_comment)
        lines.erase(lines.begin());
    if (lines.size() != 1)
        return not_a_key("public key", "It is neither a public key file nor its second line.");
    std::array<unsigned char, 42> bytes{};
    if (!from_base64(lines[0], bytes) || bytes[0] != 'E' || bytes[1] != 'd')
        return not_a_key("public key", "It is not base64 of 42 bytes that begin with \"Ed\".");
    MinisignPublicKey key;
    std::copy_n(bytes.begin() + 2, key.id.size(), key.id.begin());
    std::copy_n(bytes.begin() + 10, key.key.size(), key.key.begin());
    return key;
}

std::string minisign_public_key_text(const MinisignPublicKey &key) {
    Bytes bytes{'E', 'd'};
    append(bytes, key.id);
    append(bytes, key.key);
    return to_base64(bytes);
}

std::string minisign_public_key_file(const MinisignPublicKey &key) {
    return std::string(untrusted_prefix) + "minisign public key " + minisign_key_id(key) + "\n" +
           minisign_public_key_text(key) + "\n";
}

std::string minisign_key_id(const MinisignPublicKey &key) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string text;
    for (std::size_t i = key.id.size(); i-- > 0;) {
        text += digits[key.id[i] >> 4];
        text += digits[key.id[i] & 15];
    }
    return text;
}

// --- secret keys

MinisignSecretKey::MinisignSecretKey(MinisignSecretKey &&other) noexcept
    : id_(other.id_), key_(other.key_) {
    sodium_memzero(other.key_.data(), other.key_.size());
}

MinisignSecretKey &MinisignSecretKey::operator=(MinisignSecretKey &&other) noexcept {
    if (this == &other) return *this;
    id_ = other.id_;
    key_ = other.key_;
    sodium_memzero(other.key_.data(), other.key_.size());
    return *this;
}

MinisignSecretKey::~MinisignSecretKey() { sodium_memzero(key_.data(), key_.size()); }

Result<MinisignSecretKey> MinisignSecretKey::generate() {
    TRY(start());
    MinisignSecretKey result;
    std::array<unsigned char, 32> public_part{};
    if (crypto_sign_keypair(public_part.data(), result.key_.data()) != 0) return out_of_memory();
    randombytes_buf(result.id_.data(), result.id_.size());
    return result;
}

Result<MinisignSecretKey> MinisignSecretKey::parse(std::string_view text,
                                                   std::string_view password) {
    TRY(start());
    const std::vector<std::string_view> lines = lines_of(text);
    SecretBytes bytes(header_size + masked_size);
    if (lines.size() != 2 || !lines[0].starts_with(untrusted_prefix) ||
        !from_base64(lines[1], bytes) || bytes[0] != 'E' || bytes[1] != 'd' || bytes[4] != 'B' ||
        bytes[5] != '2')
        return not_a_key("secret key", "It does not have the two lines of a secret key file.");
    const bool encrypted = bytes[2] == 'S' && bytes[3] == 'c';
    if (!encrypted && (bytes[2] != 0 || bytes[3] != 0))
        return not_a_key("secret key", "It is encrypted in a way that is not known.");
    const std::span<unsigned char> all(bytes);
    if (encrypted) {
        if (password.empty())
            return fail(ErrorCode::permission_denied, "the minisign secret key has a password");
        const std::uint64_t operations = number_at(all, 38), memory = number_at(all, 46);
        if (operations > most_operations || memory > most_memory)
            return fail(ErrorCode::limit_exceeded,
                        "the minisign secret key asks for too much work to decrypt it");
        TRY(mask(all.subspan(header_size), password, all.subspan(6, 32), operations, memory));
    }
    MinisignSecretKey result;
    std::array<unsigned char, 32> sum{};
    std::copy_n(all.begin() + header_size, result.id_.size(), result.id_.begin());
    std::copy_n(all.begin() + header_size + 8, result.key_.size(), result.key_.begin());
    std::copy_n(all.begin() + header_size + 72, sum.size(), sum.begin());
    const bool no_sum = !encrypted && sodium_is_zero(sum.data(), sum.size()) == 1;
    const auto expected = checksum(result.id_, result.key_);
    if (!no_sum && sodium_memcmp(sum.data(), expected.data(), sum.size()) != 0)
        return encrypted ? not_a_key("secret key", "The password is wrong.")
                         : not_a_key("secret key", "Its checksum is wrong.");
    return result;
}

Result<std::string> MinisignSecretKey::file(std::string_view password, bool fast) const {
    TRY(start());
    const bool encrypted = !password.empty();
    std::array<unsigned char, 32> salt{};
    if (encrypted) randombytes_buf(salt.data(), salt.size());
    const std::uint64_t operations = !encrypted ? 0
                                     : fast     ? crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_MIN
                                            : crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE;
    const std::uint64_t memory = !encrypted ? 0
                                 : fast     ? crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_MIN
                                            : crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE;
    SecretBytes bytes;
    bytes.reserve(header_size + masked_size);  // so that no copy is left behind by growing
    for (const char c : {'E', 'd', encrypted ? 'S' : '\0', encrypted ? 'c' : '\0', 'B', '2'})
        bytes.push_back(static_cast<unsigned char>(c));
    append(bytes, salt);
    put_number(bytes, operations);
    put_number(bytes, memory);
    append(bytes, id_);
    append(bytes, key_);
    append(bytes, encrypted ? checksum(id_, key_) : std::array<unsigned char, 32>{});
    if (encrypted)
        TRY(mask(std::span<unsigned char>(bytes).subspan(header_size), password, salt, operations,
                 memory));
    // minisign calls either kind so.
    return std::string(untrusted_prefix) + "minisign encrypted secret key\n" + to_base64(bytes) +
           "\n";
}

MinisignPublicKey MinisignSecretKey::public_key() const {
    MinisignPublicKey result;
    result.id = id_;
    crypto_sign_ed25519_sk_to_pk(result.key.data(), key_.data());
    return result;
}

// --- signatures

Result<std::string> minisign_sign(FileSystem &fs, const std::string &path,
                                  const MinisignSecretKey &key, std::string_view trusted_comment) {
    TRY(start());
    if (trusted_comment.size() > longest_trusted_comment || !is_printable(trusted_comment))
        return fail(ErrorCode::invalid_argument, "invalid trusted comment",
                    "It has at most 8192 bytes of UTF-8, without control characters but the tab.");
    const Hash hash = TRY(hash_of_file(fs, path));
    Signature signature{}, global{};
    crypto_sign_detached(signature.data(), nullptr, hash.data(), hash.size(), key.key_.data());
    const Bytes all = globally_signed(signature, trusted_comment);
    crypto_sign_detached(global.data(), nullptr, all.data(), all.size(), key.key_.data());
    Bytes first{'E', 'D'};
    append(first, key.id_);
    append(first, signature);
    return std::string(untrusted_prefix) + "signature from minisign secret key\n" +
           to_base64(first) + "\n" + std::string(trusted_prefix) + std::string(trusted_comment) +
           "\n" + to_base64(global) + "\n";
}

Result<MinisignVerified> minisign_verify(FileSystem &fs, const std::string &path,
                                         std::string_view signature,
                                         const std::vector<MinisignPublicKey> &keys) {
    TRY(start());
    return verify(TRY(hash_of_file(fs, path)), signature, keys);
}

Result<MinisignVerified> minisign_verify_bytes(std::string_view bytes, std::string_view signature,
                                               const std::vector<MinisignPublicKey> &keys) {
    TRY(start());
    return verify(hash_of(bytes), signature, keys);
}

}  // namespace pgx
