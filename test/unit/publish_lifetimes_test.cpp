// publish_lifetimes_test.cpp - for how long metadata holds, and how that is told.
#include "core/publish/lifetimes.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

using std::chrono::days;
using std::chrono::hours;

constexpr tuf::Time now{std::chrono::seconds(1'790'000'000)};  // 2026-09-21 14:13:20

TEST(Lifetimes, Defaults) {
    const Lifetimes lifetimes;
    EXPECT_EQ(lifetimes.of("root"), days(365));
    EXPECT_EQ(lifetimes.of("targets"), days(365));
    EXPECT_EQ(lifetimes.of("bin-3"), days(365));
    EXPECT_EQ(lifetimes.of("publisher-acme"), days(365));
    EXPECT_EQ(lifetimes.of("snapshot"), days(30));
    EXPECT_EQ(lifetimes.of("timestamp"), days(7));
    EXPECT_EQ(lifetimes.expiry("timestamp", now), now + days(7));
}

TEST(Lifetimes, Change) {
    Lifetimes lifetimes;
    ASSERT_TRUE(lifetimes.change("timestamp=14"));
    EXPECT_EQ(lifetimes.of("timestamp"), days(14));
    EXPECT_EQ(lifetimes.of("snapshot"), days(30));
    ASSERT_TRUE(lifetimes.change("90"));
    for (const char *role : {"root", "targets", "bin-0", "snapshot", "timestamp"})
        EXPECT_EQ(lifetimes.of(role), days(90)) << role;
    for (const char *text : {"", "0", "-1", "x", "7d", "36501", "bin-0=3", "root=", "=5", "root=5x",
                             "99999999999999"}) {
        const auto changed = lifetimes.change(text);
        ASSERT_FALSE(changed) << text;
        EXPECT_EQ(changed.error().code, ErrorCode::invalid_argument);
        EXPECT_FALSE(changed.error().hint.empty());
    }
    EXPECT_EQ(lifetimes.of("root"), days(90));
}

TEST(Lifetimes, DueAndLate) {
    const Lifetimes lifetimes;
    struct {
        hours left;
        bool due, late;
    } const table[] = {{hours(168), false, false}, {hours(84), false, false},
                       {hours(83), true, false},   {hours(56), true, false},
                       {hours(55), true, true},    {hours(-1), true, true}};
    for (const auto &row : table) {
        EXPECT_EQ(lifetimes.is_due("timestamp", now + row.left, now), row.due) << row.left.count();
        EXPECT_EQ(lifetimes.is_late("timestamp", now + row.left, now), row.late)
            << row.left.count();
    }
}

TEST(Lifetimes, Description) {
    EXPECT_EQ(describe_expiry(now + days(7), now), "2026-09-28 (7 days)");
    EXPECT_EQ(describe_expiry(now + hours(47), now), "2026-09-23 13:13 UTC (47 hours)");
    EXPECT_EQ(describe_expiry(now + std::chrono::minutes(50), now),
              "2026-09-21 15:03 UTC (50 minutes)");
    EXPECT_EQ(describe_expiry(now + std::chrono::seconds(60), now),
              "2026-09-21 14:14 UTC (1 minute)");
    EXPECT_EQ(describe_expiry(now, now), "2026-09-21 (expired)");
}

}  // namespace
}  // namespace pgx
