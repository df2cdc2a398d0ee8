// publish_mirror_test.cpp - copies of registries, whole and in part.
#include "core/publish/mirror.h"

#include "core/publish/delegate.h"
#include "faulty_file_system.h"
#include "publish_test_support.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

class MirrorTest : public PublishTest {
   protected:
    MirrorTest() {
        make_registry();
        EXPECT_TRUE(add({bundle("thing"), bundle("thing", "2.0.0"), bundle("other")}));
        request_.root = fingerprint_;
    }
    RegistryFolder copy() const { return {directory_ / "copy"}; }
    FetchBundles fetch_bundles() {
        return [this](const std::vector<WantedBundle> &bundles) -> Result<void> {
            for (const WantedBundle &bundle : bundles) {
                fetched_.push_back(bundle.path.substr(bundle.path.rfind('/') + 1));
                TRY(copy_file_durably(real_file_system(),
                                      folder().bundle_file(bundle_path(bundle.artifact)),
                                      bundle.path, bundle.artifact.sha256));
            }
            return {};
        };
    }
    Result<MirrorResult> mirror(FileSystem &fs = real_file_system()) {
        FolderTransport transport(real_file_system(), folder());
        fetched_.clear();
        return mirror_registry(fs, transport, fetch_bundles(), copy(), request_, now_);
    }
    ClientView copy_client(tuf::Store *store = nullptr) {
        FolderTransport transport(real_file_system(), copy());
        tuf::MemoryStore fresh;
        auto view = read_as_client(transport, store ? *store : fresh, fingerprint_, now_);
        if (view) return *view;
        ClientView failed;
        failed.error = view.error().message;
        return failed;
    }
    Strings bundles_of_copy() {
        Strings names;
        for (const auto &entry : std::filesystem::recursive_directory_iterator(copy().bundles()))
            if (entry.is_regular_file()) names.push_back(entry.path().filename().string());
        std::sort(names.begin(), names.end());
        return names;
    }
    MirrorRequest request_;
    Strings fetched_;
};

TEST_F(MirrorTest, WholeAndIncremental) {
    const auto first = mirror();
    ASSERT_OK(first);
    EXPECT_EQ(first->packages, 2U);
    EXPECT_EQ(first->packages_chosen, 2U);
    EXPECT_EQ(first->bundles, 3U);
    EXPECT_EQ(first->bundles_fetched, 3U);
    EXPECT_TRUE(first->newer);
    EXPECT_EQ(first->expires, now_ + std::chrono::days(7));
    EXPECT_EQ(copy_client().releases(), client().releases());
    // metadata byte for byte: the fingerprint holds
    for (const char *name : {"1.root.json", "timestamp.json", "2.snapshot.json", "1.bin-3.json"})
        EXPECT_EQ(directory_.get("copy/metadata/" + std::string(name)),
                  directory_.get("registry/metadata/" + std::string(name)));
    const auto again = mirror();
    ASSERT_OK(again);
    EXPECT_FALSE(again->newer);
    EXPECT_EQ(again->bundles_fetched, 0U);
    EXPECT_EQ(again->catalog_files, 0U);

    ASSERT_OK(add({bundle("third")}));
    const auto third = mirror();
    ASSERT_OK(third);
    EXPECT_TRUE(third->newer);
    EXPECT_EQ(fetched_, Strings{"third-1.0.0+pg18-any.trunk"});
    EXPECT_EQ(third->catalog_files, 1U);
    EXPECT_EQ(copy_client().releases(), client().releases());
}

TEST_F(MirrorTest, OnlySomePackages) {
    request_.packages = {"oth*"};
    const auto result = mirror();
    ASSERT_OK(result);
    EXPECT_EQ(result->packages, 2U);
    EXPECT_EQ(result->packages_chosen, 1U);
    EXPECT_EQ(bundles_of_copy(), Strings{"other-1.0.0+pg18-any.trunk"});
    // A client is told of all, and can have what is here.
    EXPECT_EQ(copy_client().releases(), client().releases());
    request_.packages = {"thing", "nothing"};
    const auto none = mirror();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::unknown_package);
    EXPECT_NE(none.error().message.find("\"nothing\""), std::string::npos);
    request_.packages = {};
    request_.postgres = {17};
    EXPECT_EQ(mirror()->bundles, 0U);
    request_.postgres = {17, 18};
    EXPECT_EQ(mirror()->bundles_fetched, 2U);
    EXPECT_EQ(bundles_of_copy().size(), 3U);
}

TEST_F(MirrorTest, WhatWasWithdrawnGoes) {
    ASSERT_OK(mirror());
    ASSERT_OK(remove("thing", "1.0.0"));
    ASSERT_OK(remove("other"));
    const auto result = mirror();
    ASSERT_OK(result);
    EXPECT_EQ(result->bundles_deleted, 2U);
    EXPECT_EQ(bundles_of_copy(), Strings{"thing-2.0.0+pg18-any.trunk"});
    EXPECT_FALSE(std::filesystem::exists(directory_ / "copy/bundles/other"));
}

TEST_F(MirrorTest, DamageIsMended) {
    ASSERT_OK(mirror());
    const std::string shard = files("targets").at(0);
    directory_.put("copy/" + shard, "x");
    directory_.put("copy/bundles/thing/thing-2.0.0+pg18-any.trunk", "x");
    const auto result = mirror();
    ASSERT_OK(result);
    EXPECT_EQ(result->catalog_files, 1U);
    EXPECT_EQ(fetched_, Strings{"thing-2.0.0+pg18-any.trunk"});
    EXPECT_EQ(copy_client().releases(), client().releases());
}

