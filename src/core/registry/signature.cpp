#include "core/registry/signature.h"

#include <sodium.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/registry/apt_cache.h"
#include "core/registry/deb822.h"
#include "core/registry/subprocess.h"

namespace pgx {

namespace {

constexpr std::uint64_t keyring_limit = 16 * 1024 * 1024;

// A directory of temporary files that goes with the scope.
class TemporaryDirectory {
   public:
    static Result<TemporaryDirectory> create(const std::string &parent, FileSystem &fs) {
        TemporaryDirectory directory(join_path(parent, "verify-" + random_name()), fs);
        TRY(fs.make_directory(directory.path_, 0700));
        return directory;
    }
    TemporaryDirectory(TemporaryDirectory &&other) noexcept
        : path_(std::exchange(other.path_, {})), fs_(other.fs_) {}
    TemporaryDirectory &operator=(TemporaryDirectory &&) = delete;
    ~TemporaryDirectory() {
        if (!path_.empty()) (void)remove_tree(*fs_, path_).has_value();
    }

    const std::string &path() const { return path_; }
    Result<std::string> write(const char *name, std::string_view bytes) {
        std::string path = join_path(path_, name);
        std::unique_ptr<WritableFile> file = TRY(fs_->create(path, 0600));
        TRY(file->append(bytes));
        TRY(file->close());
        return path;
    }

