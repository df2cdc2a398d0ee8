// publish_initialize_test.cpp - new registries.
#include "core/publish/initialize.h"

#include "faulty_file_system.h"
#include "publish_test_support.h"

namespace pgx {
namespace {

class InitializeTest : public PublishTest {};

TEST_F(InitializeTest, AClientCanReadIt) {
    make_registry();
    expect_releases({});
    const ClientView view = client();
    EXPECT_EQ(view.timestamp, 1U);
    EXPECT_EQ(view.root, 1U);
    EXPECT_EQ(files().size(), 20U);  // 16 bins and the four roles
    EXPECT_EQ(files("bundles"), std::vector<std::string>{});
    EXPECT_EQ(*sha256_of_file(real_file_system(), folder().role_file("root", 1)),
              fingerprint_.sha256);
    EXPECT_EQ((*keys().registry())->sha256, fingerprint_.sha256);
    for (const char *name : {"root", "targets", "snapshot", "timestamp"})
        EXPECT_EQ((*real_file_system().info(key_directory() + "/" + name + ".key"))->mode, 0600U);
}

TEST_F(InitializeTest, EachRoleHasItsKeyAndTime) {
    ASSERT_OK(lifetimes_.change("snapshot=40"));
    make_registry();
    const auto generation = open();
    ASSERT_OK(generation);
    const tuf::Root &root = generation->root();
    EXPECT_EQ(root.expires, now_ + std::chrono::days(365));
    EXPECT_EQ(generation->timestamp().expires, now_ + std::chrono::days(7));
    EXPECT_EQ(generation->snapshot().expires, now_ + std::chrono::days(40));
    EXPECT_EQ(root.keys.size(), 4U);
    for (const auto &[name, role] : root.roles)
        EXPECT_EQ(keys().file_of(role.key_ids.at(0)), key_directory() + "/" + name + ".key");
}

TEST_F(InitializeTest, Refusals) {
    make_registry();
    const auto init = [&](const std::string &registry, const std::string &key_folder) {
        KeyFolder at_hand = keys(key_folder);
        return initialize_registry(real_file_system(), {directory_ / registry}, at_hand, lifetimes_,
                                   now_);
    };
    struct {
        const char *registry, *keys, *message;
        ErrorCode code;
    } const table[] = {
        {"registry", "keys2", "there is a registry in", ErrorCode::wrong_state},
        {"other", "keys", "belong to another registry", ErrorCode::wrong_state},
        {"full", "keys2", "is not empty", ErrorCode::wrong_state},
        {"other", "other/keys", "is in the registry's", ErrorCode::invalid_argument},
        {"other", "other", "is in the registry's", ErrorCode::invalid_argument},
        {"other", "x/../other/metadata", "is in the registry's", ErrorCode::invalid_argument},
    };
    directory_.put("full/file", "x");
    for (const auto &row : table) {
        const auto made = init(row.registry, row.keys);
        ASSERT_FALSE(made) << row.message;
        EXPECT_EQ(made.error().code, row.code);
        EXPECT_NE(made.error().message.find(row.message), std::string::npos)
            << made.error().message;
        EXPECT_FALSE(made.error().hint.empty());
    }
    EXPECT_FALSE(*real_file_system().info(directory_ / "other"));
    EXPECT_FALSE(*real_file_system().info(directory_ / "keys2"));
    // A name that only begins alike is another folder.
    EXPECT_TRUE(init("other", "other-keys"));
    expect_releases({});
}

TEST_F(InitializeTest, AnEncryptedRootKey) {
    KeyFolder at_hand = keys();
    ASSERT_OK(initialize_registry(real_file_system(), folder(), at_hand, lifetimes_, now_, "word"));
    EXPECT_NE(directory_.get("keys/root.key").find("sealed"), std::string::npos);
    EXPECT_EQ(directory_.get("keys/targets.key").find("sealed"), std::string::npos);
}

TEST_F(InitializeTest, EveryFaultLeavesNothing) {
    for (std::size_t n = 1;; n += n < 60 ? 1 : 3) {
        const TemporaryDirectory directory;
        FaultyFileSystem fs(real_file_system());
        KeyFolder at_hand = *KeyFolder::open(fs, directory / "keys", no_passphrase());
        const RegistryFolder registry{directory / "registry"};
        fs.fail_at(n, EIO);
        const auto made = initialize_registry(fs, registry, at_hand, lifetimes_, now_);
        if (made) break;
        fs.heal();
        const bool there = (*fs.info(registry.timestamp_file())).has_value();
        if (there) {
            // The very last step failed after it had taken effect.
            EXPECT_TRUE(Generation::open(fs, registry)) << n;
            continue;
        }
        EXPECT_TRUE((*fs.list(registry.metadata())).empty()) << n;
        EXPECT_TRUE((*fs.list(directory / "keys")).empty()) << n;
        KeyFolder again = *KeyFolder::open(fs, directory / "keys", no_passphrase());
        EXPECT_TRUE(initialize_registry(fs, registry, again, lifetimes_, now_)) << n;
    }
}

}  // namespace
}  // namespace pgx
