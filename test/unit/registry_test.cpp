#include "core/registry/registry.h"

#include <gtest/gtest.h>

#include "core/registry/apt_host.h"

namespace pgx {
namespace {

TEST(RegistryKinds, KnownAndUnknown) {
    auto apt = make_registry("apt", real_file_system(), AptHost());
    ASSERT_TRUE(apt);
    EXPECT_NE(*apt, nullptr);
    auto unknown = make_registry("rpm", real_file_system(), AptHost());
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(unknown.error().message.find("\"rpm\""), std::string::npos);
    EXPECT_NE(unknown.error().hint.find("\"apt\""), std::string::npos);
}

}  // namespace
}  // namespace pgx
