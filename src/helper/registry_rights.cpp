// registry_rights.cpp - whose keys count for what.
#include <charconv>
#include <cstdio>

#include "core/base/names.h"
#include "core/publish/delegate.h"
#include "core/publish/rotate.h"
#include "helper/registry_command.h"
#include "helper/registry_session.h"
#include "helper/terminal.h"

namespace pgx {

namespace {

Result<std::optional<std::uint64_t>> read_threshold(const ParsedArguments &given) {
    if (!given.has("--threshold")) return std::optional<std::uint64_t>();
    const std::string text = given.value("--threshold");
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size() && number > 0)
        return std::optional<std::uint64_t>(number);
    return fail(ErrorCode::invalid_argument, "invalid threshold \"" + text + "\"", {},
                "Give the number of keys that have to sign.");
}

// Takes a file that has a secret key in among those at hand.
Result<tuf::PublicKey> take_key(const std::string &path, KeyFolder *keys) {
    FileSystem &fs = real_file_system();
    tuf::PublicKey key = TRY(tuf::read_public_key(fs, path));
    const Json file = TRY(parse_json(TRY(fs.read(path, 65536))));
    if (keys != nullptr && TRY(json_string(file, "pgx", "")) == "secret key") TRY(keys->add(path));
    return key;
}

std::string role_option(const ParsedArguments &given) { return given.value("--role"); }

Result<int> rotate(const ParsedArguments &given) {
    if (!given.has("--role")) return complain("\"pgx registry rotate\" needs --role");
    RegistrySession session = TRY(open_session(given, given.operands[0]));
    KeyRotation rotation{role_option(given), {}, TRY(read_threshold(given))};
    for (const std::string &path : given.values("--new-key"))
        rotation.keys.push_back(TRY(take_key(path, &session.keys)));
    const std::uint64_t version = session.generation.root().version;
    std::string made;
    if (rotation.keys.empty()) {
        // The name is checked before a key is made for it.
        if (!session.generation.root().roles.contains(rotation.role))
            TRY(rotate_keys(session.generation.root(), rotation, session.lifetimes, session.now));
        const tuf::PublicKey key = TRY(session.keys.generate(rotation.role));
        made = session.keys.file_of(key.id());
        rotation.keys.push_back(key);
    }
    const auto run = [&]() -> Result<int> {
        const tuf::Root &root = session.generation.root();
        const tuf::Root next = TRY(rotate_keys(root, rotation, session.lifetimes, session.now));
        const std::string bytes = TRY(sign_root(root, next, session.keys));
        if (given.has("--out")) {
            const std::string &path = given.value("--out");
            TRY(write_file_durably(real_file_system(), path, bytes, 0644));
            if (!made.empty()) std::printf("new key      %s\n", made.c_str());
            const tuf::Role &present = root.roles.at("root"), &role = next.roles.at("root");
            std::printf(
                "new root     %s\nsignatures   %zu of %llu by keys of the present root, "
                "%zu of %llu by its own\n\nThe registry is as it was. Each of those whose keys are "
                "needed, the present root's too, signs the file:\n  pgx registry sign-root %s "
                "--key KEY\nand the last puts it "
                "into the registry:\n  pgx registry sign-root %s --into %s\n",
                path.c_str(), session.keys.count(present),
                static_cast<unsigned long long>(present.threshold), session.keys.count(role),
                static_cast<unsigned long long>(role.threshold), path.c_str(), path.c_str(),
                session.folder.root.c_str());
            return printed();
        }
        const Publication publication = TRY(
            install_root(session.generation, bytes, session.keys, session.lifetimes, session.now));
        if (!made.empty()) std::printf("new key      %s\n", made.c_str());
        print_publication(publication, session.now);
        std::printf(
            "\nThe fingerprint that servers have stays valid. Destroy the old key when nobody "
            "needs it.\n");
        return printed();
    };
    auto status = run();
    // A key for a change that did not come about would only confuse.
    if (!status && !made.empty() &&
        !TRY(real_file_system().info(session.folder.role_file("root", version + 1))))
        (void)real_file_system().unlink(made);
    return status;
}

Result<int> sign_root_file(const ParsedArguments &given) {
    FileSystem &fs = real_file_system();
    const std::string &path = given.operands[0];
    std::string bytes = TRY(fs.read(path, 512'000));
    const auto root = TRY(tuf::parse_root(bytes));
    std::vector<std::string> files = given.values("--key");
    for (const std::string &file : files) {
        const tuf::SecretKey key = TRY(tuf::read_secret_key(
            fs, file, [&] { return ask_passphrase("Passphrase of " + file); }));
        bytes = TRY(tuf::add_signature(bytes, key));
        std::printf("signed with  %s\n", file.c_str());
    }
    if (!files.empty()) TRY(write_file_durably(fs, path, bytes, 0644));
    if (!given.has("--into")) {
        if (files.empty()) return complain("\"pgx registry sign-root\" needs --key or --into");
        const tuf::Role &role = root.value.roles.at("root");
        std::printf(
            "\nNeeded are %llu of the new root's %zu keys, and as many of the present root's as "
            "it asks for. To put it\ninto the registry: pgx registry sign-root %s --into DIR\n",
            static_cast<unsigned long long>(role.threshold), role.key_ids.size(), path.c_str());
        return printed();
    }
    RegistrySession session = TRY(open_session(given, given.value("--into")));
    const Publication publication =
        TRY(install_root(session.generation, bytes, session.keys, session.lifetimes, session.now));
    print_publication(publication, session.now);
    return printed();
}

Result<int> delegate(const ParsedArguments &given) {
    RegistrySession session = TRY(open_session(given, given.operands[0]));
    PublisherRights rights;
    rights.publisher = given.operands[1];
    for (const std::string &path : given.values("--key"))
        rights.keys.push_back(TRY(take_key(path, nullptr)));
    rights.patterns = given.values("--packages");
    rights.threshold = TRY(read_threshold(given)).value_or(1);
    const DelegationChange change = TRY(delegate_packages(session.generation, rights, session.keys,
                                                          session.lifetimes, session.now));
    std::printf("publisher    %s (%s)\npackages     %s\nkeys         %llu of %zu have to sign\n\n",
                rights.publisher.c_str(), change.replaced ? "changed" : "new",
                quoted_list(rights.patterns).c_str(),
                static_cast<unsigned long long>(rights.threshold), rights.keys.size());
    print_publication(change.publication, session.now);
    for (const DelegationChange::Overlap &overlap : change.overlaps)
        std::fprintf(stderr,
                     "WARNING: %s \"%s\" of publisher \"%s\" is of no effect: publisher \"%s\" had "
                     "%s before\n"
                     "HINT: Give \"%s\" other names, or take them from \"%s\" with another \"pgx "
                     "registry delegate\".\n",
                     overlap.whole ? "the pattern" : "a part of the pattern",
                     overlap.pattern.c_str(), overlap.publisher.c_str(), overlap.owner.c_str(),
                     overlap.whole ? "these names" : "some of these names",
                     overlap.publisher.c_str(), overlap.owner.c_str());
    if (!change.hidden.empty())
        std::printf(
            "\nHidden from now on, until the publisher publishes them: %s. To take them out for "
            "good, undelegate\nand use \"pgx registry remove\".\n",
            quoted_list(change.hidden).c_str());
    std::printf(
        "\nThe publisher publishes with:\n  pgx registry add %s BUNDLE... --publisher %s "
        "--keys KEYDIR\n",
        session.folder.root.c_str(), rights.publisher.c_str());
    return printed();
}

Result<int> undelegate(const ParsedArguments &given) {
    RegistrySession session = TRY(open_session(given, given.operands[0]));
    const DelegationChange change = TRY(undelegate_packages(
        session.generation, given.operands[1], session.keys, session.lifetimes, session.now));
    for (const std::string &package : change.deleted_packages)
        std::printf("%s  removed\n", package.c_str());
    print_publication(change.publication, session.now);
    std::printf("\nServers that have these packages installed keep them.\n");
    return printed();
}

}  // namespace

std::vector<RegistryAction> rights_actions() {
    return {
        {"rotate",
         "rotate DIR --role ROLE [--new-key FILE]... [--threshold N]",
         "Gives other keys to a role: root, targets, snapshot or timestamp.\n\n"
         "The keys named are all that the role has from then on; without --new-key a new one is "
         "made. The\nroot's keys sign this: when they are not all at hand, --out writes the new "
         "root to a file that others\nsign with \"pgx registry sign-root\".",
         1,
         1,
         {{"--role", "ROLE", "root, targets, snapshot or timestamp"},
          {"--new-key", "FILE", "a key of either kind, public or secret", true},
          {"--threshold", "N", "how many of them have to sign (default: as before)"},
          {"--out", "FILE", "write the new root to a file, and leave the registry as it is"},
          keys_option,
          expires_option},
         rotate},
        {"sign-root",
         "sign-root FILE [--key KEY]... [--into DIR]",
         "Signs a new root that \"rotate --out\" wrote, and puts it into the registry.",
         1,
         1,
         {{"--key", "FILE", "a secret key to sign with", true},
          {"--into", "DIR", "the registry to put it into, when all have signed"},
          keys_option,
          expires_option},
         sign_root_file},
        {"delegate",
         "delegate DIR PUBLISHER --key FILE... --packages PATTERN...",
         "Lets a publisher sign packages with such names himself, and nobody else.\n\n"
         "His packages may have extensions with these names, and with their own. "
         "Give --key and --packages once for each key and pattern. Rights that he had are "
         "replaced.",
         2,
         2,
         {{"--key", "FILE", "a public key of the publisher", true},
          {"--packages", "PATTERN", "names of packages, with \"*\" and \"?\"", true},
          {"--threshold", "N", "how many of the keys have to sign (default: 1)"},
          keys_option,
          expires_option},
         delegate},
        {"undelegate",
         "undelegate DIR PUBLISHER",
         "Takes a publisher's rights and packages away.",
         2,
         2,
         {keys_option, expires_option},
         undelegate},
    };
}

}  // namespace pgx
