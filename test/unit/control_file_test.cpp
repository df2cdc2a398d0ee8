// control_file_test.cpp - the syntax of control files, corner by corner.
//
// Each case was tried on PostgreSQL 18: what is accepted here is what pg_available_extensions
// reads, except for the cases under "Dangerous", which the server would read and pgx refuses.
#include "core/registry/control_file.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

using Names = std::vector<std::string>;

TEST(ControlFile, EveryParameter) {
    const auto control = parse_control_file(
        "# a comment\n"
        "comment = 'it''s a \\'test\\''\t# another\n"
        "default_version='1.2'\r\n"
        "module_pathname = '$libdir/thing-1.2'\n"
        "\n"
        "directory 'thing'\n"
        "schema = some_schema\n"
        "relocatable = false\n"
        "superuser = off\n"
        "trusted = true\n"
        "encoding = 'UTF-8'\n"
        "requires = 'cube, \"Odd\" ,HSTORE'\n"
        "no_relocate = 'cube'",
        "thing.control", false);
    ASSERT_TRUE(control) << control.error().detail;
    EXPECT_EQ(control->comment, "it's a 'test'");
    EXPECT_EQ(control->default_version, "1.2");
    EXPECT_EQ(control->module_pathname, "$libdir/thing-1.2");
    EXPECT_EQ(control->directory, "thing");
    EXPECT_EQ(control->schema, "some_schema");
    EXPECT_FALSE(control->relocatable);
    EXPECT_FALSE(control->superuser);
    EXPECT_TRUE(control->trusted);
    EXPECT_EQ(control->encoding, "UTF-8");
    EXPECT_EQ(control->requires_, (Names{"cube", "Odd", "hstore"}));
    EXPECT_EQ(control->no_relocate, Names{"cube"});
}

TEST(ControlFile, DefaultsArePostgres) {
    const auto control = parse_control_file("", "x.control", false);
    ASSERT_TRUE(control);
    EXPECT_FALSE(control->relocatable);
    EXPECT_TRUE(control->superuser);
    EXPECT_FALSE(control->trusted);
    EXPECT_EQ(control->default_version, "");
    EXPECT_TRUE(control->requires_.empty());
}

struct ValueCase {
    const char *text;
    const char *comment;  // nullptr: refused
};

class ControlFileValue : public ::testing::TestWithParam<ValueCase> {};

TEST_P(ControlFileValue, IsReadAsPostgresDoes) {
    const auto control = parse_control_file(GetParam().text, "x.control", false);
    ASSERT_EQ(control.has_value(), GetParam().comment != nullptr)
        << GetParam().text << (control ? "" : control.error().detail);
    if (control)
        EXPECT_EQ(control->comment, GetParam().comment) << GetParam().text;
    else
        EXPECT_EQ(control.error().code, ErrorCode::control_file_invalid);
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, ControlFileValue,
    ::testing::Values(
        ValueCase{"comment = word", "word"}, ValueCase{"comment word", "word"},
        ValueCase{"  comment\t=\tword  # x", "word"},
        ValueCase{"comment = 'a'\ncomment = 'b'\n", "b"},
        ValueCase{"comment = a/b:c-d.e", "a/b:c-d.e"}, ValueCase{"comment = a.b-c", "a.b-c"},
        ValueCase{"comment = a.b", nullptr}, ValueCase{"comment = a.1", "a.1"},
        ValueCase{"comment = 12", "12"}, ValueCase{"comment = -12kB", "-12kB"},
        ValueCase{"comment = 0x1F", "0x1F"}, ValueCase{"comment = 0xG", "0xG"},
        ValueCase{"comment = 1.5", "1.5"}, ValueCase{"comment = .5", ".5"},
        ValueCase{"comment = 1.", "1."}, ValueCase{"comment = 1.5e-3", "1.5e-3"},
        ValueCase{"comment = 1.5e", nullptr}, ValueCase{"comment = 1e5", nullptr},
        ValueCase{"comment = 1.0.1", nullptr}, ValueCase{"comment = 1.5kB", nullptr},
        ValueCase{"comment = ''", ""}, ValueCase{"comment = 'a#b'", "a#b"},
        ValueCase{"comment = 'a\\nb\\tc'", "a\nb\tc"},
        ValueCase{"comment = '\\b\\f\\r\\q\\\\'", "\b\f\rq\\"},
        ValueCase{"comment = '\\101\\1012\\60'", "AA20"}, ValueCase{"comment = ''''", "'"},
        ValueCase{"comment = 'a''b'", "a'b"}, ValueCase{"comment = 'a' 'b'", nullptr},
        ValueCase{"comment = 'a", nullptr}, ValueCase{"comment = 'a\nb'", nullptr},
        ValueCase{"comment = 'a\\\nb'", nullptr}, ValueCase{"comment = 'a\\", nullptr},
        ValueCase{"comment = 'a''\n", nullptr}, ValueCase{"comment = 'a'b", nullptr},
        ValueCase{"comment = \"a\"", nullptr}, ValueCase{"comment = a b", nullptr},
        ValueCase{"comment =", nullptr}, ValueCase{"comment", nullptr},
        ValueCase{"comment = =", nullptr}, ValueCase{"comment == a", nullptr},
        ValueCase{"= a", nullptr}, ValueCase{"'comment' = a", nullptr}, ValueCase{"1 = a", nullptr},
        ValueCase{"comment = \xc3\xa4", "\xc3\xa4"}, ValueCase{"comment = a\f", nullptr},
        ValueCase{"comment = $x", nullptr}, ValueCase{"comment = a;", nullptr},
        ValueCase{"\xef\xbb\xbf"
                  "comment = a",
                  nullptr},
        ValueCase{"COMMENT = a", nullptr}, ValueCase{"a.comment = a", nullptr},
        ValueCase{"unknown = a", nullptr}, ValueCase{"comment = a\nunknown = a", nullptr}));

