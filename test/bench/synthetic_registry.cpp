// synthetic_registry.cpp - makes a signed registry of as many packages as one likes.
//
//     synthetic-registry DIR KEYDIR PACKAGES      a new registry, in one generation
//     synthetic-registry DIR KEYDIR --add NAME    one package more, as one publication
//
// The same code signs and writes as in `pgx registry add`; only the bundles are missing, whose
// digests are made up. Packages are named "package_<n>" and told apart by words in their summaries
// and descriptions, so that there is something to search for: each of sixteen words is in every
// eighth package, "series<n>" in every hundredth, the package's number in one. Prints the
// fingerprint, or what was written.
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "core/publish/catalog_change.h"
#include "core/publish/initialize.h"
#include "core/tuf/key.h"

namespace pgx {
namespace {

constexpr const char *words[] = {"vector",  "time",   "index",  "graph",   "text",   "queue",
                                 "audit",   "geo",    "json",   "crypto",  "search", "bloom",
                                 "columns", "ledger", "metric", "sampling"};

Result<ReleaseToAdd> make_release(const std::string &name, std::uint64_t number, tuf::Time now) {
    ReleaseToAdd made;
    made.package = name;
    const std::size_t count = std::size(words);
    made.about.summary = std::string("Functions for ") + words[number % count] + " and " +
                         words[number / count % count] + " data, number " + std::to_string(number);
    made.about.description = made.about.summary + ". Made up to measure registries with, in series" +
                             std::to_string(number % 100) + ".";
    made.about.homepage = "https://example.org/" + name;
    made.about.license = "PostgreSQL";
    made.about.module_path = "example.org/synthetic/" + name;
    made.release.version = "1." + std::to_string(number % 40) + ".0";
    made.release.date = tuf::format_time(now);
    made.release.extensions.push_back({name, "1." + std::to_string(number % 40), {}});
    made.release.modules = {name};
    made.release.dependencies["pkg:postgres/plpgsql"] = "0";
    for (const char *architecture : {"amd64", "arm64"}) {
        CatalogArtifact artifact;
        artifact.name = {name, made.release.version, 18, "gnulinux", "2.36", architecture};
        artifact.size = 20'000 + number % 1000;
        artifact.sha256 = TRY(tuf::sha256_hex(bundle_file_name(artifact.name)));
        made.release.artifacts.push_back(std::move(artifact));
    }
    return made;
}

// One release is added with one artifact at a time, as bundles come.
Result<std::vector<ReleaseToAdd>> split(const ReleaseToAdd &release) {
    std::vector<ReleaseToAdd> parts;
    for (const CatalogArtifact &artifact : release.release.artifacts) {
        parts.push_back(release);
        parts.back().release.artifacts = {artifact};
    }
    return parts;
}

Result<int> run(const std::vector<std::string> &arguments) {
    FileSystem &fs = real_file_system();
    const RegistryFolder folder{arguments[0]};
    KeyFolder keys = TRY(KeyFolder::open(fs, arguments[1], [](const std::string &) {
        return Result<std::string>(fail(ErrorCode::wrong_state, "no passphrase"));
    }));
    const tuf::Time now =
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const Lifetimes lifetimes;
    std::vector<ReleaseToAdd> releases;
    if (arguments[2] == "--add") {
        releases = TRY(split(TRY(make_release(arguments[3], 7, now))));
    } else {
        std::uint64_t packages = 0;
        const std::string &text = arguments[2];
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), packages);
        if (error != std::errc{} || end != text.data() + text.size())
            return fail(ErrorCode::invalid_argument, "invalid number \"" + text + "\"");
        const NewRegistry made = TRY(initialize_registry(fs, folder, keys, lifetimes, now));
        std::printf("%s\n", tuf::format_fingerprint(made.fingerprint).c_str());
        for (std::uint64_t i = 0; i < packages; ++i)
            for (ReleaseToAdd &part :
                 TRY(split(TRY(make_release("package_" + std::to_string(i), i, now)))))
                releases.push_back(std::move(part));
        if (packages == 0) return 0;
    }
    const RegistryLock lock = TRY(RegistryLock::take(folder.root));
    Generation generation = TRY(Generation::open(fs, folder));
    TRY(add_releases(generation, releases, ""));
    const Publication publication = TRY(generation.publish(keys, lifetimes, now));
    if (arguments[2] == "--add")
        std::printf("%zu roles, %llu bytes\n", publication.roles.size(),
                    static_cast<unsigned long long>(publication.bytes));
    return 0;
}

}  // namespace
}  // namespace pgx

int main(int count, char **arguments) {
    const std::vector<std::string> given(arguments + 1, arguments + count);
    const bool adds = given.size() == 4 && given[2] == "--add";
    if (given.size() != 3 && !adds) {
        std::fprintf(stderr,
                     "usage: synthetic-registry DIR KEYDIR PACKAGES | DIR KEYDIR --add NAME\n");
        return 2;
    }
    const auto status = pgx::run(given);
    if (status) return *status;
    std::fprintf(stderr, "synthetic-registry: %s\n", status.error().message.c_str());
    return 1;
}
