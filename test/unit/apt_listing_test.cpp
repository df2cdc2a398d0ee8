#include "core/registry/apt_listing.h"

#include <gtest/gtest.h>

#include "apt_test_support.h"

namespace pgx {
namespace {

// Listings begin where signatures have been checked, so these repositories need none.
class Listing : public ::testing::Test {
   protected:
    Result<std::vector<AptListing>> load(const std::string &fields = {}, bool names = false, const std::string &options = {}) {
        suites.clear();
        auto sources = parse_apt_sources("deb [" + options + "] " + repository.uri() + (flat ? " ./" : " stable main extra"),
                                         SourceSyntax::detect, "here", "amd64");
        EXPECT_TRUE(sources) << whole(sources);
        AptSuite suite;
        suite.source = sources->sources.front();
        suite.signer = std::string(40, 'F');
        auto release = parse_apt_release(repository.release_text(fields));
        EXPECT_TRUE(release) << whole(release);
        suite.release = std::move(*release);
        suites.push_back(std::move(suite));
        auto cache = AptCache::open(directory.path(), real_file_system());
        EXPECT_TRUE(cache);
        reporter = {};
        traffic = {};
        Platform platform;
        platform.postgres_major = 18;
        platform.architecture = "amd64";
        auto result = load_listings(suites, platform, names, {host, config, *cache, real_file_system(), reporter, traffic});
        for (const auto &entry : std::filesystem::directory_iterator(directory / "apt"))
            EXPECT_FALSE(entry.path().string().ends_with(".part")) << "a download is left";
        return result;
    }
    Json row(const std::vector<AptListing> &listings, const std::string &package) {
        for (const AptListing &listing : listings)
            for (const AptPackage &one : listing.packages)
                if (one.package == package) return release_row(listing, one);
        return nullptr;
    }
    // Contents that no compression makes small.
    std::string large_contents(const std::string &lines) {
        std::string text = lines;
        std::uint64_t number = 88172645463325252ull;
        for (int i = 0; i < 200000; ++i) {
            number ^= number << 13, number ^= number >> 7, number ^= number << 17;
            text += "usr/share/" + std::to_string(number) + " x/y\n";
        }
        return text;
    }
    static std::string control(const std::string &name, const std::string &package) {
        return "usr/share/postgresql/18/extension/" + name + ".control database/" + package + "\n";
    }

