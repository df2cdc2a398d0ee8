// tuf_secret_key_test.cpp - signing keys and their files.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/tuf/secret_key.h"
#include "temporary_directory.h"

namespace pgx::tuf {
namespace {

// As little as libsodium allows, since this is not about resisting anybody.
constexpr PassphraseCost cheap{1, 8192};

Result<std::string> not_asked() {
    ADD_FAILURE() << "no passphrase is needed";
    return "";
}
std::function<Result<std::string>()> answer(std::string passphrase) {
    return [passphrase]() -> Result<std::string> { return passphrase; };
}

class TufSecretKey : public ::testing::Test {
   protected:
    TemporaryDirectory directory_;
    FileSystem &fs_ = real_file_system();
    const std::string path_ = directory_ / "root.key";
};

TEST_F(TufSecretKey, SignsWhatItsPublicPartVerifies) {
    const SecretKey key = SecretKey::generate().value();
    const std::string signature = key.sign("message").value();
    EXPECT_TRUE(key.public_key().verifies("message", signature));
    EXPECT_FALSE(key.public_key().verifies("massage", signature));
    EXPECT_NE(key.id(), SecretKey::generate()->id());
    EXPECT_EQ(SecretKey::from_seed(key.seed())->id(), key.id());
    EXPECT_FALSE(SecretKey::from_seed("short"));
}

TEST_F(TufSecretKey, FileWithoutPassphrase) {
    const SecretKey key = SecretKey::generate().value();
    ASSERT_TRUE(write_secret_key(fs_, path_, key, ""));
    EXPECT_EQ(fs_.info(path_).value()->mode, 0600u);
    const auto read = read_secret_key(fs_, path_, not_asked);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->id(), key.id());
    EXPECT_EQ(read->sign("x").value(), key.sign("x").value());
}

TEST_F(TufSecretKey, FileWithPassphrase) {
    const SecretKey key = SecretKey::generate().value();
    ASSERT_TRUE(write_secret_key(fs_, path_, key, "correct horse", cheap));
    EXPECT_EQ(directory_.get("root.key").find(hex_from_bytes(key.seed())), std::string::npos);
    EXPECT_EQ(read_secret_key(fs_, path_, answer("correct horse"))->id(), key.id());
    const auto wrong = read_secret_key(fs_, path_, answer("wrong"));
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::permission_denied);
    const auto refused = read_secret_key(fs_, path_, []() -> Result<std::string> {
        return fail(ErrorCode::cancelled, "no terminal");
    });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::cancelled);
}

TEST_F(TufSecretKey, IsNeverOverwritten) {
    const SecretKey first = SecretKey::generate().value();
    ASSERT_TRUE(write_secret_key(fs_, path_, first, ""));
    const auto again = write_secret_key(fs_, path_, SecretKey::generate().value(), "");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::wrong_state);
    EXPECT_EQ(read_secret_key(fs_, path_, not_asked)->id(), first.id());
    EXPECT_FALSE(write_secret_key(fs_, directory_ / "missing/x.key", first, ""));
}

TEST_F(TufSecretKey, MustNotBeReadableByOthers) {
    ASSERT_TRUE(write_secret_key(fs_, path_, SecretKey::generate().value(), ""));
    for (const unsigned mode : {0640u, 0604u, 0610u}) {
        ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
        const auto key = read_secret_key(fs_, path_, not_asked);
        ASSERT_FALSE(key);
        EXPECT_EQ(key.error().code, ErrorCode::permission_denied);
        EXPECT_NE(key.error().hint.find("chmod 600"), std::string::npos);
    }
}

