// packaging_paths_test.cpp - which paths of the packaging are changed in scripts and control files,
// and which are left alone.
#include "core/registry/packaging_paths.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

PackagedText package(const std::string &destination = "pgx/18") {
    return {18,
            destination,
            {"share/extension/units.data", "share/extension/unit--1.sql", "share/tables/a+b-1.txt",
             "lib/unit.so", "lib/libunit.so.1"},
            {"elsewhere-3", ""}};
}

struct Adapted {
    std::string text;
    bool changed, unwritable;
};

// In pieces of `size` bytes.
Adapted adapt(const std::string &text, const PackagedText &in = package(),
              std::size_t size = 1 << 20) {
    std::string result;
    ScriptAdapter adapter(in, [&](std::string_view bytes) {
        result += bytes;
        return Result<void>();
    });
    for (std::size_t at = 0; at < text.size(); at += size)
        EXPECT_TRUE(adapter.feed(std::string_view(text).substr(at, size)));
    const auto outcome = adapter.finish();
    EXPECT_TRUE(outcome);
    return {result, outcome->changed, outcome->unwritable};
}

struct Case {
    const char *from, *to;
};

TEST(PackagingPaths, WhatAScriptBecomes) {
    const Case cases[] = {
        {"COPY u FROM '/usr/share/postgresql/18/extension/units.data';",
         "COPY u FROM 'pgx/18/share/extension/units.data';"},
        {"/usr/share/postgresql/18/tables/a+b-1.txt", "pgx/18/share/tables/a+b-1.txt"},
        {"E'/usr/pgsql-18/share/extension/units.data'", "E'pgx/18/share/extension/units.data'"},
        {"'/usr/local/pgsql/share/extension/units.data'", "'pgx/18/share/extension/units.data'"},
        {"'/usr/share/pgsql/extension/units.data'", "'pgx/18/share/extension/units.data'"},
        {"'/usr/local/share/postgresql/extension/units.data'",
         "'pgx/18/share/extension/units.data'"},
        {"AS '/usr/lib/postgresql/18/lib/unit', 'f'", "AS 'unit', 'f'"},
        {"LOAD '/usr/lib/postgresql/18/lib/unit.so';", "LOAD 'unit.so';"},
        {"LOAD '/usr/lib64/pgsql/libunit.so.1';", "LOAD 'libunit.so.1';"},
        {"LOAD '$libdir/unit';", "LOAD 'unit';"},
        {"load\t\n '$libdir/unit.so';", "load\t\n 'unit.so';"},
        {"EXECUTE 'LOAD ''$libdir/elsewhere-3''';", "EXECUTE 'LOAD ''elsewhere-3''';"},
        {"LOAD '$libdir/unit'; LOAD '$libdir/unit';", "LOAD 'unit'; LOAD 'unit';"},
    };
    for (const Case &one : cases) {
        const Adapted adapted = adapt(one.from);
        EXPECT_EQ(adapted.text, one.to);
        EXPECT_TRUE(adapted.changed) << one.from;
        EXPECT_FALSE(adapt(one.to).changed) << one.to;
    }
}

TEST(PackagingPaths, WhatStays) {
    const char *cases[] = {
        "",
        "'/usr/share/postgresql/18/extension/other.data'",        // not of this package
        "'/usr/share/postgresql/17/extension/units.data'",        // of another major
        "'/usr/share/postgresql/18/extension/units.data.old'",    // another file
        "'/usr/share/postgresql/18/extension/'",                  // a directory
        "'/srv/usr/share/postgresql/18/extension/units.data'",    // another root
        "'/usr/share/postgresql/18/../18/extension/units.data'",  // not as it is installed
        "'/usr/share/postgresql/180/extension/units.data'",
        "export PGBIN=/usr/lib/postgresql/18/bin",
        "'/usr/lib/postgresql/18/lib/plpgsql'",
        "LOAD '$libdir/plpgsql';",  // of the server
        "LOAD '$libdir/plugins/unit';",
        "AS '$libdir/unit', 'f'",  // PostgreSQL sees to that
        "PRELOAD '$libdir/unit'",
        "upload('$libdir/unit')",
        "LOAD \"$libdir/unit\"",
        "LOAD '$libdir/unit",
        "LOAD '$libdir/';",
        "$libdir/unit'",
        "'$libdir/unit'",
    };
    for (const char *text : cases) {
        const Adapted adapted = adapt(text);
        EXPECT_EQ(adapted.text, text);
        EXPECT_FALSE(adapted.changed) << text;
    }
}

