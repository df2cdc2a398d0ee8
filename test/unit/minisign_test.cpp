// minisign_test.cpp - signatures and keys, our own and those of the program minisign.
#include "core/bundle/minisign.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <functional>

#include "core/registry/subprocess.h"
#include "faulty_file_system.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

class MinisignTest : public ::testing::Test {
   protected:
    MinisignTest() : key_(*MinisignSecretKey::generate()) {
        path_ = directory_.put("file", "the content\n");
    }
    std::string sign(const std::string &comment = "name=x version=1.0.0") {
        return *minisign_sign(real_file_system(), path_, key_, comment);
    }
    Result<MinisignVerified> verify(const std::string &signature) {
        return minisign_verify(real_file_system(), path_, signature, {key_.public_key()});
    }
    void expect_invalid(const std::string &signature, const std::string &reason) {
        const auto result = verify(signature);
        ASSERT_FALSE(result) << signature;
        EXPECT_EQ(result.error().code, ErrorCode::signature_invalid);
        EXPECT_NE(result.error().detail.find(reason), std::string::npos) << result.error().detail;
    }
    static std::vector<std::string> lines(const std::string &text) {
        std::vector<std::string> result(1);
        for (const char c : text)
            if (c == '\n')
                result.emplace_back();
            else
                result.back() += c;
        if (result.back().empty()) result.pop_back();
        return result;
    }
    static std::string joined(const std::vector<std::string> &parts) {
        std::string text;
        for (const std::string &part : parts) text += part + "\n";
        return text;
    }
    // The signature with one line changed.
    std::string with(std::size_t line, const std::function<void(std::string &)> &change) {
        std::vector<std::string> all = lines(sign());
        change(all.at(line));
        return joined(all);
    }
    // A line of base64 with one byte of what it stands for changed.
    static void flip(std::string &line, std::size_t byte) {
        std::vector<unsigned char> bytes(line.size());
        std::size_t size = 0;
        ASSERT_EQ(sodium_base642bin(bytes.data(), bytes.size(), line.data(), line.size(), nullptr,
                                    &size, nullptr, sodium_base64_VARIANT_ORIGINAL),
                  0);
        bytes.at(byte) ^= 1;
        sodium_bin2base64(line.data(), line.size() + 1, bytes.data(), size,
                          sodium_base64_VARIANT_ORIGINAL);
    }

    TemporaryDirectory directory_;
    MinisignSecretKey key_;
    std::string path_;
};

TEST_F(MinisignTest, SignedAndVerified) {
    const auto verified = verify(sign());
    ASSERT_TRUE(verified) << verified.error().detail;
    EXPECT_EQ(verified->trusted_comment, "name=x version=1.0.0");
    EXPECT_EQ(verified->key, key_.public_key());
    EXPECT_TRUE(verify(sign("")));
    EXPECT_TRUE(verify(sign("timestamp:1\tfile:x\thashed")));
    EXPECT_TRUE(verify(sign("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x98")));
    EXPECT_TRUE(verify(sign(std::string(8192, 'x'))));
    std::string without_newline = sign();
    without_newline.pop_back();
    EXPECT_TRUE(verify(without_newline));
    const auto in_memory = minisign_verify_bytes("the content\n", sign(), {key_.public_key()});
    EXPECT_TRUE(in_memory);
    EXPECT_FALSE(minisign_verify_bytes("other", sign(), {key_.public_key()}));
}

TEST_F(MinisignTest, OneOfSeveralKeys) {
    const MinisignSecretKey other = *MinisignSecretKey::generate();
    MinisignPublicKey same_number = other.public_key();
    same_number.id = key_.public_key().id;
    const auto verified = minisign_verify(real_file_system(), path_, sign(),
                                          {other.public_key(), same_number, key_.public_key()});
    ASSERT_TRUE(verified) << verified.error().detail;
    EXPECT_EQ(verified->key, key_.public_key());
    for (const std::vector<MinisignPublicKey> &keys :
         {std::vector<MinisignPublicKey>{}, {other.public_key()}, {same_number}})
        EXPECT_EQ(minisign_verify(real_file_system(), path_, sign(), keys).error().code,
                  ErrorCode::signature_invalid);
}

TEST_F(MinisignTest, NotWhatWasSigned) {
    const std::string signature = sign();
    directory_.put("file", "the content!\n");
    expect_invalid(signature, "The file is not the one");
    directory_.put("file", "the content\n");
    EXPECT_TRUE(verify(signature));
    expect_invalid(with(2, [](std::string &line) { line += " "; }), "trusted comment is not");
    expect_invalid(with(2, [](std::string &line) { line[20] = 'y'; }), "trusted comment is not");
    expect_invalid(with(3, [](std::string &line) { flip(line, 5); }), "trusted comment is not");
    expect_invalid(with(1, [](std::string &line) { flip(line, 15); }), "The file is not the one");
    expect_invalid(with(1, [](std::string &line) { flip(line, 4); }), "which is not among");
    // The comment of another signature of the same key.
    std::vector<std::string> mixed = lines(sign("name=a")), other = lines(sign("name=b"));
    directory_.put("file", "something else\n");
    other = lines(sign("name=b"));
    directory_.put("file", "the content\n");
    mixed[2] = other[2];
    mixed[3] = other[3];
    expect_invalid(joined(mixed), "trusted comment is not");
}

