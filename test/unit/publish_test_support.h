// publish_test_support.h - a registry in a temporary directory, and a client that looks at it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bundle_builder.h"
#include "core/publish/check.h"
#include "core/publish/initialize.h"
#include "core/publish/publish_bundles.h"
#include "core/publish/renew.h"
#include "core/publish/rotate.h"
#include "core/tuf/client.h"
#include "temporary_directory.h"

namespace pgx {

class QuietReporter : public Reporter {
   public:
    void progress(std::string_view, std::string_view, std::uint64_t, std::uint64_t) override {}
    void notice(std::string_view, std::string_view, std::string_view) override {}
    void releases(Json, std::string_view) override {}
};

#define ASSERT_OK(expression)                                                  \
    do {                                                                       \
        const auto &ok_result = (expression);                                  \
        ASSERT_TRUE(ok_result.has_value())                                     \
            << ok_result.error().message << " / " << ok_result.error().detail; \
    } while (false)

// What a client knows of a registry.
struct ClientView {
    std::map<std::string, CatalogPackage> packages;
    std::string error;  // why it knows nothing
    std::uint64_t timestamp = 0, snapshot = 0, targets = 0, root = 0;

    // "semver@0.40.0" ..., sorted.
    std::vector<std::string> releases() const {
        std::vector<std::string> names;
        for (const auto &[name, package] : packages)
            for (const CatalogRelease &release : package.releases)
                names.push_back(name + "@" + release.version);
        return names;
    }
};

// Reads a registry through its transport, from the root with that fingerprint, as a server does;
// packages of publishers hide those of shards.
inline Result<ClientView> read_as_client(tuf::Transport &transport, tuf::Store &store,
                                         const tuf::Fingerprint &fingerprint, tuf::Time now) {
    ClientView view;
    std::string root;
    if (!TRY(store.load("root"))) root = TRY(tuf::fetch_root(transport, fingerprint));
    tuf::Client client = root.empty() ? TRY(tuf::Client::open(transport, store, now))
                                      : TRY(tuf::Client::open(transport, store, root, now));
    TRY(client.refresh());
    view.root = client.trusted().root().version;
    view.timestamp = client.trusted().timestamp().version;
    view.snapshot = client.trusted().snapshot().version;
    const tuf::Targets &top = *client.trusted().targets("targets");
    view.targets = top.version;
    const std::uint64_t bits = top.custom["pgx"]["shard_bits"];
    const tuf::Listing listing = TRY(client.list());
    for (const auto &role : listing.roles)
        if (role.error && role.version != 0) return fail(*role.error);
    const std::vector<std::string> contents = TRY(client.download(listing.targets));
    for (std::size_t i = 0; i < contents.size(); ++i) {
        const std::string &path = listing.targets[i].path;
        const bool shard = path.ends_with(".zst");
        const std::string text = shard ? TRY(decompress_shard(contents[i], path)) : contents[i];
        for (auto &[name, package] : TRY(parse_catalog(text, path))) {
            const std::string wanted =
                shard ? TRY(shard_path(name, static_cast<unsigned>(bits))) : package_path(name);
            EXPECT_EQ(path, wanted) << name;
            bool hidden = false;
            for (const tuf::Delegation &delegation : top.delegations->roles)
                hidden = hidden || (shard && TRY(tuf::covers(delegation, package_path(name))));
            if (!hidden) view.packages[name] = std::move(package);
        }
    }
    return view;
}

class PublishTest : public ::testing::Test {
   protected:
    static constexpr tuf::Time start{std::chrono::seconds(1'790'000'000)};

    static KeyFolder::Passphrase no_passphrase() {
        return [](const std::string &) -> Result<std::string> {
            return fail(ErrorCode::wrong_state, "nobody is there to type a passphrase");
        };
    }

    RegistryFolder folder() const { return {directory_ / "registry"}; }
    std::string key_directory() const { return directory_ / "keys"; }
    KeyFolder keys(const std::string &name = "keys") const {
        return *KeyFolder::open(real_file_system(), directory_ / name, no_passphrase());
    }
    void make_registry() {
        KeyFolder at_hand = keys();
        auto made = initialize_registry(real_file_system(), folder(), at_hand, lifetimes_, now_);
        ASSERT_OK(made);
        fingerprint_ = made->fingerprint;
    }
    Result<Generation> open(FileSystem &fs = real_file_system()) {
        OpenOptions options;
        options.expected = fingerprint_;
        return Generation::open(fs, folder(), options);
    }

    // A bundle of SQL only; gives its path.
    std::string bundle(const std::string &name, const std::string &version = "1.0.0",
                       const std::string &content = "SELECT 1;\n",
                       const std::string &platform = "any") {
        BundleBuilder builder(name + "-" + version + "+pg18-" + platform);
        builder.file("trunk.json", BundleBuilder::manifest(platform, version, name));
        builder.file("META.json", Json{{"name", name},
                                       {"version", version},
                                       {"abstract", "about " + name},
                                       {"license", "PostgreSQL"},
                                       {"meta-spec", {{"version", "2.0.0"}}}}
                                      .dump());
        builder.file("pgsql/share/extension/" + name + ".control",
                     "comment = 'c'\ndefault_version = '" + version + "'\nrequires = 'plpgsql'\n");
        builder.file("pgsql/share/extension/" + name + "--" + version + ".sql", content);
        return directory_.put("new/" + builder.file_name(), builder.finish());
    }

    Result<PublishedBundles> add(const std::vector<std::string> &paths,
                                 FileSystem &fs = real_file_system(),
                                 const std::string &publisher = {},
                                 const std::string &key_folder = "keys") {
        KeyFolder at_hand = keys(key_folder);
        Generation generation = TRY(open(fs));
        QuietReporter reporter;
        return add_bundles(generation, paths, publisher, directory_ / "scratch", at_hand,
                           lifetimes_, now_, reporter);
    }
    Result<RemovedPackage> remove(const std::string &package, const std::string &version = {},
                                  FileSystem &fs = real_file_system()) {
        KeyFolder at_hand = keys();
        Generation generation = TRY(open(fs));
        return remove_package(generation, package, version, at_hand, lifetimes_, now_);
    }
    Result<Renewal> renew(const std::string &key_folder = "keys") {
        KeyFolder at_hand = keys(key_folder);
        Generation generation = TRY(open());
        return renew_registry(generation, directory_ / "scratch", at_hand, lifetimes_, now_);
    }
    Result<Publication> rotate(const std::string &role) {
        KeyFolder at_hand = keys();
        Generation generation = TRY(open());
        const tuf::PublicKey key = TRY(at_hand.generate(role));
        const tuf::Root next =
            TRY(rotate_keys(generation.root(), {role, {key}, std::nullopt}, lifetimes_, now_));
        return install_root(generation, TRY(sign_root(generation.root(), next, at_hand)), at_hand,
                            lifetimes_, now_);
    }

    // A new client each time, or one that remembers in `store`.
    ClientView client(tuf::Store *store = nullptr) {
        FolderTransport transport(real_file_system(), folder());
        tuf::MemoryStore fresh;
        auto view = read_as_client(transport, store ? *store : fresh, fingerprint_, now_);
        if (view) return *view;
        ClientView failed;
        failed.error = view.error().message + " / " + view.error().detail;
        return failed;
    }
    // Whether a client sees just these releases, and finds their bundles.
    void expect_releases(const std::vector<std::string> &wanted) {
        const ClientView view = client();
        EXPECT_EQ(view.error, "");
        EXPECT_EQ(view.releases(), wanted);
        expect_bundles(view);
    }
    void expect_bundles(const ClientView &view) {
        for (const auto &[name, package] : view.packages)
            for (const CatalogRelease &release : package.releases)
                for (const CatalogArtifact &artifact : release.artifacts) {
                    const auto sound = check_bundle_file(real_file_system(), folder(), artifact);
                    EXPECT_TRUE(sound) << sound.error().message;
                }
    }
    // Paths relative to the registry, sorted.
    std::vector<std::string> files(const std::string &below = "") const {
        std::vector<std::string> result;
        const std::filesystem::path top = folder().root;
        for (const auto &entry : std::filesystem::recursive_directory_iterator(top / below))
            if (entry.is_regular_file())
                result.push_back(std::filesystem::relative(entry.path(), top).string());
        std::sort(result.begin(), result.end());
        return result;
    }
    // Lets files look as if they had been written then.
    void date_files(tuf::Time time) const {
        const auto age =
            tuf::Time(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())) -
            time;
        for (const auto &entry : std::filesystem::recursive_directory_iterator(folder().root))
            std::filesystem::last_write_time(entry.path(),
                                             std::filesystem::file_time_type::clock::now() - age);
    }

    TemporaryDirectory directory_;
    Lifetimes lifetimes_;
    tuf::Time now_ = start;
    tuf::Fingerprint fingerprint_;
};

}  // namespace pgx