TEST_F(TufSecretKey, DamagedFilesAreErrors) {
    const SecretKey key = SecretKey::generate().value();
    ASSERT_TRUE(write_secret_key(fs_, path_, key, ""));
    ASSERT_TRUE(write_secret_key(fs_, directory_ / "sealed", key, "p", cheap));
    const Json plain = parse_json(directory_.get("root.key")).value();
    const Json sealed = parse_json(directory_.get("sealed")).value();
    const auto without = [](Json json, const char *member) {
        json.erase(member);
        return json;
    };
    const auto with = [](Json json, const char *pointer, const Json &value) {
        json[Json::json_pointer(pointer)] = value;
        return json;
    };
    const std::pair<Json, ErrorCode> cases[] = {
        {Json::array(), ErrorCode::invalid_argument},
        {without(plain, "pgx"), ErrorCode::invalid_argument},
        {without(plain, "format"), ErrorCode::invalid_argument},
        {with(plain, "/format", 2), ErrorCode::feature_not_supported},
        {without(plain, "secret"), ErrorCode::invalid_argument},
        {with(plain, "/secret", "00"), ErrorCode::invalid_argument},
        {with(plain, "/secret", 7), ErrorCode::invalid_argument},
        {with(plain, "/secret", std::string(64, '0')), ErrorCode::invalid_argument},
        {with(plain, "/id", std::string(64, '0')), ErrorCode::invalid_argument},
        {with(sealed, "/sealed", 1), ErrorCode::invalid_argument},
        {with(sealed, "/sealed/kdf", "scrypt"), ErrorCode::invalid_argument},
        {with(sealed, "/sealed/operations", 0), ErrorCode::invalid_argument},
        {with(sealed, "/sealed/operations", 1000000), ErrorCode::invalid_argument},
        {with(sealed, "/sealed/memory", std::uint64_t{1} << 40), ErrorCode::invalid_argument},
        {with(sealed, "/sealed/salt", "00"), ErrorCode::invalid_argument},
        {with(sealed, "/sealed/nonce", nullptr), ErrorCode::invalid_argument},
        {with(sealed, "/sealed/box", std::string(96, '0')), ErrorCode::permission_denied},
    };
    for (const auto &[json, code] : cases) {
        directory_.put("bad", json.dump());
        ASSERT_EQ(::chmod((directory_ / "bad").c_str(), 0600), 0);
        const auto read = read_secret_key(fs_, directory_ / "bad", answer("p"));
        ASSERT_FALSE(read) << json.dump();
        EXPECT_EQ(error_info(read.error().code).name, std::string(error_info(code).name))
            << json.dump() << read.error().message;
    }
    EXPECT_FALSE(read_secret_key(fs_, directory_ / "missing", not_asked));
}

TEST_F(TufSecretKey, PublicKeyFile) {
    const SecretKey key = SecretKey::generate().value();
    EXPECT_EQ(parse_public_key(public_key_text(key.public_key()))->id(), key.id());
    EXPECT_EQ(public_key_text(key.public_key()).find(hex_from_bytes(key.seed())),
              std::string::npos);
    // a secret key's file has the public part too, whether it is encrypted or not
    ASSERT_TRUE(write_secret_key(fs_, path_, key, "p", cheap));
    EXPECT_EQ(read_public_key(fs_, path_)->id(), key.id());

    Json json = parse_json(public_key_text(key.public_key())).value();
    json["id"] = std::string(64, '0');
    EXPECT_FALSE(parse_public_key(json.dump()));
    json.erase("key");
    EXPECT_FALSE(parse_public_key(json.dump()));
    EXPECT_FALSE(parse_public_key("{}"));
    EXPECT_FALSE(parse_public_key("ssh-ed25519 AAAA"));
    Json unknown = {{"keytype", "x"}, {"scheme", "y"}, {"keyval", Json::object()}};
    Json file = {{"pgx", "public key"},
                 {"format", 1},
                 {"id", PublicKey::from_json(unknown)->id()},
                 {"key", unknown}};
    EXPECT_FALSE(parse_public_key(file.dump()));
    const auto missing = read_public_key(fs_, directory_ / "missing");
    ASSERT_FALSE(missing);
    const auto bad = read_public_key(fs_, directory_.put("text", "nothing"));
    ASSERT_FALSE(bad);
    EXPECT_NE(bad.error().message.find("text\""), std::string::npos);
}

}  // namespace
}  // namespace pgx::tuf
