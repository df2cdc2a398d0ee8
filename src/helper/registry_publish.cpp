// registry_publish.cpp - making a registry and putting things into it.
#include <sodium.h>

#include <cstdio>
#include <utility>

#include "core/base/names.h"
#include "core/publish/initialize.h"
#include "core/publish/publish_bundles.h"
#include "core/publish/renew.h"
#include "helper/registry_command.h"
#include "helper/registry_session.h"
#include "helper/terminal.h"

namespace pgx {

namespace {

const Option interrupted_option{
    "--interrupted", nullptr,
    "mend a change of keys that was interrupted: believe the root before the last one once more"};

Result<int> init(const ParsedArguments &given) {
    FileSystem &fs = real_file_system();
    const RegistryFolder folder{given.operands[0]};
    KeyFolder keys = TRY(open_keys(given, folder));
    const Lifetimes lifetimes = TRY(read_lifetimes(given));
    std::string passphrase;
    if (given.has("--passphrase"))
        passphrase = TRY(ask_passphrase("Passphrase for the key of the root", true));
    const tuf::Time now = time_now();
    auto made = initialize_registry(fs, folder, keys, lifetimes, now, passphrase);
    ::sodium_memzero(passphrase.data(), passphrase.size());
    if (!made) return fail(std::move(made.error()));
    std::printf("registry       %s\n", folder.root.c_str());
    for (const auto &[role, path] : made->key_files)
        std::printf("%-14s %s\n", (role + " key").c_str(), path.c_str());
    std::printf("fingerprint    %s\n\n", tuf::format_fingerprint(made->fingerprint).c_str());
    print_publication(made->publication, now);
    std::printf(
        "\nKeep a copy of the keys elsewhere, and take the one of the root off this machine: "
        "without it lost or\nstolen keys cannot be replaced.\n"
        "\n"
        "Next:\n"
        "  pgx registry add %s BUNDLE...     publish what \"pgx build\" and \"pgx pack\" make\n"
        "  pgx registry sign %s              every day, by cron: metadata expires\n"
        "\n"
        "Serve the folder with any web server. On each database server:\n"
        "  SELECT pgx.add_registry('NAME', 'https://ADDRESS', root => '%s');\n",
        folder.root.c_str(), folder.root.c_str(),
        tuf::format_fingerprint(made->fingerprint).c_str());
    return printed();
}

void print_pending(const RegistrySession &session) {
    std::printf(
        "\nThe keys of snapshot and timestamp are not in \"%s\", so readers do not see it yet. "
        "Who has them runs:\n  pgx registry sign %s\n",
        session.keys.directory().c_str(), session.folder.root.c_str());
}

Result<int> add(const ParsedArguments &given) {
    RegistrySession session = TRY(open_session(given, given.operands[0]));
    const ScratchDirectory scratch = TRY(ScratchDirectory::make());
    NoticePrinter reporter;
    const std::vector<std::string> paths(given.operands.begin() + 1, given.operands.end());
    const PublishedBundles published = TRY(add_bundles(
        session.generation, paths, given.value("--publisher"), scratch.path() + "/bundle",
        session.keys, session.lifetimes, session.now, reporter));
    std::size_t width = 0;
    for (const PublishedBundle &bundle : published.bundles)
        width = std::max(width, bundle.file.size());
    for (const PublishedBundle &bundle : published.bundles)
        std::printf("%-*s  %9s  %s\n", static_cast<int>(width), bundle.file.c_str(),
                    format_bytes(bundle.size).c_str(),
                    bundle.added ? "added" : "is published already");
    if (published.publication.roles.empty()) return printed();
    if (published.change.shard_bits != published.change.shard_bits_before)
        std::printf("The catalog has %u shards now.\n", 1U << published.change.shard_bits);
    std::printf("\n");
    print_publication(published.publication, session.now);
    std::printf("%s of metadata and catalog written.\n",
                format_bytes(published.publication.bytes).c_str());
    if (published.publication.pending) {
        print_pending(session);
    } else {
        std::printf("\nOn a server: SELECT pgx.refresh(); SELECT * FROM pgx.install('%s');\n",
                    published.bundles[0].package.c_str());
    }
    return printed();
}

Result<int> remove(const ParsedArguments &given) {
    RegistrySession session = TRY(open_session(given, given.operands[0]));
    const std::string &wanted = given.operands[1];
    const std::size_t at = wanted.find('@');
    const std::string package = wanted.substr(0, at);
    const std::string version = at == std::string::npos ? std::string() : wanted.substr(at + 1);
    if (at != std::string::npos && version.empty())
        return fail(ErrorCode::invalid_argument, "no version after \"@\"", {},
                    "Give PACKAGE for all versions, PACKAGE@VERSION for one.");
    const RemovedPackage removed = TRY(remove_package(
        session.generation, package, version, session.keys, session.lifetimes, session.now));
    for (const std::string &each : removed.releases.versions)
        std::printf("%s@%s  removed\n", package.c_str(), each.c_str());
    for (const std::string &path : removed.releases.bundles)
        std::printf("%s  %s\n", path.c_str(),
                    removed.publication.pending ? "stays for now" : "deleted");
    std::printf("\n");
    print_publication(removed.publication, session.now);
    if (removed.publication.pending) print_pending(session);
    std::printf("\nServers that have it installed keep it.\n");
    return printed();
}

Result<int> sign(const ParsedArguments &given) {
    RegistrySession session = TRY(open_session(given, given.operands[0]));
    const ScratchDirectory scratch = TRY(ScratchDirectory::make());
    const Renewal renewal = TRY(renew_registry(session.generation, scratch.path() + "/bundle",
                                               session.keys, session.lifetimes, session.now));
    for (const std::string &publisher : renewal.taken_in)
        std::printf("publisher \"%s\": newer metadata taken in\n", publisher.c_str());
    print_publication(renewal.publication, session.now);
    if (renewal.publication.pending) print_pending(session);
    if (renewal.files_deleted > 0)
        std::printf("%llu files of former generations deleted\n",
                    static_cast<unsigned long long>(renewal.files_deleted));
    if (renewal.publication.roles.empty() && renewal.files_deleted == 0 && renewal.left.empty())
        std::printf("Nothing is due.\n");
    int status = 0;
    for (const auto &[publisher, error] : renewal.refused) {
        std::fprintf(stderr, "pgx: newer metadata of publisher \"%s\" was not taken in: %s\n",
                     publisher.c_str(), error.message.c_str());
        if (!error.detail.empty()) std::fprintf(stderr, "DETAIL: %s\n", error.detail.c_str());
        std::fprintf(stderr, "HINT: %s\n",
                     error.hint.empty() ? "Let the publisher mend it and publish again."
                                        : error.hint.c_str());
        status = 1;
    }
    for (const std::string &publisher : renewal.waiting)
        std::printf("publisher \"%s\": has not published with the new key yet\n",
                    publisher.c_str());
    bool told_of_bins = false;
    for (Renewal::Left left : renewal.left) {
        if (left.role.starts_with("bin-")) {
            // all sixteen have the same key and, for the most part, the same fate
            if (std::exchange(told_of_bins, true)) continue;
            left.role = "bin-0 to bin-f";
        }
        if (!left.late && !left.expired) {
            std::printf("%-24s  %7s  %s, to be renewed where its key is\n", left.role.c_str(), "",
                        describe_expiry(left.expires, session.now).c_str());
            continue;
        }
        std::fprintf(stderr,
                     "pgx: the metadata of role \"%s\" %s: %s\nDETAIL: %s\n"
                     "HINT: Run \"pgx registry sign %s --keys KEYDIR\" with the folder that has "
                     "the key.\n",
                     left.role.c_str(), left.expired ? "has expired" : "expires soon",
                     describe_expiry(left.expires, session.now).c_str(), left.reason.c_str(),
                     session.folder.root.c_str());
        if (left.expired) status = 1;
    }
    if (const int output = printed(); output != 0) return output;
    return status;
}

Result<int> fingerprint(const ParsedArguments &given) {
    const Generation generation =
        TRY(Generation::open(real_file_system(), RegistryFolder{given.operands[0]}));
    const std::string text = tuf::format_fingerprint(generation.fingerprint());
    std::printf("%s\n", text.c_str());
    return printed();
}

}  // namespace

std::vector<RegistryAction> publishing_actions() {
    return {
        {"init",
         "init DIR [--keys KEYDIR]",
         "Makes a registry in a new folder, and the keys for it.\n\n"
         "The keys are one for each role: root (whose keys count), targets (what is published), "
         "snapshot and\ntimestamp (that it is all, and the newest). Only those of snapshot and "
         "timestamp are needed every\nday; keep the root's on another machine, or encrypted.",
         1,
         1,
         {keys_option,
          expires_option,
          {"--passphrase", nullptr, "encrypt the key of the root with a passphrase"}},
         init},
        {"add",
         "add DIR BUNDLE... [--publisher NAME]",
         "Publishes bundles, all or none.\n\n"
         "Each is checked as a server would before it installs it. A file that was published never "
         "changes.",
         2,
         100'000,
         {keys_option,
          {"--publisher", "NAME", "sign with this publisher's keys, in place of the registry's"},
          expires_option},
         add},
        {"remove",
         "remove DIR PACKAGE[@VERSION]",
         "Takes a package, or one version of it, out of the registry, and deletes its bundles.",
         2,
         2,
         {keys_option, expires_option},
         remove},
        {"sign",
         "sign DIR",
         "Renews what has passed half of its life, as far as the keys are at hand; for cron.\n\n"
         "Also takes in what publishers have signed, and deletes files that were replaced more "
         "than a day\nago. Exit status 1 when something has expired that could not be renewed.",
         1,
         1,
         {keys_option, expires_option, interrupted_option},
         sign},
        {"fingerprint",
         "fingerprint DIR",
         "Prints what trust in the registry begins with, for pgx.add_registry(root => ...).",
         1,
         1,
         {},
         fingerprint},
    };
}

}  // namespace pgx
