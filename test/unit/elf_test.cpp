// elf_test.cpp - libraries as the compiler makes them, and damaged ones.
#include "core/registry/elf.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/base/platform.h"
#include "test_library.h"

namespace pgx {
namespace {

class ElfTest : public ::testing::Test {
   protected:
    ElfModule read(const std::string &name, const std::string &source,
                   const std::vector<std::string> &flags = {}) {
        const auto result = read_elf(compile_library(directory_, name, source, flags), name);
        EXPECT_TRUE(result) << result.error().detail;
        return result ? *result : ElfModule{};
    }

    TemporaryDirectory directory_;
};

TEST_F(ElfTest, AModule) {
    const ElfModule module = read("a.so", module_source(18));
    EXPECT_TRUE(module.postgres_module);
    EXPECT_EQ(module.postgres_major, 18U);
    EXPECT_FALSE(module.needs_preload);
    EXPECT_TRUE(check_architecture(module, host_platform().architecture, "a.so"));
}

TEST_F(ElfTest, StrippedModulesTellTheirMajorToo) {
    EXPECT_EQ(read("a.so", module_source(18), {"-s"}).postgres_major, 18U);
    EXPECT_EQ(read("b.so", module_source(17), {"-s"}).postgres_major, 17U);
    // With names that need relocation, the block is in another section.
    std::string source = module_source(18);
    source.replace(source.find("NULL, NULL"), 10, "\"b\", \"1.0\"");
    EXPECT_EQ(read("c.so", source, {"-s"}).postgres_major, 18U);
}

TEST_F(ElfTest, NoMajorIsGuessed) {
    std::string vendor = module_source(18);
    vendor.replace(vendor.find("\"PostgreSQL\""), 12, "\"Some Vendor\"");
    const ElfModule other = read("a.so", vendor);
    EXPECT_TRUE(other.postgres_module);
    EXPECT_EQ(other.postgres_major, std::nullopt);
    // Two blocks that disagree.
    std::string two = module_source(17);
    two +=
        "const Magic other_magic = {sizeof(Magic), 1800, 100, 32, 64, 1, \"PostgreSQL\", NULL, "
        "NULL};\n";
    EXPECT_EQ(read("b.so", two).postgres_major, std::nullopt);
    // The text alone is no block.
    EXPECT_EQ(read("c.so",
                   "void Pg_magic_func(void);\nvoid Pg_magic_func(void) {}\n"
                   "const char text[64] = \"PostgreSQL\";\n")
                  .postgres_major,
              std::nullopt);
}

TEST_F(ElfTest, ALibraryThatIsNoModule) {
    const ElfModule module = read("libplain.so.1", "int f(void); int f(void) { return 1; }\n",
                                  {"-Wl,-soname,libplain.so.1"});
    EXPECT_FALSE(module.postgres_module);
    EXPECT_EQ(module.soname, "libplain.so.1");
    EXPECT_EQ(module.postgres_major, std::nullopt);
}

TEST_F(ElfTest, WhatItNeeds) {
    compile_library(directory_, "libother.so", "int g(void); int g(void) { return 1; }\n",
                    {"-Wl,-soname,libother.so.7"});
    const std::string source =
        "#include <stdio.h>\nint g(void); int f(void); int f(void) { return puts(\"x\") + g(); }\n";
    ElfModule module =
        read("a.so", source,
             {"-L" + directory_.path(), "-lother", "-Wl,--enable-new-dtags,-rpath,/some/where"});
    EXPECT_NE(std::ranges::find(module.needed, "libother.so.7"), module.needed.end());
    EXPECT_NE(std::ranges::find(module.needed, "libc.so.6"), module.needed.end());
    EXPECT_EQ(module.runpath, "/some/where");
    EXPECT_EQ(module.rpath, "");
    // puts() is as old as the architecture's first glibc, but it has a version.
    EXPECT_TRUE(module.glibc.starts_with("2.")) << module.glibc;
    module = read("b.so", source,
                  {"-L" + directory_.path(), "-lother", "-Wl,--disable-new-dtags,-rpath,$ORIGIN"});
    EXPECT_EQ(module.rpath, "$ORIGIN");
    EXPECT_EQ(module.runpath, "");
}

TEST_F(ElfTest, Preload) {
    const std::string asks =
        "extern _Bool process_shared_preload_libraries_in_progress;\n"
        "int asked(void); int asked(void) { return process_shared_preload_libraries_in_progress; "
        "}\n";
    const std::string says =
        "const char *said(void); const char *said(void) {\n"
        "  return \"x must be loaded via shared_preload_libraries\"; }\n";
    EXPECT_TRUE(read("both.so", module_source(18, asks + says)).needs_preload);
    EXPECT_FALSE(read("asks.so", module_source(18, asks)).needs_preload);
    EXPECT_FALSE(read("says.so", module_source(18, says)).needs_preload);
    EXPECT_FALSE(read("no-module.so", asks + says).needs_preload);
    // Far into the data, so that the text lies across two reads.
    for (const char *padding : {"65500", "65530", "131050"}) {
        const std::string far = std::string("const char padding[") + padding + "] = {1};\n";
        EXPECT_TRUE(read(std::string("far") + padding + ".so", module_source(18, asks + far + says))
                        .needs_preload)
            << padding;
    }
}

TEST(DemandsPreload, Messages) {
    const std::pair<const char *, bool> cases[] = {
        {"pg_cron can only be loaded via shared_preload_libraries", true},
        {"pgaudit must be loaded via shared_preload_libraries", true},
        {"x must be loaded via \"shared_preload_libraries\"", true},
        {"x is not in shared_preload_libraries", true},
        {"Please preload the x library via shared_preload_libraries.", true},
        {"Add 'x' to 'shared_preload_libraries', and restart the server.", true},
        {"This module Needs To Be Loaded via shared_preload_libraries", true},
        {"The library should be loaded as part of shared_preload_libraries", true},
        {"The x extension can not be loaded using shared_preload_libraries.", false},
        {"x was not loaded via shared_preload_libraries", false},
        {"Without shared_preload_libraries, only current backend stats will be available.", false},
        {"must be loaded via session_preload_libraries", false},
        {"shared_preload_libraries", false},
        {"", false},
    };
    for (const auto &[message, demands] : cases)
        EXPECT_EQ(demands_preload(message), demands) << message;
}

TEST_F(ElfTest, Architectures) {
    ElfModule module;
    module.machine = 62;  // EM_X86_64
    module.bits = 64;
    EXPECT_TRUE(check_architecture(module, "amd64", "a.so"));
    const auto wrong = check_architecture(module, "arm64", "a.so");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::wrong_platform);
    EXPECT_EQ(wrong.error().detail, "It was built for amd64, this server is arm64.");
    EXPECT_FALSE(check_architecture(module, "i386", "a.so"));
    EXPECT_TRUE(check_architecture(module, "unheard-of", "a.so"));
    module.bits = 32;
    EXPECT_FALSE(check_architecture(module, "amd64", "a.so"));
    EXPECT_TRUE(check_architecture(module, "x32", "a.so"));
    module.bits = 64;
    module.machine = 21;  // EM_PPC64
    EXPECT_TRUE(check_architecture(module, "ppc64el", "a.so"));
    module.little_endian = false;
    EXPECT_FALSE(check_architecture(module, "ppc64el", "a.so"));
    module.machine = 12345;
    EXPECT_EQ(check_architecture(module, "amd64", "a.so").error().detail,
              "It was built for machine number 12345, this server is amd64.");
}

TEST_F(ElfTest, NotALibrary) {
    const std::string source = "int main(void) { return 0; }\n";
    const std::string object = directory_ / "a.o";
    directory_.put("a.c", source);
    ASSERT_EQ(run_command("cc", {"-c", "-o", object, directory_ / "a.c"})->exit_status, 0);
    std::vector<std::string> paths{object};
    for (const std::string_view content :
         {std::string_view(""),
          std::string_view("\x7f"
                           "ELF"),
          std::string_view("garbage"), std::string_view("/* GNU ld script */ INPUT(libx.a)"),
          std::string_view("!<arch>\n")})
        paths.push_back(directory_.put("f" + std::to_string(paths.size()), content));
    for (const std::string &path : paths) {
        const auto result = read_elf(path, "thing");
        ASSERT_FALSE(result) << path;
        EXPECT_EQ(result.error().code, ErrorCode::artifact_malformed);
        EXPECT_EQ(result.error().message, "invalid library \"thing\"");
        EXPECT_NE(result.error().detail, "");
    }
    EXPECT_EQ(read_elf(directory_ / "missing", "x").error().code, ErrorCode::io);
    EXPECT_EQ(read_elf(directory_.path(), "x").error().code, ErrorCode::artifact_malformed);
    std::filesystem::create_symlink(object, directory_ / "link");
    EXPECT_FALSE(read_elf(directory_ / "link", "x"));
}

TEST_F(ElfTest, TruncatedAnywhere) {
    const std::string &whole = module_bytes();
    const std::string path = directory_.put("a.so", whole);
    ASSERT_TRUE(read_elf(path, "a.so"));
    // From the end, so that one file serves all lengths.
    for (std::size_t size = whole.size(); size-- > 0;) {
        if (size > 300 && size % 37 != 0 && whole.size() - size > 50) continue;
        ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(size)), 0);
        const auto result = read_elf(path, "a.so");
        ASSERT_FALSE(result) << size << " of " << whole.size();
        EXPECT_EQ(result.error().code, ErrorCode::artifact_malformed);
    }
}