struct BoolCase {
    const char *text;
    int value;  // -1: refused
};

TEST(ControlFile, Booleans) {
    const BoolCase cases[] = {
        {"true", 1},   {"t", 1},    {"TRU", 1},   {"yes", 1},   {"y", 1},     {"on", 1},
        {"ON", 1},     {"1", 1},    {"false", 0}, {"f", 0},     {"no", 0},    {"n", 0},
        {"off", 0},    {"of", 0},   {"0", 0},     {"o", -1},    {"''", -1},   {"2", -1},
        {"truex", -1}, {"onn", -1}, {"01", -1},   {"yess", -1}, {"offf", -1}, {"null", -1},
    };
    for (const BoolCase &c : cases) {
        const auto control =
            parse_control_file(std::string("trusted = ") + c.text, "x.control", false);
        EXPECT_EQ(control ? int{control->trusted} : -1, c.value) << c.text;
    }
}

TEST(ControlFile, Lists) {
    struct Case {
        const char *text;
        std::optional<Names> names;
    };
    const Case cases[] = {
        {"", Names{}},
        {"   ", Names{}},
        {"a", Names{"a"}},
        {" a , B ", Names{"a", "b"}},
        {"a,\"B\"", Names{"a", "B"}},
        {"\"uuid-ossp\", a", Names{"uuid-ossp", "a"}},
        {"uuid-ossp", Names{"uuid-ossp"}},
        {"a b", {}},
        {"a,", {}},
        {",a", {}},
        {"a,,b", {}},
        {"\"a", {}},
        {"\"a\"b", {}},
        {"a/b", {}},
        {"\"\"", {}},
    };
    for (const Case &c : cases)
        for (const char *parameter : {"requires", "no_relocate"}) {
            const auto control = parse_control_file(std::string(parameter) + " = '" + c.text + "'",
                                                    "x.control", false);
            ASSERT_EQ(control.has_value(), c.names.has_value()) << c.text;
            if (control) {
                const Names &names = std::string(parameter) == "requires" ? control->requires_
                                                                          : control->no_relocate;
                EXPECT_EQ(names, *c.names) << c.text;
            }
        }
}

TEST(ControlFile, Encodings) {
    for (const char *good : {"UTF8", "utf-8", "Unicode", "LATIN1", "ISO_8859_5", "SQL_ASCII",
                             "EUC_JP", "koi8r", "WIN1252"})
        EXPECT_TRUE(
            parse_control_file(std::string("encoding = '") + good + "'", "x.control", false))
            << good;
    for (const char *bad : {"", "utf9", "SJIS", "BIG5", "GBK", "GB18030", "JOHAB", "UHC"})
        EXPECT_FALSE(
            parse_control_file(std::string("encoding = '") + bad + "'", "x.control", false))
            << bad;
}

