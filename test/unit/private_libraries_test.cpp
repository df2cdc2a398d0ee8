// private_libraries_test.cpp - bringing libraries along, with libraries and packages made on the
// spot.
#include "core/library/private_libraries.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "core/library/patch.h"
#include "core/registry/apt_cache.h"
#include "core/registry/subprocess.h"
#include "deb_builder.h"
#include "silent_reporter.h"
#include "test_library.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

// A repository in memory.
class FakeSource : public LibrarySource {
   public:
    explicit FakeSource(const TemporaryDirectory &directory) : directory_(directory) {}

    void add(const std::string &package, const std::string &depends, const std::string &deb,
             const std::string &provides = {}) {
        LibraryPackage entry;
        entry.package = package;
        entry.version = "1.0-1";
        entry.depends = depends;
        entry.provides = provides;
        entry.sha256 = sha256_of(deb).value();
        entry.size = deb.size();
        directory_.put("pool/" + entry.sha256, deb);
        text_ += library_index_line(entry, "pool/" + package + ".deb");
    }
    Result<const LibraryIndex *> index() override {
        ++index_reads;
        index_ = LibraryIndex();
        index_.add(text_, "https://example.org/debian", "a key");
        return &index_;
    }
    Result<std::string> get(const ReceiptLibrary &package) override {
        asked.push_back(package.package);
        if (package.package == broken)
            return fail(ErrorCode::digest_mismatch,
                        "file of \"" + package.package + "\" is another one");
        return directory_ / ("pool/" + package.sha256);
    }

    void clear() { text_.clear(); }

    Strings asked;
    std::string broken;
    int index_reads = 0;

   private:
    const TemporaryDirectory &directory_;
    std::string text_;
    LibraryIndex index_;
};

class PrivateLibrariesTest : public ::testing::Test {
   protected:
    PrivateLibrariesTest() : source_(directory_) {
        std::filesystem::create_directories(directory_ / "scratch");
        const auto self = read_dynamic_table("/proc/self/exe", "unit");
        machine_ = self ? self->machine : 0;
        bits_ = self ? self->bits : 0;
    }
    void SetUp() override {
        if (find_program("patchelf").empty()) GTEST_SKIP() << "there is no patchelf";
    }

    // Compiles a library with this soname that links with others; gives its bytes.
    std::string library(const std::string &soname, const std::string &source,
                        const Strings &with = {}, Strings flags = {}) {
        flags.push_back("-Wl,-soname," + soname);
        for (const std::string &other : with) flags.push_back(directory_ / ("build/" + other));
        flags.push_back("-Wl,--allow-shlib-undefined");
        std::filesystem::create_directories(directory_ / "build");
        compile_library(directory_, "build/" + soname, source, flags);
        return directory_.get("build/" + soname);
    }
    std::string deb(const std::string &soname, const std::string &bytes) {
        return make_deb(TarBuilder()
                            .directory("./usr/lib/")
                            .file("./usr/lib/x/" + soname + ".0.0", bytes)
                            .symlink("./usr/lib/x/" + soname, soname + ".0.0")
                            .finish());
    }
    void module(const std::string &name, const std::string &bytes) {
        directory_.put("package/lib/" + name, bytes);
        ReceiptFile file;
        file.path = "lib/" + name;
        file.kind = FileKind::library;
        file.mode = 0755;
        file.size = bytes.size();
        file.sha256 = sha256_of(bytes).value();
        receipt_.files.push_back(file);
        receipt_.modules.push_back({file.path, {}, false, {}});
    }
    // A chain: module -> libupper.so.1 -> liblower.so.1.
    void make_chain(int answer = 40) {
        const std::string lower =
            library("liblower.so.1", "int low(void) { return " + std::to_string(answer) + "; }\n");
        const std::string upper =
            library("libupper.so.1", "int low(void); int up(void) { return low() + 1; }\n",
                    {"liblower.so.1"});
        source_.add("liblower1", "libc6", deb("liblower.so.1", lower));
        source_.add("libupper1", "libc6, liblower1 (>= 1)", deb("libupper.so.1", upper));
        module("m.so", library("m.so", "int up(void); int ask(void) { return up() + 1; }\n",
                               {"libupper.so.1"}));
        depends_ = "postgresql-18, libupper1";
    }

