// archive_test.cpp - .deb files as containers: formats, limits, and everything that a tar archive
// can try.
#include "core/registry/archive.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "deb_builder.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

struct Read {
    std::string
        text;  // "f path size", "d path", "s path -> target", "h path -> target", one a line
    std::optional<Error> error;
};

class ArchiveTest : public ::testing::Test {
   protected:
    // Reads all entries; with `contents` their content too.
    Read read(const std::string &deb, const ArchiveLimits &limits = {}, bool contents = true) {
        Read result;
        // A new file each time: file systems sync what is truncated and written again.
        std::filesystem::remove(directory_ / "test.deb");
        const std::string path = directory_.put("test.deb", deb);
        auto reader = open_deb(real_file_system(), path, limits);
        if (!reader) {
            result.error = reader.error();
            return result;
        }
        while (true) {
            auto entry = (*reader)->next();
            if (!entry) {
                result.error = entry.error();
                return result;
            }
            if (!*entry) break;
            const char kinds[] = {'f', 'd', 's', 'h'};
            result.text += kinds[static_cast<int>((*entry)->type)];
            result.text += " " + (*entry)->path;
            if (!(*entry)->target.empty()) result.text += " -> " + (*entry)->target;
            if (contents && (*entry)->type == ArchiveEntry::Type::file) {
                std::string content;
                const auto done = (*reader)->read([&](std::string_view bytes) -> Result<void> {
                    content += bytes;
                    return {};
                });
                if (!done) {
                    result.error = done.error();
                    return result;
                }
                result.text += " " + std::to_string(content.size());
                EXPECT_EQ(content.size(), (*entry)->size);
                // The samples' files are one letter, repeated.
                if (!content.empty() && content.find_first_not_of(content[0]) != std::string::npos)
                    result.text += " damaged";
            }
            result.text += "\n";
        }
        EXPECT_LE((*reader)->position(), deb.size());
        return result;
    }

    void expect_error(const std::string &deb, ErrorCode code, const std::string &detail,
                      const ArchiveLimits &limits = {}) {
        for (const bool contents : {true, false}) {
            const Read result = read(deb, limits, contents);
            ASSERT_TRUE(result.error) << "read:\n" << result.text;
            EXPECT_EQ(result.error->code, code)
                << result.error->message << " " << result.error->detail;
            EXPECT_NE(result.error->detail.find(detail), std::string::npos) << result.error->detail;
            EXPECT_NE(result.error->message.find("\"test.deb\""), std::string::npos)
                << result.error->message;
        }
    }

    TemporaryDirectory directory_;
};

TarBuilder sample() {
    TarBuilder tar;
    tar.directory("./")
        .directory("./usr/")
        .file("./usr/a", std::string(3000, 'a'))
        .file("./usr/empty", "");
    tar.symlink("./usr/s", "a")
        .hard_link("./usr/h", "./usr/a")
        .file("usr/b", std::string(512, 'b'));
    return tar;
}

const char *sample_text =
    "d \nd usr\nf usr/a 3000\nf usr/empty 0\ns usr/s -> a\nh usr/h -> usr/a\nf usr/b 512\n";

TEST_F(ArchiveTest, EveryCompression) {
    for (const char *compression : {"xz", "gz", "zst", ""}) {
        const Read result = read(make_deb(sample().finish(), compression));
        EXPECT_FALSE(result.error) << compression << result.error->detail;
        EXPECT_EQ(result.text, sample_text) << compression;
    }
}

TEST_F(ArchiveTest, ContentMayBeSkippedAndASinkMayFail) {
    const Read result = read(make_deb(sample().finish()), {}, false);
    EXPECT_FALSE(result.error);
    auto reader =
        open_deb(real_file_system(), directory_.put("test.deb", make_deb(sample().finish())));
    ASSERT_TRUE(reader);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE((*reader)->next());
    const auto done = (*reader)->read(
        [](std::string_view) -> Result<void> { return fail(ErrorCode::disk_full, "no room"); });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::disk_full);
}

