// unpack_test.cpp - packages from archive to receipt, and every way in which that has to fail.
#include "core/registry/unpack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/registry/sha256.h"
#include "deb_builder.h"
#include "faulty_file_system.h"
#include "test_library.h"

namespace pgx {
namespace {

using Strings = std::vector<std::string>;

const std::string share = "./usr/share/postgresql/18/extension/";
const std::string lib = "./usr/lib/postgresql/18/lib/";
const std::string control =
    "comment = 'a thing'\ndefault_version = '1.0'\nmodule_pathname = '$libdir/thing'\n";

class CollectingReporter : public Reporter {
   public:
    void progress(std::string_view phase, std::string_view item, std::uint64_t done,
                  std::uint64_t total) override {
        EXPECT_EQ(item, "thing");
        EXPECT_LE(done, total);
        phases.insert(std::string(phase));
    }
    void notice(std::string_view, std::string_view, std::string_view) override {}
    void releases(Json, std::string_view) override {}
    std::set<std::string> phases;
};

class UnpackTest : public ::testing::Test {
   protected:
    UnpackTest() {
        platform_ = host_platform();
        platform_.postgres_major = 18;
        artifact_ = {
            "thing",  "1.0-1", "system", "", "http://example.org/thing.deb", std::string(64, 'a'),
            "signer", 0};
    }

    static TarBuilder package() {
        TarBuilder tar;
        tar.directory("./").directory("./usr/").file(share + "thing.control", control);
        tar.file(share + "thing--1.0.sql", "AS 'MODULE_PATHNAME'\n");
        return tar;
    }

    Result<Receipt> unpack(const std::string &deb, const ArchiveLimits &limits = {}) {
        return unpack(deb, real_file_system(), limits);
    }
    Result<Receipt> unpack(const std::string &deb, FileSystem &fs,
                           const ArchiveLimits &limits = {}) {
        std::filesystem::remove_all(staging());
        std::filesystem::remove(directory_ / "thing.deb");
        const std::string path = directory_.put("thing.deb", deb);
        return unpack_deb(path, artifact_, platform_, staging(), fs, reporter_, limits);
    }
    Result<Receipt> unpack(const TarBuilder &tar) { return unpack(make_deb(tar.finish())); }

    std::string staging() const { return directory_ / "staging"; }
    std::string staged(const std::string &path) const { return directory_.get("staging/" + path); }

    static Strings paths(const Receipt &receipt) {
        Strings result;
        for (const ReceiptFile &file : receipt.files) result.push_back(file.path);
        return result;
    }
    // All regular files below staging, and nothing but directories beside them.
    Strings on_disk() const {
        Strings result;
        for (const auto &entry : std::filesystem::recursive_directory_iterator(staging())) {
            EXPECT_TRUE(entry.is_directory() || entry.is_regular_file()) << entry.path();
            EXPECT_FALSE(entry.is_symlink()) << entry.path();
            if (entry.is_regular_file()) {
                EXPECT_EQ(entry.hard_link_count(), 1U) << entry.path();
                result.push_back(entry.path().string().substr(staging().size() + 1));
            }
        }
        std::ranges::sort(result);
        return result;
    }

    void expect_error(const TarBuilder &tar, ErrorCode code, const std::string &detail) {
        const auto result = unpack(tar);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, code)
            << result.error().message << " " << result.error().detail;
        EXPECT_NE(result.error().detail.find(detail), std::string::npos) << result.error().detail;
        EXPECT_TRUE(result.error().message.starts_with("could not unpack package \"thing\": "))
            << result.error().message;
        EXPECT_FALSE(std::filesystem::exists(staging()));
    }