    Result<void> run() {
        receipt_.package = "postgresql-18-thing";
        receipt_.version = "1.0-1";
        receipt_.artifact_sha256 = std::string(64, 'e');
        package_.directory = directory_ / "package";
        package_.depends = [this] { return Result<std::string>(depends_); };
        package_.artifact =
            directory_.put("own.deb", make_deb(TarBuilder().file("./usr/share/x").finish()));
        std::filesystem::remove_all(directory_ / "scratch");
        std::filesystem::create_directories(directory_ / "scratch");
        HostLibraries host({}, host_directories_, machine_, bits_);
        for (const std::string &program : programs_) host.load(program);
        return add_private_libraries(receipt_, package_, host, source_, directory_ / "scratch",
                                     real_file_system(), reporter_);
    }
    int ask(const std::string &function = "ask", const std::string &name = "m.so") {
        void *handle =
            ::dlopen((directory_ / ("package/lib/" + name)).c_str(), RTLD_NOW | RTLD_GLOBAL);
        if (handle == nullptr) {
            ADD_FAILURE() << ::dlerror();
            return -1;
        }
        const auto call = reinterpret_cast<int (*)()>(::dlsym(handle, function.c_str()));
        return call == nullptr ? -1 : call();
    }

    TemporaryDirectory directory_;
    FakeSource source_;
    SilentReporter reporter_;
    Receipt receipt_;
    PackageOnDisk package_;
    std::string depends_;
    Strings host_directories_{"/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64",
                              "/usr/lib64", "/lib"};
    Strings programs_;
    unsigned machine_ = 0, bits_ = 0;
};

TEST_F(PrivateLibrariesTest, NothingIsDoneWhenNothingIsMissing) {
    module("m.so", library("m.so", "int ask(void) { return 1; }\n"));
    const std::string before = receipt_.files[0].sha256;
    ASSERT_TRUE(run());
    EXPECT_EQ(receipt_.files.size(), 1U);
    EXPECT_EQ(receipt_.files[0].sha256, before);
    EXPECT_TRUE(receipt_.files[0].original_sha256.empty());
    EXPECT_TRUE(receipt_.libraries.empty());
    EXPECT_EQ(source_.index_reads, 0);
}

TEST_F(PrivateLibrariesTest, AChainComesAlong) {
    make_chain();
    const auto done = run();
    ASSERT_TRUE(done) << done.error().message << done.error().detail;
    ASSERT_EQ(receipt_.files.size(), 3U);
    for (const ReceiptFile &file : receipt_.files) {
        EXPECT_EQ(sha256_of(directory_.get("package/" + file.path)).value(), file.sha256)
            << file.path;
        EXPECT_EQ(file.original_sha256.size(), 64U);
        EXPECT_NE(file.original_sha256, file.sha256);
        EXPECT_TRUE(file.path == "lib/m.so" ||
                    file.path.starts_with("lib/postgresql-18-thing/lib/lib"));
    }
    ASSERT_EQ(receipt_.libraries.size(), 2U);
    EXPECT_EQ(receipt_.libraries[0].package, "liblower1");
    EXPECT_EQ(receipt_.libraries[0].names, Strings{"liblower.so.1"});
    EXPECT_EQ(receipt_.libraries[1].signer, "a key");
    EXPECT_NE(receipt_.modules[0].needed, Strings{});
    EXPECT_EQ(ask(), 42);
}

TEST_F(PrivateLibrariesTest, WhatTheServersProgramDefinesKeepsItsName) {
    make_chain();
    library("program", "int low(void) { return 1; }\n");
    programs_ = {directory_ / "build/program"};
    ASSERT_TRUE(run());
    bool upper = false, lower = false;
    for (const ReceiptFile &file : receipt_.files) {
        const auto table =
            read_dynamic_table(directory_ / ("package/" + file.path), file.path, Symbols::read);
        ASSERT_TRUE(table);
        for (const DynamicSymbol &symbol : table->symbols) {
            EXPECT_FALSE(symbol.name.starts_with("low_pgx")) << file.path;
            upper = upper || symbol.name.starts_with("up_pgx");
            lower = lower || symbol.name == "low";
        }
    }
    EXPECT_TRUE(upper);
    EXPECT_TRUE(lower);
}

