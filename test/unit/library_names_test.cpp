// library_names_test.cpp - names of libraries and of their packages.
#include "core/library/library_names.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pgx {
namespace {

TEST(LibraryNames, ThePackageOfALibraryIsTheLikeliest) {
    const std::vector<std::string> packages{"libc6",
                                            "libgeos-c1t64",
                                            "libgdal39",
                                            "libxerces-c3.2t64",
                                            "libproj25",
                                            "zlib1g",
                                            "libgnutls30",
                                            "libgnutls-2-1",
                                            "libboost-serialization1.83.0",
                                            "libblas3"};
    const std::pair<const char *, const char *> cases[] = {
        {"libgeos_c.so.1", "libgeos-c1t64"},
        {"libgdal.so.39", "libgdal39"},
        {"libxerces-c-3.2.so", "libxerces-c3.2t64"},
        {"libproj.so.25", "libproj25"},
        {"libgnutls-2.so.1", "libgnutls-2-1"},
        {"libboost_serialization.so.1.83.0", "libboost-serialization1.83.0"},
        {"libblas.so.3", "libblas3"},
    };
    for (const auto &[soname, package] : cases) {
        const auto best = std::ranges::max(packages, {}, [&](const std::string &name) {
            return package_likelihood(name, soname);
        });
        EXPECT_EQ(best, package) << soname;
        EXPECT_EQ(package_likelihood(package, soname), 1000) << soname;
    }
    EXPECT_LT(package_likelihood("libgdal39", "libgdal.so.38"), 1000);
}

TEST(LibraryNames, UsualNamesAreThoseOfDebiansPolicy) {
    const auto has = [](const char *soname, const char *package) {
        return std::ranges::count(usual_package_names(soname), package) == 1;
    };
    EXPECT_TRUE(has("libssl.so.3", "libssl3"));
    EXPECT_TRUE(has("libssl.so.3", "libssl3t64"));
    EXPECT_TRUE(has("libgnutls-2.so.1", "libgnutls-2-1"));
    EXPECT_TRUE(has("libtcl8.6.so", "libtcl8.6"));
}

TEST(LibraryNames, PrivateNamesKeepWhatFollowsSo) {
    EXPECT_EQ(private_name("libproj.so.25", "1a2b3c4d"), "libproj-1a2b3c4d.so.25");
    EXPECT_EQ(private_name("libtcl8.6.so", "1a2b3c4d"), "libtcl8.6-1a2b3c4d.so");
    EXPECT_EQ(private_name("odd", "1a2b3c4d"), "odd-1a2b3c4d");
}

TEST(LibraryNames, SharedLibraries) {
    for (const char *name : {"libz.so", "libz.so.1", "libz.so.1.3.1", "libxerces-c-3.2.so"})
        EXPECT_TRUE(is_shared_library_name(name)) << name;
    for (const char *name : {".so", "libz.a", "libz.so.", "libz.so.debug", "notes.sort", ""})
        EXPECT_FALSE(is_shared_library_name(name)) << name;
}

TEST(LibraryNames, Depends) {
    using Names = std::vector<std::string>;
    EXPECT_EQ(packages_in_depends("libc6 (>= 2.38), libblas3 | libblas.so.3,libz1:any"),
              (Names{"libc6", "libblas3", "libblas.so.3", "libz1"}));
    EXPECT_EQ(packages_in_depends("a, ,b[amd64] , a (= 1)"), (Names{"a", "b"}));
    EXPECT_EQ(packages_in_depends(""), Names{});
}

}  // namespace
}  // namespace pgx
