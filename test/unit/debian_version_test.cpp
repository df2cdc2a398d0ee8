// debian_version_test.cpp - the order of Debian versions, by the book and by dpkg itself.
#include "core/base/debian_version.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/registry/subprocess.h"

namespace pgx {
namespace {

const char *name_of(std::strong_ordering order) {
    return order < 0 ? "lt" : order > 0 ? "gt" : "eq";
}

TEST(DebianVersion, Table) {
    struct {
        const char *a, *order, *b;
    } const cases[] = {
        {"1.0", "eq", "1.0"},
        {"1.0", "lt", "1.1"},
        {"1.9", "lt", "1.10"},
        {"1.2.3", "lt", "1.10.0"},
        {"1.0", "eq", "1.00"},
        {"1.0", "eq", "1.0-0"},
        {"1.0", "lt", "1.0-1"},
        {"1.0-1", "lt", "1.0-2"},
        {"1.0-9", "lt", "1.0-10"},
        {"1.0-1", "lt", "1.0-1+b1"},
        {"1.0-1", "gt", "1.0~rc1-1"},
        {"0:1.0", "eq", "1.0"},
        {"1:0.1", "gt", "99"},
        {"2:0", "gt", "1:9"},
        {"10:0", "gt", "9:0"},
        // Policy's own row: ~~, ~~a, ~, the empty part, a.
        {"1~~", "lt", "1~~a"},
        {"1~~a", "lt", "1~"},
        {"1~", "lt", "1"},
        {"1", "lt", "1a"},
        // Letters sort before everything else.
        {"1a", "lt", "1+"},
        {"1z", "lt", "1."},
        {"1A", "lt", "1a"},
        {"1.0~beta1~svn1245", "lt", "1.0~beta1"},
        {"1.0~beta1", "lt", "1.0"},
        {"1.0+dfsg-1", "gt", "1.0-1"},
        // The revision begins after the last hyphen.
        {"1-2-3", "lt", "1-3-1"},
        {"1-1", "gt", "1"},
        // PGDG and backports.
        {"0.8.0-1.pgdg13+1", "lt", "0.8.0-2.pgdg12+1"},
        {"0.8.0-1.pgdg12+1", "lt", "0.8.0-1.pgdg13+1"},
        {"0.8.0-1~bpo12+1", "lt", "0.8.0-1"},
        // Numbers of any length.
        {"18446744073709551616", "gt", "18446744073709551615"},
        {"00000000000000000000000000000000000001", "eq", "1"},
        {"99999999999999999999999999999999999999", "lt", "100000000000000000000000000000000000000"},
        // Not versions; still an order.
        {"", "eq", ""},
        {"", "lt", "1"},
        {"", "eq", "0"},
        {":", "eq", ""},
        {"-", "eq", ""},
    };
    for (const auto &c : cases) {
        EXPECT_STREQ(name_of(compare_debian_versions(c.a, c.b)), c.order) << c.a << " and " << c.b;
        const std::string opposite = std::string(c.order) == "lt"   ? "gt"
                                     : std::string(c.order) == "gt" ? "lt"
                                                                    : "eq";
        EXPECT_EQ(name_of(compare_debian_versions(c.b, c.a)), opposite) << c.b << " and " << c.a;
    }
}

// Versions made of every piece in every place.
std::vector<std::string> generated() {
    std::vector<std::string> versions;
    for (const char *epoch : {"", "0:", "1:"})
        for (const char *upstream :
             {"1", "1.0", "1.0~rc1", "1.0+git", "1.0a", "1.10", "1.09", "1-1"})
            for (const char *revision : {"", "-0", "-1", "-1~", "-1+b1", "-10"})
                versions.push_back(std::string(epoch) + upstream + revision);
    return versions;
}

TEST(DebianVersion, IsATotalOrder) {
    const std::vector<std::string> versions = generated();
    for (const std::string &a : versions)
        for (const std::string &b : versions) {
            const auto ab = compare_debian_versions(a, b);
            EXPECT_EQ(ab, 0 <=> compare_debian_versions(b, a)) << a << " and " << b;
            if (ab > 0) continue;
            for (std::size_t i = 0; i < versions.size(); i += 7) {
                const std::string &c = versions[i];
                if (compare_debian_versions(b, c) > 0) continue;
                EXPECT_TRUE(compare_debian_versions(a, c) <= 0) << a << ", " << b << ", " << c;
            }
        }
}

TEST(DebianVersion, AgreesWithDpkg) {
    const std::string dpkg = find_program("dpkg");
    if (dpkg.empty()) GTEST_SKIP() << "dpkg is not here to compare with";
    const std::vector<std::string> versions = generated();
    // Every pair would be 20,000 processes; a step that shares no factor with the number covers
    // each version.
    for (std::size_t i = 0; i < versions.size(); ++i)
        for (std::size_t step : {1U, 7U, 49U}) {
            const std::string &a = versions[i];
            const std::string &b = versions[(i * 5 + step) % versions.size()];
            const char *order = name_of(compare_debian_versions(a, b));
            const auto said = run_command(dpkg, {"--compare-versions", a, order, b});
            ASSERT_TRUE(said) << said.error().message;
            EXPECT_EQ(said->exit_status, 0)
                << "dpkg denies " << a << " " << order << " " << b << " " << said->errors;
        }
}

// semver.org, section 11.
TEST(DebianVersion, PreReleasesComeBeforeTheirRelease) {
    const std::vector<std::string> rising = {
        "0.9.9",      "1.0.0-alpha",  "1.0.0-alpha.1", "1.0.0-alpha.beta",
        "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
        "1.0.0",      "1.0.1-a"};
    for (std::size_t i = 1; i < rising.size(); ++i)
        EXPECT_TRUE(compare_debian_versions(rising[i - 1], rising[i]) < 0) << rising[i];
    EXPECT_TRUE(compare_debian_versions("1.0.0-1", "1.0.0") > 0) << "a revision of Debian's";
    EXPECT_TRUE(compare_debian_versions("1.0-rc1", "1.0") > 0) << "not three numbers";
    EXPECT_EQ(upstream_version("1.0.0-beta.1"), "1.0.0-beta.1");
}

TEST(DebianVersion, Upstream) {
    struct {
        const char *version, *upstream;
    } const cases[] = {
        {"1:0.8.0-2+b1", "0.8.0"},  {"0.8.0", "0.8.0"}, {"1.2-3-4", "1.2-3"},
        {"2:1.0~rc1-1", "1.0~rc1"}, {"", ""},           {"1.5.0+dfsg-1.pgdg13+1", "1.5.0+dfsg"},
    };
    for (const auto &c : cases) EXPECT_EQ(upstream_version(c.version), c.upstream) << c.version;
}

}  // namespace
}  // namespace pgx
