#include "core/registry/signature.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "apt_test_support.h"

namespace pgx {
namespace {

const std::string text = "Origin: Example\nSuite: stable\n- dashed line\nSHA256:\n x \n";
// What is signed of it: the last newline and blanks at the ends of lines do not belong to a clear signature.
const std::string signed_part = "Origin: Example\nSuite: stable\n- dashed line\nSHA256:\n x";

// Keys are made once for all tests of this file.
class Signature : public ::testing::TestWithParam<SignatureVerifier::Kind> {
   protected:
    static void SetUpTestSuite() {
        keys = std::make_unique<TestKeys>();
        if (!keys->available()) return;
        for (const char *name : {"one", "two", "three"}) keys->make(name);
        keys->add_signing_subkey("two");
        keys->make("old", "1y", "20200101T000000");
    }
    static void TearDownTestSuite() { keys.reset(); }

    void SetUp() override {
        if (!keys->available()) GTEST_SKIP() << "gpg is not installed";
        verifier.kind = GetParam();
        const char *name = GetParam() == SignatureVerifier::Kind::sqv ? "sqv" : "gpgv";
        verifier.program = find_program(name);
        if (verifier.program.empty()) GTEST_SKIP() << name << " is not installed";
    }

    Keyring ring(const std::string &bytes, std::vector<std::string> fingerprints = {}) {
        auto binary = binary_keys(bytes);
        EXPECT_TRUE(binary) << whole(binary);
        return Keyring{binary ? *binary : "", "keyring \"test.gpg\"", std::move(fingerprints)};
    }
    Result<std::vector<std::string>> verify(const std::string &clear, const Keyring &keyring) {
        ClearSigned parts = TRY(split_clear_signed(clear));
        auto result = verify_signature(parts, keyring, verifier, "http://example.org/debian stable",
                                       directory.path(), real_file_system());
        EXPECT_TRUE(std::filesystem::is_empty(directory.path())) << "temporary files are left";
        return result;
    }
    void expect_refused(const Result<std::vector<std::string>> &result, std::string_view says) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::signature_invalid);
        EXPECT_NE(whole(result).find(says), std::string::npos) << whole(result);
        EXPECT_NE(result.error().message.find("http://example.org/debian stable"), std::string::npos);
        EXPECT_NE(result.error().hint.find("test.gpg"), std::string::npos);
    }

    static std::unique_ptr<TestKeys> keys;
    SignatureVerifier verifier;
    TemporaryDirectory directory;
};

std::unique_ptr<TestKeys> Signature::keys;

TEST_P(Signature, GoodWithBinaryAndArmoredKeyring) {
    std::string clear = keys->clear_signed(text, {"one"});
    for (const std::string &bytes : {keys->binary("one"), keys->armored("one"), keys->binary("three") + keys->binary("one"),
                                     keys->armored("three") + "\n" + keys->armored("one")}) {
        auto signers = verify(clear, ring(bytes));
        ASSERT_TRUE(signers) << whole(signers);
        EXPECT_EQ(*signers, (std::vector<std::string>{keys->fingerprint("one")}));
    }
}

TEST_P(Signature, Detached) {
    std::string signature = keys->detached(text, {"one"});
    ASSERT_TRUE(check_detached_signature(signature));
    auto check = [&](const std::string &signed_text) {
        return verify_signature({signed_text, signature}, ring(keys->binary("one")), verifier,
                                "http://example.org/debian stable", directory.path(), real_file_system());
    };
    EXPECT_TRUE(check(text));
    expect_refused(check(text + "More: 1\n"), "is bad");
}

TEST_P(Signature, KeyThatIsNotInTheKeyring) {
    expect_refused(verify(keys->clear_signed(text, {"two"}), ring(keys->binary("one"))),
                   "is by a key that is not trusted for it");
}

TEST_P(Signature, ChangedText) {
    std::string clear = keys->clear_signed(text, {"one"});
    clear.replace(clear.find("Example"), 7, "Exemple");
    expect_refused(verify(clear, ring(keys->binary("one"))), "is bad");
}

