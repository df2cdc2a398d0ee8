// subprocess.h - runs a program without a shell and collects what it says.
//
// Used for apt-config, for the signature verifier and the like. The child dies with this process (PR_SET_PDEATHSIG), gets only the
// environment given here (PATH, LANG=C and `environment`, each "NAME=value"), has /dev/null as standard input, and no other
// descriptor. Signals are at their defaults in it. It stays in this process's group, so that killing the group ends it too.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace pgx {

struct CommandResult {
    int exit_status = -1;          // 128 + signal when a signal ended it
    std::string output, errors;    // standard output and error, each cut at 1 MiB
};

// `program` is looked up in /usr/bin, /usr/local/bin, /bin when it has no slash. unknown program: io with ENOENT in `message`;
// over `timeout_s` seconds: killed, and registry_unreachable.
Result<CommandResult> run_command(const std::string &program, const std::vector<std::string> &arguments,
                                  const std::vector<std::string> &environment = {}, unsigned timeout_s = 30);

// The same for a program that has no business but with its arguments, for what a helper runs: it has
// no network and writes nothing but to `writable`, files or directories (sandbox.h).
Result<CommandResult> run_confined(const std::string &program, const std::vector<std::string> &arguments,
                                   const std::vector<std::string> &environment = {},
                                   const std::vector<std::string> &writable = {}, unsigned timeout_s = 30);

// The absolute path of a program in those directories, or empty.
std::string find_program(std::string_view program);

}  // namespace pgx
