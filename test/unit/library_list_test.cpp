// library_list_test.cpp - elements of preload settings, in all the ways that people write them.
#include "core/base/library_list.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

TEST(LibraryList, TheLibraryThatAnElementMeans) {
    const std::pair<const char *, const char *> cases[] = {
        {"pg_cron", "pg_cron"},
        {"pg_cron.so", "pg_cron"},
        {"$libdir/pg_cron", "pg_cron"},
        {"$libdir/plugins/x.so", "x"},
        {"/usr/lib/postgresql/18/lib/pg_cron.so", "pg_cron"},
        {"postgis-3", "postgis-3"},
        {"libMobilityDB-1.3.so", "libMobilityDB-1.3"},
        {"a b", "a b"},
        {"x.sox", "x.sox"},
        {".so", ""},
        {"", ""},
        {"dir/", ""},
    };
    for (const auto &[element, library] : cases)
        EXPECT_EQ(library_of_element(element), library) << element;
}

TEST(LibraryList, NamesALibraryInAnyOfItsWays) {
    const Strings elements{"auto_explain", "$libdir/watch", "/opt/x/clock.so"};
    EXPECT_TRUE(names_library(elements, "auto_explain"));
    EXPECT_TRUE(names_library(elements, "watch"));
    EXPECT_TRUE(names_library(elements, "clock"));
    EXPECT_FALSE(names_library(elements, "$libdir/watch"));
    EXPECT_FALSE(names_library(elements, "auto"));
    EXPECT_FALSE(names_library({}, "watch"));
}

TEST(LibraryList, AddingKeepsWhatIsThereAndItsOrder) {
    const Strings before{"z", "$libdir/a b", "y.so"};
    EXPECT_EQ(with_libraries(before, {}), before);
    EXPECT_EQ(with_libraries(before, {"a b", "y", "z"}), before);
    EXPECT_EQ(with_libraries(before, {"x", "y", "b"}),
              (Strings{"z", "$libdir/a b", "y.so", "x", "b"}));
    EXPECT_EQ(with_libraries({}, {"b", "a", "b"}), (Strings{"b", "a"}));
    EXPECT_EQ(with_libraries({""}, {"b"}), Strings{"b"});
    // What somebody wrote twice stays so.
    EXPECT_EQ(with_libraries({"a", "a"}, {"b"}), (Strings{"a", "a", "b"}));
}

TEST(LibraryList, TakingOut) {
    const Strings before{"z", "$libdir/watch", "a", "watch.so", "/x/watch"};
    EXPECT_EQ(without_libraries(before, {"watch"}), (Strings{"z", "a"}));
    EXPECT_EQ(without_libraries(before, {"watch", "z", "a"}), Strings{});
    EXPECT_EQ(without_libraries(before, {"nobody"}), before);
    EXPECT_EQ(without_libraries(before, {}), before);
    EXPECT_EQ(without_libraries(with_libraries(before, {"new"}), {"new"}), before);
}

}  // namespace
}  // namespace pgx
