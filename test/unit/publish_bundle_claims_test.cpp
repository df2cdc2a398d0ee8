// publish_bundle_claims_test.cpp - what a catalog says against what is in a bundle.
#include "core/publish/bundle_claims.h"

#include <functional>

#include "core/catalog/catalog_limits.h"
#include "publish_test_support.h"

namespace pgx {
namespace {

CatalogRelease release() {
    CatalogRelease result;
    result.version = "1.0.0";
    result.extensions = {{"thing", "1.0", {"plpgsql"}}};
    result.modules = {"thing"};
    result.preload = {"thing"};
    return result;
}

TEST(BundleClaims, Differences) {
    const CatalogRelease held = release();
    EXPECT_TRUE(compare_claims("thing", release(), held, true));
    const struct {
        const char *what;
        std::function<void(CatalogRelease &)> edit;
        bool says_more;  // no defect while not all bundles are known
    } table[] = {
        {"extension \"postgis\"",
         [](auto &r) {
             r.extensions.push_back({"postgis", "1", {}});
         },
         true},
        {"extension \"thing\"", [](auto &r) { r.extensions.clear(); }, false},
        {"version \"2.0\"", [](auto &r) { r.extensions[0].version = "2.0"; }, false},
        {"plpgsql", [](auto &r) { r.extensions[0].requires_.clear(); }, false},
        {"other", [](auto &r) { r.extensions[0].requires_.push_back("other"); }, true},
        {"module \"thing\"", [](auto &r) { r.modules.clear(); }, false},
        {"module \"more\"", [](auto &r) { r.modules.push_back("more"); }, true},
        {"preload", [](auto &r) { r.preload.clear(); }, false},
        {"preload", [](auto &r) { r.preload.push_back("more"); }, true},
    };
    for (const auto &row : table) {
        CatalogRelease said = release();
        row.edit(said);
        const auto compared = compare_claims("thing", said, held, true);
        ASSERT_FALSE(compared) << row.what;
        EXPECT_EQ(compared.error().code, ErrorCode::registry_malformed);
        EXPECT_NE(compared.error().message.find(row.what), std::string::npos)
            << compared.error().message;
        EXPECT_EQ(compare_claims("thing", said, held, false).has_value(), row.says_more)
            << row.what;
    }
}

TEST(BundleClaims, BuildsOfOneReleaseTogether) {
    CatalogRelease merged = release(), more = release();
    ASSERT_TRUE(merge_claims(merged, more));
    EXPECT_TRUE(compare_claims("thing", merged, release(), true));
    more.extensions.push_back({"second", "1", {}});
    more.extensions[0].requires_ = {"other"};
    more.modules = {"second"};
    more.preload.clear();
    ASSERT_TRUE(merge_claims(merged, more));
    EXPECT_EQ(merged.extensions.size(), 2U);
    EXPECT_EQ(merged.extensions[0].requires_, (std::vector<std::string>{"plpgsql", "other"}));
    EXPECT_EQ(merged.modules, (std::vector<std::string>{"thing", "second"}));
    EXPECT_EQ(merged.preload, std::vector<std::string>{"thing"});
    more.extensions[0].version = "2.0";
    EXPECT_EQ(merge_claims(merged, more).error().code, ErrorCode::wrong_state);
}

class ReadClaimsTest : public PublishTest {};

TEST_F(ReadClaimsTest, OfABundle) {
    QuietReporter reporter;
    const std::string path = bundle("thing"), scratch = directory_ / "scratch";
    const auto inspected = inspect_bundle(path, scratch, real_file_system(), reporter);
    ASSERT_OK(inspected);
    CatalogArtifact artifact{inspected->bundle.name, inspected->size, inspected->sha256};
    const auto claims = read_claims(real_file_system(), path, artifact, scratch);
    ASSERT_OK(claims);
    EXPECT_TRUE(compare_claims("thing", describe_bundle(*inspected, now_).release, *claims, true));
    ASSERT_EQ(claims->extensions.size(), 1U);
    EXPECT_EQ(claims->extensions[0].requires_, std::vector<std::string>{"plpgsql"});
    artifact.sha256 = std::string(64, 'a');
    EXPECT_EQ(read_claims(real_file_system(), path, artifact, scratch).error().code,
              ErrorCode::digest_mismatch);
    EXPECT_FALSE(read_claims(real_file_system(), path + "x", artifact, scratch));
}

TEST_F(ReadClaimsTest, TextsOfABundleBecomeOneLine) {
    QuietReporter reporter;
    auto inspected =
        inspect_bundle(bundle("thing"), directory_ / "scratch", real_file_system(), reporter);
    ASSERT_OK(inspected);
    inspected->bundle.meta->abstract = "one\ntwo\x1b[2J";
    inspected->bundle.meta->description = "one\ntwo\a";
    const CatalogPackage about = describe_bundle(*inspected, now_).about;
    EXPECT_EQ(about.summary, "one two [2J");
    EXPECT_EQ(about.description, "one\ntwo ");
    EXPECT_TRUE(check_catalog_package("thing", about));
}

}  // namespace
}  // namespace pgx
