// inspect_test.cpp - what receipts say of unpacked files.
#include "core/registry/inspect.h"

#include <gtest/gtest.h>

#include "test_library.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

class InspectTest : public ::testing::Test {
   protected:
    InspectTest() {
        platform_ = host_platform();
        platform_.postgres_major = 18;
    }

    void add(const std::string &path, std::string_view content) {
        directory_.put(path, content);
        ReceiptFile file;
        file.path = path;
        file.size = content.size();
        file.kind = path.starts_with("lib/")     ? FileKind::library
                    : path.ends_with(".control") ? FileKind::control
                    : path.ends_with(".sql")     ? FileKind::script
                                                 : FileKind::data;
        files_.push_back(file);
    }
    void add_library(const std::string &name, const std::string &source,
                     const Strings &flags = {}) {
        TemporaryDirectory build;
        compile_library(build, name, source, flags);
        add("lib/" + name, build.get(name));
    }

    Result<Inspection> run() {
        const auto controls = read_control_files(real_file_system(), directory_.path(), files_);
        if (!controls) return fail(controls.error());
        return inspect(real_file_system(), directory_.path(), files_, *controls, platform_);
    }

    TemporaryDirectory directory_;
    std::vector<ReceiptFile> files_;
    Platform platform_;
};

TEST_F(InspectTest, AnExtension) {
    add("share/extension/thing.control",
        "comment = 'a thing'\ndefault_version = '1.1'\nmodule_pathname = "
        "'$libdir/thing-1'\nrelocatable = false\n"
        "superuser = false\ntrusted = true\nschema = things\nrequires = 'cube, hstore'\n");
    add("share/extension/thing--1.1.sql",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'MODULE_PATHNAME';\n"
        "CREATE FUNCTION g() RETURNS int LANGUAGE c AS '$libdir/other.so', 'g';\n"
        "CREATE FUNCTION h() RETURNS int LANGUAGE c AS 'helper', 'h';\n");
    add("lib/helper.so", module_bytes());
    const auto result = run();
    ASSERT_TRUE(result) << result.error().detail;
    ASSERT_EQ(result->extensions.size(), 1U);
    const ReceiptExtension &extension = result->extensions[0];
    EXPECT_EQ(extension.name, "thing");
    EXPECT_EQ(extension.default_version, "1.1");
    EXPECT_EQ(extension.comment, "a thing");
    EXPECT_EQ(extension.schema, "things");
    EXPECT_EQ(extension.requires_, (Strings{"cube", "hstore"}));
    EXPECT_FALSE(extension.superuser);
    EXPECT_TRUE(extension.trusted);
    EXPECT_FALSE(extension.relocatable);
    EXPECT_EQ(extension.libraries, (Strings{"helper", "other", "thing-1"}));
    ASSERT_EQ(result->modules.size(), 1U);
    EXPECT_EQ(result->modules[0].path, "lib/helper.so");
    EXPECT_TRUE(result->without_script.empty());
}

TEST_F(InspectTest, OnlyScriptsOfTheDefaultVersionTellLibraries) {
    add("share/extension/thing.control", "default_version = '2'\nmodule_pathname = 'thing'\n");
    add("share/extension/thing--1.sql", "AS '$libdir/first'");
    add("share/extension/thing--1--2.sql", "AS '$libdir/second'");
    add("share/extension/thing--2--3.sql", "AS '$libdir/third'");
    add("share/extension/things--2.sql", "AS '$libdir/foreign'");
    EXPECT_EQ(run()->extensions[0].libraries, (Strings{"first", "second"}));
}

TEST_F(InspectTest, LibrariesAtTheEdgesOfAPiece) {
    add("share/extension/thing.control", "default_version = '1'\nmodule_pathname = 'own'\n");
    for (const std::size_t before : {65520U, 65530U, 65536U, 131060U}) {
        files_.resize(1);
        add("share/extension/thing--1.sql",
            std::string(before, ' ') + "'$libdir/some_library' 'MODULE_PATHNAME'");
        EXPECT_EQ(run()->extensions[0].libraries, (Strings{"own", "some_library"})) << before;
        files_.resize(1);
        add("share/extension/thing--1.sql", std::string(before, ' ') + "$libdir/at_end");
        EXPECT_EQ(run()->extensions[0].libraries, Strings{"at_end"}) << before;
    }
}