TEST_F(ElfTest, FlippedBytesNeverCrash) {
    const std::string &whole = module_bytes();
    std::size_t refused = 0;
    // All of the header and of the section headers at the end, a sample of the rest.
    for (std::size_t at = 0; at < whole.size();
         at += at < 64 || whole.size() - at < 2500 ? 1 : 101) {
        for (const char flip : {'\xff', '\x01', '\x80'}) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ flip);
            const std::string path = directory_.put("f", damaged);
            const auto result = read_elf(path, "a.so");
            std::filesystem::remove(path);
            if (result) continue;
            ++refused;
            EXPECT_EQ(result.error().code, ErrorCode::artifact_malformed) << at;
        }
    }
    EXPECT_GT(refused, 50U);
}

TEST_F(ElfTest, WhatLoadsAModuleByItself) {
    const ElfModule output =
        read("output.so", module_source(18, "void _PG_output_plugin_init(void *c) { (void)c; }"));
    EXPECT_TRUE(output.output_plugin);
    EXPECT_FALSE(output.archive_module);
    const ElfModule archive =
        read("archive.so", module_source(18, "void *_PG_archive_module_init(void) { return 0; }"));
    EXPECT_TRUE(archive.archive_module);
    EXPECT_FALSE(archive.output_plugin);
    // To call one is not to be one.
    const ElfModule caller = read("caller.so", module_source(18,
                                                             "void _PG_output_plugin_init(void *);"
                                                             "void f(void) { "
                                                             "_PG_output_plugin_init(0); }"));
    EXPECT_FALSE(caller.output_plugin);
    EXPECT_FALSE(output.hook || archive.hook || caller.hook);
    const std::string init = "void _PG_init(void) {}";
    EXPECT_TRUE(read("hook.so", module_source(18, init)).hook);
    EXPECT_FALSE(read("functions.so",
                      module_source(18, init + " const void *pg_finfo_f(void) { return 0; }"))
                     .hook);
    EXPECT_FALSE(read("both.so", module_source(18, init + " void _PG_output_plugin_init(void *c) { "
                                                          "(void)c; }"))
                     .hook);
    EXPECT_FALSE(read("library.so", init).hook);
}

}  // namespace
}  // namespace pgx