TEST_F(MirrorTest, RotationsAndPublishersComeAlong) {
    tuf::MemoryStore store;
    ASSERT_OK(mirror());
    EXPECT_EQ(copy_client(&store).error, "");
    for (const char *role : {"timestamp", "root", "targets", "snapshot"}) ASSERT_OK(rotate(role));
    KeyFolder at_hand = keys();
    const tuf::PublicKey key = *at_hand.generate("acme");
    auto generation = open();
    ASSERT_OK(
        delegate_packages(*generation, {"acme", {key}, {"acme_*"}, 1}, at_hand, lifetimes_, now_));
    ASSERT_OK(mirror());  // one who has published nothing
    EXPECT_EQ(copy_client(&store).error, "");
    ASSERT_OK(add({bundle("acme_one")}, real_file_system(), "acme"));
    const auto result = mirror();
    ASSERT_OK(result);
    EXPECT_TRUE(result->missing_roles.empty());
    EXPECT_EQ(copy_client(&store).releases(), client().releases());
    EXPECT_EQ(copy_client(&store).root, 5U);
    // Begun with a later root, the earlier ones are there for those who trust them.
    std::filesystem::remove_all(copy().root);
    request_.root = {3, *sha256_of_file(real_file_system(), folder().role_file("root", 3))};
    ASSERT_OK(mirror());
    EXPECT_EQ(copy_client().releases(), client().releases());
    ASSERT_OK(mirror());
}

TEST_F(MirrorTest, Refusals) {
    struct {
        const char *what;
        std::function<void()> prepare;
        ErrorCode code;
    } const table[] = {
        {"fingerprint", [&] { request_.root.sha256 = std::string(64, '0'); },
         ErrorCode::digest_mismatch},
        {"expired", [&] { now_ += std::chrono::days(8); }, ErrorCode::metadata_expired},
        {"shard", [&] { directory_.put("registry/" + files("targets").at(0), "x"); },
         ErrorCode::digest_mismatch},
        {"bin", [&] { directory_.put("registry/metadata/1.bin-4.json", "x"); },
         ErrorCode::registry_malformed},
        {"bundle", [&] { directory_.put("registry/" + files("bundles").at(0), "x"); },
         ErrorCode::digest_mismatch},
    };
    for (const auto &row : table) {
        std::filesystem::remove_all(folder().root);
        std::filesystem::remove_all(key_directory());
        now_ = start;
        make_registry();
        request_.root = fingerprint_;
        ASSERT_OK(add({bundle("thing")}));
        row.prepare();
        const auto result = mirror();
        ASSERT_FALSE(result) << row.what;
        EXPECT_EQ(result.error().code, row.code) << row.what << ": " << result.error().message;
        EXPECT_FALSE(std::filesystem::exists(copy().timestamp_file())) << row.what;
    }
}

TEST_F(MirrorTest, ACopyOfAnotherRegistry) {
    ASSERT_OK(mirror());
    std::filesystem::remove_all(folder().root);
    std::filesystem::remove_all(key_directory());
    make_registry();
    request_.root = fingerprint_;
    const auto result = mirror();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::wrong_state);
    // also when nothing is left of its first root
    std::filesystem::remove(copy().role_file("root", 1));
    EXPECT_EQ(mirror().error().code, ErrorCode::wrong_state);
}

// Neither an older generation nor a snapshot that has lost something is taken over.
TEST_F(MirrorTest, NoWayBack) {
    const std::string saved = directory_ / "saved";
    std::filesystem::copy(folder().root, saved, std::filesystem::copy_options::recursive);
    ASSERT_OK(add({bundle("third")}));
    ASSERT_OK(mirror());
    std::filesystem::remove_all(folder().root);
    std::filesystem::copy(saved, folder().root, std::filesystem::copy_options::recursive);
    const auto older = mirror();
    ASSERT_FALSE(older);
    EXPECT_EQ(older.error().code, ErrorCode::metadata_rolled_back);
    // a newer timestamp over an old snapshot's roles
    for (int i = 0; i < 3; ++i) {
        KeyFolder at_hand = keys();
        auto generation = open();
        PublishOptions options;
        options.renew_snapshot = true;
        ASSERT_OK(generation->publish(at_hand, lifetimes_, now_, options));
    }
    const auto lost = mirror();
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, ErrorCode::metadata_rolled_back);
    EXPECT_EQ(copy_client().releases(),
              (Strings{"other@1.0.0", "thing@2.0.0", "thing@1.0.0", "third@1.0.0"}));
}

TEST_F(MirrorTest, EveryFault) {
    ASSERT_OK(mirror());
    ASSERT_OK(add({bundle("third")}));
    ASSERT_OK(remove("other"));
    const std::string saved = directory_ / "saved";
    std::filesystem::copy(copy().root, saved, std::filesystem::copy_options::recursive);
    const Strings before = copy_client().releases(), after = client().releases();
    ASSERT_NE(before, after);
    for (std::size_t n = 1;; ++n) {
        std::filesystem::remove_all(copy().root);
        std::filesystem::copy(saved, copy().root, std::filesystem::copy_options::recursive);
        FaultyFileSystem fs(real_file_system());
        fs.fail_at(n, EIO);
        const auto result = mirror(fs);
        const Strings seen = copy_client().releases();
        EXPECT_TRUE(seen == before || seen == after) << n << copy_client().error;
        if (result) break;
        ASSERT_OK(mirror());
        EXPECT_EQ(copy_client().releases(), after) << n;
    }
}

}  // namespace
}  // namespace pgx