TEST_F(MinisignTest, Malformed) {
    expect_invalid("", "four lines");
    std::vector<std::string> all = lines(sign());
    expect_invalid(joined({all[0], all[1], all[2]}), "four lines");
    expect_invalid(joined({all[0], all[1], all[2], all[3], ""}), "four lines");
    expect_invalid("\n" + joined(all), "four lines");
    expect_invalid(joined({all[1], all[0], all[2], all[3]}), "four lines");
    expect_invalid(with(0, [](std::string &line) { line = "comment: x"; }), "four lines");
    expect_invalid(with(2, [](std::string &line) { line = "trusted comment:x"; }), "four lines");
    expect_invalid(with(0, [](std::string &line) { line += std::string(1024, 'x'); }), "too long");
    expect_invalid(with(2, [](std::string &line) { line += std::string(8192, 'x'); }), "too long");
    expect_invalid(with(1, [](std::string &line) { line.pop_back(); }), "base64");
    expect_invalid(with(1, [](std::string &line) { line += "AAAA"; }), "base64");
    expect_invalid(with(1, [](std::string &line) { line = line.substr(0, 96); }), "base64");
    expect_invalid(with(1, [](std::string &line) { line[7] = '*'; }), "base64");
    expect_invalid(with(3, [](std::string &line) { line += " "; }), "base64");
    expect_invalid(with(3, [](std::string &line) { line.clear(); }), "base64");
    expect_invalid(with(1, [](std::string &line) { flip(line, 0); }), "not known");
    for (const char *bad :
         {"\x1b[2J", "\x7f", "\x80", "\xc2\x85", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80",
          "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xe2\x82", "\xf4\x90\x80\x80", "\r"}) {
        expect_invalid(with(2, [&](std::string &line) { line += bad; }), "cannot be printed");
        const auto refused = minisign_sign(real_file_system(), path_, key_, bad);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    }
    EXPECT_FALSE(minisign_sign(real_file_system(), path_, key_, std::string(8193, 'x')));
}

TEST_F(MinisignTest, TheOldKindIsRefused) {
    expect_invalid(with(1,
                        [](std::string &line) {
                            ASSERT_TRUE(line.starts_with("RU"));
                            line[1] = 'W';
                        }),
                   "old kind");
}

