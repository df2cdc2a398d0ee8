// path_set_test.cpp - which paths stand in each other's way.
#include "core/registry/path_set.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

TEST(PathSet, Files) {
    PathSet paths;
    EXPECT_TRUE(paths.add_file("share/a"));
    EXPECT_TRUE(paths.add_file("share/b"));
    EXPECT_FALSE(paths.add_file("share/a"));
    EXPECT_FALSE(paths.add_file("share/A"));
    EXPECT_FALSE(paths.add_file("Share/c"));
    EXPECT_FALSE(paths.add_file("share"));
    EXPECT_FALSE(paths.add_file("share/a/b"));
    EXPECT_TRUE(paths.add_file("share/d/e"));
    EXPECT_FALSE(paths.add_file("share/d"));
    EXPECT_FALSE(paths.add_file("share/D/f"));
}

TEST(PathSet, Directories) {
    PathSet paths;
    EXPECT_TRUE(paths.add_directory("share/x"));
    EXPECT_TRUE(paths.add_directory("share/x"));
    EXPECT_FALSE(paths.add_directory("share/X"));
    EXPECT_FALSE(paths.add_file("share/x"));
    EXPECT_TRUE(paths.add_file("share/x/y"));
    EXPECT_FALSE(paths.add_directory("share/x/y"));
}

TEST(PathSet, WhatCollidesAddsNothing) {
    PathSet paths;
    EXPECT_TRUE(paths.add_file("a/b"));
    EXPECT_FALSE(paths.add_file("a/b/c/d"));
    EXPECT_TRUE(paths.add_directory("a/c"));
    EXPECT_TRUE(paths.add_file("a/b2"));
}

}  // namespace
}  // namespace pgx
