// main.cpp - the program `pgx`: a table of commands.
//
// The same program is a backend's helper and a person's command line; what people see goes to
// standard output when they asked for it and to standard error when something is wrong, with exit
// status 2 for a command that cannot be understood.
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/names.h"
#include "core/base/platform.h"
#include "core/registry/sandbox.h"
#include "helper/build_command.h"
#include "helper/command_line.h"
#include "helper/key_command.h"
#include "helper/pack_command.h"
#include "helper/registry_command.h"
#include "helper/server.h"

namespace {

using pgx::Arguments;
using pgx::complain;
using pgx::printed;

struct Command {
    const char *name;
    const char *synopsis;
    const char *summary;
    int (*run)(const Arguments &arguments);
};

int run_helper(const Arguments &arguments) {
    int parent = ::getppid();
    if (!arguments.empty()) {
        if (arguments[0] != "--parent" || arguments.size() != 2)
            return complain("\"pgx helper\" takes only \"--parent PID\"");
        const std::string_view text = arguments[1];
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parent);
        if (error != std::errc{} || end != text.data() + text.size() || parent <= 0)
            return complain("\"--parent\" needs the number of a process");
    }
    return pgx::serve(parent);
}

void print_fact(const char *name, const std::string &value) {
    std::printf("%-18s %s\n", name, value.empty() ? "unknown" : value.c_str());
}

int run_platform(const Arguments &arguments) {
    if (!arguments.empty()) return complain("\"pgx platform\" takes no arguments");
    const pgx::Platform platform = pgx::host_platform();
    std::string system = platform.os;
    if (!platform.os_version.empty()) system += " " + platform.os_version;
    if (!platform.os_codename.empty()) system += " (" + platform.os_codename + ")";
    print_fact("operating system", system);
    print_fact("C library",
               platform.libc + (platform.libc_version.empty() ? "" : " ") + platform.libc_version);
    print_fact("architecture", platform.architecture);
    const int landlock = pgx::landlock_abi();
    print_fact("file sandbox", landlock > 0 ? "Landlock ABI " + std::to_string(landlock)
                                            : "none: the kernel has no Landlock");
    return printed();
}

int run_help(const Arguments &);
int run_version(const Arguments &);

constexpr Command commands[] = {
    {"build", "build [DIRECTORY]", "make a bundle from a source folder", pgx::run_build},
    {"pack", "pack SOURCE", "make a bundle from an install tree or a .deb", pgx::run_pack},
    {"registry", "registry ACTION ...", "publish extensions: see \"pgx registry --help\"",
     pgx::run_registry},
    {"key", "key ACTION ...", "make and show keys to sign with", pgx::run_key},
    {"platform", "platform", "print what this machine is to packages", run_platform},
    {"helper", "helper [--parent PID]",
     "serve one request of a PostgreSQL backend (JSON on standard input)", run_helper},
    {"--help", "--help", "print this", run_help},
    {"--version", "--version", "print the version", run_version},
};

int run_help(const Arguments &) {
    std::printf(
        "pgx installs PostgreSQL extensions from SQL.\n"
        "\n"
        "This program is what the extension \"pgx\" runs to talk to registries. To install "
        "something,\n"
        "connect to a database and type: CREATE EXTENSION pgx; SELECT * FROM pgx.install('name');\n"
        "\n"
        "Usage:\n");
    for (const Command &command : commands)
        std::printf("  pgx %-24s %s\n", command.synopsis, command.summary);
    return printed();
}

int run_version(const Arguments &) {
    std::printf("pgx %s\n", PGX_VERSION);
    return printed();
}

int run(const Arguments &arguments) {
    if (arguments.empty()) return complain("a command is needed");
    const std::string_view wanted = arguments[0] == "-h" ? "--help" : arguments[0];
    for (const Command &command : commands)
        if (wanted == command.name)
            return command.run(Arguments(arguments.begin() + 1, arguments.end()));
    std::vector<std::string> names;
    for (const Command &command : commands) names.emplace_back(command.name);
    std::string message = "unknown command \"" + std::string(wanted) + "\"";
    const std::vector<std::string> near = pgx::near_names(wanted, names);
    if (!near.empty()) message += "; did you mean " + pgx::quoted_list(near) + "?";
    return complain(message);
}

}  // namespace

int main(int argument_count, char **arguments) {
    try {
        return run(Arguments(arguments + 1, arguments + argument_count));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "pgx: unexpected error: %s\n", error.what());
        return 1;
    }
}
