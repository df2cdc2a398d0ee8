// layout_test.cpp - where the files of packages go.
#include "core/registry/layout.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

struct LayoutCase {
    const char *from;
    const char *to;  // "" when left out
    FileKind kind;
    const char *left_out;
};

class LayoutTest : public ::testing::TestWithParam<LayoutCase> {};

TEST_P(LayoutTest, Places) {
    const Placement placement = place_file(GetParam().from, 18, {"thing", "extension/sub"});
    EXPECT_EQ(placement.path, GetParam().to) << GetParam().from;
    EXPECT_STREQ(placement.left_out, GetParam().left_out) << GetParam().from;
    EXPECT_EQ(placement.kind, GetParam().kind) << GetParam().from;
}

constexpr FileKind data = FileKind::data, script = FileKind::script, control = FileKind::control,
                   library = FileKind::library;

INSTANTIATE_TEST_SUITE_P(
    Files, LayoutTest,
    ::testing::Values(
        LayoutCase{"usr/share/postgresql/18/extension/a.control", "share/extension/a.control",
                   control, ""},
        LayoutCase{"usr/share/postgresql/18/extension/a--1.sql", "share/extension/a--1.sql", script,
                   ""},
        LayoutCase{"usr/share/postgresql/18/extension/a.txt", "share/extension/a.txt", data, ""},
        LayoutCase{"usr/share/postgresql/18/extension/other/a.sql", "", data, "data"},
        LayoutCase{"usr/share/postgresql/18/extension/sub/a.sql", "share/extension/sub/a.sql",
                   script, ""},
        LayoutCase{"usr/share/postgresql/18/thing/a.sql", "share/thing/a.sql", script, ""},
        LayoutCase{"usr/share/postgresql/18/thing/b/a.dat", "share/thing/b/a.dat", data, ""},
        LayoutCase{"usr/share/postgresql/18/thing/a.control", "share/thing/a.control", data, ""},
        LayoutCase{"usr/share/postgresql/18/things/a.sql", "", data, "data"},
        LayoutCase{"usr/share/postgresql/18/contrib/a.sql", "", data, "data"},
        LayoutCase{"usr/share/postgresql/18/tsearch_data/a.dict", "", data, "data"},
        LayoutCase{"usr/share/postgresql/18/man/man1/a.1.gz", "", data, "documentation"},
        LayoutCase{"usr/share/postgresql/18/locale/de/a.mo", "", data, "translation"},
        LayoutCase{"usr/share/postgresql/17/extension/a.control", "", data, "other version"},
        LayoutCase{"usr/share/postgresql/180/extension/a.control", "", data, "other version"},
        LayoutCase{"usr/share/postgresql/x/extension/a.control", "", data, "other"},
        LayoutCase{"usr/share/postgresql/18", "", data, "other"},
        LayoutCase{"usr/lib/postgresql/18/lib/a.so", "lib/a.so", library, ""},
        LayoutCase{"usr/lib/postgresql/18/lib/a-1.2.so", "lib/a-1.2.so", library, ""},
        LayoutCase{"usr/lib/postgresql/18/lib/liba.so.1", "lib/liba.so.1", library, ""},
        LayoutCase{"usr/lib/postgresql/18/lib/liba.so.1.2.3", "lib/liba.so.1.2.3", library, ""},
        LayoutCase{"usr/lib/postgresql/18/lib/liba.so.old", "", data, "other"},
        LayoutCase{"usr/lib/postgresql/18/lib/a.so.1", "", data, "other"},
        LayoutCase{"usr/lib/postgresql/18/lib/.so", "", data, "other"},
        LayoutCase{"usr/lib/postgresql/18/lib/a.a", "", data, "other"},
        LayoutCase{"usr/lib/postgresql/18/lib/plugins/a.so", "", data, "other"},
        LayoutCase{"usr/lib/postgresql/18/lib/types.bc", "", data, "bitcode"},
        LayoutCase{"usr/lib/postgresql/18/lib/bitcode/a/a.bc", "", data, "bitcode"},
        LayoutCase{"usr/lib/postgresql/18/lib/bitcode/a.so", "", data, "bitcode"},
        LayoutCase{"usr/lib/postgresql/18/lib/pgxs/src/a.mk", "", data, "build file"},
        LayoutCase{"usr/lib/postgresql/18/bin/a", "", data, "program"},
        LayoutCase{"usr/lib/postgresql/17/lib/a.so", "", data, "other version"},
        LayoutCase{"usr/lib/x86_64-linux-gnu/liba.so.1", "", data, "other"},
        LayoutCase{"usr/include/postgresql/18/server/a.h", "", data, "header"},
        LayoutCase{"usr/share/doc/a/copyright", "", data, "documentation"},
        LayoutCase{"usr/share/man/man1/a.1.gz", "", data, "documentation"},
        LayoutCase{"usr/share/locale/de/a.mo", "", data, "translation"},
        LayoutCase{"usr/bin/a", "", data, "program"},
        LayoutCase{"etc/a.conf", "", data, "configuration"},
        LayoutCase{"opt/usr/share/postgresql/18/extension/a.control", "", data, "other"},
        LayoutCase{"", "", data, "other"}));

TEST(Layout, DirectoriesCountOnlyWhenNamed) {
    EXPECT_EQ(place_file("usr/share/postgresql/18/thing/a.sql", 18, {}).path, "");
    EXPECT_EQ(place_file("usr/share/postgresql/18/thing/a.sql", 18, {"thing"}).path,
              "share/thing/a.sql");
}

TEST(Layout, PrivateFilesOfABundle) {
    const LayoutCase cases[] = {
        {"pgsql/pkglib/thing/lib/libz-1.so.1", "lib/thing/lib/libz-1.so.1", FileKind::library, ""},
        {"pgsql/pkglib/thing/share/proj/proj.db", "lib/thing/share/proj/proj.db", FileKind::data,
         ""},
        {"pgsql/pkglib/thing/lib/below/libz.so.1", "", FileKind::data, "other"},
        {"pgsql/pkglib/thing/lib/README", "", FileKind::data, "other"},
        {"pgsql/pkglib/thing/bin/x", "", FileKind::data, "other"},
        {"pgsql/pkglib/thing.so", "", FileKind::data, "other"},
        {"pgsql/pkglib/things/lib/libz.so.1", "", FileKind::data, "other"},
        {"pgsql/lib/thing/lib/libz.so.1", "", FileKind::data, "other"},
    };
    for (const LayoutCase &one : cases) {
        const Placement placement = place_private_file(one.from, "thing");
        EXPECT_EQ(placement.path, one.to) << one.from;
        if (placement.path.empty()) continue;
        EXPECT_EQ(placement.kind, one.kind) << one.from;
    }
}

TEST(Layout, Majors) {
    EXPECT_EQ(postgres_major_of("usr/share/postgresql/15/extension/a.control"), 15U);
    EXPECT_EQ(postgres_major_of("usr/lib/postgresql/18/lib/a.so"), 18U);
    EXPECT_EQ(postgres_major_of("usr/lib/postgresql/18"), std::nullopt);
    EXPECT_EQ(postgres_major_of("usr/share/postgresql/99999999999999/a"), std::nullopt);
    EXPECT_EQ(postgres_major_of("usr/share/doc/a"), std::nullopt);
}

}  // namespace
}  // namespace pgx