    bool flat = false;
    TestKeys keys;
    TemporaryDirectory directory;
    TestRepository repository{directory / "r", keys};
    std::vector<AptSuite> suites;
    AptHost host;
    AptConfig config;
    CollectingReporter reporter;
    Traffic traffic;
};

TEST_F(Listing, RowsOfAllComponents) {
    repository.index("main/binary-amd64/Packages",
                     repository.package("postgresql-18-vector", "0.8.0-1", "amd64") +
                         repository.package("postgresql-18-vector", "0.7.0-1", "amd64") +
                         repository.package("postgresql-17-vector", "0.8.0-1", "amd64"));
    repository.index("extra/binary-amd64/Packages", repository.package("postgresql-18-vector", "0.9+x-1", "amd64"), "gz");
    auto listings = load();
    ASSERT_TRUE(listings) << whole(listings);
    ASSERT_EQ(listings->size(), 2u);
    EXPECT_EQ((*listings)[0].packages.size(), 2u);
    Json main = row(*listings, "postgresql-18-vector");
    EXPECT_EQ(main.at("version"), "0.8.0-1");
    EXPECT_EQ(main.at("repository"), "stable/main");
    EXPECT_EQ(main.at("architecture"), "amd64");
    EXPECT_EQ(main.at("summary"), "summary of postgresql-18-vector");
    EXPECT_EQ(main.at("description"), "First line.\n\nSecond paragraph.");
    EXPECT_EQ(main.at("homepage"), "https://example.org/postgresql-18-vector");
    EXPECT_EQ(main.at("depends"), "postgresql-18, libc6");
    EXPECT_EQ(main.at("size"), 13);
    EXPECT_EQ(main.at("sha256"), sha256("not a package"));
    EXPECT_EQ(main.at("signer"), std::string(40, 'F'));
    EXPECT_EQ(main.at("url"), "file://" + (directory / "r") + "/pool/postgresql-18-vector_0.8.0-1_amd64.deb");
    EXPECT_EQ(main.at("extensions"), nullptr);
    Json extra = release_row((*listings)[1], (*listings)[1].packages.front());
    EXPECT_EQ(extra.at("repository"), "stable/extra");
    EXPECT_TRUE(extra.at("url").get<std::string>().ends_with("0.9%2Bx-1_amd64.deb"));
    EXPECT_EQ(traffic.requests, 2u);
    // Nothing is downloaded a second time, and a damaged record is.
    ASSERT_TRUE(load());
    EXPECT_EQ(traffic.requests, 0u);
    for (const auto &entry : std::filesystem::directory_iterator(directory / "apt"))
        std::filesystem::resize_file(entry.path(), 70);
    auto again = load();
    ASSERT_TRUE(again) << whole(again);
    EXPECT_EQ(traffic.requests, 2u);
    EXPECT_EQ(row(*again, "postgresql-18-vector"), main);
}

TEST_F(Listing, PackagesForAllArchitecturesApart) {
    repository.index("main/binary-amd64/Packages", repository.package("postgresql-18-a", "1", "amd64"));
    repository.index("main/binary-all/Packages", repository.package("postgresql-18-b", "1", "all"));
    auto apart = load("Architectures: amd64 all\n");
    ASSERT_TRUE(apart);
    EXPECT_FALSE(row(*apart, "postgresql-18-b").is_null());
    auto together = load("Architectures: amd64 all\nNo-Support-for-Architecture-all: Packages\n");
    ASSERT_TRUE(together);
    EXPECT_TRUE(row(*together, "postgresql-18-b").is_null());
    EXPECT_TRUE(reporter.has_notice("has no packages in \"stable/extra\""));
}

TEST_F(Listing, FlatRepository) {
    flat = true;
    std::string packages = repository.package("postgresql-18-a", "1", "all");
    packages.replace(packages.find("pool/"), 5, "./pool/");
    repository.index("Packages", packages, "zst");
    std::filesystem::copy(repository.file("Packages.zst"), directory / "r/Packages.zst");
    auto listings = load();
    ASSERT_TRUE(listings) << whole(listings);
    Json one = row(*listings, "postgresql-18-a");
    EXPECT_EQ(one.at("repository"), ".");
    EXPECT_EQ(one.at("url"), "file://" + (directory / "r") + "/pool/postgresql-18-a_1_all.deb");
}

TEST_F(Listing, ByHash) {
    auto put = [&] {
        repository.index("main/binary-amd64/Packages", repository.package("postgresql-18-a", "1", "amd64"), "xz", true);
        std::filesystem::remove_all(directory / "apt");
    };
    put();
    EXPECT_TRUE(load("Acquire-By-Hash: yes\n"));
    put();
    EXPECT_FALSE(load());  // it is nowhere but below by-hash
    EXPECT_TRUE(load("", false, "by-hash=force"));
    put();
    EXPECT_FALSE(load("Acquire-By-Hash: yes\n", false, "by-hash=no"));
    config = parse_apt_config("Acquire::By-Hash \"no\";\n").value();
    EXPECT_FALSE(load("Acquire-By-Hash: yes\n"));
    config = {};
    // A mirror that announces it and has only the plain name.
    std::filesystem::remove_all(directory / "r");
    repository.index("main/binary-amd64/Packages", repository.package("postgresql-18-a", "1", "amd64"));
    auto plain = load("Acquire-By-Hash: yes\n");
    ASSERT_TRUE(plain) << whole(plain);
    EXPECT_EQ(traffic.requests, 2u);
}

TEST_F(Listing, WrongDigestOrSize) {
    std::string good = repository.package("postgresql-18-a", "1", "amd64");
    repository.index("main/binary-amd64/Packages", good);
    std::string bytes = directory.get("r/dists/stable/main/binary-amd64/Packages.xz");
    std::string changed = bytes;
    changed[20] ^= 1;
    for (const std::string &wrong : {changed, bytes + "x", bytes.substr(0, bytes.size() - 1)}) {
        TestRepository::put(repository.file("main/binary-amd64/Packages.xz"), wrong);
        auto listings = load();
        ASSERT_FALSE(listings);
        EXPECT_TRUE(listings.error().code == ErrorCode::digest_mismatch || listings.error().code == ErrorCode::limit_exceeded)
            << whole(listings);
        EXPECT_NE(whole(listings).find(repository.uri()), std::string::npos) << whole(listings);
    }
    std::filesystem::remove(repository.file("main/binary-amd64/Packages.xz"));
    auto missing = load();
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::registry_refused) << whole(missing);
}

TEST_F(Listing, MalformedIndexNamesTheRepository) {
    repository.index("main/binary-amd64/Packages", "<html>\n");
    auto listings = load();
    ASSERT_FALSE(listings);
    EXPECT_EQ(listings.error().code, ErrorCode::registry_malformed);
    EXPECT_NE(listings.error().message.find(repository.uri() + " stable"), std::string::npos) << whole(listings);
}

TEST_F(Listing, PackageThatCannotBeUsedIsANotice) {
    std::string bad = repository.package("postgresql-18-bad", "1", "amd64");
    bad.replace(bad.find("Filename: "), 10, "Filename: ../../");
    repository.index("main/binary-amd64/Packages", bad + repository.package("postgresql-18-good", "1", "amd64"));
    auto listings = load();
    ASSERT_TRUE(listings);
    EXPECT_TRUE(row(*listings, "postgresql-18-bad").is_null());
    EXPECT_FALSE(row(*listings, "postgresql-18-good").is_null());
    EXPECT_TRUE(reporter.has_notice("postgresql-18-bad"));
}

TEST_F(Listing, SmallContentsAreFetchedAtOnce) {
    repository.index("main/binary-amd64/Packages", repository.package("postgresql-18-pgvector", "1", "amd64") +
                                                       repository.package("postgresql-18-pgtap", "1", "all") +
                                                       repository.package("postgresql-18-module", "1", "amd64"));
    repository.index("main/Contents-amd64", control("vector", "postgresql-18-pgvector"), "gz");
    repository.index("main/Contents-all", control("pgtap", "postgresql-18-pgtap"), "gz");
    auto listings = load();
    ASSERT_TRUE(listings) << whole(listings);
    EXPECT_EQ(row(*listings, "postgresql-18-pgvector").at("extensions"), Json({"vector"}));
    EXPECT_EQ(row(*listings, "postgresql-18-pgtap").at("extensions"), Json({"pgtap"}));
    EXPECT_EQ(row(*listings, "postgresql-18-module").at("extensions"), Json::array());
    EXPECT_TRUE((*listings)[0].missing.empty());
    EXPECT_EQ(traffic.requests, 3u);
}

TEST_F(Listing, OneContentsForAll) {
    repository.index("main/binary-amd64/Packages", repository.package("postgresql-18-pgtap", "1", "all"));
    repository.index("Contents-amd64", control("pgtap", "postgresql-18-pgtap"), "xz");
    auto listings = load();
    ASSERT_TRUE(listings) << whole(listings);
    EXPECT_EQ(row(*listings, "postgresql-18-pgtap").at("extensions"), Json({"pgtap"}));
}

TEST_F(Listing, LargeContentsOnlyWhenAskedForAndThenKept) {
    repository.index("main/binary-amd64/Packages", repository.package("postgresql-18-pgvector", "1", "amd64"));
    repository.index("main/Contents-amd64", large_contents(control("vector", "postgresql-18-pgvector")), "gz");
    repository.index("main/Contents-all", large_contents(""), "gz");
    auto without = load();
    ASSERT_TRUE(without) << whole(without);
    EXPECT_EQ(row(*without, "postgresql-18-pgvector").at("extensions"), nullptr);
    EXPECT_EQ((*without)[0].missing.size(), 1u);
    EXPECT_EQ(traffic.requests, 1u);
    auto with = load("", true);
    ASSERT_TRUE(with) << whole(with);
    EXPECT_EQ(row(*with, "postgresql-18-pgvector").at("extensions"), Json({"vector"}));
    EXPECT_TRUE((*with)[0].missing.empty());
    EXPECT_EQ(traffic.requests, 1u) << "no package is for all architectures, so nobody needs Contents-all";
    auto later = load();
    ASSERT_TRUE(later);
    EXPECT_EQ(row(*later, "postgresql-18-pgvector").at("extensions"), Json({"vector"}));
    EXPECT_EQ(traffic.requests, 0u);
}

}  // namespace
}  // namespace pgx
