// digests.h - the file `digests` of a bundle: a digest for every other file of it.
//
//     SHA256 (pgsql/pkglib/semver.so) = 0f3a...
//
// One line for each file, in the format that `sha256sum --tag` and the BSDs' sha256 write; paths
// begin below the top folder. RFC-2 asks for SHA-256 or better: SHA-384 and SHA-512 are read, and a
// line with MD5 or SHA-1 is an error and not ignored, since whoever writes one has another idea of
// what is safe. With the digests signed (they are in the bundle, which is) this adds no safety; it
// makes the list of a bundle's files part of the format, so that nothing can ride along unnoticed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"

struct evp_md_ctx_st;

namespace pgx {

enum class DigestAlgorithm { sha256, sha384, sha512 };

struct Digest {
    DigestAlgorithm algorithm = DigestAlgorithm::sha256;
    std::string hex;  // lower case

    bool operator==(const Digest &) const = default;
};

// By path, clean and relative to the top folder.
using Digests = std::map<std::string, Digest, std::less<>>;

// artifact_malformed naming the line: not of this form, an algorithm that is not accepted, a digest
// of the wrong length, a path that is unsafe, twice there, or `digests` itself.
Result<Digests> parse_digests(std::string_view text);

// The file's text, sorted by path.
std::string write_digests(const Digests &digests);

// A digest of what passes by, piece by piece.
class DigestComputation {
   public:
    explicit DigestComputation(DigestAlgorithm algorithm);
    void update(std::string_view bytes);
    // Ends the computation: call it once. Fails only when memory ran out.
    Result<Digest> finish();

   private:
    struct Deleter {
        void operator()(evp_md_ctx_st *context) const;
    };
    DigestAlgorithm algorithm_;
    std::unique_ptr<evp_md_ctx_st, Deleter> context_;
    bool usable_ = false;
};

}  // namespace pgx