TEST_F(PrivateLibrariesTest, TheSameAgainFromTheRecordAlone) {
    make_chain();
    ASSERT_TRUE(run());
    const Receipt first = receipt_;
    const std::string original = directory_.get("build/m.so");
    std::filesystem::remove_all(directory_ / "package");
    receipt_ = Receipt();
    module("m.so", original);
    package_.recorded = first.libraries;
    package_.is_recorded = true;
    source_.index_reads = 0;
    // What the host has by now does not count.
    host_directories_.push_back(directory_ / "build");
    ASSERT_TRUE(run());
    EXPECT_EQ(to_json(receipt_)["files"], to_json(first)["files"]);
    EXPECT_EQ(to_json(receipt_)["libraries"], to_json(first)["libraries"]);
    EXPECT_EQ(source_.index_reads, 0);
}

TEST_F(PrivateLibrariesTest, WhatTheHostHasStaysThere) {
    make_chain();
    host_directories_.push_back(directory_ / "build");
    ASSERT_TRUE(run());
    EXPECT_TRUE(receipt_.libraries.empty());
    EXPECT_TRUE(source_.asked.empty());
}

TEST_F(PrivateLibrariesTest, ALibraryThatIsNowhere) {
    make_chain();
    module("n.so",
           library("n.so", "int gone(void); int ask(void) { return gone(); }\n",
                   {(library("libgone.so.7", "int gone(void) { return 0; }\n"), "libgone.so.7")}));
    const auto done = run();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::dependency_missing);
    EXPECT_EQ(done.error().message, "library \"libgone.so.7\" is missing");
    EXPECT_NE(done.error().detail.find("\"n.so\" of package \"postgresql-18-thing\" needs"),
              std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(directory_ / "package/lib/postgresql-18-thing"));
    EXPECT_EQ(directory_.get("package/lib/m.so"), directory_.get("build/m.so"));
}

TEST_F(PrivateLibrariesTest, VersionsThatAreDependedOn) {
    const struct {
        const char *depends, *provides;
        bool is_good;
    } cases[] = {
        {"libupper1 (>= 0.9), libx (>= 3)", "", true},
        {"libupper1 (>= 9)", "", false},
        {"libupper1 (>= 9) | libupper1 (<< 2)", "", true},
        {"libupper1a (>= 9)", "libupper1a (= 9.1)", true},
        {"libupper1a (>= 9)", "libupper1a (= 8)", false},
        {"libupper1a (>= 9)", "libupper1a", false},
        {"libupper1a", "libupper1a", true},
    };
    const std::string upper = library("libupper.so.1", "int up(void) { return 1; }\n");
    const std::string bytes =
        library("m.so", "int up(void); int ask(void) { return up(); }\n", {"libupper.so.1"});
    for (const auto &test : cases) {
        source_.clear();
        source_.add("libupper1", "libc6", deb("libupper.so.1", upper), test.provides);
        std::filesystem::remove_all(directory_ / "package");
        receipt_ = Receipt();
        module("m.so", bytes);
        depends_ = test.depends;
        const auto done = run();
        EXPECT_EQ(done.has_value(), test.is_good) << test.depends << " of " << test.provides;
        if (done) continue;
        EXPECT_EQ(done.error().message, "library \"libupper.so.1\" is missing");
        EXPECT_NE(done.error().detail.find("and what the registry has is \"libupper1\" 1.0-1."),
                  std::string::npos)
            << done.error().detail;
    }
}

// What is left of a disk is the server's.
TEST_F(PrivateLibrariesTest, AFullDisk) {
    const char *small = std::getenv("PGX_SMALL_DIR");
    if (small == nullptr) GTEST_SKIP() << "PGX_SMALL_DIR is not set";
    const std::string bytes =
        library("m.so", "char bulk[300000] = {1}; char *f(void) { return bulk; }\n");
    const std::filesystem::path place = std::filesystem::path(small) / "adapted";
    std::filesystem::create_directories(place);
    const std::string path = place / "m.so";
    std::ofstream(path) << bytes;
    ElfPatch patch;
    patch.rpath = "$ORIGIN/x";
    EXPECT_TRUE(patch_elf(real_file_system(), path, "m.so", patch, directory_ / "scratch"));
    std::ofstream(path) << bytes;
    std::ofstream(place / "more") << std::string(500000, 'x');
    const auto done = patch_elf(real_file_system(), path, "m.so", patch, directory_ / "scratch");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::disk_full);
    EXPECT_EQ(done.error().message, "not enough disk space for adapting library \"m.so\"");
    std::filesystem::remove_all(place);
}