TEST_F(ArchiveTest, ContentLargerThanAnyBuffer) {
    TarBuilder tar;
    tar.file("a", std::string(3'000'000, 'a')).file("b", std::string(1'000'001, 'b'));
    for (const char *compression : {"xz", "gz", "zst", ""})
        EXPECT_EQ(read(make_deb(tar.finish(), compression)).text, "f a 3000000\nf b 1000001\n")
            << compression;
}

TEST_F(ArchiveTest, LongNames) {
    const std::string name = "./usr/" + std::string(200, 'x') + "/" + std::string(200, 'y');
    EXPECT_EQ(read(make_deb(TarBuilder().file(name, "a").finish())).text,
              "f " + name.substr(2) + " 1\n");
}

TEST_F(ArchiveTest, OtherMembersAreNotLookedAt) {
    const std::string data = compress(sample().finish(), "xz");
    const std::string deb = ArBuilder()
                                .member("debian-binary", "2.1\nmore\n")
                                .member("_before", "x")
                                .member("control.tar.xz", "x")
                                .member("data.tar.xz", data)
                                .member("_gpgorigin", "x")
                                .finish();
    const Read result = read(deb);
    EXPECT_FALSE(result.error) << result.error->detail;
    EXPECT_EQ(result.text, sample_text);
}

TEST_F(ArchiveTest, NotADeb) {
    const std::string data = compress(sample().finish(), "xz");
    const auto with = [&](const std::string &version) {
        return ArBuilder().member("debian-binary", version).member("data.tar.xz", data).finish();
    };
    expect_error("", ErrorCode::artifact_malformed, "");
    expect_error("garbage", ErrorCode::artifact_malformed, "");
    expect_error(std::string(100000, 'x'), ErrorCode::artifact_malformed, "");
    expect_error(data, ErrorCode::artifact_malformed, "");
    expect_error(sample().finish(), ErrorCode::artifact_malformed, "");
    expect_error("!<arch>\n", ErrorCode::artifact_malformed, "");
    expect_error("!<arch>\ngarbage", ErrorCode::artifact_malformed, "");
    expect_error(with("3.0\n"), ErrorCode::artifact_malformed, "2.x");
    expect_error(with(""), ErrorCode::artifact_malformed, "2.x");
    expect_error(ArBuilder().member("data.tar.xz", data).finish(), ErrorCode::artifact_malformed,
                 "not a Debian package");
    expect_error(ArBuilder().member("debian-binary", "2.0\n").finish(),
                 ErrorCode::artifact_malformed, "no data archive");
    expect_error(make_deb(sample().finish(), "bz2"), ErrorCode::artifact_malformed,
                 "unknown compression");
    EXPECT_EQ(open_deb(real_file_system(), directory_ / "missing").error().code, ErrorCode::io);
}

TEST_F(ArchiveTest, ExactlyTheDeclaredCompression) {
    const std::string tar = sample().finish();
    const auto with = [](const std::string &name, const std::string &data) {
        return ArBuilder().member("debian-binary", "2.0\n").member(name, data).finish();
    };
    expect_error(with("data.tar.xz", compress(tar, "gz")), ErrorCode::artifact_malformed, "");
    expect_error(with("data.tar.xz", tar), ErrorCode::artifact_malformed, "");
    expect_error(with("data.tar", compress(tar, "xz")), ErrorCode::artifact_malformed, "");
    expect_error(with("data.tar.gz", compress(compress(tar, "gz"), "gz")),
                 ErrorCode::artifact_malformed, "");
    expect_error(with("data.tar.xz", compress(compress(tar, "xz"), "xz")),
                 ErrorCode::artifact_malformed, "");
    expect_error(with("data.tar.gz", compress(compress(tar, "xz"), "gz")),
                 ErrorCode::artifact_malformed, "");
    expect_error(with("data.tar.xz", ""), ErrorCode::artifact_malformed, "");
    // An ar archive, which would be an archive in the archive.
    expect_error(with("data.tar", make_deb(tar)), ErrorCode::artifact_malformed, "");
}