TEST_P(Signature, OneOfTwoIsEnough) {
    std::string clear = keys->clear_signed(text, {"one", "three"});
    auto first = verify(clear, ring(keys->binary("one")));
    ASSERT_TRUE(first) << whole(first);
    EXPECT_EQ(first->size(), 1u);
    auto second = verify(clear, ring(keys->binary("three")));
    ASSERT_TRUE(second) << whole(second);
    EXPECT_EQ(second->front(), keys->fingerprint("three"));
    auto both = verify(clear, ring(keys->binary("three") + keys->binary("one")));
    ASSERT_TRUE(both) << whole(both);
    EXPECT_EQ(both->size(), 2u);
    EXPECT_TRUE(std::is_sorted(both->begin(), both->end()));
    expect_refused(verify(clear, ring(keys->binary("two"))), "is by a key that is not trusted for it");
}

TEST_P(Signature, BySubkey) {
    // gpg signs with the newest subkey; the primary key is the one that is trusted and told.
    std::string clear = keys->clear_signed(text, {"two"});
    auto signers = verify(clear, ring(keys->binary("two")));
    ASSERT_TRUE(signers) << whole(signers);
    EXPECT_EQ(signers->front(), keys->fingerprint("two"));
    EXPECT_TRUE(verify(clear, ring(keys->binary("two"), {keys->fingerprint("two")})));
    auto exactly = verify(clear, ring(keys->binary("two"), {keys->fingerprint("two") + "!"}));
    auto exact_subkey = verify(clear, ring(keys->binary("two"), {keys->fingerprint("two", 1) + "!"}));
    if (GetParam() == SignatureVerifier::Kind::sqv) {
        expect_refused(exactly, "tells only whose key it was");
    } else {
        expect_refused(exactly, "is not by one of the keys that Signed-By names");
        EXPECT_TRUE(exact_subkey) << whole(exact_subkey);
    }
}

TEST_P(Signature, FingerprintsSelectFromTheKeyring) {
    std::string clear = keys->clear_signed(text, {"one"});
    std::string all = keys->binary("one") + keys->binary("three");
    EXPECT_TRUE(verify(clear, ring(all, {keys->fingerprint("one")})));
    EXPECT_TRUE(verify(clear, ring(all, {keys->fingerprint("three"), keys->fingerprint("one")})));
    expect_refused(verify(clear, ring(all, {keys->fingerprint("three")})), "is not by one of the keys that Signed-By names");
}

TEST_P(Signature, ByExpiredKey) {
    // Signed while the key was good. gpgv refuses it and sqv does not, and so do the versions of apt that use them.
    std::string clear = keys->clear_signed(text, {"old"}, "20200301T000000");
    auto result = verify(clear, ring(keys->binary("old")));
    if (GetParam() == SignatureVerifier::Kind::gpgv)
        expect_refused(result, "is by a key that has expired");
    else
        EXPECT_TRUE(result) << whole(result);
}

TEST_P(Signature, MadeAfterTheKeyExpired) {
    // The key's life is shortened after the fact: signed in March with a key that ended in February.
    TestKeys others;
    others.make("short", "never", "20200101T000000");
    std::string clear = others.clear_signed(text, {"short"}, "20200301T000000");
    auto set = run_command("gpg", {"--homedir", others.directory() / "gpg", "--batch", "--quiet", "--passphrase", "",
                                   "--pinentry-mode", "loopback", "--faked-system-time", "20200102T000000",
                                   "--quick-set-expire", others.fingerprint("short"), "1m"});
    ASSERT_TRUE(set && set->exit_status == 0);
    expect_refused(verify(clear, ring(others.binary("short"))), "is by a key that has expired");
}

TEST_P(Signature, WeakDigest) {
    auto result = verify(keys->clear_signed(text, {"one"}, {}, "SHA1"), ring(keys->binary("one")));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::signature_invalid);
}

TEST_P(Signature, RubbishForASignature) {
    std::string clear = keys->clear_signed(text, {"one"});
    std::size_t begin = clear.find("-----BEGIN PGP SIGNATURE-----");
    clear = clear.substr(0, begin) + "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n";
    expect_refused(verify(clear, ring(keys->binary("one"))), "could not be verified");
}

TEST_P(Signature, VerifierThatIsGone) {
    verifier.program = directory / "none";
    auto result = verify(keys->clear_signed(text, {"one"}), ring(keys->binary("one")));
    EXPECT_FALSE(result);
}