TEST_F(PrivateLibrariesTest, ANewerCLibraryIsRefused) {
    const std::string map = directory_.put("map", "GLIBC_9.99 { tomorrow; };\n");
    library("libc.so.6", "int tomorrow(void) { return 0; }\n", {},
            {"-nostdlib", "-Wl,--version-script=" + map});
    module("m.so", library("m.so", "int tomorrow(void); int ask(void) { return tomorrow(); }\n",
                           {"libc.so.6"}));
    const auto done = run();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::wrong_platform);
    EXPECT_EQ(done.error().message,
              "library \"m.so\" needs a newer \"libc.so.6\" than this host has");
    EXPECT_NE(done.error().detail.find("GLIBC_9.99; the newest on this host is GLIBC_2."),
              std::string::npos)
        << done.error().detail;
}

TEST_F(PrivateLibrariesTest, AnOlderLibraryOfTheHostIsNotUsedUnlessTheServerHasLoadedIt) {
    const auto with_version = [&](const char *version) {
        return library("libver.so.1", "int ver(void) { return 5; }\n", {},
                       {"-Wl,--version-script=" +
                        directory_.put("map", std::string(version) + " { ver; };\n")});
    };
    directory_.put("old/libver.so.1", with_version("VER_1"));
    source_.add("libver1", "", deb("libver.so.1", with_version("VER_2")));
    module("m.so",
           library("m.so", "int ver(void); int ask(void) { return ver(); }\n", {"libver.so.1"}));
    depends_ = "libver1";
    host_directories_.push_back(directory_ / "old");

    programs_ = {directory_ / "build/m.so"};
    const auto refused = run();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::wrong_platform);
    EXPECT_NE(
        refused.error().detail.find("It needs version VER_2; the newest on this host is VER_1."),
        std::string::npos)
        << refused.error().detail;

    programs_.clear();
    ASSERT_TRUE(run());
    ASSERT_EQ(receipt_.libraries.size(), 1U);
    EXPECT_EQ(ask(), 5);
}

TEST_F(PrivateLibrariesTest, SiblingsFindEachOther) {
    module("libsib.so", library("libsib.so", "int sib(void) { return 6; }\n"));
    module("m.so", library("m.so", "int sib(void); int ask_sibling(void) { return sib(); }\n",
                           {"libsib.so"}));
    ASSERT_TRUE(run());
    EXPECT_TRUE(receipt_.libraries.empty());
    EXPECT_TRUE(receipt_.files[0].original_sha256.empty());
    EXPECT_FALSE(receipt_.files[1].original_sha256.empty());
    EXPECT_EQ(ask("ask_sibling"), 6);
}

// Libraries out of files, as when a bundle is packed.
class LooseSource : public LibrarySource {
   public:
    Result<std::optional<LooseLibrary>> find(const std::string &soname,
                                             const std::vector<std::string> &) override {
        const auto found = libraries.find(soname);
        if (found == libraries.end()) return std::optional<LooseLibrary>{};
        return LooseLibrary{found->second, {}};
    }
    std::map<std::string, std::string> libraries;
};

TEST_F(PrivateLibrariesTest, LooseFilesAndABundleOfThem) {
    make_chain();
    LooseSource loose;
    for (const char *name : {"libupper.so.1", "liblower.so.1"})
        loose.libraries[name] = directory_ / ("build/" + std::string(name));
    receipt_.package = "thing";
    package_.directory = directory_ / "package";
    package_.depends = [] { return Result<std::string>(""); };
    const auto add = [&](LibrarySource &source) {
        std::filesystem::remove_all(directory_ / "scratch");
        std::filesystem::create_directories(directory_ / "scratch");
        HostLibraries host({}, host_directories_, machine_, bits_);
        // What only this host has does not count.
        host_directories_.push_back(directory_ / "build");
        host.keep_server_only();
        return add_private_libraries(receipt_, package_, host, source, directory_ / "scratch",
                                     real_file_system(), reporter_);
    };
    const auto done = add(loose);
    ASSERT_TRUE(done) << done.error().message << done.error().detail;
    EXPECT_EQ(receipt_.files.size(), 3U);
    ASSERT_EQ(receipt_.libraries.size(), 1U);
    EXPECT_EQ(receipt_.libraries[0].names, (Strings{"liblower.so.1", "libupper.so.1"}));
    // Installed from the bundle: nothing is missing, and nothing is changed again.
    const Json files = to_json(receipt_)["files"];
    receipt_.libraries.clear();
    LibrarySource nowhere;
    const auto again = add(nowhere);
    ASSERT_TRUE(again) << again.error().message << again.error().detail;
    EXPECT_EQ(to_json(receipt_)["files"], files);
    EXPECT_TRUE(receipt_.libraries.empty());
    EXPECT_EQ(ask(), 42);
    // A bundle that has lost one.
    std::erase_if(receipt_.files, [](const ReceiptFile &file) {
        return file.path.find("liblower") != std::string::npos;
    });
    const auto broken = add(nowhere);
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().code, ErrorCode::dependency_missing);
    EXPECT_TRUE(broken.error().message.starts_with("library \"liblower-"))
        << broken.error().message;
}