TEST_F(MinisignTest, PublicKeys) {
    const MinisignPublicKey key = key_.public_key();
    EXPECT_EQ(minisign_public_key_text(key).size(), 56U);
    EXPECT_TRUE(minisign_public_key_text(key).starts_with("RW"));
    EXPECT_EQ(*parse_minisign_public_key(minisign_public_key_text(key)), key);
    EXPECT_EQ(*parse_minisign_public_key(minisign_public_key_file(key)), key);
    const auto known =
        parse_minisign_public_key("RWTvuAbrVcpSfLTQxokjLQdtpgMUAIhFn84xv+CmMFR7DgUWMWxZd/uA");
    ASSERT_TRUE(known);
    EXPECT_EQ(minisign_key_id(*known), "7C52CA55EB06B8EF");
    for (const std::string &text :
         {std::string(), std::string("RW"), minisign_public_key_text(key) + "\nmore\n",
          "comment\n" + minisign_public_key_text(key), minisign_public_key_text(key) + "AAAA",
          " " + minisign_public_key_text(key), "AA" + minisign_public_key_text(key).substr(2),
          "untrusted comment: " + std::string(1024, 'x') + "\n" + minisign_public_key_text(key)}) {
        const auto parsed = parse_minisign_public_key(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
    }
}

TEST_F(MinisignTest, SecretKeys) {
    const std::string plain = *key_.file();
    const auto again = MinisignSecretKey::parse(plain);
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(again->public_key(), key_.public_key());
    EXPECT_EQ(*again->file(), plain);

    const std::string locked = *key_.file("secret", true);
    EXPECT_NE(locked, *key_.file("secret", true));
    const auto opened = MinisignSecretKey::parse(locked, "secret");
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_EQ(*opened->file(), plain);
    EXPECT_EQ(MinisignSecretKey::parse(locked).error().code, ErrorCode::permission_denied);
    EXPECT_EQ(MinisignSecretKey::parse(locked, "wrong").error().code, ErrorCode::invalid_argument);

    std::vector<std::string> all = lines(plain);
    const auto changed = [&](std::size_t byte) {
        std::vector<std::string> copy = all;
        flip(copy[1], byte);
        return joined(copy);
    };
    for (const std::size_t byte : {0U, 1U, 2U, 4U, 130U})
        EXPECT_EQ(MinisignSecretKey::parse(changed(byte)).error().code, ErrorCode::invalid_argument)
            << byte;
    for (const std::string &text : {std::string(), all[1], joined({all[0], all[1], ""}),
                                    joined({"x", all[1]}), joined({all[0], all[1].substr(4)})})
        EXPECT_EQ(MinisignSecretKey::parse(text).error().code, ErrorCode::invalid_argument);

    // 2^57 operations; the memory's highest byte likewise.
    std::vector<std::string> expensive = lines(locked);
    flip(expensive[1], 45);
    EXPECT_EQ(MinisignSecretKey::parse(joined(expensive), "secret").error().code,
              ErrorCode::limit_exceeded);
    expensive = lines(locked);
    flip(expensive[1], 53);
    EXPECT_EQ(MinisignSecretKey::parse(joined(expensive), "secret").error().code,
              ErrorCode::limit_exceeded);
}

TEST_F(MinisignTest, AMovedKeyStillSigns) {
    MinisignSecretKey moved = std::move(key_);
    const MinisignPublicKey key = moved.public_key();
    MinisignSecretKey target = *MinisignSecretKey::generate();
    target = std::move(moved);
    const std::string signature = *minisign_sign(real_file_system(), path_, target, "x");
    EXPECT_TRUE(minisign_verify(real_file_system(), path_, signature, {key}));
}

TEST_F(MinisignTest, FilesThatCannotBeRead) {
    const std::string signature = sign();
    EXPECT_EQ(
        minisign_verify(real_file_system(), directory_ / "missing", signature, {key_.public_key()})
            .error()
            .code,
        ErrorCode::io);
    for (std::size_t n = 1; n <= 3; ++n) {
        FaultyFileSystem fs(real_file_system());
        fs.fail_at(n, EIO);
        EXPECT_EQ(minisign_sign(fs, path_, key_, "x").error().code, ErrorCode::io) << n;
    }
}

// What the program itself makes and accepts.
class MinisignProgramTest : public MinisignTest {
   protected:
    void SetUp() override {
        if (find_program("minisign").empty()) GTEST_SKIP() << "minisign is not installed";
    }
    CommandResult run(const std::vector<std::string> &arguments) {
        auto result = run_command("minisign", arguments, {"HOME=" + directory_.path()});
        EXPECT_TRUE(result);
        return result ? *result : CommandResult{};
    }
};

TEST_F(MinisignProgramTest, ItsSignatures) {
    ASSERT_EQ(run({"-G", "-W", "-p", directory_ / "p", "-s", directory_ / "s"}).exit_status, 0);
    ASSERT_EQ(run({"-S", "-s", directory_ / "s", "-m", path_, "-t", "name=x"}).exit_status, 0);
    const auto key = parse_minisign_public_key(directory_.get("p"));
    ASSERT_TRUE(key) << key.error().detail;
    const std::string signature = directory_.get("file.minisig");
    const auto verified = minisign_verify(real_file_system(), path_, signature, {*key});
    ASSERT_TRUE(verified) << verified.error().detail;
    EXPECT_EQ(verified->trusted_comment, "name=x");
    const auto secret = MinisignSecretKey::parse(directory_.get("s"));
    ASSERT_TRUE(secret) << secret.error().detail;
    EXPECT_EQ(secret->public_key(), *key);
    EXPECT_EQ(*secret->file(), directory_.get("s"));
    EXPECT_EQ(minisign_public_key_file(*key), directory_.get("p"));
    // Ed25519 signatures leave nothing to chance.
    EXPECT_EQ(*minisign_sign(real_file_system(), path_, *secret, "name=x"), signature);

    ASSERT_EQ(run({"-S", "-l", "-s", directory_ / "s", "-m", path_}).exit_status, 0);
    const auto old =
        minisign_verify(real_file_system(), path_, directory_.get("file.minisig"), {*key});
    ASSERT_FALSE(old);
    EXPECT_NE(old.error().detail.find("old kind"), std::string::npos);
}

TEST_F(MinisignProgramTest, OurSignatures) {
    directory_.put("p", minisign_public_key_file(key_.public_key()));
    directory_.put("s", *key_.file());
    directory_.put("file.minisig", sign("name=x"));
    const CommandResult verified = run({"-V", "-H", "-p", directory_ / "p", "-m", path_});
    EXPECT_EQ(verified.exit_status, 0) << verified.errors;
    EXPECT_NE(verified.output.find("Trusted comment: name=x"), std::string::npos);
    std::filesystem::remove(directory_ / "file.minisig");
    ASSERT_EQ(run({"-S", "-s", directory_ / "s", "-m", path_}).exit_status, 0);
    EXPECT_TRUE(verify(directory_.get("file.minisig")));
}

}  // namespace
}  // namespace pgx