TEST_P(Signature, WhatIsVerifiedIsWhatIsUsed) {
    std::string clear = keys->clear_signed(text, {"one"});
    auto parts = split_clear_signed(clear);
    ASSERT_TRUE(parts) << whole(parts);
    EXPECT_EQ(parts->text, signed_part);
    // Each of these is accepted by some reader of clear signatures and makes it see other text than was signed.
    std::string header = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n";
    std::string rest = clear.substr(header.size());
    for (const std::string &attack :
         {"Suite: evil\n" + clear, "\n" + clear, clear + "Suite: evil\n", clear + "\n", clear + clear,
          header + "Suite: evil\n" + rest, header + "-Suite: evil\n" + rest,
          header + "\n-----BEGIN PGP SIGNED MESSAGE-----\n" + rest,
          header + "\nA: 1\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n\n" + clear}) {
        auto result = split_clear_signed(attack);
        ASSERT_FALSE(result) << attack;
        EXPECT_EQ(result.error().code, ErrorCode::signature_invalid) << whole(result);
    }
}

INSTANTIATE_TEST_SUITE_P(Verifiers, Signature,
                         ::testing::Values(SignatureVerifier::Kind::sqv, SignatureVerifier::Kind::gpgv),
                         [](const auto &kind) {
                             return kind.param == SignatureVerifier::Kind::sqv ? "sqv" : "gpgv";
                         });

TEST(ClearSignature, Missing) {
    for (const char *bytes : {"", "Origin: Example\n", "<html>please log in</html>"}) {
        auto result = split_clear_signed(bytes);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::signature_missing);
        auto detached = check_detached_signature(bytes);
        ASSERT_FALSE(detached);
        EXPECT_EQ(detached.error().code, *bytes == '\0' ? ErrorCode::signature_missing : ErrorCode::signature_invalid);
    }
}

TEST(ClearSignature, Malformed) {
    const std::string begin = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n";
    const std::string signature = "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n";
    auto good = split_clear_signed(begin + "a\r\n- -b  \n" + signature + signature);
    ASSERT_TRUE(good) << whole(good);
    EXPECT_EQ(good->text, "a\n-b");
    EXPECT_EQ(good->signature, signature + signature);
    for (const std::string &bytes :
         {begin, begin + "a\n", begin + "a\n-b\n" + signature, begin + "a\n-----BEGIN PGP SIGNATURE-----\nAAAA\n",
          begin + "a\n-----BEGIN PGP SIGNATURE-----\n-x\n-----END PGP SIGNATURE-----\n", begin + "a\n" + signature + "x",
          std::string("-----BEGIN PGP SIGNED MESSAGE-----\n")}) {
        auto result = split_clear_signed(bytes);
        ASSERT_FALSE(result) << bytes;
        EXPECT_EQ(result.error().code, ErrorCode::signature_invalid);
    }
    EXPECT_TRUE(check_detached_signature(signature));
    EXPECT_FALSE(check_detached_signature("x\n" + signature));
    EXPECT_FALSE(check_detached_signature(signature + "x\n"));
}

