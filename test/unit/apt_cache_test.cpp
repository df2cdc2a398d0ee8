#include "core/registry/apt_cache.h"

#include <gtest/gtest.h>

#include "apt_test_support.h"
#include "faulty_file_system.h"

namespace pgx {
namespace {

class AptCacheTest : public ::testing::Test {
   protected:
    AptCache open() {
        auto cache = AptCache::open(directory.path(), real_file_system());
        EXPECT_TRUE(cache) << whole(cache);
        return std::move(*cache);
    }
    TemporaryDirectory directory;
};

TEST_F(AptCacheTest, KeepsAndReplaces) {
    AptCache cache = open();
    EXPECT_EQ(cache.load("name"), std::nullopt);
    ASSERT_TRUE(cache.store("name", "one"));
    ASSERT_TRUE(cache.store("name", "two\nlines"));
    ASSERT_TRUE(cache.store("json", R"({"a": 1})"));
    AptCache other = open();
    EXPECT_EQ(other.load("name"), "two\nlines");
    ASSERT_TRUE(other.load_json("json"));
    EXPECT_EQ(other.load_json("json")->at("a"), 1);
    EXPECT_EQ(other.load_json("name"), std::nullopt);
}

TEST_F(AptCacheTest, DamageIsAMiss) {
    AptCache cache = open();
    ASSERT_TRUE(cache.store("name", "content"));
    std::string good = directory.get("apt/name");
    std::string flipped = good;
    flipped.back() ^= 1;
    std::string other_digest = good;
    other_digest[0] = other_digest[0] == '0' ? '1' : '0';
    for (const std::string &bytes : {std::string(), good.substr(0, 10), good.substr(0, 65), good.substr(0, good.size() - 1),
                                     good + "x", flipped, other_digest, std::string(200, '\0')}) {
        directory.put("apt/name", bytes);
        EXPECT_EQ(cache.load("name"), std::nullopt) << bytes;
    }
    directory.put("apt/name", good);
    EXPECT_EQ(cache.load("name"), "content");
    std::filesystem::remove(directory / "apt/name");
    std::filesystem::create_symlink(directory.put("elsewhere", good), directory / "apt/name");
    EXPECT_EQ(cache.load("name"), std::nullopt) << "a link is not followed";
}

TEST_F(AptCacheTest, FailedStoreLeavesTheOldContent) {
    AptCache before = open();
    ASSERT_TRUE(before.store("name", "old"));
    for (const char *operation : {"create", "append", "close", "rename"}) {
        FaultyFileSystem fs(real_file_system());
        auto cache = AptCache::open(directory.path(), fs);
        ASSERT_TRUE(cache);
        fs.on_call([&](std::string_view doing, const std::string &) { return doing == operation ? ENOSPC : 0; });
        auto stored = cache->store("name", "new");
        ASSERT_FALSE(stored) << operation;
        EXPECT_EQ(stored.error().code, ErrorCode::disk_full);
        EXPECT_EQ(open().load("name"), "old");
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory / "apt"), {}), 1) << operation;
    }
}

TEST_F(AptCacheTest, SweepsWhatIsOldAndUnused) {
    AptCache first = open();
    for (const char *name : {"used", "unused", "recent"}) ASSERT_TRUE(first.store(name, name));
    std::string part = first.temporary_path("index");
    EXPECT_TRUE(part.starts_with(first.directory() + "/index."));
    TestRepository::put(part, "half");
    TestRepository::put(first.directory() + "/fresh.part", "half");
    std::filesystem::create_directory(first.directory() + "/verify-1");
    auto now = std::filesystem::file_time_type::clock::now();
    auto age = [&](const std::string &path, int days) {
        std::filesystem::last_write_time(path, now - std::chrono::hours(24 * days));
    };
    for (const char *name : {"used", "unused"}) age(first.directory() + "/" + name, 91);
    age(first.directory() + "/recent", 89);
    age(part, 2);
    age(first.directory() + "/verify-1", 2);
    AptCache cache = open();
    ASSERT_TRUE(cache.load("used"));
    cache.sweep(std::time(nullptr));
    std::vector<std::string> left;
    for (const auto &entry : std::filesystem::directory_iterator(first.directory()))
        left.push_back(entry.path().filename().string());
    std::sort(left.begin(), left.end());
    EXPECT_EQ(left, (std::vector<std::string>{"fresh.part", "recent", "used"}));
}

TEST_F(AptCacheTest, DirectoryThatCannotBeMade) {
    directory.put("apt", "a file");
    EXPECT_FALSE(AptCache::open(directory.path(), real_file_system()));
}

TEST(AptCacheParts, DigestAndNames) {
    auto digest = sha256_of("abc");
    ASSERT_TRUE(digest);
    EXPECT_EQ(*digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_NE(random_name(), random_name());
}

}  // namespace
}  // namespace pgx
