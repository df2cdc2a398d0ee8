// disk_space_test.cpp - how much of a disk pgx takes, and when it says no.
#include "core/registry/disk_space.h"

#include <gtest/gtest.h>

#include "temporary_directory.h"

namespace pgx {
namespace {

constexpr std::uint64_t megabyte = 1024 * 1024;

TEST(DiskSpace, TheReserve) {
    EXPECT_EQ(disk_reserve({0, 0}), 0U);
    EXPECT_EQ(disk_reserve({megabyte, 100 * megabyte}), megabyte);
    EXPECT_EQ(disk_reserve({megabyte, 100'000 * megabyte}), 64 * megabyte);
}

TEST(DiskSpace, WhatFits) {
    struct Case {
        DiskSpace space;
        std::uint64_t needed;
        bool fits;
    };
    const Case cases[] = {
        {{10 * megabyte, 100 * megabyte}, 0, true},
        {{10 * megabyte, 100 * megabyte}, 9 * megabyte, true},
        {{10 * megabyte, 100 * megabyte}, 9 * megabyte + 1, false},
        {{1000 * megabyte, 100'000 * megabyte}, 936 * megabyte, true},
        {{1000 * megabyte, 100'000 * megabyte}, 937 * megabyte, false},
        // Less is free than what is reserved.
        {{10 * megabyte, 100'000 * megabyte}, 0, true},
        {{10 * megabyte, 100'000 * megabyte}, 1, false},
        // It does not say.
        {{0, 0}, 5 * megabyte, true},
    };
    for (const Case &one : cases) {
        const auto result = check_disk_space(one.space, one.needed, "package \"x\"");
        EXPECT_EQ(result.has_value(), one.fits) << one.space.free << " " << one.needed;
        if (result) continue;
        EXPECT_EQ(result.error().code, ErrorCode::disk_full);
        EXPECT_EQ(result.error().message, "not enough disk space for package \"x\"");
        EXPECT_NE(result.error().detail.find(" free"), std::string::npos) << result.error().detail;
    }
}

TEST(DiskSpace, OfARealDirectory) {
    const TemporaryDirectory directory;
    const auto space = disk_space(directory.path());
    ASSERT_TRUE(space) << space.error().message;
    EXPECT_GE(space->size, space->free);
    EXPECT_TRUE(check_disk_space(directory.path(), 0, "nothing"));
    if (space->size > 0) {
        const auto result = check_disk_space(directory.path(), space->size + 1, "too much");
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::disk_full);
    }
    const auto nowhere = disk_space(directory / "missing");
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().code, ErrorCode::io);
}

}  // namespace
}  // namespace pgx