TEST_F(PrivateLibrariesTest, SiblingsThatFindEachOtherAlreadyAreLeftAlone) {
    const std::string sibling = library("libsibling.so.1", "int sister(void) { return 7; }\n");
    module("libsibling.so.1", sibling);
    module("m.so", library("m.so", "int sister(void); int ask(void) { return sister(); }\n",
                           {"libsibling.so.1"}, {"-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN"}));
    ASSERT_TRUE(run());
    for (const ReceiptFile &file : receipt_.files) EXPECT_TRUE(file.original_sha256.empty());
    EXPECT_EQ(ask(), 7);
}

// Opens a library by name and asks it, as mysql_fdw does.
const std::string opener =
    "#include <dlfcn.h>\nint ask(void) {\n"
    "  void *h = dlopen(\"libmysqlclient.so\", RTLD_NOW);\n"
    "  int (*f)(void) = h ? (int (*)(void))dlsym(h, \"mysql_number\") : 0;\n"
    "  return f ? f() : -1; }\n";

TEST_F(PrivateLibrariesTest, WhatAModuleOpensByNameComesAlong) {
    const std::string lower = library("liblower.so.1", "int low(void) { return 8; }\n");
    source_.add("liblower1", "libc6", deb("liblower.so.1", lower));
    source_.add("libmariadb3", "libc6, liblower1",
                deb("libmariadb.so.3",
                    library("libmariadb.so.3",
                            "int low(void); int mysql_number(void) { return low() + 1; }\n",
                            {"liblower.so.1"})));
    module("mysql_fdw.so", library("mysql_fdw.so", opener));
    depends_ = "default-libmysqlclient-dev | libmysqlclient-dev, libc6";
    ASSERT_TRUE(run());
    std::vector<std::string> paths;
    for (const ReceiptFile &file : receipt_.files) paths.push_back(file.path);
    EXPECT_NE(std::ranges::find(paths, "lib/postgresql-18-thing/lib/libmysqlclient.so"),
              paths.end());
    EXPECT_EQ(paths.size(), 3U);
#ifndef __SANITIZE_ADDRESS__  // whose dlopen() stands between, and searches where the test's own
                              // libraries are
    EXPECT_EQ(ask("ask", "mysql_fdw.so"), 9);
#endif
    // Again from the record, and on a host that has it.
    const Receipt first = receipt_;
    const std::string original = directory_.get("build/mysql_fdw.so");
    const auto again = [&] {
        std::filesystem::remove_all(directory_ / "package");
        receipt_ = Receipt();
        module("mysql_fdw.so", original);
        return run();
    };
    package_.recorded = first.libraries;
    package_.is_recorded = true;
    ASSERT_TRUE(again());
    EXPECT_EQ(to_json(receipt_)["files"], to_json(first)["files"]);
    package_.is_recorded = false;
    std::filesystem::create_directories(directory_ / "host");
    compile_library(directory_, "host/libmysqlclient.so", "int x;\n");
    host_directories_.push_back(directory_ / "host");
    ASSERT_TRUE(again());
    EXPECT_EQ(receipt_.files.size(), 1U);
}

TEST_F(PrivateLibrariesTest, WhatAModuleOpensAndNobodyHasIsNoError) {
    module("mysql_fdw.so", library("mysql_fdw.so", opener));
    ASSERT_TRUE(run());
    EXPECT_EQ(receipt_.files.size(), 1U);
    EXPECT_TRUE(receipt_.files[0].original_sha256.empty());
}

