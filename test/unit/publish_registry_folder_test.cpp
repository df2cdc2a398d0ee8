// publish_registry_folder_test.cpp - names in a registry, and its lock.
#include "core/publish/registry_folder.h"

#include "publish_test_support.h"

namespace pgx {
namespace {

TEST(RegistryFolder, Paths) {
    const RegistryFolder folder{"/r"};
    EXPECT_EQ(folder.timestamp_file(), "/r/metadata/timestamp.json");
    EXPECT_EQ(folder.role_file("bin-3", 12), "/r/metadata/12.bin-3.json");
    EXPECT_EQ(folder.role_file("a/b", 1), "/r/metadata/1.a%2Fb.json");
    EXPECT_EQ(folder.target_file("catalog/3f00.json.zst", "aa"),
              "/r/targets/catalog/aa.3f00.json.zst");
    EXPECT_EQ(folder.target_file("x", "aa"), "/r/targets/aa.x");
    EXPECT_EQ(folder.bundle_file("bundles/a/b.trunk"), "/r/bundles/a/b.trunk");
}

TEST(RegistryFolder, MetadataFileNames) {
    const auto parsed = parse_metadata_file_name("12.publisher-a.b.json");
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->role, "publisher-a.b");
    EXPECT_EQ(parsed->version, 12U);
    for (const char *name :
         {"timestamp.json", "1.json", "root.json", "01.root.json", "1.root", ".root.json",
          "1..json", "99999999999999999999.root.json", ".json", "", "-1.root.json"})
        EXPECT_FALSE(parse_metadata_file_name(name)) << name;
}

TEST(RegistryFolder, TargetDigest) {
    tuf::TargetFile file;
    file.hashes["sha512"] = "00";
    const auto none = target_sha256(file, "catalog/x");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::registry_malformed);
    EXPECT_NE(none.error().message.find("catalog/x"), std::string::npos);
    file.hashes["sha256"] = "11";
    EXPECT_EQ(*target_sha256(file, "x"), "11");
}

TEST(RegistryFolder, TransportIsAWebServerOfTheFolder) {
    const TemporaryDirectory directory;
    directory.put("metadata/timestamp.json", "12345");
    directory.put("targets/catalog/x", "target");
    FolderTransport transport(real_file_system(), {directory.path()});
    using Kind = tuf::FileRequest::Kind;
    const auto answers = transport.fetch({{Kind::metadata, "timestamp.json", 5, false},
                                          {Kind::metadata, "2.root.json", 5, true},
                                          {Kind::target, "catalog/x", 6, false}});
    ASSERT_OK(answers);
    EXPECT_EQ((*answers)[0], "12345");
    EXPECT_EQ((*answers)[1], std::nullopt);
    EXPECT_EQ((*answers)[2], "target");
    const auto missing = transport.fetch({{Kind::metadata, "x", 5, false}});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::registry_refused);
    const auto large = transport.fetch({{Kind::metadata, "timestamp.json", 4, false}});
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().code, ErrorCode::limit_exceeded);
}

TEST(RegistryLock, OneAtATime) {
    const TemporaryDirectory directory;
    constexpr std::chrono::milliseconds impatient(0);
    {
        auto held = RegistryLock::take(directory.path(), impatient);
        ASSERT_OK(held);
        const auto second = RegistryLock::take(directory.path(), impatient);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, ErrorCode::wrong_state);
        const RegistryLock moved = std::move(*held);
        EXPECT_FALSE(RegistryLock::take(directory.path(), impatient));
    }
    EXPECT_TRUE(RegistryLock::take(directory.path(), impatient));
    EXPECT_FALSE(RegistryLock::take(directory / "nothing"));
}

}  // namespace
}  // namespace pgx
