// apt_suite.h - one repository: its Release file, fetched conditionally, verified, and dated.
//
// The cache keeps for each repository the Release file as it was received (InRelease, or Release and Release.gpg), the
// validators for a conditional request, and a record of the last verification: a digest over the signed bytes, the keys
// that were allowed, the verifier and its policy, with the signers it found. When the same bytes meet the same keys again, the
// answer is the recorded one and no verifier runs; that is what makes an unchanged repository cost one request. The dates are
// checked every time.
#pragma once

#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/protocol.h"
#include "core/base/result.h"
#include "core/registry/apt_cache.h"
#include "core/registry/apt_host.h"
#include "core/registry/apt_release.h"
#include "core/registry/apt_sources.h"
#include "core/registry/signature.h"

namespace pgx {

// A repository whose Release file may be believed.
struct AptSuite {
    AptSource source;
    AptRelease release;
    std::string text_sha256;  // of the signed text
    std::string signer;       // fingerprint of a key that signed
};

// What all repositories of a refresh share.
struct SuiteContext {
    const AptHost &host;
    const AptConfig &config;
    AptCache &cache;
    FileSystem &fs;
    Reporter &reporter;
    Traffic &traffic;
};

// Gets the repositories of `sources`, with one conditional request each, side by side, where nothing has changed.
//
// With `tolerant`, what cannot be reached is reported as a notice and its last copy is used, if it is verified and still
// valid, or else it is left out; the same for a repository that never was signed. At least one repository must have been
// reached. All else, and without `tolerant` everything, is an error that names the repository: a signature that is
// wrong, or gone where there was one, is never passed over.
Result<std::vector<AptSuite>> load_suites(const std::vector<AptSource> &sources, bool tolerant,
                                          const SuiteContext &context);

}  // namespace pgx
