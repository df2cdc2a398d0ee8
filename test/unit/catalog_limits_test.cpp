// catalog_limits_test.cpp - each bound holds on both of its sides, for whoever asks.
#include "core/catalog/catalog_limits.h"

#include <gtest/gtest.h>

#include <functional>

namespace pgx {
namespace {

CatalogPackage example() {
    CatalogRelease release;
    release.version = "1.0.0";
    release.extensions = {{"thing", "1.0", {"plpgsql"}}};
    release.modules = {"thing"};
    release.artifacts = {
        {*parse_bundle_file_name("thing-1.0.0+pg18-any.trunk"), 1234, std::string(64, 'a')}};
    CatalogPackage package;
    package.summary = "a thing";
    package.releases = {release};
    return package;
}

using Edit = std::function<void(CatalogPackage &, std::size_t)>;

TEST(CatalogLimits, EachBoundIsTheLastThatIsGood) {
    const struct {
        const char *what;
        std::size_t most;
        Edit edit;
    } table[] = {
        {"summary", 500, [](auto &p, auto n) { p.summary = std::string(n, 'x'); }},
        {"description", 20'000, [](auto &p, auto n) { p.description = std::string(n, 'x'); }},
        {"homepage", 1'000, [](auto &p, auto n) { p.homepage = std::string(n, 'x'); }},
        {"license", 200, [](auto &p, auto n) { p.license = std::string(n, 'x'); }},
        {"module path", 1'000, [](auto &p, auto n) { p.module_path = std::string(n, 'x'); }},
        {"releases", 10'000, [](auto &p, auto n) { p.releases.resize(n); }},
        {"withdrawn files", 50'000,
         [](auto &p, auto n) {
             for (std::size_t i = 0; i < n; ++i) p.withdrawn.emplace(std::to_string(i), "");
         }},
        {"the version has", 63,
         [](auto &p, auto n) { p.releases[0].version = std::string(n, '1'); }},
        {"date", 63, [](auto &p, auto n) { p.releases[0].date = std::string(n, '1'); }},
        {"extensions", 1'000,
         [](auto &p, auto n) {
             p.releases[0].extensions.resize(n, {"x", "1", {}});
         }},
        {"version of an extension", 63,
         [](auto &p, auto n) { p.releases[0].extensions[0].version = std::string(n, '1'); }},
        {"required extensions", 1'000,
         [](auto &p, auto n) { p.releases[0].extensions[0].requires_.resize(n, "x"); }},
        {"modules", 1'000, [](auto &p, auto n) { p.releases[0].modules.resize(n, "x"); }},
        {"modules to preload", 1'000,
         [](auto &p, auto n) { p.releases[0].preload.resize(n, "x"); }},
        {"name of a module", 255,
         [](auto &p, auto n) { p.releases[0].modules[0] = std::string(n, 'x'); }},
        {"dependencies", 1'000,
         [](auto &p, auto n) {
             for (std::size_t i = 0; i < n; ++i)
                 p.releases[0].dependencies.emplace(std::to_string(i), "");
         }},
        {"range of a dependency", 1'000,
         [](auto &p, auto n) { p.releases[0].dependencies["x"] = std::string(n, 'x'); }},
        {"name of a dependency", 1'000,
         [](auto &p, auto n) { p.releases[0].dependencies[std::string(n, 'x')] = ""; }},
        {"artifacts", 1'000,
         [](auto &p, auto n) {
             p.releases[0].artifacts.resize(n, CatalogArtifact(p.releases[0].artifacts[0]));
         }},
        {"size of artifact", std::size_t{0x7fffffffffffffff},
         [](auto &p, auto n) { p.releases[0].artifacts[0].size = n; }},
    };
    for (const auto &row : table) {
        CatalogPackage package = example();
        row.edit(package, row.most);
        const auto good = check_catalog_package("thing", package);
        EXPECT_TRUE(good) << row.what << ": " << good.error().message;
        package = example();
        row.edit(package, row.most + 1);
        const auto bad = check_catalog_package("thing", package);
        ASSERT_FALSE(bad) << row.what;
        EXPECT_EQ(bad.error().code, ErrorCode::limit_exceeded) << row.what;
        EXPECT_NE(bad.error().message.find(row.what), std::string::npos) << bad.error().message;
    }
}

TEST(CatalogLimits, TextsAreOfOneLineAndNamesAreNames) {
    const Edit edits[] = {
        [](auto &p, auto) { p.summary = "two\nlines"; },
        [](auto &p, auto) { p.summary = "\x1b[2J"; },
        [](auto &p, auto) {
            p.summary =
                "\xc2\x9b"
                "2J";
        },
        [](auto &p, auto) { p.description = "bell\a"; },
        [](auto &p, auto) { p.homepage = "https://example.org/\r\n"; },
        [](auto &p, auto) { p.license = "\x7f"; },
        [](auto &p, auto) { p.module_path = "a\tb"; },
        [](auto &p, auto) { p.releases[0].date = "\n"; },
        [](auto &p, auto) { p.releases[0].preload = {"a\nb"}; },
        [](auto &p, auto) { p.releases[0].extensions[0].name = "../x"; },
        [](auto &p, auto) { p.releases[0].extensions[0].requires_ = {"a b"}; },
    };
    for (const Edit &edit : edits) {
        CatalogPackage package = example();
        edit(package, 0);
        EXPECT_FALSE(check_catalog_package("thing", package))
            << write_catalog({{"thing", package}});
    }
    EXPECT_FALSE(check_catalog_package("../thing", example()));
    CatalogPackage package = example();
    package.description = "several\n\tlines, and \xc3\xa4";
    EXPECT_TRUE(check_catalog_package("thing", package));
}

TEST(CatalogLimits, ClientsHaveThemToo) {
    CatalogPackage package = example();
    EXPECT_TRUE(parse_catalog(write_catalog({{"thing", package}}), "x"));
    package.summary = std::string(501, 'x');
    const auto read = parse_catalog(write_catalog({{"thing", package}}), "x");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::registry_malformed);
    EXPECT_NE(read.error().message.find("summary"), std::string::npos);
}

TEST(CatalogLimits, ControlCharactersBecomeBlanks) {
    EXPECT_EQ(without_control_characters("a\nb\tc\x7f\x01"), "a b c  ");
    EXPECT_EQ(without_control_characters("a\nb\tc\r", true), "a\nb\tc ");
    EXPECT_EQ(without_control_characters("\xc2\x9b"
                                         "2J \xc3\xa4 \xc2\xa0"),
              " 2J \xc3\xa4 \xc2\xa0");
    EXPECT_EQ(without_control_characters("\xc2"), "\xc2");
    EXPECT_EQ(without_control_characters(""), "");
}

}  // namespace
}  // namespace pgx