    TemporaryDirectory directory_;
    Platform platform_;
    Artifact artifact_;
    CollectingReporter reporter_;
};

std::string digest(std::string_view bytes) {
    Sha256 sum;
    sum.update(bytes);
    return sum.finish().value();
}

TEST_F(UnpackTest, TextsThatNameTheirPackaging) {
    artifact_.destination = "pgx/18";
    const std::string text =
        "COPY t FROM '/usr/share/postgresql/18/extension/thing.data';\n"
        "LOAD '$libdir/thing'; LOAD '$libdir/plpgsql';\n";
    const std::string with_path =
        "default_version = '1.0'\nmodule_pathname = "
        "'/usr/lib/postgresql/18/lib/thing'\ndirectory = "
        "'/usr/share/postgresql/18/thing'\n";
    TarBuilder tar;
    tar.file(share + "thing.control", with_path).file(share + "thing.data");
    tar.file("./usr/share/postgresql/18/thing/thing--1.0.sql", text)
        .file(lib + "thing.so", module_bytes());
    tar.symlink("./usr/share/postgresql/18/thing/thing--0.9--1.0.sql", "thing--1.0.sql");
    const auto receipt = unpack(tar);
    ASSERT_TRUE(receipt) << receipt.error().message << receipt.error().detail;
    EXPECT_EQ(staged("share/extension/thing.control"),
              "default_version = '1.0'\nmodule_pathname = 'thing'\ndirectory = 'thing'\n");
    const std::string adapted =
        "COPY t FROM 'pgx/18/share/extension/thing.data';\n"
        "LOAD 'thing'; LOAD '$libdir/plpgsql';\n";
    EXPECT_EQ(staged("share/thing/thing--1.0.sql"), adapted);
    EXPECT_EQ(staged("share/thing/thing--0.9--1.0.sql"), adapted);
    EXPECT_EQ(on_disk(), paths(*receipt));
    for (const ReceiptFile &file : receipt->files) {
        EXPECT_EQ(digest(staged(file.path)), file.sha256) << file.path;
        EXPECT_EQ(staged(file.path).size(), file.size) << file.path;
        const std::string original = file.kind == FileKind::script    ? digest(text)
                                     : file.kind == FileKind::control ? digest(with_path)
                                                                      : "";
        EXPECT_EQ(file.original_sha256, original) << file.path;
    }
    EXPECT_EQ(receipt->extensions.at(0).libraries, (Strings{"plpgsql", "thing"}));
    // Where nobody knows the place, names are enough.
    artifact_.destination.clear();
    ASSERT_TRUE(unpack(tar));
    EXPECT_EQ(staged("share/thing/thing--1.0.sql"),
              "COPY t FROM '/usr/share/postgresql/18/extension/thing.data';\n"
              "LOAD 'thing'; LOAD '$libdir/plpgsql';\n");
}

TEST_F(UnpackTest, AWholePackage) {
    TarBuilder tar = package();
    tar.file(lib + "thing.so", module_bytes(), 04777);
    tar.file(lib + "bitcode/thing.index.bc")
        .file(lib + "bitcode/thing/a.bc")
        .file("./usr/share/doc/thing/copyright");
    tar.file("./usr/share/doc/thing/with odd \xff name")
        .file("./usr/bin/thing")
        .file("./usr/share/postgresql/17/extension/thing.control");
    tar.symlink("./usr/share/doc/thing/link", "/usr/share/doc/elsewhere")
        .symlink("./usr/lib/x86_64-linux-gnu/libx.so", "libx.so.1");
    for (const char *compression : {"xz", "gz", "zst", ""}) {
        const auto receipt = unpack(make_deb(tar.finish(), compression));
        ASSERT_TRUE(receipt) << receipt.error().message << receipt.error().detail;
        EXPECT_EQ(receipt->package, "thing");
        EXPECT_EQ(receipt->version, "1.0-1");
        EXPECT_EQ(receipt->registry, "system");
        EXPECT_EQ(receipt->artifact_url, "http://example.org/thing.deb");
        EXPECT_EQ(receipt->artifact_sha256, std::string(64, 'a'));
        EXPECT_EQ(receipt->signer, "signer");
        const Strings expected{"lib/thing.so", "share/extension/thing--1.0.sql",
                               "share/extension/thing.control"};
        EXPECT_EQ(paths(*receipt), expected);
        EXPECT_EQ(on_disk(), expected);
        EXPECT_EQ(receipt->files[0].kind, FileKind::library);
        EXPECT_EQ(receipt->files[1].kind, FileKind::script);
        EXPECT_EQ(receipt->files[2].kind, FileKind::control);
        for (const ReceiptFile &file : receipt->files) {
            const auto info = real_file_system().info(staging() + "/" + file.path).value();
            EXPECT_EQ(info->size, file.size);
            EXPECT_EQ(info->mode, file.mode);
            EXPECT_EQ(file.mode, file.kind == FileKind::library ? 0755U : 0644U);
            EXPECT_EQ(sha256_of_file(real_file_system(), staging() + "/" + file.path).value(),
                      file.sha256);
        }
        EXPECT_EQ(staged("share/extension/thing.control"), control);
        ASSERT_EQ(receipt->extensions.size(), 1U);
        EXPECT_EQ(receipt->extensions[0].libraries, Strings{"thing"});
        ASSERT_EQ(receipt->modules.size(), 1U);
        const std::map<std::string, std::uint64_t> left_out{{"bitcode", 2},
                                                            {"documentation", 3},
                                                            {"other", 1},
                                                            {"other version", 1},
                                                            {"program", 1}};
        EXPECT_EQ(receipt->left_out, left_out);
        EXPECT_TRUE(receipt_from_json(to_json(*receipt)));
    }
    EXPECT_EQ(reporter_.phases, (std::set<std::string>{"unpack", "sync"}));
}

TEST_F(UnpackTest, LinksBecomeFiles) {
    TarBuilder tar;
    tar.symlink(share + "before.sql", "thing--1.0.sql");
    tar.raw(package().unfinished());
    tar.symlink(share + "after.sql", "thing--1.0.sql");
    tar.symlink(share + "absolute.sql", "/usr/share/postgresql/18/extension/thing--1.0.sql");
    tar.symlink(share + "chain.sql", "after.sql");
    tar.hard_link(share + "hard.sql", share + "thing--1.0.sql");
    tar.symlink("./usr/share/linked", "postgresql/18");
    tar.symlink(share + "through.sql", "../../../linked/extension/thing--1.0.sql");
    const auto receipt = unpack(tar);
    ASSERT_TRUE(receipt) << receipt.error().message << receipt.error().detail;
    EXPECT_EQ(receipt->files.size(), 8U);
    EXPECT_EQ(on_disk(), paths(*receipt));
    for (const char *name : {"before", "after", "absolute", "chain", "hard", "through"})
        EXPECT_EQ(staged(std::string("share/extension/") + name + ".sql"), "AS 'MODULE_PATHNAME'\n")
            << name;
    for (const ReceiptFile &file : receipt->files)
        EXPECT_EQ(sha256_of_file(real_file_system(), staging() + "/" + file.path).value(),
                  file.sha256)
            << file.path;
    EXPECT_EQ(receipt->left_out.at("other"), 1U);
}

TEST_F(UnpackTest, LinksToFilesThatAreNotInstalledThemselves) {
    TarBuilder tar;
    tar.file("./usr/share/thing/shared.sql", "shared\n");  // before and after its links
    tar.raw(package().unfinished());
    tar.symlink(share + "one.sql", "../../../thing/shared.sql")
        .symlink(share + "two.sql", "/usr/share/thing/shared.sql");
    tar.symlink("./usr/share/thing/link", "later.sql")
        .hard_link(share + "three.sql", "./usr/share/thing/link");
    tar.file("./usr/share/thing/later.sql", "later\n");
    const auto receipt = unpack(tar);
    ASSERT_TRUE(receipt) << receipt.error().message << receipt.error().detail;
    EXPECT_EQ(staged("share/extension/one.sql"), "shared\n");
    EXPECT_EQ(staged("share/extension/two.sql"), "shared\n");
    EXPECT_EQ(staged("share/extension/three.sql"), "later\n");
    EXPECT_EQ(on_disk(), paths(*receipt));
    EXPECT_EQ(receipt->left_out, (std::map<std::string, std::uint64_t>{{"other", 3}}));
}

TEST_F(UnpackTest, DirectoriesThatAControlFileNames) {
    TarBuilder tar;
    tar.file("./usr/share/postgresql/18/mine/thing--1.0.sql", "mine\n")
        .file("./usr/share/postgresql/18/mine/sub/data.txt");
    tar.file("./usr/share/postgresql/18/contrib/thing.sql")
        .file("./usr/share/postgresql/18/contrib/odd name");
    tar.file(share + "thing.control", control + "directory = 'mine'\n");
    tar.symlink("./usr/share/postgresql/18/mine/link.sql", "thing--1.0.sql");
    tar.symlink("./usr/share/postgresql/18/mine/outer.sql", "../contrib/thing.sql");
    const auto receipt = unpack(tar);
    ASSERT_TRUE(receipt) << receipt.error().message << receipt.error().detail;
    EXPECT_EQ(paths(*receipt), (Strings{"share/extension/thing.control", "share/mine/link.sql",
                                        "share/mine/outer.sql", "share/mine/sub/data.txt",
                                        "share/mine/thing--1.0.sql"}));
    EXPECT_EQ(on_disk(), paths(*receipt));
    EXPECT_EQ(staged("share/mine/link.sql"), "mine\n");
    EXPECT_EQ(receipt->left_out, (std::map<std::string, std::uint64_t>{{"data", 2}}));
    ASSERT_EQ(receipt->extensions.size(), 1U);
    EXPECT_EQ(receipt->extensions[0].directory, "mine");
}

TEST_F(UnpackTest, ControlFilesWithoutScriptAreLeftOut) {
    TarBuilder tar = package();
    tar.file(share + "alias.control", "default_version = '1.0'\n");
    const auto receipt = unpack(tar);
    ASSERT_TRUE(receipt) << receipt.error().detail;
    EXPECT_EQ(on_disk(),
              (Strings{"share/extension/thing--1.0.sql", "share/extension/thing.control"}));
    EXPECT_EQ(receipt->files.size(), 2U);
    EXPECT_EQ(receipt->left_out.at("control file without script"), 1U);
    expect_error(TarBuilder().file(share + "alias.control", "default_version = '1.0'\n"),
                 ErrorCode::wrong_platform, "");
}

TEST_F(UnpackTest, AlternativesGetTheirName) {
    TarBuilder tar;
    tar.file(share + "thing-3.control", control).file(share + "thing--1.0.sql");
    const auto receipt = unpack(tar);
    ASSERT_TRUE(receipt) << receipt.error().detail;
    EXPECT_EQ(on_disk(),
              (Strings{"share/extension/thing--1.0.sql", "share/extension/thing.control"}));
    EXPECT_EQ(paths(*receipt), on_disk());
    ASSERT_EQ(receipt->extensions.size(), 1U);
    EXPECT_EQ(receipt->extensions[0].name, "thing");
    EXPECT_EQ(staged("share/extension/thing.control"), control);
}

TEST_F(UnpackTest, SiblingLibraries) {
    TarBuilder tar = package();
    tar.file(lib + "libthing.so.1", module_bytes()).symlink(lib + "libthing.so", "libthing.so.1");
    tar.symlink(lib + "plugins/thing.so", "../libthing.so.1");
    const auto receipt = unpack(tar);
    ASSERT_TRUE(receipt) << receipt.error().detail;
    EXPECT_EQ(receipt->modules.size(), 2U);
    EXPECT_EQ(receipt->left_out.at("other"), 1U);
    EXPECT_EQ(staged("lib/libthing.so"), module_bytes());
}

TEST_F(UnpackTest, Unsafe) {
    struct Case {
        const char *name;
        TarBuilder tar;
        const char *detail;
    };
    const std::string upper = "./usr/share/postgresql/18/Extension/";
    const std::vector<Case> cases{
        {"traversal", package().file("./usr/share/postgresql/18/extension/../../../../../etc/x"),
         "leaves the archive"},
        {"traversal where nothing is installed", package().file("./usr/share/doc/../../../x"),
         "leaves the archive"},
        {"absolute", package().file("/usr/share/postgresql/18/extension/x.sql"), "absolute"},
        {"backslash", package().file(share + "a\\b.sql"), "not allowed"},
        {"space", package().file(share + "a b.sql"), "not allowed"},
        {"not ASCII", package().file(share + "\xc3\xa4.sql"), "not allowed"},
        {"newline", package().file(share + "a\nb.sql"), "a?b.sql"},
        {"long component", package().file(share + std::string(256, 'x') + ".sql"), "not allowed"},
        {"library with odd name", package().file(lib + "a b.so"), "not allowed"},
        {"link with odd name", package().symlink(share + "a b.sql", "thing--1.0.sql"),
         "not allowed"},
        {"file in a named directory",
         TarBuilder()
             .file("./usr/share/postgresql/18/mine/a b")
             .file(share + "thing.control", control + "directory=mine"),
         "not allowed"},
        {"twice", package().file(share + "thing--1.0.sql"), "collides"},
        {"case", package().file(share + "Thing--1.0.sql"), "collides"},
        {"link over file", package().symlink(share + "thing--1.0.sql", "thing.control"),
         "collides"},
        {"file over link",
         TarBuilder()
             .symlink(share + "thing--1.0.sql", "thing.control")
             .raw(package().unfinished()),
         "collides"},
        {"two links",
         package()
             .symlink(share + "a.sql", "thing.control")
             .symlink(share + "a.sql", "thing.control"),
         "appears twice"},
        {"hard and symbolic link",
         package()
             .symlink(share + "a.sql", "thing.control")
             .hard_link(share + "a.sql", share + "thing.control"),
         "appears twice"},
        {"directory over file", package().directory(share + "thing--1.0.sql"), "collides"},
        {"file over directory",
         TarBuilder().directory(share + "thing--1.0.sql").raw(package().unfinished()), "collides"},
        {"file as a directory",
         package()
             .file("./usr/share/postgresql/18/mine/a")
             .file("./usr/share/postgresql/18/mine/a/b")
             .file(share + "other.control", "default_version=1\ndirectory=mine"),
         "collides"},
        {"below a link", package().symlink("./usr/share/postgresql", "/etc"), "lies below a link"},
        {"below a link that came first",
         TarBuilder().symlink("./usr/share/postgresql/18", "/etc").raw(package().unfinished()),
         "lies below a link"},
        {"link out", package().symlink(share + "a.sql", "../../../../../../etc/passwd"),
         "leaves the package"},
        {"link to elsewhere", package().symlink(share + "a.sql", "/etc/passwd"),
         "\"/etc/passwd\", which is not a file of the package"},
        {"link to nothing", package().symlink(share + "a.sql", "missing.sql"),
         "not a file of the package"},
        {"link to a directory",
         package().directory("./usr/share/x").symlink(share + "a.sql", "/usr/share/x"),
         "not a file of the package"},
        {"loop", package().symlink(share + "a.sql", "b.sql").symlink(share + "b.sql", "a.sql"),
         "too many links"},
        {"chain that leaves",
         package().symlink("./usr/share/x", "/").symlink(share + "a.sql", "/usr/share/x/../../a"),
         "leaves the package"},
        {"hard link to nothing", package().hard_link(share + "a.sql", "./missing"),
         "not a file of the package"},
        {"hard link out", package().hard_link("./usr/share/doc/a", "../../etc/passwd"),
         "leaves the archive"},
        {"device", package().entry({.name = "./dev/null", .type = '3'}), "device"},
        {"fifo", package().entry({.name = share + "a.sql", .type = '6'}), "device"},
    };
    for (const Case &c : cases) {
        SCOPED_TRACE(c.name);
        expect_error(c.tar, ErrorCode::artifact_unsafe, c.detail);
    }
    expect_error(package()
                     .file(upper + "a.sql")
                     .file("./usr/share/postgresql/18/other/a")
                     .file(share + "x.control", "directory = Extension"),
                 ErrorCode::artifact_unsafe, "collides");
}

TEST_F(UnpackTest, NothingForThisServer) {
    expect_error(TarBuilder()
                     .file("./usr/share/postgresql/15/extension/a.control")
                     .file("./usr/lib/postgresql/17/lib/a.so")
                     .file("./usr/share/postgresql/16/extension/a.control"),
                 ErrorCode::wrong_platform, "It holds files for PostgreSQL 15, 16 and 17.");
    expect_error(TarBuilder().file("./usr/share/postgresql/16/extension/a.control"),
                 ErrorCode::wrong_platform, "It holds files for PostgreSQL 16.");
    expect_error(TarBuilder().file("./usr/share/doc/a/copyright"), ErrorCode::wrong_platform,
                 "It holds no files of PostgreSQL extensions.");
    expect_error(TarBuilder().file("./usr/lib/postgresql/18/bin/a"), ErrorCode::wrong_platform,
                 "not an extension or a library");
    expect_error(TarBuilder(), ErrorCode::wrong_platform, "");
}

TEST_F(UnpackTest, WrongContents) {
    expect_error(package().file(share + "bad.control", "unknown = 1\n"),
                 ErrorCode::control_file_invalid, "unknown");
    expect_error(
        package().file(share + "bad.control", "default_version = 2\n").file(share + "bad--1.sql"),
        ErrorCode::control_file_invalid, "update path");
    expect_error(package().file(lib + "thing.so", "not a library"), ErrorCode::artifact_malformed,
                 "ELF");
    expect_error(package().file(lib + "thing.so", module_bytes().substr(0, 2000)),
                 ErrorCode::artifact_malformed, "");
    TemporaryDirectory build;
    compile_library(build, "old.so", module_source(17));
    expect_error(package().file(lib + "thing.so", build.get("old.so")), ErrorCode::wrong_platform,
                 "PostgreSQL 17");
}

TEST_F(UnpackTest, LimitsHoldForTheWholePackage) {
    ArchiveLimits limits;
    limits.total = 100'000;
    const std::string deb =
        make_deb(package().file(share + "big.txt", std::string(200'000, 'x')).finish());
    const auto result = unpack(deb, limits);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::artifact_unsafe);
    EXPECT_FALSE(std::filesystem::exists(staging()));
}

TEST_F(UnpackTest, TruncatedAnywhere) {
    const std::string deb =
        make_deb(package().file(share + "data.txt", std::string(5000, 'x')).finish(), "gz");
    ASSERT_TRUE(unpack(deb));
    for (std::size_t size = 0; size + 1 < deb.size(); size += 13) {
        const auto result = unpack(deb.substr(0, size));
        ASSERT_FALSE(result) << size << " of " << deb.size();
        EXPECT_EQ(result.error().code, ErrorCode::artifact_malformed) << result.error().detail;
        EXPECT_FALSE(std::filesystem::exists(staging()));
    }
}

TEST_F(UnpackTest, AnExistingDirectoryIsNotTouched) {
    const std::string path = directory_.put("thing.deb", make_deb(package().finish()));
    directory_.put("staging/precious", "x");
    const auto result =
        unpack_deb(path, artifact_, platform_, staging(), real_file_system(), reporter_);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::io);
    EXPECT_EQ(on_disk(), Strings{"precious"});
}

TEST_F(UnpackTest, AMissingFile) {
    const auto result = unpack_deb(directory_ / "missing.deb", artifact_, platform_, staging(),
                                   real_file_system(), reporter_);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::io);
    EXPECT_FALSE(std::filesystem::exists(staging()));
}

TEST_F(UnpackTest, EveryFileIsSyncedAfterItsLastChange) {
    FaultyFileSystem fs(real_file_system());
    const TarBuilder tar =
        package().file(lib + "thing.so", module_bytes()).symlink(share + "a.sql", "thing--1.0.sql");
    const auto receipt = unpack(make_deb(tar.finish()), fs);
    ASSERT_TRUE(receipt);
    const auto &log = fs.log();
    const auto last = [&](const std::string &line) {
        const auto found = std::find(log.rbegin(), log.rend(), line);
        EXPECT_NE(found, log.rend()) << line;
        return log.rend() - found;
    };
    for (const ReceiptFile &file : receipt->files) {
        const std::string path = staging() + "/" + file.path;
        EXPECT_GT(last("sync_file " + path), last("append " + path)) << path;
    }
}

TEST_F(UnpackTest, AFaultAtAnyCallIsAnErrorAndLeavesNothing) {
    const std::string deb = make_deb(package()
                                         .file("./usr/share/thing/x", "x")
                                         .symlink(share + "a.sql", "thing--1.0.sql")
                                         .symlink(share + "b.sql", "/usr/share/thing/x")
                                         .file(share + "other-3.control", "default_version = 1\n")
                                         .file(share + "other--1.sql")
                                         .file(share + "alias.control", "default_version = 1\n")
                                         .file(lib + "thing.so", module_bytes())
                                         .finish());
    FaultyFileSystem counting(real_file_system());
    ASSERT_TRUE(unpack(deb, counting));
    const std::size_t calls = counting.calls();
    ASSERT_GT(calls, 40U);
    for (const int number : {EIO, ENOSPC})
        for (std::size_t n = 1; n <= calls; ++n) {
            FaultyFileSystem fs(real_file_system());
            fs.fail_at(n, number);
            const auto result = unpack(deb, fs);
            ASSERT_FALSE(result) << n;
            EXPECT_EQ(result.error().code, number == EIO ? ErrorCode::io : ErrorCode::disk_full)
                << n << " " << result.error().message;
            EXPECT_FALSE(std::filesystem::exists(staging())) << n;
        }
}

}  // namespace
}  // namespace pgx
