// library_index_test.cpp - the index of library packages.
#include "core/library/library_index.h"

#include <gtest/gtest.h>

#include "core/library/library_data.h"

namespace pgx {
namespace {

const std::string digest(64, 'a');

std::string line(const std::string &name, const std::string &version,
                 const std::string &provides = {}) {
    LibraryPackage package;
    package.package = name;
    package.version = version;
    package.sha256 = digest;
    package.size = 123;
    package.depends = "libc6 (>= 2.38), libm1";
    package.provides = provides;
    return library_index_line(package, "pool/" + name + ".deb");
}

TEST(LibraryIndex, FindsTheNewestOfAllRepositories) {
    LibraryIndex index;
    EXPECT_TRUE(index.empty());
    index.add(line("liba1", "1.0-1") + line("libb2", "2"), "https://example.org/debian", "first");
    index.add(line("liba1", "1.10-1") + line("liba1", "1.9-1"), "https://example.org/new",
              "second");
    const auto found = index.find("liba1");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->version, "1.10-1");
    EXPECT_EQ(found->signer, "second");
    EXPECT_EQ(found->size, 123U);
    EXPECT_EQ(found->sha256, digest);
    EXPECT_EQ(found->depends, "libc6 (>= 2.38), libm1");
    EXPECT_EQ(found->url.substr(0, 23), "https://example.org/new");
    EXPECT_TRUE(found->url.ends_with("pool/liba1.deb"));
    EXPECT_FALSE(index.find("liba"));
    EXPECT_FALSE(index.empty());
}

TEST(LibraryIndex, FindsWhoProvidesAName) {
    LibraryIndex index;
    index.add(line("libatlas3", "1", "libblas.so.3, liblapack.so.3 (= 3)") +
                  line("libblas3", "3", "libblas.so.3") + line("libother1", "1", "libblas.so.30"),
              "https://example.org/debian", "");
    const auto providers = index.providers("libblas.so.3");
    ASSERT_EQ(providers.size(), 2U);
    EXPECT_EQ(providers[0].package, "libatlas3");
    EXPECT_EQ(providers[1].package, "libblas3");
    EXPECT_EQ(index.providers("liblapack.so.3").size(), 1U);
    EXPECT_TRUE(index.providers("libnone").empty());
}

TEST(LibraryIndex, SpoiltLinesCountAsMissing) {
    LibraryIndex index;
    index.add("liba\nlibb\t1\t12x\t" + digest +
                  "\tpool/b.deb\t\t\nlibc\t1\t12\tshort\tpool/c.deb\t\t\n" + "libd\t1\t12\t" +
                  digest + "\t../../d.deb\t\t\n" + line("libe", "1"),
              "https://example.org", "");
    for (const char *name : {"liba", "libb", "libc", "libd"})
        EXPECT_FALSE(index.find(name)) << name;
    EXPECT_TRUE(index.find("libe"));
}

TEST(LibraryIndex, WhatIsALibraryPackage) {
    EXPECT_TRUE(is_library_package("libproj25", "libs"));
    EXPECT_TRUE(is_library_package("zlib1g", "libs"));
    EXPECT_TRUE(is_library_package("libcontrib1", "contrib/libs"));
    EXPECT_TRUE(is_library_package("libpq5", "database"));
    EXPECT_TRUE(is_library_package("proj-data", "science"));
    EXPECT_FALSE(is_library_package("libproj-dev", "libdevel"));
    EXPECT_FALSE(is_library_package("libdbi-perl", "perl"));
    EXPECT_FALSE(is_library_package("bash", "shells"));
    EXPECT_FALSE(may_be_library_package("libz-dev"));
}

TEST(LibraryData, ProjHasItsDatabase) {
    const LibraryData *data = library_data("libproj.so.25");
    ASSERT_NE(data, nullptr);
    EXPECT_EQ(library_data_at(data->place), data);
    EXPECT_TRUE(is_library_data_package(data->package));
    EXPECT_EQ(library_data("libprojector.so.1"), nullptr);
    EXPECT_EQ(library_data_at("share/none"), nullptr);
    EXPECT_FALSE(is_library_data_package("bash"));
}

}  // namespace
}  // namespace pgx