struct UnsafeCase {
    const char *name;
    TarBuilder tar;
    ErrorCode code;
    const char *detail;
};

std::vector<UnsafeCase> unsafe_cases() {
    constexpr ErrorCode unsafe = ErrorCode::artifact_unsafe,
                        malformed = ErrorCode::artifact_malformed;
    std::vector<UnsafeCase> cases;
    const auto add = [&](const char *name, const TarBuilder &tar, ErrorCode code,
                         const char *detail) {
        cases.push_back({name, tar, code, detail});
    };
    for (const char *path :
         {"../x", "./../x", "a/../../b", "a/..", "..", "/abs", "//abs", "a//b", "a/./b"})
        add(path, TarBuilder().file(path), unsafe, "Its name");
    add("directory", TarBuilder().directory("../x"), unsafe, "Its name leaves");
    add("link", TarBuilder().symlink("../x", "y"), unsafe, "Its name leaves");
    add("no name", TarBuilder().file(""), unsafe, "");
    add("dot", TarBuilder().file("."), unsafe, "has no name");
    // A fuzzer found these: the root as a link to somewhere else.
    add("the root as a link", TarBuilder().symlink("./", "usr"), unsafe, "has no name");
    add("the root as a hard link", TarBuilder().file("a").hard_link(".", "a"), unsafe,
        "has no name");
    add("long absolute name", TarBuilder().file("/" + std::string(300, 'x')), unsafe,
        "Its name is absolute");
    add("hard link out", TarBuilder().file("a").hard_link("b", "../a"), unsafe, "Its name leaves");
    add("hard link to absolute", TarBuilder().hard_link("b", "/etc/passwd"), unsafe,
        "Its name is absolute");
    add("hard link to nothing", TarBuilder().hard_link("b", ""), unsafe, "");
    add("symbolic link to nothing", TarBuilder().symlink("b", ""), unsafe, "");
    for (const char type : {'3', '4', '6'})
        add("device or fifo", TarBuilder().entry({.name = "a", .type = type}), unsafe, "device");
    add("negative size", TarBuilder().entry({.name = "a", .size = std::string(12, '\xff')}),
        malformed, "");
    add("huge size",
        TarBuilder().entry({.name = "a", .size = std::string("\x80\0\0\0\0\0\1\0\0\0\0\0", 12)}),
        unsafe, "too large");
    add("pax path", TarBuilder().pax({"path=b"}).file("a"), malformed, "pax");
    add("pax size", TarBuilder().pax({"size=1"}).file("a", std::string(600, 'a')), malformed, "");
    add("pax comment only", TarBuilder().pax({"comment=b"}).file("a"), malformed, "pax");
    add("pax global", TarBuilder().pax({"comment=b"}, 'g').file("a"), malformed, "pax");
    add("pax link", TarBuilder().pax({"linkpath=/etc"}).symlink("a", "b"), malformed, "pax");
    add("pax attributes", TarBuilder().pax({"SCHILY.xattr.user.a=b"}).file("a"), malformed, "pax");
    add("pax with NUL", TarBuilder().pax({std::string("path=a\0b", 8)}).file("a"), malformed, "");
    add("pax sparse",
        TarBuilder()
            .pax({"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=100000"})
            .file("a", "1\n0\n1\n" + std::string(506, '\0') + "x"),
        malformed, "");
    add("wrong checksum", TarBuilder().file("a").raw(std::string(512, 'x')), malformed, "");
    add("long name too long", TarBuilder().file(std::string(5000, 'x')), unsafe, "too long");
    return cases;
}