TEST_F(InspectTest, ADirectoryBelowIsNoLibrary) {
    add("share/extension/thing.control", "default_version = '1'\n");
    add("share/extension/thing--1.sql", "LOAD '$libdir/plugins/one'; LOAD '$libdir/two'");
    EXPECT_EQ(run()->extensions[0].libraries, Strings{"two"});
}

TEST_F(InspectTest, ScriptsInANamedDirectory) {
    add("share/extension/thing.control", "default_version = '1'\ndirectory = 'mine/sub'\n");
    add("share/mine/sub/thing--1.sql", "AS '$libdir/a'");
    const auto result = run();
    ASSERT_EQ(result->extensions.size(), 1U);
    EXPECT_EQ(result->extensions[0].directory, "mine/sub");
    EXPECT_EQ(result->extensions[0].libraries, Strings{"a"});
    files_.pop_back();
    add("share/extension/thing--1.sql", "not looked for here");
    EXPECT_EQ(run()->without_script, Strings{"share/extension/thing.control"});
}

TEST_F(InspectTest, NoDefaultVersion) {
    add("share/extension/thing.control", "comment = 'x'\n");
    add("share/extension/thing--1.sql", "AS '$libdir/a'");
    add("share/extension/thing--2.sql", "AS '$libdir/b'");
    const auto result = run();
    ASSERT_EQ(result->extensions.size(), 1U);
    EXPECT_EQ(result->extensions[0].default_version, "");
    EXPECT_EQ(result->extensions[0].libraries, (Strings{"a", "b"}));
}

TEST_F(InspectTest, ControlFilesWithoutScript) {
    add("share/extension/alias.control", "default_version = '1'\n");
    add("share/extension/updates.control", "default_version = '2'\n");
    add("share/extension/updates--1--2.sql", "");
    add("share/extension/alias--1.control", "comment = 'secondary'\n");
    add("share/extension/good.control", "default_version = '1'\n");
    add("share/extension/good--1.sql", "");
    add("share/extension/good--1.control", "comment = 'secondary'\n");
    const auto result = run();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->extensions.size(), 1U);
    EXPECT_EQ(result->without_script,
              (Strings{"share/extension/alias.control", "share/extension/updates.control",
                       "share/extension/alias--1.control"}));
}

TEST_F(InspectTest, ADefaultVersionThatCannotBeReached) {
    add("share/extension/thing.control", "default_version = '3'\n");
    add("share/extension/thing--1.sql", "");
    add("share/extension/thing--1--2.sql", "");
    const auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::control_file_invalid);
    EXPECT_EQ(result.error().message, "invalid extension control file \"thing.control\"");
    EXPECT_NE(result.error().detail.find("\"3\""), std::string::npos);
}

TEST_F(InspectTest, InvalidControlFiles) {
    struct Case {
        const char *name;
        std::string content;
    };
    const Case cases[] = {
        {"thing.control", "unknown = 1\n"},
        {"thing.control", "superuser = maybe\n"},
        {"thing.control", "include 'x'\n"},
        {"a b.control", ""},
        {".control", ""},
        {"-x.control", ""},
        {"thing--1.control", "directory = x\n"},
        {"thing.control", "#" + std::string(70000, 'x')},
    };
    for (const Case &c : cases) {
        files_.clear();
        add("share/extension/" + std::string(c.name), c.content);
        const auto result = run();
        ASSERT_FALSE(result) << c.name << c.content.substr(0, 50);
        EXPECT_EQ(result.error().code, ErrorCode::control_file_invalid);
        EXPECT_NE(result.error().message.find(c.name), std::string::npos);
    }
}

TEST_F(InspectTest, LibrariesMustFitThePlatform) {
    add("lib/thing.so", module_bytes());
    ASSERT_TRUE(run());
    platform_.postgres_major = 17;
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::wrong_platform);
    EXPECT_EQ(result.error().detail,
              "It was built for PostgreSQL 18, this server is PostgreSQL 17.");
    platform_.postgres_major = 18;
    platform_.architecture = platform_.architecture == "s390x" ? "amd64" : "s390x";
    result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::wrong_platform);
    files_.clear();
    add("lib/thing.so", "INPUT(libx.so)");
    EXPECT_EQ(run().error().code, ErrorCode::artifact_malformed);
}

