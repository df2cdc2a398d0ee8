#include "core/bundle/digests.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "core/registry/links.h"

namespace pgx {

namespace {

struct AlgorithmInfo {
    DigestAlgorithm algorithm;
    std::string_view name;
    std::size_t bytes;
    const EVP_MD *(*implementation)();
};

constexpr std::array<AlgorithmInfo, 3> algorithms{{
    {DigestAlgorithm::sha256, "SHA256", 32, EVP_sha256},
    {DigestAlgorithm::sha384, "SHA384", 48, EVP_sha384},
    {DigestAlgorithm::sha512, "SHA512", 64, EVP_sha512},
}};

const AlgorithmInfo &info_of(DigestAlgorithm algorithm) {
    return *std::ranges::find(algorithms, algorithm, &AlgorithmInfo::algorithm);
}

// "SHA256 (a) = 00..."; `number` of the line from 1, for messages.
class Line {
   public:
    Line(std::string_view text, std::size_t number) : text_(text), number_(number) {}

    Result<std::pair<std::string, Digest>> parse() const {
        const std::size_t open = text_.find(" (");
        const std::size_t close = text_.rfind(") = ");
        if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2)
            return malformed("is not of the form \"SHA256 (path) = digest\".");
        const std::string_view name = text_.substr(0, open);
        const auto *algorithm = std::ranges::find(algorithms, name, &AlgorithmInfo::name);
        if (algorithm == algorithms.end())
            return malformed("uses \"" + shown_path(name) +
                             "\", which is not among SHA256, SHA384 and SHA512.");
        const std::string_view written = text_.substr(open + 2, close - open - 2);
        auto path = clean_archive_path(written);
        if (!path || path->empty() || *path == "digests")
            return malformed("names \"" + shown_path(written) + "\", which cannot be.");
        Digest digest{algorithm->algorithm, std::string(text_.substr(close + 4))};
        for (char &c : digest.hex)
            if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
        if (digest.hex.size() != 2 * algorithm->bytes ||
            digest.hex.find_first_not_of("0123456789abcdef") != std::string::npos)
            return malformed("has a digest of the wrong length.");
        return std::pair(*std::move(path), std::move(digest));
    }

    std::unexpected<Error> malformed(const std::string &what) const {
        return fail(ErrorCode::artifact_malformed, "invalid file \"digests\"",
                    "Line " + std::to_string(number_) + " " + what);
    }

   private:
    std::string_view text_;
    std::size_t number_;
};

}  // namespace

Result<Digests> parse_digests(std::string_view text) {
    Digests digests;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view content = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (content.ends_with('\r')) content.remove_suffix(1);
        if (content.empty()) continue;
        const Line line(content, number);
        auto [path, digest] = TRY(line.parse());
        if (!digests.emplace(std::move(path), std::move(digest)).second)
            return line.malformed("names a file that an earlier line names too.");
    }
    return digests;
}

std::string write_digests(const Digests &digests) {
    std::string text;
    for (const auto &[path, digest] : digests)
        text +=
            std::string(info_of(digest.algorithm).name) + " (" + path + ") = " + digest.hex + "\n";
    return text;
}

void DigestComputation::Deleter::operator()(evp_md_ctx_st *context) const {
    EVP_MD_CTX_free(context);
}

DigestComputation::DigestComputation(DigestAlgorithm algorithm)
    : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
    usable_ = context_ &&
              EVP_DigestInit_ex(context_.get(), info_of(algorithm).implementation(), nullptr) == 1;
}

void DigestComputation::update(std::string_view bytes) {
    if (usable_) usable_ = EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1;
}

Result<Digest> DigestComputation::finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    if (!usable_ || EVP_DigestFinal_ex(context_.get(), bytes.data(), &size) != 1)
        return fail(ErrorCode::out_of_memory, "could not compute a digest");
    usable_ = false;
    constexpr char digits[] = "0123456789abcdef";
    Digest digest{algorithm_, {}};
    for (unsigned i = 0; i < size; ++i) {
        digest.hex += digits[bytes[i] >> 4];
        digest.hex += digits[bytes[i] & 15];
    }
    return digest;
}

}  // namespace pgx
