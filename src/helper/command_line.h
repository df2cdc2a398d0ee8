// command_line.h - what the commands of the program `pgx` have in common: options, complaints,
// errors.
//
// Options are "--name VALUE", "--name=VALUE" or, without a value, "--name"; they may stand
// anywhere, and "--" ends them. There are no one-letter options: these commands are written into
// scripts and read there more often than they are typed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/protocol.h"
#include "core/base/result.h"

namespace pgx {

using Arguments = std::vector<std::string_view>;

constexpr int usage_error = 2;

// Says on standard error that the command line cannot be understood; gives usage_error.
int complain(const std::string &message);

// Says an error with its detail and its hint on standard error; gives 1.
int report(const Error &error);

// Whether what was printed has arrived, as an exit status; a full disk is no success.
int printed();

struct Option {
    const char *name;   // "--output"
    const char *value;  // what it takes, for the help ("DIRECTORY"); nullptr: nothing
    const char *help;
    bool repeated = false;  // may be given more than once
};

struct ParsedArguments {
    std::vector<std::string> operands;
    std::map<std::string, std::vector<std::string>, std::less<>> options;  // by name with dashes

    bool has(std::string_view option) const { return options.contains(option); }
    // The value, or `fallback` when it was not given.
    std::string value(std::string_view option, std::string fallback = {}) const;
    std::vector<std::string> values(std::string_view option) const;
};

// invalid_argument that says which option is unknown, given twice, or has or lacks a value.
Result<ParsedArguments> parse_arguments(const Arguments &arguments,
                                        const std::vector<Option> &options);

// Prints "Usage: pgx SYNOPSIS", `text`, and the options aligned; an exit status.
int print_help(std::string_view synopsis, std::string_view text,
               const std::vector<Option> &options);

// Shows notices of the core on standard error, and no progress.
class NoticePrinter : public Reporter {
   public:
    void progress(std::string_view, std::string_view, std::uint64_t, std::uint64_t) override {}
    void notice(std::string_view message, std::string_view detail, std::string_view hint) override;
    void releases(Json, std::string_view) override {}
};

}  // namespace pgx