TEST(PackagingPaths, PiecesOfAnySizeGiveTheSame) {
    std::string text, expected;
    for (int i = 0; i < 400; ++i) {
        const std::string filler(static_cast<std::size_t>(i * 7 % 211), i % 3 == 0 ? '/' : 'x');
        text += filler + "\n'/usr/share/postgresql/18/extension/units.data' LOAD '$libdir/unit'";
        expected += filler + "\n'pgx/18/share/extension/units.data' LOAD 'unit'";
    }
    for (const std::size_t size : {1UL, 13UL, 4096UL, 16384UL, 65536UL, 1UL << 20}) {
        const Adapted adapted = adapt(text, package(), size);
        EXPECT_EQ(adapted.text, expected) << size;
    }
    // A word that is longer than what is looked ahead.
    const std::string endless(100'000, '/');
    EXPECT_EQ(adapt(endless, package(), 1000).text, endless);
}

TEST(PackagingPaths, WhereItIsInstalled) {
    const std::string script =
        "'/usr/share/postgresql/18/extension/units.data' LOAD '$libdir/unit'";
    EXPECT_EQ(adapt(script, package("/srv/my extensions/18")).text,
              "'/srv/my extensions/18/share/extension/units.data' LOAD 'unit'");
    // Not known; and what would end the string that it stands in, or mean something in a script.
    for (const char *destination :
         {"", "/srv/o'clock", "/a\\b", "/a\"b", "/a@extschema@", "/a$b", "/a\nb", "/\xc3\xa4"}) {
        EXPECT_FALSE(can_be_written(destination)) << destination;
        EXPECT_EQ(adapt(script, package(destination)).unwritable, *destination != '\0');
        EXPECT_EQ(adapt(script, package(destination)).text,
                  "'/usr/share/postgresql/18/extension/units.data' LOAD 'unit'");
    }
}

TEST(PackagingPaths, AFailureOfTheSinkIsPassedOn) {
    const PackagedText in = package();
    ScriptAdapter adapter(
        in, [](std::string_view) -> Result<void> { return fail(ErrorCode::disk_full, "no room"); });
    ASSERT_TRUE(adapter.feed("LOAD '$libdir/unit'"));
    const auto result = adapter.finish();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::disk_full);
}

TEST(PackagingPaths, ControlFiles) {
    const Case cases[] = {
        {"default_version = '1'\nmodule_pathname = '/usr/lib/postgresql/18/lib/unit'\n",
         "default_version = '1'\nmodule_pathname = 'unit'\n"},
        {"module_pathname '/usr/pgsql-18/lib/unit.so'", "module_pathname 'unit.so'"},
        {"directory = '/usr/share/postgresql/18/tables'  # there\ncomment = 'x'",
         "directory = 'tables'  # there\ncomment = 'x'"},
        // what stays
        {"comment = 'module_pathname = ''/usr/lib/postgresql/18/lib/unit'''",
         "comment = 'module_pathname = ''/usr/lib/postgresql/18/lib/unit'''"},
        {"# module_pathname = '/usr/lib/postgresql/18/lib/unit'",
         "# module_pathname = '/usr/lib/postgresql/18/lib/unit'"},
        {"module_pathname = '$libdir/unit'\n", "module_pathname = '$libdir/unit'\n"},
        {"module_pathname = '/usr/lib/postgresql/18/lib/other'",
         "module_pathname = '/usr/lib/postgresql/18/lib/other'"},
        {"directory = '/usr/share/postgresql/18/../../secret'",
         "directory = '/usr/share/postgresql/18/../../secret'"},
        {"directory = '/usr/share/postgresql/18/tables",
         "directory = '/usr/share/postgresql/18/tables"},
        {"directory = '/usr/share/postgresql/18/tables'\nnonsense",
         "directory = '/usr/share/postgresql/18/tables'\nnonsense"},
        {"", ""},
    };
    for (const Case &one : cases) EXPECT_EQ(adapted_control_file(one.from, package()), one.to);
}

}  // namespace
}  // namespace pgx
