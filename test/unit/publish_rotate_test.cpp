// publish_rotate_test.cpp - other keys for each role, before the eyes of clients.
#include "core/publish/rotate.h"

#include "faulty_file_system.h"
#include "publish_test_support.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

class RotateTest : public PublishTest {
   protected:
    RotateTest() {
        make_registry();
        EXPECT_TRUE(add({bundle("thing")}));
    }
    std::string key_of(const std::string &role) { return open()->root().roles.at(role).key_ids[0]; }
};

class EachRole : public RotateTest, public ::testing::WithParamInterface<const char *> {};

TEST_P(EachRole, ClientsFollow) {
    const std::string role = GetParam();
    tuf::MemoryStore store;
    EXPECT_EQ(client(&store).error, "");
    const std::string before = key_of(role);
    const auto rotated = rotate(role);
    ASSERT_OK(rotated);
    EXPECT_EQ(rotated->roles[0].role, "root");
    EXPECT_NE(key_of(role), before);
    const std::string old_file = keys().file_of(before);
    ASSERT_FALSE(old_file.empty());
    std::filesystem::remove(old_file);  // it is needed no more
    EXPECT_EQ(client(&store).error, "");
    EXPECT_EQ(client(&store).root, 2U);
    EXPECT_EQ(client().error, "");  // from the first root
    ASSERT_OK(add({bundle("other")}));
    EXPECT_EQ(client(&store).releases(), (Strings{"other@1.0.0", "thing@1.0.0"}));
    expect_releases({"other@1.0.0", "thing@1.0.0"});
    now_ += std::chrono::days(300);
    ASSERT_OK(renew());
    EXPECT_EQ(client(&store).error, "");
}

// Between any two files that are written, a client can read the registry.
TEST_P(EachRole, NoInstantWithoutAReadableRegistry) {
    KeyFolder at_hand = keys();
    FaultyFileSystem fs(real_file_system());
    auto generation = open(fs);
    ASSERT_OK(generation);
    const tuf::PublicKey key = *at_hand.generate(GetParam());
    const auto next = rotate_keys(generation->root(), {GetParam(), {key}, {}}, lifetimes_, now_);
    const std::string bytes = *sign_root(generation->root(), *next, at_hand);
    tuf::MemoryStore store;
    ASSERT_EQ(client(&store).error, "");
    int renames = 0;
    fs.on_call([&](std::string_view operation, const std::string &) {
        if (operation == "rename") {
            ++renames;
            EXPECT_EQ(client().error, "");
            EXPECT_EQ(client(&store).error, "");
        }
        return 0;
    });
    ASSERT_OK(install_root(*generation, bytes, at_hand, lifetimes_, now_));
    EXPECT_GE(renames, 1);
    EXPECT_EQ(client(&store).root, 2U);
    EXPECT_EQ(client(&store).releases(), Strings{"thing@1.0.0"});
}

TEST_P(EachRole, EveryFault) {
    const std::string saved = directory_ / "saved";
    std::filesystem::copy(folder().root, saved, std::filesystem::copy_options::recursive);
    KeyFolder at_hand = keys();
    const tuf::PublicKey key = *at_hand.generate(GetParam());
    for (std::size_t n = 1;; ++n) {
        std::filesystem::remove_all(folder().root);
        std::filesystem::copy(saved, folder().root, std::filesystem::copy_options::recursive);
        FaultyFileSystem fs(real_file_system());
        const auto run = [&]() -> Result<Publication> {
            Generation generation = TRY(open(fs));
            const tuf::Root next =
                TRY(rotate_keys(generation.root(), {GetParam(), {key}, {}}, lifetimes_, now_));
            const std::string bytes = TRY(sign_root(generation.root(), next, at_hand));
            return install_root(generation, bytes, at_hand, lifetimes_, now_);
        };
        fs.fail_at(n, EIO);
        const auto rotated = run();
        EXPECT_EQ(client().error, "") << n;
        if (rotated) break;
        fs.heal();
        const auto again = run();
        ASSERT_OK(again);
        expect_releases({"thing@1.0.0"});
    }
}

INSTANTIATE_TEST_SUITE_P(Rotate, EachRole,
                         ::testing::Values("root", "targets", "snapshot", "timestamp"));

