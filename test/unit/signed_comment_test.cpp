// signed_comment_test.cpp - the trusted comment of a bundle's signature.
#include "core/bundle/signed_comment.h"

#include <gtest/gtest.h>

#include <vector>

namespace pgx {
namespace {

const BundleName name{"semver", "0.40.0", 18, "gnulinux", "2.36", "amd64"};

TEST(SignedCommentTest, Written) {
    EXPECT_EQ(signed_comment(name),
              "name=semver version=0.40.0 platform=gnulinux-2.36-amd64 postgres=18");
    EXPECT_EQ(signed_comment({"pgtap", "1.3.4", 17, "any", "", ""}),
              "name=pgtap version=1.3.4 platform=any postgres=17");
}

TEST(SignedCommentTest, Checked) {
    EXPECT_TRUE(check_signed_comment(signed_comment(name), name));
    EXPECT_TRUE(check_signed_comment(
        "timestamp=1 postgres=18 platform=gnulinux-2.36-amd64  version=0.40.0 name=semver word",
        name));
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "says no name"},
        {"timestamp:1732099200\tfile:x.trunk\thashed", "says no name"},
        {"name=semver version=0.40.0 platform=gnulinux-2.36-amd64", "says no postgres"},
        {"name=other version=0.40.0 platform=gnulinux-2.36-amd64 postgres=18", "\"other\""},
        {"name=semver version=0.40.1 platform=gnulinux-2.36-amd64 postgres=18", "\"0.40.1\""},
        {"name=semver version=0.40.0 platform=any postgres=18", "\"any\""},
        {"name=semver version=0.40.0 platform=gnulinux-2.36-amd64 postgres=17", "\"17\""},
        {"name=semver version=0.40.0 platform=gnulinux-2.36-amd64 postgres=18 name=x", "twice"},
        {"name=semver name=semver", "twice"},
    };
    for (const auto &[comment, reason] : cases) {
        const auto result = check_signed_comment(comment, name);
        ASSERT_FALSE(result) << comment;
        EXPECT_EQ(result.error().code, ErrorCode::signature_invalid);
        EXPECT_NE(result.error().detail.find(reason), std::string::npos) << result.error().detail;
    }
}

}  // namespace
}  // namespace pgx
