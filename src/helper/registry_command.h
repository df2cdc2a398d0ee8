// registry_command.h - `pgx registry`: a registry of one's own. One file for each group of actions.
#pragma once

#include <vector>

#include "helper/command_line.h"

namespace pgx {

int run_registry(const Arguments &arguments);

// One action: "pgx registry add".
struct RegistryAction {
    const char *name;
    const char *synopsis;  // after "pgx registry"
    const char *text;
    std::size_t least_operands, most_operands;
    std::vector<Option> options;
    Result<int> (*run)(const ParsedArguments &given);
};

// Options that many have.
inline constexpr Option keys_option{
    "--keys", "KEYDIR", "the folder with the secret keys (default: ~/.config/pgx/keys/<folder>)"};
inline constexpr Option expires_option{"--expires", "[ROLE=]DAYS",
                                       "for how long what is signed now is valid", true};
inline constexpr Option headers_option{
    "--headers", "FILE", "HTTP headers to send to the registry, one \"Name: value\" a line"};

std::vector<RegistryAction> publishing_actions();  // init, add, remove, sign, fingerprint
std::vector<RegistryAction> rights_actions();      // rotate, sign-root, delegate, undelegate
std::vector<RegistryAction> reading_actions();     // check, mirror

}  // namespace pgx
