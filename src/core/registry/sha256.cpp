// sha256.cpp - libcrypto's digest interface. It can fail at any step for want of memory; a failure
// is remembered and told at the end, so that update() can be called where there is no way to
// report.
#include "core/registry/sha256.h"

#include <openssl/evp.h>

#include <array>

namespace pgx {

void Sha256::Deleter::operator()(evp_md_ctx_st *context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    usable_ = context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
}

void Sha256::update(std::string_view bytes) {
    if (usable_) usable_ = EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1;
}

Result<std::string> Sha256::finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (!usable_ || EVP_DigestFinal_ex(context_.get(), digest.data(), &size) != 1 || size != 32)
        return fail(ErrorCode::out_of_memory, "could not compute a SHA-256 digest");
    usable_ = false;
    constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    hex.reserve(64);
    for (unsigned i = 0; i < size; ++i) {
        hex += digits[digest[i] >> 4];
        hex += digits[digest[i] & 15];
    }
    return hex;
}

}  // namespace pgx