TEST(Keyrings, BinaryKeys) {
    auto armored = binary_keys("text before\n-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\nmAAA\n=abcd\n"
                               "-----END PGP PUBLIC KEY BLOCK-----\n");
    ASSERT_TRUE(armored) << whole(armored);
    EXPECT_EQ(*armored, std::string("\x98\0\0", 3));
    for (const char *bad : {"", "rubbish", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmAAA\n",
                            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!!\n-----END PGP PUBLIC KEY BLOCK-----\n",
                            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"}) {
        auto keys = binary_keys(bad);
        ASSERT_FALSE(keys) << bad;
        EXPECT_EQ(keys.error().code, ErrorCode::signature_invalid);
    }
}

class LoadKeyring : public ::testing::Test {
   protected:
    Result<Keyring> load(const SignedBy &signed_by) {
        AptConfig config = parse_apt_config("Dir \"" + directory.path() + "/\";\nDir::Etc \"etc\";\n"
                                            "Dir::Etc::trustedparts \"trusted.gpg.d\";\n" + legacy).value();
        return load_keyring(signed_by, config, real_file_system());
    }
    TemporaryDirectory directory;
    std::string legacy;
};

TEST_F(LoadKeyring, NamedFilesAreUsedAndNoOthers) {
    directory.put("etc/trusted.gpg.d/host.gpg", "\x98host");
    std::string a = directory.put("a.gpg", "\x98one"), b = directory.put("b.gpg", "\x99two");
    std::filesystem::create_symlink(b, directory / "link.gpg");
    auto ring = load({{a, directory / "link.gpg"}, {"F"}, ""});
    ASSERT_TRUE(ring) << whole(ring);
    EXPECT_EQ(ring->keys, "\x98one\x99two");
    EXPECT_EQ(ring->fingerprints, (std::vector<std::string>{"F"}));
    EXPECT_EQ(ring->name, "keyring \"" + a + "\", \"" + directory.path() + "/link.gpg\"");
}

TEST_F(LoadKeyring, NamedFilesThatCannotBeUsed) {
    for (const std::string &path : {directory / "none.gpg", directory.put("kbx", "\0\0\0 KBXf"), directory.put("empty", "")}) {
        auto ring = load({{path}, {}, ""});
        ASSERT_FALSE(ring) << path;
        EXPECT_EQ(ring.error().code, ErrorCode::signature_invalid);
        EXPECT_NE(ring.error().message.find(path), std::string::npos);
    }
    auto inline_key = load({{}, {}, "-----BEGIN PGP PUBLIC KEY BLOCK-----"});
    ASSERT_FALSE(inline_key);
    EXPECT_EQ(inline_key.error().code, ErrorCode::signature_invalid);
}

TEST_F(LoadKeyring, WithoutSignedByTheHostsKeysCount) {
    auto none = load({});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::signature_invalid);
    directory.put("etc/trusted.gpg.d/a.gpg", "\x98" "a");
    directory.put("etc/trusted.gpg.d/b.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmAAA\n-----END PGP PUBLIC KEY BLOCK-----\n");
    directory.put("etc/trusted.gpg.d/c.gpg", "rubbish is ignored");
    directory.put("etc/trusted.gpg.d/d.gpg~", "\x98 not read");
    directory.put("etc/trusted.gpg", "\x99legacy");
    auto ring = load({});
    ASSERT_TRUE(ring) << whole(ring);
    EXPECT_EQ(ring->keys, std::string("\x98" "a\x98\0\0", 5));
    legacy = "Dir::Etc::trusted \"trusted.gpg\";\n";
    auto with_legacy = load({});
    ASSERT_TRUE(with_legacy) << whole(with_legacy);
    EXPECT_EQ(with_legacy->keys, std::string("\x98" "a\x98\0\0\x99legacy", 12));
}

TEST(ChooseVerifier, FollowsApt) {
    std::string sqv = find_program("sqv"), gpgv = find_program("gpgv");
    if (sqv.empty() || gpgv.empty()) GTEST_SKIP() << "sqv or gpgv is not installed";
    TemporaryDirectory directory;
    using Kind = SignatureVerifier::Kind;
    auto choose = [&](const std::string &settings) {
        auto config = parse_apt_config(settings);
        EXPECT_TRUE(config);
        return choose_verifier(*config, real_file_system());
    };
    std::string methods = "Dir::Bin::methods \"" + directory.path() + "\";\n";
    auto old_apt = choose(methods + "APT::Key::Assert-Pubkey-Algo \">=rsa2048\";\n");
    ASSERT_TRUE(old_apt) << whole(old_apt);
    EXPECT_EQ(old_apt->kind, Kind::gpgv);
    EXPECT_EQ(old_apt->key_algorithms, ">=rsa2048");
    directory.put("sqv", "");
    auto new_apt = choose(methods);
    ASSERT_TRUE(new_apt);
    EXPECT_EQ(new_apt->kind, Kind::sqv);
    EXPECT_EQ(new_apt->program, sqv);
    EXPECT_NE(new_apt->identity(), old_apt->identity());
    auto set = choose(methods + "APT::Key::GPGVCommand \"/usr/bin/gpgv-other\";\n");
    ASSERT_TRUE(set);
    EXPECT_EQ(set->kind, Kind::gpgv);
    EXPECT_EQ(set->program, "/usr/bin/gpgv-other");
    auto no_apt = choose("");
    ASSERT_TRUE(no_apt);
    EXPECT_EQ(no_apt->kind, Kind::sqv);
}

}  // namespace
}  // namespace pgx
