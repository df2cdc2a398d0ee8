#include "core/registry/apt_release.h"

#include <gtest/gtest.h>

#include "apt_test_support.h"

namespace pgx {
namespace {

const std::string digest_a(64, 'a'), digest_b(64, 'b');

TEST(AptRelease, ReadsWhatMatters) {
    auto release = parse_apt_release(
        "Origin: Debian\nLabel: Debian-Security\nSuite: stable\nCodename: trixie\n"
        "Date: Sat, 11 Jul 2026 10:16:37 UTC\nValid-Until: Sat, 18 Jul 2026 10:16:37 UTC\nAcquire-By-Hash: yes\n"
        "Architectures: all amd64\nComponents: main contrib\nMD5Sum:\n 0123 1 ignored\nSHA256:\n " +
        digest_a + "  1484322 main/binary-amd64/Packages.xz\n " + digest_b + " 0 main/empty\n");
    ASSERT_TRUE(release) << whole(release);
    EXPECT_EQ(release->label, "Debian-Security");
    EXPECT_EQ(release->codename, "trixie");
    EXPECT_EQ(release->date, 1783764997);
    EXPECT_EQ(release->valid_until - release->date, 7 * 24 * 3600);
    EXPECT_TRUE(release->acquire_by_hash);
    EXPECT_TRUE(release->all_is_separate);
    EXPECT_EQ(release->components, (std::vector<std::string>{"main", "contrib"}));
    ASSERT_EQ(release->files.size(), 2u);
    EXPECT_EQ(release->files.at("main/binary-amd64/Packages.xz").size, 1484322u);
    EXPECT_EQ(release->files.at("main/binary-amd64/Packages.xz").sha256, digest_a);
}

TEST(AptRelease, AllIsNotSeparateWhereTheFileSaysSo) {
    const std::string files = "SHA256:\n " + digest_a + " 1 x\n";
    auto with = parse_apt_release("Architectures: all amd64\nNo-Support-for-Architecture-all: Packages\n" + files);
    ASSERT_TRUE(with);
    EXPECT_FALSE(with->all_is_separate);
    auto without = parse_apt_release("Architectures: amd64\n" + files);
    ASSERT_TRUE(without);
    EXPECT_FALSE(without->all_is_separate);
}

TEST(AptRelease, MissingDatesAreAllowedAndUnreadableValidUntilIsNot) {
    const std::string files = "SHA256:\n " + digest_a + " 1 x\n";
    auto release = parse_apt_release("Date: tomorrow\n" + files);
    ASSERT_TRUE(release);
    EXPECT_EQ(release->date, 0);
    EXPECT_EQ(release->valid_until, 0);
    EXPECT_FALSE(parse_apt_release("Valid-Until: tomorrow\n" + files));
}

TEST(AptRelease, Malformed) {
    for (const std::string &text : std::vector<std::string>{
             "", "<html>", "Suite: x\n", "Suite: x\nMD5Sum:\n 0 1 x\n", "A: 1\n\nB: 2\n",
             "SHA256:\n " + digest_a + " 1\n", "SHA256:\n short 1 x\n", "SHA256:\n " + digest_a + " -1 x\n",
             "SHA256:\n " + digest_a + " 1 ../x\n", "SHA256:\n " + digest_a + " 1 a/../../x\n",
             "SHA256:\n " + digest_a + " 1 /x\n", "SHA256:\n " + digest_a + " 1 http:x\n",
             "SHA256:\n " + digest_a + " 1 x\n " + digest_b + " 1 x\n",
             "SHA256:\n " + digest_a + " 1 x\nSHA256:\n " + digest_b + " 1 x\n"}) {
        auto release = parse_apt_release(text);
        ASSERT_FALSE(release) << text;
        EXPECT_EQ(release.error().code, ErrorCode::registry_malformed);
    }
}

TEST(AptRelease, Dates) {
    for (const char *good : {"Thu, 01 Jan 1970 00:00:01 UTC", "Thu,  1 Jan 1970  0:00:01 GMT",
                             "1 jan 1970 00:00:01 +0000", "Thu, 01 Jan 1970 00:00:01 Z"}) {
        auto date = parse_release_date(good);
        ASSERT_TRUE(date) << good;
        EXPECT_EQ(*date, 1);
    }
    for (const char *bad : {"", "Thu, 01 Jan 1970", "Thu, 01 Foo 1970 00:00:01 UTC", "Thu, 01 Jan 1970 00:00:01 CET",
                            "Thu, 01 Jan 1970 00:00 UTC", "Thu, 01 Jan 1970 24:00:01 UTC", "Thu, 32 Jan 1970 00:00:01 UTC",
                            "Thu, 01 Jan 1970 00:00:01 +0200", "Thu, 01 Jan 0070 00:00:01 UTC"})
        EXPECT_FALSE(parse_release_date(bad)) << bad;
    EXPECT_EQ(format_release_date(test_now), "Fri, 15 Jan 2027 08:00:00 UTC");
    EXPECT_EQ(parse_release_date(format_release_date(test_now)).value_or(0), test_now);
}

struct DateCase {
    const char *name;
    std::int64_t date, valid_until;   // relative to now; valid_until 0: none
    const char *config;
    const char *option;               // of the source
    const char *error;                // part of the message, "" for none
};

class ReleaseDates : public ::testing::TestWithParam<DateCase> {};

TEST_P(ReleaseDates, FollowApt) {
    const DateCase &c = GetParam();
    AptRelease release;
    release.label = "Example";
    release.date = test_now + c.date;
    release.valid_until = c.valid_until == 0 ? 0 : test_now + c.valid_until;
    auto config = parse_apt_config(c.config);
    ASSERT_TRUE(config);
    auto sources = parse_apt_sources("deb [" + std::string(c.option) + "] http://example.org/debian stable main",
                                     SourceSyntax::one_line, "x", "amd64");
    ASSERT_TRUE(sources) << whole(sources);
    auto result = check_release_dates(release, sources->sources.front(), *config, test_now);
    if (*c.error == '\0') {
        EXPECT_TRUE(result) << whole(result);
        return;
    }
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::metadata_expired);
    EXPECT_NE(result.error().message.find(c.error), std::string::npos) << whole(result);
    EXPECT_NE(result.error().message.find("http://example.org/debian stable"), std::string::npos);
    EXPECT_NE(result.error().hint, "");
}

constexpr std::int64_t day = 24 * 3600;
INSTANTIATE_TEST_SUITE_P(
    Cases, ReleaseDates,
    ::testing::Values(
        DateCase{"fresh", -day, day, "", "", ""}, DateCase{"no_end", -1000 * day, 0, "", "", ""},
        DateCase{"expired", -8 * day, -day, "", "", "has expired"},
        DateCase{"last_second", -8 * day, -1, "", "", "has expired"},
        DateCase{"config_off", -8 * day, -day, "Acquire::Check-Valid-Until \"false\";", "", ""},
        DateCase{"source_off", -8 * day, -day, "", "check-valid-until=no", ""},
        DateCase{"source_on", -8 * day, -day, "Acquire::Check-Valid-Until \"0\";", "check-valid-until=yes", "has expired"},
        DateCase{"no_clock", 9 * day, -day, "Acquire::Check-Date \"false\";", "", ""},
        DateCase{"source_no_clock", 9 * day, -day, "", "check-date=no", ""},
        DateCase{"future", 11, 0, "", "", "is not valid yet"}, DateCase{"nearly_future", 10, 0, "", "", ""},
        DateCase{"future_config", 3600, 0, "Acquire::Max-FutureTime \"7200\";", "", ""},
        DateCase{"future_label", 3600, 0, "Acquire::Max-FutureTime::Example \"7200\";", "", ""},
        DateCase{"future_other_label", 3600, 0, "Acquire::Max-FutureTime::Other \"7200\";", "", "is not valid yet"},
        DateCase{"future_source", 3600, 0, "", "date-max-future=7200", ""},
        DateCase{"max_config", -8 * day, 0, "Acquire::Max-ValidTime \"604800\";", "", "has expired"},
        DateCase{"max_shortens", -8 * day, day, "Acquire::Max-ValidTime \"604800\";", "", "has expired"},
        DateCase{"max_source", -8 * day, day, "", "valid-until-max=604800", "has expired"},
        DateCase{"max_source_over_config", -8 * day, 0, "Acquire::Max-ValidTime \"60\";", "valid-until-max=864000", ""},
        DateCase{"min_lengthens", -8 * day, -day, "Acquire::Min-ValidTime \"864000\";", "", ""},
        DateCase{"min_source", -8 * day, -day, "", "valid-until-min=864000", ""},
        DateCase{"min_too_short", -8 * day, -day, "", "valid-until-min=60", "has expired"}),
    [](const auto &one) { return one.param.name; });

}  // namespace
}  // namespace pgx