TEST_F(InspectTest, OnlyModulesToBeNamedArePreloaded) {
    const std::string demands =
        module_source(18,
                      "extern _Bool process_shared_preload_libraries_in_progress;\n"
                      "const char *f(void); const char *f(void) {\n"
                      "  return process_shared_preload_libraries_in_progress ? 0 :\n"
                      "    \"x must be loaded via shared_preload_libraries\"; }\n");
    TemporaryDirectory build;
    compile_library(build, "core.so", demands, {"-Wl,-soname,core.so"});
    compile_library(build, "used.so", demands, {"-Wl,-soname,used.so"});
    add_library("core.so", demands);
    add_library("used.so", demands);
    add_library("thing.so", demands, {"-Wl,--no-as-needed", build / "core.so", build / "used.so"});
    add_library("thing-2.1.so", demands);
    add_library("alone-2.1.so", demands);
    add_library("plain.so", module_source(18));
    for (ReceiptFile &file : files_) file.kind = FileKind::library;
    add("share/extension/used.control",
        "default_version = '1'\nmodule_pathname = '$libdir/used'\n");
    add("share/extension/used--1.sql", "MODULE_PATHNAME");
    const auto result = run();
    ASSERT_TRUE(result) << result.error().detail;
    std::map<std::string, bool> preload;
    for (const ReceiptModule &module : result->modules) preload[module.path] = module.preload;
    EXPECT_TRUE(preload["lib/thing.so"]);
    EXPECT_TRUE(preload["lib/used.so"]);
    EXPECT_TRUE(preload["lib/alone-2.1.so"]);
    EXPECT_FALSE(preload["lib/core.so"]);
    EXPECT_FALSE(preload["lib/thing-2.1.so"]);
    EXPECT_FALSE(preload["lib/plain.so"]);
}

TEST_F(InspectTest, ControlFilesOfAlternatives) {
    add("share/extension/geo-3.control", "default_version = '3.6'\n");
    add("share/extension/geo--3.6.sql", "");
    add("share/extension/geo_extra-3.control", "default_version = '3.6'\n");
    add("share/extension/geo_extra--3.5.sql", "");
    add("share/extension/geo_extra--3.5--3.6.sql", "");
    add("share/extension/own-3.control", "default_version = '1'\n");  // has scripts of its own
    add("share/extension/own-3--1.sql", "");
    add("share/extension/own--1.sql", "");
    add("share/extension/both-3.control", "default_version = '1'\n");  // the plain name is there
    add("share/extension/both.control", "default_version = '1'\n");
    add("share/extension/both--1.sql", "");
    add("share/extension/other-3.control",
        "default_version = '2'\n");  // not this version's scripts
    add("share/extension/other--1.sql", "");
    add("share/extension/word-x.control", "default_version = '1'\n");  // no version in the name
    add("share/extension/word--1.sql", "");
    const auto controls = read_control_files(real_file_system(), directory_.path(), files_);
    ASSERT_TRUE(controls);
    const std::vector<std::pair<std::string, std::string>> expected{
        {"share/extension/geo-3.control", "share/extension/geo.control"},
        {"share/extension/geo_extra-3.control", "share/extension/geo_extra.control"}};
    EXPECT_EQ(control_files_to_rename(files_, *controls), expected);
}

TEST(ScriptsToCreate, FindsTheShortestWay) {
    const Strings all{"a--1.sql",    "a--1--2.sql", "a--2--3.sql", "a--3--4.sql",    "a--3.sql",
                      "a--x--y.sql", "a--y--x.sql", "b--9.sql",    "a--1--2--3.sql", "a.sql",
                      "a--.sql",     "a--5.txt",    "a---1.sql"};
    EXPECT_EQ(scripts_to_create("a", "1", all), Strings{"a--1.sql"});
    EXPECT_EQ(scripts_to_create("a", "2", all), (Strings{"a--1.sql", "a--1--2.sql"}));
    EXPECT_EQ(scripts_to_create("a", "3", all), Strings{"a--3.sql"});
    EXPECT_EQ(scripts_to_create("a", "4", all), (Strings{"a--3.sql", "a--3--4.sql"}));
    EXPECT_EQ(scripts_to_create("a", "x", all), Strings{});
    EXPECT_EQ(scripts_to_create("a", "9", all), Strings{});
    EXPECT_EQ(scripts_to_create("a", "5", all), Strings{});
    EXPECT_EQ(scripts_to_create("b", "9", all), Strings{"b--9.sql"});
}

}  // namespace
}  // namespace pgx