TEST_F(ArchiveTest, UnsafeEntries) {
    for (const UnsafeCase &c : unsafe_cases()) {
        SCOPED_TRACE(c.name);
        expect_error(make_deb(c.tar.finish()), c.code, c.detail);
    }
}

TEST_F(ArchiveTest, SparseFiles) {
    // GNU's old sparse format: type 'S', a map at 386, the real size at 483.
    TarBuilder tar;
    std::string header = TarBuilder()
                             .entry({.name = "a", .type = 'S', .magic = "ustar  "}, "x")
                             .unfinished()
                             .substr(0, 512);
    header.replace(386, 12, std::string("00000010000\0", 12));
    header.replace(398, 12, std::string("00000000001\0", 12));
    header.replace(483, 12, std::string("00000010001\0", 12));
    header.replace(148, 8, "        ");
    unsigned sum = 0;
    for (char c : header) sum += static_cast<unsigned char>(c);
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "%06o", sum);
    header.replace(148, 7, text.data(), 7);
    tar.raw(header).raw("x").pad();
    expect_error(make_deb(tar.finish()), ErrorCode::artifact_unsafe, "sparse");
}

TEST_F(ArchiveTest, HardLinksWithContent) {
    // Old tars store the size of the file with a hard link, newer ones store content: neither may
    // pass as two files.
    const std::string content = "content of the link";
    const TarBuilder tar =
        TarBuilder().file("a").entry({.name = "b", .type = '1', .link = "a"}, content);
    const Read result = read(make_deb(tar.finish()));
    ASSERT_TRUE(result.error);
    EXPECT_TRUE(result.error->code == ErrorCode::artifact_unsafe ||
                result.error->code == ErrorCode::artifact_malformed);
    EXPECT_EQ(result.text.find(content), std::string::npos);
}

TEST_F(ArchiveTest, ModesAndTimesDoNotMatter) {
    EXPECT_EQ(read(make_deb(TarBuilder().file("a", "x", 07777).finish())).text, "f a 1\n");
}

TEST_F(ArchiveTest, Limits) {
    ArchiveLimits limits;
    limits.entries = 7;
    EXPECT_TRUE(read(make_deb(sample().finish()), limits).error);
    limits.entries = 8;  // the end counts
    EXPECT_FALSE(read(make_deb(sample().finish()), limits).error);

    limits = {};
    limits.file = 2999;
    expect_error(make_deb(sample().finish()), ErrorCode::artifact_unsafe, "too large", limits);
    limits.file = 3000;
    EXPECT_FALSE(read(make_deb(sample().finish()), limits).error);

    limits = {};
    limits.total = 8000;
    expect_error(make_deb(sample().finish()), ErrorCode::artifact_unsafe, "too large", limits);
}

TEST_F(ArchiveTest, Bombs) {
    const std::string tar = TarBuilder().file("a", std::string(20'000'000, 'a')).finish();
    ArchiveLimits limits;
    limits.ratio = 100;
    limits.ratio_from = 1'000'000;
    for (const char *compression : {"xz", "gz", "zst"}) {
        expect_error(make_deb(tar, compression), ErrorCode::artifact_unsafe, "compressed more",
                     limits);
        EXPECT_FALSE(read(make_deb(tar, compression)).error);
    }
    EXPECT_FALSE(read(make_deb(tar, ""), limits).error);
}

