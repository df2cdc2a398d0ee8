#include "core/registry/apt_sources.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "apt_test_support.h"

namespace pgx {
namespace {

const std::string fingerprint(40, 'A');

Result<AptSources> parse(std::string_view text, SourceSyntax syntax = SourceSyntax::detect) {
    return parse_apt_sources(text, syntax, "here", "amd64");
}

TEST(AptSources, OneLine) {
    auto sources = parse(
        "# comment\n"
        "deb http://example.org/debian trixie main contrib # trailing\n"
        "  deb-src http://example.org/debian trixie main\n"
        "deb [ arch=amd64,i386 signed-by=/a.gpg,/b.asc by-hash=force check-valid-until=no ] https://example.org/x/ y z\n"
        "deb [trusted=yes allow-insecure=yes] file:/srv/flat ./\n"
        "deb [arch=arm64] http://example.org/arm trixie main\n"
        "deb [arch-=amd64] http://example.org/minus trixie main\n"
        "deb [arch=arm64 arch+=amd64] http://example.org/plus/$(ARCH) trixie main\n"
        "deb \"http://example.org/with%20blank\" trixie main\n");
    ASSERT_TRUE(sources) << whole(sources);
    ASSERT_EQ(sources->sources.size(), 5u);
    const auto &s = sources->sources;
    EXPECT_EQ(s[0].uri, "http://example.org/debian/");
    EXPECT_EQ(s[0].suite, "trixie");
    EXPECT_EQ(s[0].components, (std::vector<std::string>{"main", "contrib"}));
    EXPECT_TRUE(s[0].signed_by.empty());
    EXPECT_EQ(s[0].origin, "here:2");
    EXPECT_EQ(s[0].name(), "http://example.org/debian trixie");
    EXPECT_EQ(s[0].release_directory(), "http://example.org/debian/dists/trixie/");
    EXPECT_EQ(s[1].uri, "https://example.org/x/");
    EXPECT_EQ(s[1].signed_by.paths, (std::vector<std::string>{"/a.gpg", "/b.asc"}));
    EXPECT_EQ(s[1].by_hash, ByHash::force);
    EXPECT_EQ(s[1].check_valid_until, false);
    EXPECT_EQ(s[2].trusted, true);
    EXPECT_TRUE(s[2].allow_insecure);
    EXPECT_TRUE(s[2].flat());
    EXPECT_EQ(s[2].release_directory(), "file:/srv/flat/./");
    EXPECT_EQ(s[3].uri, "http://example.org/plus/amd64/");
    EXPECT_EQ(s[4].uri, "http://example.org/with%20blank/");
}

TEST(AptSources, Deb822) {
    auto sources = parse(
        "# comment\nTypes: deb deb-src\nURIs: http://example.org/debian\n# inside\n  https://mirror.example.org/debian/\n"
        "Suites: trixie trixie-updates\nComponents: main\n contrib\nSigned-By: /k.gpg " + fingerprint + "!\n"
        "Check-Date: no\nDate-Max-Future: 60\nValid-Until-Max: 5\nValid-Until-Min: 4\nInRelease-Path: ../x/InRelease\n\n"
        "Enabled: no\nTypes: deb\n\n"
        "Types: deb-src\nURIs: http://example.org/src\nSuites: trixie\nComponents: main\n\n"
        "Types: deb\nURIs: file:///srv/flat\nSuites: /\nBy-Hash: no\nArchitectures: arm64\nArchitectures-Add: amd64\n");
    ASSERT_TRUE(sources) << whole(sources);
    ASSERT_EQ(sources->sources.size(), 5u);
    const AptSource &s = sources->sources[0];
    EXPECT_EQ(s.components, (std::vector<std::string>{"main", "contrib"}));
    EXPECT_EQ(s.signed_by.paths, (std::vector<std::string>{"/k.gpg"}));
    EXPECT_EQ(s.signed_by.fingerprints, (std::vector<std::string>{fingerprint + "!"}));
    EXPECT_EQ(s.check_date, false);
    EXPECT_EQ(s.date_max_future, 60);
    EXPECT_EQ(s.valid_until_max, 5);
    EXPECT_EQ(s.valid_until_min, 4);
    EXPECT_EQ(s.inrelease_path, "../x/InRelease");
    EXPECT_EQ(s.origin, "here:2");
    EXPECT_EQ(sources->sources[1].suite, "trixie-updates");
    EXPECT_EQ(sources->sources[2].uri, "https://mirror.example.org/debian/");
    EXPECT_EQ(sources->sources[4].release_directory(), "file:///srv/flat/");
    EXPECT_EQ(sources->sources[4].by_hash, ByHash::no);
}

TEST(AptSources, InlineKey) {
    auto sources = parse(
        "Types: deb\nURIs: http://example.org/\nSuites: s\nComponents: c\nSigned-By:\n"
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abcd\n =IE0r\n -----END PGP PUBLIC KEY BLOCK-----\n");
    ASSERT_TRUE(sources) << whole(sources);
    EXPECT_EQ(sources->sources[0].signed_by.inline_key,
              "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabcd\n=IE0r\n-----END PGP PUBLIC KEY BLOCK-----");
    EXPECT_TRUE(sources->sources[0].signed_by.paths.empty());
}

TEST(AptSources, EqualRepositoriesAreMerged) {
    auto sources = parse(
        "deb http://example.org/debian trixie main\n"
        "deb [signed-by=/k.gpg check-valid-until=no] http://example.org/debian/ trixie contrib main\n"
        "deb http://example.org/debian sid main\n");
    ASSERT_TRUE(sources) << whole(sources);
    ASSERT_EQ(sources->sources.size(), 2u);
    EXPECT_EQ(sources->sources[0].components, (std::vector<std::string>{"main", "contrib"}));
    EXPECT_EQ(sources->sources[0].signed_by.paths.size(), 1u);
    EXPECT_EQ(sources->sources[0].check_valid_until, false);
}

TEST(AptSources, ContradictionsAreErrors) {
    for (const char *options : {"signed-by=/a.gpg|signed-by=/b.gpg", "trusted=yes|trusted=no", "by-hash=yes|by-hash=no",
                                "check-valid-until=yes|check-valid-until=no", "check-date=no|check-date=yes",
                                "valid-until-max=1|valid-until-max=2", "valid-until-min=1|valid-until-min=2",
                                "date-max-future=1|date-max-future=2", "inrelease-path=a|inrelease-path=b"}) {
        std::string both = options;
        std::size_t bar = both.find('|');
        auto sources = parse("deb [" + both.substr(0, bar) + "] http://example.org/debian trixie main\ndeb [" +
                             both.substr(bar + 1) + "] http://example.org/debian trixie contrib\n");
        ASSERT_FALSE(sources) << options;
        EXPECT_EQ(sources.error().code, ErrorCode::invalid_argument);
        EXPECT_NE(sources.error().detail.find("here:1 and here:2"), std::string::npos) << whole(sources);
    }
}

TEST(AptSources, UnsupportedTransportsAreNotices) {
    auto sources = parse(
        "deb cdrom:[Debian]/ trixie main\ndeb mirror+file:/etc/apt/mirrors.txt trixie main\n"
        "deb tor+http://example.org/ trixie main\ndeb copy:/srv/x trixie main\n");
    ASSERT_TRUE(sources) << whole(sources);
    EXPECT_EQ(sources->sources.size(), 1u);
    ASSERT_EQ(sources->notices.size(), 3u);
    EXPECT_EQ(sources->notices[0].message, "skipping apt source at here:1: transport \"cdrom\" is not supported");
}

TEST(AptSources, UserNames) {
    Result<AptSources> sources = parse_apt_sources(
        "deb http://user:secret@example.org/debian trixie main\n"
        "deb https://user@example.org/debian trixie main\n"
        "deb http://example.org/a@b trixie main\n",
        SourceSyntax::one_line, "here", "amd64");
    ASSERT_TRUE(sources) << whole(sources);
    ASSERT_EQ(sources->sources.size(), 1u);
    EXPECT_EQ(sources->sources[0].uri, "http://example.org/a@b/");
    ASSERT_EQ(sources->notices.size(), 2u);
    EXPECT_EQ(sources->notices[0].message, "skipping apt source at here:1: its URI contains a user name");
    EXPECT_EQ(sources->notices[0].detail.find("secret"), std::string::npos);
}

TEST(AptSources, Malformed) {
    struct {
        const char *text, *says;
    } cases[] = {
        {"rpm http://example.org/ trixie main", "begins with \"rpm\""},
        {"deb http://example.org/debian", "lacks a URI or a suite"},
        {"deb", "lacks a URI or a suite"},
        {"deb http://example.org/debian trixie", "lacks a component"},
        {"deb http://example.org/debian trixie/ main", "ends with a slash"},
        {"deb [signed-by=/x http://example.org/debian trixie main", "bracket of the options is not closed"},
        {"deb [signed-by] http://example.org/debian trixie main", "not of the form name=value"},
        {"deb \"http://example.org/debian trixie main", "quotation mark is not closed"},
        {"deb example.org/debian trixie main", "has no scheme"},
        {"deb [signed-by=relative.gpg] http://example.org/ trixie main", "neither an absolute path nor a fingerprint"},
        {"deb [trusted=perhaps] http://example.org/ trixie main", "neither \"yes\" nor \"no\""},
        {"deb [valid-until-max=soon] http://example.org/ trixie main", "not a number of seconds"},
        {"deb [inrelease-path=/x] http://example.org/ trixie main", "not a relative path"},
        {"Types: deb\nURIs: http://example.org/\nComponents: main\n", "no field \"Suites\""},
        {"Types: rpm\nURIs: http://example.org/\nSuites: x\n", "type \"rpm\" is unknown"},
        {"Types: deb\nTypes: deb\n", "line 2 repeats"},
    };
    for (const auto &c : cases) {
        auto sources = parse(c.text);
        ASSERT_FALSE(sources) << c.text;
        EXPECT_EQ(sources.error().code, ErrorCode::invalid_argument);
        EXPECT_NE(whole(sources).find(c.says), std::string::npos) << c.text << "\n" << whole(sources);
        EXPECT_NE(sources.error().message.find("here"), std::string::npos);
        EXPECT_NE(sources.error().hint, "");
    }
}

TEST(AptSources, NamesHideCredentials) {
    // None is read with them; should one come about otherwise, messages do not tell.
    AptSource source;
    source.uri = "https://user:secret@example.org/debian/";
    source.suite = "trixie";
    EXPECT_EQ(source.name(), "https://example.org/debian trixie");
}

TEST(AptSources, ReadsTheHostsFiles) {
    TemporaryDirectory directory;
    AptHost host = test_host(directory);
    auto config = parse_apt_config(directory.get("host/dump"));
    ASSERT_TRUE(config);
    auto none = read_host_apt_sources(*config, "amd64", real_file_system());
    ASSERT_TRUE(none) << whole(none);
    EXPECT_TRUE(none->sources.empty());

    put_source(directory, "deb http://example.org/debian one main\n");
    directory.put("host/etc/apt/sources.list.d/b.list", "deb http://example.org/debian two main\n");
    directory.put("host/etc/apt/sources.list.d/a.sources",
                  "Types: deb\nURIs: http://example.org/debian\nSuites: three\nComponents: main\n");
    directory.put("host/etc/apt/sources.list.d/c.list.save", "rubbish");
    directory.put("host/etc/apt/sources.list.d/.hidden.list", "rubbish");
    directory.put("host/etc/apt/sources.list.d/with blank.list", "rubbish");
    directory.put("elsewhere", "deb http://example.org/debian four main\n");
    std::filesystem::create_symlink(directory / "elsewhere", directory / "host/etc/apt/sources.list.d/link.list");
    auto sources = read_host_apt_sources(*config, "amd64", real_file_system());
    ASSERT_TRUE(sources) << whole(sources);
    std::vector<std::string> suites;
    for (const AptSource &source : sources->sources) suites.push_back(source.suite);
    EXPECT_EQ(suites, (std::vector<std::string>{"one", "three", "two", "four"}));

    directory.put("host/etc/apt/sources.list.d/broken.list", "rubbish\n");
    auto broken = read_host_apt_sources(*config, "amd64", real_file_system());
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().message.find("broken.list:1"), std::string::npos) << whole(broken);
}

TEST(AptSources, UnreadableFileIsANotice) {
    if (::geteuid() == 0) GTEST_SKIP() << "root may read every file";
    TemporaryDirectory directory;
    AptHost host = test_host(directory);
    auto config = parse_apt_config(directory.get("host/dump"));
    std::string path = directory.put("host/etc/apt/sources.list", "deb http://example.org/debian one main\n");
    std::filesystem::permissions(path, std::filesystem::perms::none);
    auto sources = read_host_apt_sources(*config, "amd64", real_file_system());
    ASSERT_TRUE(sources) << whole(sources);
    EXPECT_TRUE(sources->sources.empty());
    ASSERT_EQ(sources->notices.size(), 1u);
    EXPECT_NE(sources->notices[0].message.find(path), std::string::npos);
}

}  // namespace
}  // namespace pgx
