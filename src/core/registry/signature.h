// signature.h - whether a Release file was signed by a key that its source trusts.
//
// OpenPGP is not verified by code of ours: the program that the host's apt trusts with it does it, sqv (Sequoia) where apt is
// 3.0 or later, gpgv otherwise. What is ours is everything around it, where verification has been tricked before:
//
// - A clearsigned file is split into text and signature here, under apt's strict rules, and the verifier gets the two as a
//   detached signature. So the text that is used is byte for byte the text that was verified, and anything before, between or
//   behind the parts is an error instead of a matter of how two parsers see it.
// - The verifier sees one keyring file with exactly the keys that the source allows, written by us from the bytes that were
//   read, in binary form because gpgv reads no armor. The bytes' digest is what a verified state is recorded with.
// - No option file, key server, trust database or home directory takes part.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/result.h"
#include "core/registry/apt_config.h"
#include "core/registry/apt_sources.h"

namespace pgx {

// The program that verifies.
struct SignatureVerifier {
    enum class Kind { sqv, gpgv } kind = Kind::gpgv;
    std::string program;         // absolute path
    std::string policy_file;     // sqv: which algorithms are still good, as apt passes it; empty: sqv's own default
    std::string key_algorithms;  // gpgv: APT::Key::Assert-Pubkey-Algo, empty: not asserted

    // What decides about a verification besides text, signature and keyring; part of the record that one took place.
    std::string identity() const;
};

// Which verifier the host's apt uses: sqv when apt has a method for it and no APT::Key::GPGVCommand is set, else gpgv; without
// apt, and when apt's choice is not installed, the one that is there. dependency_missing when there is none.
Result<SignatureVerifier> choose_verifier(const AptConfig &config, FileSystem &fs);

// Keys that may sign, ready for a verifier.
struct Keyring {
    std::string keys;                       // OpenPGP packets, binary
    std::string name;                       // for messages: keyring "/usr/share/keyrings/x.gpg"
    std::vector<std::string> fingerprints;  // when not empty, only these keys of the ring count
};

// Reads the keys that `signed_by` names: files, or an inline block, or, when there is neither, what the host trusts for every
// repository (Dir::Etc::trustedparts and Dir::Etc::trusted). signature_invalid naming the file when one that is named cannot be
// read or holds no keys, or when there are none at all. Unusable files among the host's general ones are ignored, as apt does.
Result<Keyring> load_keyring(const SignedBy &signed_by, const AptConfig &config, FileSystem &fs);

// Binary keys from binary keys, or from one or more armored blocks. signature_invalid when it is neither.
Result<std::string> binary_keys(std::string_view bytes);

struct ClearSigned {
    std::string text;       // the signed text, dash-escapes undone
    std::string signature;  // the armored signature blocks
};

// Splits a clearsigned file. signature_missing when it is not signed at all, signature_invalid when anything is outside of
// the signed text and its signature. The rules are those of RFC 4880 chapter 7 less what Release files do not need.
Result<ClearSigned> split_clear_signed(std::string_view bytes);

// Checks that a detached signature is only that: armored blocks and nothing else. Errors as above.
Result<void> check_detached_signature(std::string_view bytes);

// Verifies and gives back the fingerprints of the keys that signed, primary ones, sorted, at least one. signature_invalid in
// three kinds of message: the signature is by a key that is not in the keyring; it is bad; the key has expired, was
// revoked, or is too weak. `repository` names the repository in them. Temporary files go below `directory`, which exists.
Result<std::vector<std::string>> verify_signature(const ClearSigned &signed_text, const Keyring &keyring,
                                                  const SignatureVerifier &verifier,
                                                  const std::string &repository,
                                                  const std::string &directory, FileSystem &fs);

}  // namespace pgx