TEST_F(ArchiveTest, HugeHeaders) {
    ArchiveLimits limits;
    limits.header = 100'000;
    for (const auto &tar : {TarBuilder().long_name(std::string(900'000, 'x')).file("a"),
                            TarBuilder().pax({"comment=" + std::string(900'000, 'x')}).file("a")}) {
        const Read result = read(make_deb(tar.finish(), "gz"), limits);
        ASSERT_TRUE(result.error);
        EXPECT_TRUE(result.error->code == ErrorCode::artifact_unsafe ||
                    result.error->code == ErrorCode::artifact_malformed);
    }
    // With the true limit, what is beyond it is not even decompressed: 200 MB of header are 200 kB
    // in the file.
    const std::string header =
        TarBuilder().long_name(std::string(200'000'000, 'x')).file("a").finish();
    const Read result = read(make_deb(header, "gz"));
    ASSERT_TRUE(result.error);
}

TEST_F(ArchiveTest, NothingAfterTheEnd) {
    const std::string tar = sample().finish();
    const auto with = [](const std::string &name, const std::string &data) {
        return ArBuilder().member("debian-binary", "2.0\n").member(name, data).finish();
    };
    // Zeros are what tar fills its last record with.
    for (const char *compression : {"xz", "gz", "zst", ""})
        EXPECT_FALSE(read(make_deb(tar + std::string(200'000, '\0'), compression)).error)
            << compression;
    // A second archive, or anything else, in the same stream.
    for (const char *compression : {"xz", "gz", "zst", ""}) {
        expect_error(make_deb(tar + tar, compression), ErrorCode::artifact_malformed,
                     "after the end");
        expect_error(make_deb(tar + std::string(200'000, '\0') + "x", compression),
                     ErrorCode::artifact_malformed, "after the end");
    }
    // A second compressed stream behind the first.
    for (const char *compression : {"xz", "gz", "zst"}) {
        const std::string name = std::string("data.tar.") + compression;
        const std::string data = compress(tar, compression);
        SCOPED_TRACE(compression);
        expect_error(with(name, data + data), ErrorCode::artifact_malformed, "");
        expect_error(with(name, data + "garbage behind the stream"), ErrorCode::artifact_malformed,
                     "");
    }
    // A second data archive.
    const std::string data = compress(tar, "xz");
    expect_error(ArBuilder()
                     .member("debian-binary", "2.0\n")
                     .member("data.tar.xz", data)
                     .member("data.tar.gz", data)
                     .finish(),
                 ErrorCode::artifact_malformed, "more than one");
}

TEST_F(ArchiveTest, TruncatedTarInACompleteStream) {
    const std::string whole = sample().unfinished();
    for (std::size_t size = 0; size <= whole.size(); size += 256)
        for (const char *compression : {"xz", ""}) {
            const Read result = read(make_deb(whole.substr(0, size), compression));
            ASSERT_TRUE(result.error) << size;
            EXPECT_EQ(result.error->code, ErrorCode::artifact_malformed)
                << size << result.error->detail;
        }
    // One of the two empty blocks will do, as it does for dpkg.
    EXPECT_FALSE(read(make_deb(whole + std::string(512, '\0'))).error);
}

TEST_F(ArchiveTest, TruncatedAnywhere) {
    for (const char *compression : {"xz", "gz", "zst", ""}) {
        const std::string deb = make_deb(sample().finish(), compression);
        for (std::size_t size = 0; size < deb.size();
             size += size < 200 || deb.size() - size < 200 ? 1 : 97) {
            const Read result = read(deb.substr(0, size));
            // A padding byte after an odd member is all that may be missing.
            if (size + 1 == deb.size() && deb.back() == '\n') continue;
            ASSERT_TRUE(result.error) << compression << " " << size << " of " << deb.size();
            EXPECT_EQ(result.error->code, ErrorCode::artifact_malformed) << result.error->detail;
        }
    }
}

TEST_F(ArchiveTest, FlippedBytesNeverCrash) {
    for (const char *compression : {"xz", "gz", "zst", ""}) {
        const std::string deb = make_deb(sample().finish(), compression);
        for (std::size_t at = 0; at < deb.size(); at += compression[0] == '\0' ? 61 : 7) {
            std::string damaged = deb;
            damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
            const Read result = read(damaged);
            if (!result.error) continue;
            EXPECT_TRUE(result.error->code == ErrorCode::artifact_malformed ||
                        result.error->code == ErrorCode::artifact_unsafe)
                << at << result.error->detail;
        }
    }
}

}  // namespace
}  // namespace pgx