// The old key is lost, so nothing can be signed with both: the root comes first, and an
// interruption right after it can be mended.
TEST_F(RotateTest, LostKeyAndInterruption) {
    std::filesystem::remove(key_directory() + "/timestamp.key");
    KeyFolder at_hand = keys();
    const tuf::PublicKey key = *at_hand.generate("timestamp");
    FaultyFileSystem fs(real_file_system());
    auto generation = open(fs);
    const auto next = rotate_keys(generation->root(), {"timestamp", {key}, {}}, lifetimes_, now_);
    const std::string bytes = *sign_root(generation->root(), *next, at_hand);
    fs.on_call([&](std::string_view operation, const std::string &path) {
        return operation == "rename" && path.find("timestamp.json") != path.npos ? EIO : 0;
    });
    ASSERT_FALSE(install_root(*generation, bytes, at_hand, lifetimes_, now_));
    const auto stuck = open();
    ASSERT_FALSE(stuck);
    EXPECT_EQ(stuck.error().code, ErrorCode::signature_invalid);
    OpenOptions options;
    options.expected = fingerprint_;
    options.previous_root = true;
    auto mended = Generation::open(real_file_system(), folder(), options);
    ASSERT_OK(mended);
    ASSERT_OK(renew_registry(*mended, directory_ / "scratch", at_hand, lifetimes_, now_));
    ASSERT_OK(open());
    EXPECT_EQ(client().root, 2U);
    expect_releases({"thing@1.0.0"});
}

TEST_F(RotateTest, Thresholds) {
    const tuf::Root root = open()->root();
    KeyFolder at_hand = keys();
    const tuf::PublicKey a = *at_hand.generate("a"), b = *at_hand.generate("b");
    struct {
        KeyRotation rotation;
        bool good;
    } const table[] = {
        {{"root", {a, b}, 2}, true},  {{"root", {a, a}, 2}, false}, {{"root", {a}, 0}, false},
        {{"root", {a, b}, 3}, false}, {{"root", {}, 1}, false},     {{"bin-0", {a}, 1}, false},
        {{"x", {a}, 1}, false},       {{"targets", {a}, {}}, true},
    };
    for (const auto &row : table) {
        const auto next = rotate_keys(root, row.rotation, lifetimes_, now_);
        EXPECT_EQ(next.has_value(), row.good) << row.rotation.role;
        if (!next) {
            EXPECT_EQ(next.error().code, ErrorCode::invalid_argument);
            EXPECT_FALSE(next.error().hint.empty());
            continue;
        }
        EXPECT_EQ(next->version, root.version + 1);
        EXPECT_EQ(next->roles.at(row.rotation.role).key_ids.size(), row.rotation.keys.size());
        for (const auto &[name, role] : next->roles)
            for (const std::string &id : role.key_ids) EXPECT_TRUE(next->keys.contains(id));
        EXPECT_FALSE(next->keys.contains(root.roles.at(row.rotation.role).key_ids[0]));
    }
}

// Two people, each with a key of the new root; the old one is with a third.
TEST_F(RotateTest, SignedByOneAfterTheOther) {
    const tuf::SecretKey ann = *tuf::SecretKey::generate(), bob = *tuf::SecretKey::generate();
    KeyFolder nobody = keys("none");
    const tuf::Root root = open()->root();
    const auto next =
        rotate_keys(root, {"root", {ann.public_key(), bob.public_key()}, 2}, lifetimes_, now_);
    std::string bytes = *sign_root(root, *next, nobody);
    const auto install = [&] {
        KeyFolder at_hand = keys();
        auto generation = open();
        return install_root(*generation, bytes, at_hand, lifetimes_, now_);
    };
    const auto expect_refused = [&](const std::string &text) {
        const auto installed = install();
        ASSERT_FALSE(installed);
        EXPECT_EQ(installed.error().code, ErrorCode::signature_invalid);
        EXPECT_NE(installed.error().message.find(text), std::string::npos)
            << installed.error().message;
        EXPECT_EQ(client().root, 1U);
    };
    expect_refused("present root");
    KeyFolder at_hand = keys();
    bytes = *tuf::add_signature(bytes, **at_hand.key(root.roles.at("root").key_ids[0]));
    expect_refused("its own");
    bytes = *tuf::add_signature(bytes, ann);
    bytes = *tuf::add_signature(bytes, ann);
    expect_refused("its own");
    bytes = *tuf::add_signature(bytes, bob);
    ASSERT_OK(install());
    EXPECT_EQ(client().root, 2U);
    const auto again = install();
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::wrong_state);
    EXPECT_EQ(check_next_root(root, "{}").error().code, ErrorCode::registry_malformed);
}

}  // namespace
}  // namespace pgx
