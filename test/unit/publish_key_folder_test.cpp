// publish_key_folder_test.cpp - which keys are at hand, and signing with them.
#include "core/publish/key_folder.h"

#include <sys/stat.h>

#include "publish_test_support.h"

namespace pgx {
namespace {

class KeyFolderTest : public PublishTest {
   protected:
    tuf::Role role_of(const std::vector<tuf::PublicKey> &members, std::uint64_t threshold) {
        tuf::Role role;
        role.threshold = threshold;
        for (const tuf::PublicKey &key : members) {
            role.key_ids.push_back(key.id());
            known_.emplace(key.id(), key);
        }
        return role;
    }
    tuf::Keys known_;
    const Json part_ = {{"_type", "x"}};
};

TEST_F(KeyFolderTest, FindsKeysByTheirIds) {
    KeyFolder folder = keys();
    EXPECT_EQ(folder.directory(), key_directory());
    const auto first = folder.generate("root");
    const auto second = folder.generate("root");
    ASSERT_OK(first);
    ASSERT_OK(second);
    EXPECT_EQ(folder.file_of(first->id()), key_directory() + "/root.key");
    EXPECT_EQ(folder.file_of(second->id()), key_directory() + "/root-2.key");
    EXPECT_EQ((*real_file_system().info(key_directory()))->mode, 0700U);

    KeyFolder again = keys();
    EXPECT_TRUE(again.has(first->id()));
    EXPECT_EQ((*again.key(second->id()))->id(), second->id());
    EXPECT_EQ(*again.key(second->id()), *again.key(second->id()));  // read once
    const auto unknown = again.key("00");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, ErrorCode::wrong_state);
    EXPECT_EQ(again.file_of("00"), "");
}

TEST_F(KeyFolderTest, OtherFilesAreLeftAlone) {
    directory_.put("keys/notes.txt", "x");
    directory_.put("keys/x.pub", "x");
    EXPECT_TRUE(KeyFolder::open(real_file_system(), key_directory(), no_passphrase()));
    directory_.put("keys/broken.key", "x");
    EXPECT_FALSE(KeyFolder::open(real_file_system(), key_directory(), no_passphrase()));
    EXPECT_TRUE(KeyFolder::open(real_file_system(), directory_ / "none", no_passphrase()));
}

TEST_F(KeyFolderTest, SignsWithWhatIsAtHand) {
    KeyFolder folder = keys();
    const tuf::PublicKey a = *folder.generate("a"), b = *folder.generate("b");
    const tuf::PublicKey away = tuf::SecretKey::generate()->public_key();
    const tuf::Role role = role_of({a, b, away}, 2);
    EXPECT_EQ(folder.count(role), 2U);
    EXPECT_TRUE(folder.can_sign(role));
    const auto bytes = sign_with(folder, "thing", role, part_);
    ASSERT_OK(bytes);
    const Json signatures = parse_json(*bytes)->at("signatures");
    EXPECT_EQ(signatures.size(), 2U);

    const auto too_few = sign_with(folder, "thing", role_of({a, b, away}, 3), part_);
    ASSERT_FALSE(too_few);
    EXPECT_EQ(too_few.error().code, ErrorCode::wrong_state);
    EXPECT_NE(too_few.error().message.find("thing"), std::string::npos);
    EXPECT_NE(too_few.error().detail.find(away.id().substr(0, 16)), std::string::npos);
    EXPECT_NE(too_few.error().hint.find("--keys"), std::string::npos);

    const auto both = sign_with(folder, "thing", role_of({a}, 1), part_, {b.id(), away.id()});
    EXPECT_EQ(parse_json(*both)->at("signatures").size(), 2U);
}

TEST_F(KeyFolderTest, EncryptedKeys) {
    const tuf::SecretKey key = *tuf::SecretKey::generate();
    ASSERT_OK(real_file_system().make_directory(key_directory(), 0700));
    ASSERT_OK(tuf::write_secret_key(real_file_system(), key_directory() + "/k.key", key, "secret",
                                    {1, 8192}));
    std::vector<std::string> asked;
    KeyFolder folder = *KeyFolder::open(real_file_system(), key_directory(),
                                        [&](const std::string &file) -> Result<std::string> {
                                            asked.push_back(file);
                                            return std::string("secret");
                                        });
    EXPECT_TRUE(folder.has(key.id()));
    EXPECT_TRUE(asked.empty());
    ASSERT_OK(folder.key(key.id()));
    ASSERT_OK(folder.key(key.id()));
    EXPECT_EQ(asked, std::vector<std::string>{key_directory() + "/k.key"});

    KeyFolder unattended = keys();
    const tuf::Role role = role_of({key.public_key()}, 1);
    EXPECT_TRUE(unattended.can_sign(role));
    const std::vector<Error> errors = unattended.drop_unreadable(role);
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_FALSE(unattended.can_sign(role));
    EXPECT_TRUE(unattended.drop_unreadable(role).empty());
}

TEST_F(KeyFolderTest, AFileOfTwoHalves) {
    KeyFolder folder = keys();
    const tuf::PublicKey a = *folder.generate("a");
    Json file = *parse_json(directory_.get("keys/a.key"));
    const tuf::SecretKey other = *tuf::SecretKey::generate();
    file["public"] = other.public_key().json()["keyval"]["public"];
    directory_.put("keys/a.key", file.dump());
    KeyFolder changed = keys();
    ASSERT_TRUE(changed.has(other.id()));
    EXPECT_FALSE(changed.key(other.id()));
}

TEST_F(KeyFolderTest, WhoseKeysTheyAre) {
    KeyFolder folder = keys();
    EXPECT_EQ(*folder.registry(), std::nullopt);
    ASSERT_OK(folder.generate("a"));
    const tuf::Fingerprint fingerprint{3, std::string(64, 'a')};
    ASSERT_OK(folder.remember_registry(fingerprint));
    EXPECT_EQ((*folder.registry())->sha256, fingerprint.sha256);
    EXPECT_EQ((*folder.registry())->version, 3U);
    directory_.put("keys/fingerprint", "nonsense");
    const auto broken = folder.registry();
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().message.find(key_directory()), std::string::npos);
}

}  // namespace
}  // namespace pgx