   private:
    TemporaryDirectory(std::string path, FileSystem &fs) : path_(std::move(path)), fs_(&fs) {}
    std::string path_;
    FileSystem *fs_;
};

// The first byte of a public key packet, old format with one- and two-byte length or new format: what apt accepts, and what
// tells a keyring from GnuPG's keybox, which neither verifier is sure to read.
bool looks_like_keys(std::string_view bytes) {
    if (bytes.empty()) return false;
    auto first = static_cast<unsigned char>(bytes[0]);
    return first == 0x98 || first == 0x99 || first == 0xc6;
}

Result<std::string> decode_base64(const std::string &text) {
    std::string bytes(text.size() / 4 * 3 + 3, '\0');
    std::size_t length = 0;
    const char *end = nullptr;
    if (sodium_base642bin(reinterpret_cast<unsigned char *>(bytes.data()), bytes.size(), text.data(),
                          text.size(), nullptr, &length, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text.data() + text.size())
        return fail(ErrorCode::signature_invalid, "armored keys are not valid base64");
    bytes.resize(length);
    return bytes;
}

// Lines without their line break and without trailing blanks, which clear signatures do not cover (RFC 4880, 7.1).
class LineReader {
   public:
    explicit LineReader(std::string_view text) : text_(text) {}
    bool next(std::string_view &line) {
        if (at_ >= text_.size()) return false;
        std::size_t end = std::min(text_.find('\n', at_), text_.size());
        line = text_.substr(at_, end - at_);
        line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
        at_ = end + 1;
        return true;
    }

   private:
    std::string_view text_;
    std::size_t at_ = 0;
};

constexpr std::string_view signature_begin = "-----BEGIN PGP SIGNATURE-----";
constexpr std::string_view signature_end = "-----END PGP SIGNATURE-----";

// Reads signature blocks to the end of the text; `open` when the first one's begin line is behind us. No base64 line and no
// armor header begins with a dash, so one that does tries to look like something else to another parser.
Result<void> read_signatures(LineReader &lines, bool open, std::string &signature) {
    bool any = open;
    for (std::string_view line; lines.next(line);) {
        if (open && line == signature_end) {
            open = false;
        } else if (!open && line == signature_begin) {
            any = open = true;
        } else if (!open) {
            return fail(ErrorCode::signature_invalid, "there is text outside of the signed part");
        } else if (line.starts_with('-')) {
            return fail(ErrorCode::signature_invalid, "the signature block is malformed");
        }
        signature += line;
        signature += '\n';
    }
    if (open) return fail(ErrorCode::signature_invalid, "the signature block is not complete");
    if (!any) return fail(ErrorCode::signature_missing, "there is no signature");
    return {};
}

Error not_verified(const std::string &repository, const std::string &problem, const Keyring &keyring,
                   std::string detail) {
    return Error{ErrorCode::signature_invalid,
                 "signature of repository \"" + repository + "\" " + problem, std::move(detail),
                 "Nothing of this repository is used. Keys are taken from " + keyring.name +
                     "; check that it is the right one and up to date, and that the repository is the one "
                     "that was meant."};
}

struct Signer {
    std::string key, primary;  // fingerprints
};

// Whether a list of allowed fingerprints lets this signer pass; "!" asks for exactly that key.
bool is_allowed(const std::vector<std::string> &allowed, const Signer &signer) {
    return allowed.empty() || std::any_of(allowed.begin(), allowed.end(), [&](std::string_view want) {
               if (want.ends_with('!')) return want.substr(0, want.size() - 1) == signer.key;
               return want == signer.key || want == signer.primary;
           });
}

struct Verdict {
    std::vector<Signer> good;
    bool bad = false;             // a signature that does not match
    std::string worthless;        // why a matching signature does not count
    std::vector<std::string> unknown;  // keys that signed and are not in the keyring
};

// gpgv's status lines (doc/DETAILS of GnuPG). GOODSIG says that the signature and its key are good but gives only a key id; the
// VALIDSIG that follows it gives fingerprints, but comes for expired keys as well. So both are needed.
Verdict read_gpgv_status(std::string_view status) {
    Verdict verdict;
    bool good = false;
    std::string rejected_key;
    LineReader lines(status);
    for (std::string_view line; lines.next(line);) {
        std::vector<std::string> words = split_words(line);
        if (words.size() < 2 || words[0] != "[GNUPG:]") continue;
        const std::string &word = words[1];
        if (word == "NEWSIG") {
            good = false;
        } else if (word == "GOODSIG") {
            good = true;
        } else if (word == "BADSIG") {
            verdict.bad = true;
        } else if (word == "NO_PUBKEY" && words.size() > 2) {
            verdict.unknown.push_back(words[2]);
        } else if (word == "EXPKEYSIG") {
            verdict.worthless = "is by a key that has expired";
        } else if (word == "EXPSIG") {
            verdict.worthless = "has expired";
        } else if (word == "REVKEYSIG") {
            verdict.worthless = "is by a key that was revoked";
        } else if (word == "ASSERT_PUBKEY_ALGO" && words.size() > 3 && words[3] == "0") {
            verdict.worthless = "is by a key of an algorithm that apt does not accept";
            rejected_key = words[2];
            std::erase_if(verdict.good, [&](const Signer &s) { return s.key == rejected_key; });
        } else if (word == "VALIDSIG" && words.size() > 9 && good) {
            // The hash algorithm: MD5, SHA-1 and RIPEMD-160 can be forged or nearly so; apt refuses them, too.
            if (words[9] == "1" || words[9] == "2" || words[9] == "3") {
                verdict.worthless = "uses a digest that is no longer safe";
            } else if (words[2] != rejected_key) {
                verdict.good.push_back({words[2], words.size() > 11 ? words[11] : words[2]});
            }
            good = false;
        }
    }
    return verdict;
}

// sqv prints the fingerprint of each certificate with a good signature. Its errors are sentences for people; only what tells the
// three kinds of failure apart is read from them, and only after it has refused.
Verdict read_sqv_output(const CommandResult &result) {
    Verdict verdict;
    LineReader lines(result.output);
    for (std::string_view line; lines.next(line);)
        if (!line.empty()) verdict.good.push_back({std::string(line), std::string(line)});
    if (result.exit_status == 0) return verdict;
    verdict.good.clear();
    std::string text = lower_case(result.errors);
    LineReader errors(text);
    for (std::string_view line; errors.next(line);) {
        constexpr std::string_view missing = "missing key ";
        if (std::size_t at = line.find(missing); at != std::string_view::npos) {
            std::string_view key = line.substr(at + missing.size());
            verdict.unknown.emplace_back(key.substr(0, key.find_first_of(", ")));
        }
    }
    auto says = [&](std::string_view words) { return text.find(words) != std::string::npos; };
    if (says("manipulated") || says("bad signature")) {
        verdict.bad = true;
    } else if (says("expired") || says("not live") || says("not alive")) {
        verdict.worthless = "is by a key that has expired";
    } else if (says("revoked")) {
        verdict.worthless = "is by a key that was revoked";
    } else if (says("policy") || says("not considered secure") || says("insecure")) {
        verdict.worthless = "uses an algorithm that the host's policy does not accept";
    }
    return verdict;
}

// Which of these options gpgv knows; old ones know none of the newer.
bool supports_option(const std::string &program, std::string_view option) {
    auto result = run_confined(program, {"--dump-options"});
    if (!result) return false;
    LineReader lines(result->output);
    for (std::string_view line; lines.next(line);)
        if (line == option) return true;
    return false;
}

std::string joined(const std::vector<std::string> &words) {
    std::string text;
    for (const std::string &word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

}  // namespace

std::string SignatureVerifier::identity() const {
    return (kind == Kind::sqv ? "sqv " : "gpgv ") + program + "\n" + key_algorithms;
}

Result<SignatureVerifier> choose_verifier(const AptConfig &config, FileSystem &fs) {
    SignatureVerifier verifier;
    std::string wanted_gpgv = config.get("APT::Key::GPGVCommand");
    std::string methods = config.path("Dir::Bin::methods");
    bool apt_has_sqv = !methods.empty() && TRY(fs.info(join_path(methods, "sqv"))).has_value();
    std::string sqv = find_program("sqv");
    std::string gpgv;
    if (!wanted_gpgv.empty()) gpgv = wanted_gpgv.starts_with('/') ? wanted_gpgv : find_program(wanted_gpgv);
    for (const char *name : {"gpgv-sq", "gpgv", "gpgv2", "gpgv1"})
        if (gpgv.empty()) gpgv = find_program(name);

    bool prefer_sqv = wanted_gpgv.empty() && (apt_has_sqv || config.empty());
    if (!sqv.empty() && (prefer_sqv || gpgv.empty())) {
        verifier.kind = SignatureVerifier::Kind::sqv;
        verifier.program = sqv;
        for (const char *path : {"/etc/crypto-policies/back-ends/apt-sequoia.config",
                                 "/var/lib/crypto-config/profiles/current/apt-sequoia.config",
                                 "/etc/crypto-policies/back-ends/sequoia.config",
                                 "/var/lib/crypto-config/profiles/current/sequoia.config",
                                 "/usr/share/apt/default-sequoia.config"}) {
            if (!TRY(fs.info(resolved_path(path)))) continue;
            verifier.policy_file = path;
            break;
        }
    } else if (!gpgv.empty()) {
        verifier.program = gpgv;
        verifier.key_algorithms = config.get("APT::Key::Assert-Pubkey-Algo");
    } else {
        return fail(ErrorCode::dependency_missing, "this host has no program to verify signatures with",
                    "Neither \"sqv\" nor \"gpgv\" was found.", "Install one of the packages sqv and gpgv.");
    }
    return verifier;
}

Result<std::string> binary_keys(std::string_view bytes) {
    if (looks_like_keys(bytes)) return std::string(bytes);
    std::string keys, block;
    enum { outside, headers, body } state = outside;
    LineReader lines(bytes);
    for (std::string_view line; lines.next(line);) {
        line = trimmed(line);
        if (state == outside) {
            if (line == "-----BEGIN PGP PUBLIC KEY BLOCK-----") state = headers;
        } else if (line == "-----END PGP PUBLIC KEY BLOCK-----") {
            std::string decoded = TRY(decode_base64(block));
            if (!looks_like_keys(decoded))
                return fail(ErrorCode::signature_invalid, "an armored block holds no public keys");
            keys += decoded;
            block.clear();
            state = outside;
        } else if (state == headers) {
            if (line.empty()) state = body;
        } else if (!line.starts_with('=')) {  // the checksum, which guards against nothing that matters here
            block += line;
        }
    }
    if (state != outside || keys.empty())
        return fail(ErrorCode::signature_invalid, "there are no public keys in a format that is supported");
    return keys;
}

Result<Keyring> load_keyring(const SignedBy &signed_by, const AptConfig &config, FileSystem &fs) {
    Keyring keyring;
    keyring.fingerprints = signed_by.fingerprints;
    if (!signed_by.inline_key.empty()) {
        keyring.name = "the key in the source's own Signed-By";
        auto keys = binary_keys(signed_by.inline_key);
        if (!keys)
            return fail(ErrorCode::signature_invalid, "could not read the key in Signed-By",
                        "In it, " + keys.error().message + ".",
                        "Copy the whole armored block, its empty line written as \" .\".");
        keyring.keys = std::move(*keys);
        return keyring;
    }
    for (const std::string &path : signed_by.paths) {
        auto unusable = [&](const Error &error) {
            return fail(ErrorCode::signature_invalid, "could not use keyring \"" + path + "\"",
                        "The error is: " + error.message + ".",
                        "Put the repository's public keys there, readable for the user that runs the server, "
                        "as a binary or armored OpenPGP file.");
        };
        auto bytes = read_host_file(fs, path, keyring_limit);
        if (!bytes) return unusable(bytes.error());
        auto keys = binary_keys(*bytes);
        if (!keys) return unusable(keys.error());
        keyring.keys += *keys;
        keyring.name += (keyring.name.empty() ? "keyring \"" : ", \"") + path + "\"";
    }
    if (!signed_by.paths.empty()) return keyring;

    std::vector<std::string> files;
    std::string parts = config.path("Dir::Etc::trustedparts");
    if (parts.empty()) parts = "/etc/apt/trusted.gpg.d";
    for (const std::string &name : TRY(list_configuration_files(fs, parts, {".gpg", ".asc"})))
        files.push_back(join_path(parts, name));
    if (std::string legacy = config.path("Dir::Etc::trusted"); !legacy.empty()) files.push_back(legacy);
    for (const std::string &path : files) {
        auto bytes = read_host_file(fs, path, keyring_limit);
        if (!bytes) continue;
        if (auto keys = binary_keys(*bytes)) keyring.keys += *keys;
    }
    keyring.name = "the keyrings in \"" + parts + "\"";
    if (keyring.keys.empty())
        return fail(ErrorCode::signature_invalid, "there is no key to check signatures with",
                    "The source names none, and there are none in \"" + parts + "\".",
                    "Name the repository's keyring in the source: \"deb [signed-by=/path/to/keyring.gpg] ...\".");
    return keyring;
}

Result<ClearSigned> split_clear_signed(std::string_view bytes) {
    constexpr std::string_view begin = "-----BEGIN PGP SIGNED MESSAGE-----";
    auto malformed = [](const char *problem) { return fail(ErrorCode::signature_invalid, problem); };
    LineReader lines(bytes);
    std::string_view line;
    if (!lines.next(line) || line != begin) {
        while (lines.next(line))
            if (line == begin) return malformed("there is text outside of the signed part");
        return fail(ErrorCode::signature_missing, "there is no signature");
    }
    bool body = false;
    while (!body && lines.next(line)) {
        if (line.empty())
            body = true;
        // Of the armor headers only "Hash" means anything here, and gpg accepts no other in a clear signature.
        else if (!line.starts_with("Hash: "))
            return malformed("the header of the signed text is malformed");
    }
    ClearSigned result;
    bool first = true;
    while (lines.next(line)) {
        if (line == signature_begin) {
            result.signature = std::string(signature_begin) + "\n";
            TRY(read_signatures(lines, true, result.signature));
            return result;
        }
        if (line.starts_with("- "))
            line.remove_prefix(2);
        else if (line.starts_with('-'))
            return malformed("the signed text has a line with an unescaped dash");
        if (!first) result.text += '\n';
        result.text += line;
        first = false;
    }
    return malformed("the signed text has no end");
}

Result<void> check_detached_signature(std::string_view bytes) {
    LineReader lines(bytes);
    std::string ignored;
    return read_signatures(lines, false, ignored);
}

Result<std::vector<std::string>> verify_signature(const ClearSigned &signed_text, const Keyring &keyring,
                                                  const SignatureVerifier &verifier,
                                                  const std::string &repository,
                                                  const std::string &directory, FileSystem &fs) {
    bool exact = std::any_of(keyring.fingerprints.begin(), keyring.fingerprints.end(),
                             [](const std::string &f) { return f.ends_with('!'); });
    if (exact && verifier.kind == SignatureVerifier::Kind::sqv)
        return fail(not_verified(repository, "cannot be checked", keyring,
                                 "Signed-By asks for exactly one key with \"!\", and the verifier \"sqv\" tells "
                                 "only whose key it was. Leave out the \"!\", or set APT::Key::GPGVCommand."));
    TemporaryDirectory temporary = TRY(TemporaryDirectory::create(directory, fs));
    std::string keys = TRY(temporary.write("keys.gpg", keyring.keys));
    std::string text = TRY(temporary.write("text", signed_text.text));
    std::string signature = TRY(temporary.write("signature.asc", signed_text.signature));

    std::vector<std::string> arguments, environment;
    if (verifier.kind == SignatureVerifier::Kind::sqv) {
        // The two files first: in sqv before 1.2, --keyring takes all words that follow it.
        arguments = {signature, text, "--keyring", keys};
        if (!verifier.policy_file.empty())
            environment.push_back("SEQUOIA_CRYPTO_POLICY=" + verifier.policy_file);
    } else {
        arguments = {"--homedir", temporary.path(), "--ignore-time-conflict", "--status-fd", "1", "--keyring", keys};
        if (!verifier.key_algorithms.empty() && supports_option(verifier.program, "--assert-pubkey-algo"))
            arguments.push_back("--assert-pubkey-algo=" + verifier.key_algorithms);
        arguments.insert(arguments.end(), {signature, text});
    }
    CommandResult result = TRY(run_confined(verifier.program, arguments, environment));
    Verdict verdict = verifier.kind == SignatureVerifier::Kind::sqv ? read_sqv_output(result)
                                                                    : read_gpgv_status(result.output);
    if (verdict.bad)
        return fail(not_verified(repository, "is bad", keyring,
                                 "The text is not the one that was signed: it was changed or damaged on its way."));
    std::vector<std::string> signers;
    for (const Signer &signer : verdict.good)
        if (is_allowed(keyring.fingerprints, signer)) signers.push_back(signer.primary);
    std::sort(signers.begin(), signers.end());
    signers.erase(std::unique(signers.begin(), signers.end()), signers.end());
    if (!signers.empty()) return signers;

    if (!verdict.good.empty()) {
        std::vector<std::string> others;
        for (const Signer &signer : verdict.good) others.push_back(signer.primary);
        return fail(not_verified(repository, "is not by one of the keys that Signed-By names", keyring,
                                 "It is by " + joined(others) + "."));
    }
    if (!verdict.worthless.empty()) return fail(not_verified(repository, verdict.worthless, keyring, ""));
    if (!verdict.unknown.empty())
        return fail(not_verified(repository, "is by a key that is not trusted for it", keyring,
                                 "It is by key " + joined(verdict.unknown) + ", which is not in " +
                                     keyring.name + "."));
    return fail(not_verified(repository, "could not be verified", keyring,
                             "The program \"" + verifier.program + "\" ended with status " +
                                 std::to_string(result.exit_status) + ": " +
                                 std::string(trimmed(result.errors)).substr(0, 1000)));
}

}  // namespace pgx