TEST_F(PrivateLibrariesTest, APackageThatCannotBeHad) {
    make_chain();
    source_.broken = "liblower1";
    const auto done = run();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::digest_mismatch);
    EXPECT_FALSE(std::filesystem::exists(directory_ / "package/lib/postgresql-18-thing"));
}

TEST_F(PrivateLibrariesTest, TwoPackagesHaveTheirOwnBuilds) {
    make_chain(40);
    ASSERT_TRUE(run());
    EXPECT_EQ(ask(), 42);
    // Another package in the same process, with other builds of the same names.
    TemporaryDirectory elsewhere;
    FakeSource source(elsewhere);
    const std::string lower = library("liblower.so.1", "int low(void) { return 70; }\n");
    source.add("liblower1", "", deb("liblower.so.1", lower));
    source.add("libupper1", "liblower1",
               deb("libupper.so.1", directory_.get("build/libupper.so.1")));
    elsewhere.put("package/lib/n.so",
                  library("n.so", "int up(void); int ask_other(void) { return up() + 2; }\n",
                          {"libupper.so.1"}));
    std::filesystem::create_directories(elsewhere / "scratch");
    Receipt receipt;
    receipt.package = "postgresql-18-other";
    receipt.files.push_back({"lib/n.so", FileKind::library, 1, 0755, std::string(64, 'f')});
    PackageOnDisk package{elsewhere / "package",
                          package_.artifact,
                          [] { return Result<std::string>("libupper1"); },
                          {},
                          false};
    HostLibraries host({}, host_directories_, machine_, bits_);
    ASSERT_TRUE(add_private_libraries(receipt, package, host, source, elsewhere / "scratch",
                                      real_file_system(), reporter_));
    void *handle = ::dlopen((elsewhere / "package/lib/n.so").c_str(), RTLD_NOW | RTLD_GLOBAL);
    ASSERT_NE(handle, nullptr) << ::dlerror();
    const auto call = reinterpret_cast<int (*)()>(::dlsym(handle, "ask_other"));
    ASSERT_NE(call, nullptr);
    EXPECT_EQ(call(), 73);
    EXPECT_EQ(ask(), 42);
}

TEST(HostLibraries, TheLinkersCacheAsItIsPrinted) {
    const auto cache = parse_linker_cache(
        "2 libs found in cache `/etc/ld.so.cache'\n"
        "\tlibz.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libz.so.1\n"
        "\tlibz.so.1 (libc6) => /lib/i386-linux-gnu/libz.so.1\n"
        "\tlibodd.so (libc6, hwcap: \"x86-64-v3\") => /lib/glibc-hwcaps/libodd.so\n"
        "Cache generated by: ldconfig\n");
    EXPECT_EQ(cache.size(), 3U);
    EXPECT_EQ(cache.count("libz.so.1"), 2U);
    EXPECT_EQ(cache.find("libodd.so")->second, "/lib/glibc-hwcaps/libodd.so");
}

TEST(HostLibraries, CoreLibraries) {
    for (const char *name : {"libc.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libm.so.6",
                             "ld-linux-x86-64.so.2", "libpthread.so.0", "libc.musl-x86_64.so.1"})
        EXPECT_TRUE(is_core_library(name)) << name;
    for (const char *name : {"libcrypt.so.1", "libz.so.1", "libcurl.so.4", "libmagic.so.1", "x"})
        EXPECT_FALSE(is_core_library(name)) << name;
}

TEST(HostLibraries, SearchPaths) {
    EXPECT_EQ(absolute_directories("/a:$ORIGIN/b::/c/${LIB}:rel:/d"), (Strings{"/a", "/d"}));
    EXPECT_TRUE(absolute_directories("").empty());
}

TEST(HostLibraries, ThisHostHasACLibraryWithVersions) {
    HostLibraries host = HostLibraries::of_this_host("/proc/self/exe");
    const auto path = host.find("libc.so.6");
    if (!path) GTEST_SKIP() << "the C library is another one";
    EXPECT_TRUE(host.is_loaded("libc.so.6"));
    EXPECT_TRUE(host.versions(*path).contains("GLIBC_2.34"));
    EXPECT_FALSE(host.find("libnone.so.99"));
    EXPECT_FALSE(host.find("relative/libc.so.6"));
    EXPECT_TRUE(host.find(*path));
    EXPECT_TRUE(host.versions("/nonexistent").empty());
}

}  // namespace
}  // namespace pgx
