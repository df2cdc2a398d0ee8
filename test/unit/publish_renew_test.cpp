// publish_renew_test.cpp - what cron does, and what it deletes.
#include "core/publish/renew.h"

#include "core/publish/tidy.h"
#include "faulty_file_system.h"
#include "publish_test_support.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;
using std::chrono::days;
using std::chrono::hours;

class RenewTest : public PublishTest {
   protected:
    RenewTest() { make_registry(); }
    static Strings roles(const Publication &publication) {
        Strings names;
        for (const auto &role : publication.roles) names.push_back(role.role);
        return names;
    }
    void move_key(const std::string &name, const std::string &to = "away") {
        std::filesystem::create_directories(directory_ / to);
        std::filesystem::rename(key_directory() + "/" + name + ".key",
                                directory_ / to + "/" + name + ".key");
    }
};

TEST_F(RenewTest, WhatIsDue) {
    struct {
        days age;
        Strings renewed;
    } const table[] = {
        {days(0), {}},
        {days(3), {}},
        {days(4), {"timestamp"}},
        {days(16), {"snapshot", "timestamp"}},
    };
    for (const auto &row : table) {
        now_ = start + row.age;
        const auto renewal = renew();
        ASSERT_OK(renewal);
        EXPECT_EQ(roles(renewal->publication), row.renewed) << row.age.count();
        EXPECT_TRUE(renewal->left.empty());
        EXPECT_EQ(client().error, "");
    }
    now_ = start + days(183);
    const auto all = renew();
    ASSERT_OK(all);
    EXPECT_EQ(all->publication.roles.size(), 20U);
    EXPECT_EQ(all->publication.roles[0].role, "root");
    EXPECT_EQ(client().root, 2U);
    now_ = start + days(366);
    ASSERT_OK(renew());
    EXPECT_EQ(client().error, "");
}

TEST_F(RenewTest, WithTheKeysAtHand) {
    ASSERT_OK(add({bundle("thing")}));
    move_key("root");
    move_key("targets");
    now_ = start + days(250);
    const auto renewal = renew();
    ASSERT_OK(renewal);
    EXPECT_EQ(roles(renewal->publication), (Strings{"snapshot", "timestamp"}));
    ASSERT_EQ(renewal->left.size(), 18U);  // root, targets, 16 bins
    EXPECT_EQ(renewal->left[0].role, "root");
    EXPECT_TRUE(renewal->left[0].late);
    EXPECT_FALSE(renewal->left[0].expired);
    EXPECT_NE(renewal->left[0].reason.find(key_directory()), std::string::npos);
    expect_releases({"thing@1.0.0"});

    // Elsewhere, with the other keys: the root can be renewed without those of every day.
    const auto offline = renew("away");
    ASSERT_OK(offline);
    EXPECT_EQ(roles(offline->publication), Strings{"root"});
    EXPECT_EQ(offline->left.size(), 17U);
    EXPECT_NE(offline->left[0].reason.find("snapshot"), std::string::npos);
    EXPECT_EQ(client().root, 2U);

    now_ = start + days(366);
    const auto expired = renew();
    ASSERT_OK(expired);
    EXPECT_TRUE(expired->left[0].expired);
    EXPECT_EQ(expired->left[0].role, "targets");
}

TEST_F(RenewTest, OnlyATimestampKey) {
    for (const char *name : {"root", "targets", "snapshot"}) move_key(name);
    now_ = start + days(5);
    ASSERT_EQ(roles(renew()->publication), Strings{"timestamp"});
    now_ = start + days(200);
    const auto renewal = renew();
    ASSERT_OK(renewal);
    EXPECT_EQ(roles(renewal->publication), Strings{"timestamp"});
    EXPECT_EQ(renewal->left[0].role, "snapshot");
    EXPECT_TRUE(renewal->left[0].expired);
}

TEST_F(RenewTest, APassphraseThatNobodyTypesIsNoFailure) {
    std::filesystem::remove_all(folder().root);
    std::filesystem::remove_all(key_directory());
    KeyFolder at_hand = keys();
    fingerprint_ =
        initialize_registry(real_file_system(), folder(), at_hand, lifetimes_, now_, "word")
            ->fingerprint;
    now_ = start + days(200);
    const auto renewal = renew();
    ASSERT_OK(renewal);
    ASSERT_EQ(renewal->left.size(), 1U);
    EXPECT_EQ(renewal->left[0].role, "root");
    EXPECT_NE(renewal->left[0].reason.find("passphrase"), std::string::npos);
    EXPECT_EQ(client().error, "");
}

TEST_F(RenewTest, FormerGenerationsGoAfterADay) {
    ASSERT_OK(add({bundle("thing")}));
    const auto first = files();
    ASSERT_OK(add({bundle("thing", "2.0.0")}));
    ASSERT_OK(remove("thing", "1.0.0"));
    directory_.put("registry/metadata/timestamp.json.0123456789abcdef", "half");
    directory_.put("registry/targets/catalog/x.json.new", "half");
    date_files(now_);
    now_ += hours(23);
    auto renewal = renew();
    ASSERT_OK(renewal);
    EXPECT_EQ(renewal->files_deleted, 2U);  // what was half-written
    now_ += hours(2);
    renewal = renew();
    ASSERT_OK(renewal);
    EXPECT_GT(renewal->files_deleted, 4U);
    expect_releases({"thing@2.0.0"});
    EXPECT_EQ(files("targets").size(), 1U);
    // 16 bins, root, snapshot, targets, timestamp
    EXPECT_EQ(files("metadata").size(), 20U);
    EXPECT_EQ(renew()->files_deleted, 0U);
    ASSERT_OK(rotate("timestamp"));
    date_files(now_ - days(10));
    ASSERT_OK(renew());
    EXPECT_EQ(client().error, "");
    EXPECT_TRUE(std::filesystem::exists(folder().role_file("root", 1)));
}

TEST_F(RenewTest, WhatWasTakenOffTheListGoesToo) {
    ASSERT_OK(add({bundle("thing")}));
    // the last package moves to another shard, as when there are more of them
    KeyFolder at_hand = keys();
    auto generation = open();
    ASSERT_OK(generation->put_catalog("bin-0", "catalog/0000.json.zst", {}));
    ASSERT_OK(generation->publish(at_hand, lifetimes_, now_));
    EXPECT_EQ(files("targets").size(), 1U);
    date_files(now_);
    now_ += hours(25);
    ASSERT_OK(renew());
    EXPECT_EQ(files("targets").size(), 0U);
}

TEST_F(RenewTest, TidyingFailsWithWhatItCouldNotDo) {
    ASSERT_OK(add({bundle("thing")}));
    ASSERT_OK(add({bundle("thing", "2.0.0")}));
    date_files(now_ - days(2));
    FaultyFileSystem fs(real_file_system());
    fs.on_call([](std::string_view operation, const std::string &) {
        return operation == "unlink" ? EACCES : 0;
    });
    const auto deleted = delete_superseded(fs, folder(), now_, hours(24));
    ASSERT_FALSE(deleted);
    EXPECT_EQ(deleted.error().code, ErrorCode::permission_denied);
    expect_releases({"thing@2.0.0", "thing@1.0.0"});
}

}  // namespace
}  // namespace pgx
