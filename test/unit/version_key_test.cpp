#include "core/base/version_key.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/debian_version.h"

namespace pgx {
namespace {

// Every pair of these, in both orders, so that the key is held against the comparison for thousands
// of cases.
std::vector<std::string> versions() {
    std::vector<std::string> parts = {
        "0",   "1",    "1.0",  "1.",    "1~",        "1~~",      "1~~a", "1~rc1", "1a",
        "1a0", "1+b1", "1.10", "1.2",   "01.2",      "1-",       "10",   "9",     "a",
        "A",   "z1",   "1:",   "1.0.0", "1.0~beta1", "1.0+dfsg", "007"};
    std::vector<std::string> all = parts;
    for (const char *semantic :
         {"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-rc.1", "1.0.0-1", "1.0.0-~a"})
        all.push_back(semantic);
    for (const char *upstream : {"1", "1.0", "1~rc1", "0.40.0", "2.10"})
        for (const char *revision :
             {"0", "1", "2", "10", "1+b1", "1~bpo12+1", "0~exp1", "0+b1", "1.1", "1.pgdg12+1"})
            for (const char *epoch : {"", "0:", "1:", "2:"})
                all.push_back(std::string(epoch) + upstream + "-" + revision);
    return all;
}

int sign(std::strong_ordering order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }

TEST(VersionKey, OrdersAsTheComparisonDoes) {
    const std::vector<std::string> all = versions();
    for (const std::string &a : all)
        for (const std::string &b : all)
            EXPECT_EQ(sign(debian_version_key(a) <=> debian_version_key(b)),
                      sign(compare_debian_versions(a, b)))
                << "\"" << a << "\" and \"" << b << "\"";
}

// A fuzzer found them: no valid versions, but keys are made of whatever a list says.
TEST(VersionKey, OrdersWhatIsNoVersionToo) {
    const std::vector<std::string> all = {"",
                                          "~1:2",
                                          "a:1",
                                          ":1",
                                          "1:1:1",
                                          "1",
                                          "1-00",
                                          "1-0",
                                          "00",
                                          "0",
                                          "0-0~a",
                                          "0~a",
                                          "0\x11"
                                          "0",
                                          "-.0",
                                          "1-0~",
                                          "1-00a",
                                          "1-a00",
                                          "1+",
                                          "1\xc7",
                                          "1\xab",
                                          "1\x7f",
                                          "1\x7f\x80",
                                          "1\x01",
                                          "1 ",
                                          "1." + std::string(254, '9'),
                                          "1." + std::string(255, '9'),
                                          "1." + std::string(256, '9'),
                                          "1." + std::string(255, '8'),
                                          "1." + std::string(511, '1'),
                                          "1." + std::string(510, '9')};
    for (const std::string &a : all)
        for (const std::string &b : all)
            EXPECT_EQ(sign(debian_version_key(a) <=> debian_version_key(b)),
                      sign(compare_debian_versions(a, b)))
                << "\"" << a << "\" and \"" << b << "\"";
}

TEST(VersionKey, NumbersOfAnyLengthKeepTheirOrder) {
    EXPECT_LT(debian_version_key("1." + std::string(40, '9')),
              debian_version_key("1.1" + std::string(40, '0')));
    EXPECT_EQ(debian_version_key("1." + std::string(400, '0') + "7"), debian_version_key("1.7"));
}

}  // namespace
}  // namespace pgx