TEST(ControlFile, RelocatableAndSchemaExcludeEachOther) {
    const char *both = "schema = x\nrelocatable = true";
    EXPECT_FALSE(parse_control_file(both, "x.control", false));
    EXPECT_FALSE(parse_control_file("relocatable = true\nschema = ''", "x.control", false));
    EXPECT_TRUE(parse_control_file("schema = x\nrelocatable = false", "x.control", false));
    EXPECT_TRUE(parse_control_file("relocatable = true", "x.control", false));
}

TEST(ControlFile, SecondaryFiles) {
    EXPECT_TRUE(parse_control_file("relocatable = true\nrequires = 'a'", "x--1.control", true));
    EXPECT_FALSE(parse_control_file("directory = a", "x--1.control", true));
    EXPECT_FALSE(parse_control_file("default_version = 1", "x--1.control", true));
}

TEST(ControlFile, Dangerous) {
    const char *cases[] = {
        "include = 'other'",
        "INCLUDE 'other'",
        "include_dir = '/etc'",
        "include_if_exists = 'other'",
        "directory = '/etc'",
        "directory = '../x'",
        "directory = 'a/../../x'",
        "directory = 'a//b'",
        "directory = 'a/'",
        "directory = '.'",
        "directory = ''",
        "directory = 'a b'",
        "directory = '$system'",
        "module_pathname = '/usr/lib/x.so'",
        "module_pathname = '../x'",
        "module_pathname = '..'",
        "module_pathname = '$libdir/../x'",
        "module_pathname = '$libdir/a/x'",
        "module_pathname = '$libdir/'",
        "module_pathname = '$other/x'",
        "module_pathname = 'x''y'",
        "module_pathname = ''",
        "default_version = ''",
        "default_version = '-1'",
        "default_version = '1-'",
        "default_version = '1--2'",
        "default_version = '../1'",
        "default_version = 'a\\\\b'",
        "comment = 'a\\000b'",
        "comment = 'a\\377b'",
        "comment = 'a\xff'",
    };
    for (const char *text : cases) {
        const auto control = parse_control_file(text, "x.control", false);
        ASSERT_FALSE(control) << text;
        EXPECT_EQ(control.error().code, ErrorCode::control_file_invalid);
    }
    EXPECT_FALSE(parse_control_file(std::string("comment = 'a\0b'", 15), "x.control", false));
    EXPECT_FALSE(parse_control_file(std::string("\0", 1), "x.control", false));
}

TEST(ControlFile, ErrorsNameFileAndLine) {
    const auto control =
        parse_control_file("comment = a\n\n# x\nunknown = b\n", "thing.control", false);
    ASSERT_FALSE(control);
    EXPECT_EQ(control.error().message, "invalid extension control file \"thing.control\"");
    EXPECT_EQ(control.error().detail, "Line 4: Unrecognized parameter \"unknown\".");
    EXPECT_EQ(parse_control_file("comment = a\n'", "x", false).error().detail,
              "Line 2: Syntax error.");
}

TEST(ControlFile, FileNames) {
    struct Case {
        const char *file, *extension, *version;  // extension nullptr: none
    };
    const Case cases[] = {
        {"vector.control", "vector", ""},
        {"uuid-ossp.control", "uuid-ossp", ""},
        {"a--1.0.control", "a", "1.0"},
        {"a--1.0-b.control", "a", "1.0-b"},
        {".control", nullptr, ""},
        {"vector.sql", nullptr, ""},
        {"control", nullptr, ""},
        {"-a.control", nullptr, ""},
        {"a-.control", nullptr, ""},
        {"a--.control", nullptr, ""},
        {"a--1--2.control", nullptr, ""},
        {"a b.control", nullptr, ""},
        {"a.control.control", "a.control", ""},
        {"--1.control", nullptr, ""},
    };
    for (const Case &c : cases) {
        const auto name = parse_control_file_name(c.file);
        ASSERT_EQ(name.has_value(), c.extension != nullptr) << c.file;
        if (!name) continue;
        EXPECT_EQ(name->extension, c.extension);
        EXPECT_EQ(name->version, c.version);
    }
}

}  // namespace
}  // namespace pgx
