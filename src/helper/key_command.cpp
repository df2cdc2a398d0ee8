#include "helper/key_command.h"

#include <sodium.h>

#include <cstdio>

#include "core/tuf/secret_key.h"
#include "helper/terminal.h"

namespace pgx {

namespace {

Result<int> generate(const ParsedArguments &given) {
    FileSystem &fs = real_file_system();
    const std::string &name = given.operands[0];
    std::string passphrase;
    if (given.has("--passphrase")) passphrase = TRY(ask_passphrase("Passphrase", true));
    const tuf::SecretKey key = TRY(tuf::SecretKey::generate());
    const auto written = tuf::write_secret_key(fs, name + ".key", key, passphrase);
    ::sodium_memzero(passphrase.data(), passphrase.size());
    TRY(written);
    TRY(write_file_durably(fs, name + ".pub", tuf::public_key_text(key.public_key()), 0644));
    std::printf(
        "secret key  %s.key\n"
        "public key  %s.pub\n"
        "id          %s\n"
        "\n"
        "Keep the secret key to yourself, and a copy of it in a safe place. Give the public key to "
        "those who run\nthe registry: pgx registry delegate DIR PUBLISHER --key %s.pub --packages "
        "PATTERN\n",
        name.c_str(), name.c_str(), key.id().c_str(), name.c_str());
    return printed();
}

Result<int> show(const ParsedArguments &given) {
    const tuf::PublicKey key = TRY(tuf::read_public_key(real_file_system(), given.operands[0]));
    std::printf("id          %s\npublic key  %s\ntype        %s\n", key.id().c_str(),
                TRY(json_string(key.json().at("keyval"), "public")).c_str(),
                TRY(json_string(key.json(), "keytype")).c_str());
    if (given.has("--public")) std::printf("\n%s", tuf::public_key_text(key).c_str());
    return printed();
}

struct Action {
    const char *name, *synopsis, *text;
    std::vector<Option> options;
    Result<int> (*run)(const ParsedArguments &);
};

const std::vector<Action> &actions() {
    static const std::vector<Action> all{
        {"generate",
         "key generate NAME [--passphrase]",
         "Makes a key: NAME.key to sign with, and NAME.pub to give to others.",
         {{"--passphrase", nullptr,
           "encrypt the secret key with a passphrase, which is asked for"}},
         generate},
        {"show",
         "key show FILE [--public]",
         "Says which key is in a file, of either kind.",
         {{"--public", nullptr, "print the file of the public key too"}},
         show},
    };
    return all;
}

int help() {
    std::string text = "Keys to sign registries with (Ed25519).\n";
    for (const Action &action : actions())
        text += "\n  pgx " + std::string(action.synopsis) + "\n      " + action.text + "\n";
    return print_help("key ACTION ...", text, {});
}

}  // namespace

int run_key(const Arguments &arguments) {
    if (arguments.empty()) return complain("\"pgx key\" needs an action: generate or show");
    if (arguments[0] == "--help" || arguments[0] == "-h") return help();
    for (const Action &action : actions()) {
        if (arguments[0] != action.name) continue;
        const Arguments rest(arguments.begin() + 1, arguments.end());
        if (!rest.empty() && rest[0] == "--help")
            return print_help(action.synopsis, action.text, action.options);
        const auto given = parse_arguments(rest, action.options);
        if (!given) return complain(given.error().message);
        if (given->operands.size() != 1)
            return complain("usage: pgx " + std::string(action.synopsis));
        const auto status = action.run(*given);
        return status ? *status : report(status.error());
    }
    return complain("\"pgx key\" has no action \"" + std::string(arguments[0]) +
                    "\"; there are generate and show");
}

}  // namespace pgx
