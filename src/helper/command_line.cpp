// command_line.cpp - reading options, and saying what is wrong.
#include "helper/command_line.h"

#include <algorithm>
#include <cstdio>

#include "core/base/names.h"

namespace pgx {

namespace {

void print_remark(const char *label, std::string_view text) {
    if (!text.empty())
        std::fprintf(stderr, "%s: %.*s\n", label, static_cast<int>(text.size()), text.data());
}

std::unexpected<Error> invalid(std::string message) {
    return fail(ErrorCode::invalid_argument, std::move(message));
}

}  // namespace

int complain(const std::string &message) {
    std::fprintf(stderr, "pgx: %s\nTry \"pgx --help\".\n", message.c_str());
    return usage_error;
}

int report(const Error &error) {
    std::fprintf(stderr, "pgx: %s\n", error.message.c_str());
    print_remark("DETAIL", error.detail);
    print_remark("HINT", error.hint);
    return 1;
}

int printed() {
    if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return 0;
    std::perror("pgx: could not write to standard output");
    return 1;
}

std::string ParsedArguments::value(std::string_view option, std::string fallback) const {
    const auto found = options.find(option);
    return found == options.end() || found->second.empty() ? std::move(fallback)
                                                           : found->second.back();
}

std::vector<std::string> ParsedArguments::values(std::string_view option) const {
    const auto found = options.find(option);
    return found == options.end() ? std::vector<std::string>() : found->second;
}

Result<ParsedArguments> parse_arguments(const Arguments &arguments,
                                        const std::vector<Option> &options) {
    ParsedArguments parsed;
    bool only_operands = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        if (only_operands || !argument.starts_with('-') || argument == "-") {
            parsed.operands.emplace_back(argument);
            continue;
        }
        if (argument == "--") {
            only_operands = true;
            continue;
        }
        const std::string name(argument.substr(0, argument.find('=')));
        const auto option = std::ranges::find(options, name, &Option::name);
        if (option == options.end()) {
            std::vector<std::string> names;
            for (const Option &known : options) names.emplace_back(known.name);
            const std::vector<std::string> near = near_names(name, names);
            return invalid("unknown option \"" + name + "\"" +
                           (near.empty() ? "" : "; did you mean " + quoted_list(near) + "?"));
        }
        std::vector<std::string> &values = parsed.options[name];
        if (!values.empty() && !option->repeated)
            return invalid("option \"" + name + "\" is given twice");
        if (name.size() < argument.size()) {
            if (option->value == nullptr) return invalid("option \"" + name + "\" takes no value");
            values.emplace_back(argument.substr(name.size() + 1));
        } else if (option->value == nullptr) {
            values.emplace_back();
        } else if (i + 1 < arguments.size()) {
            values.emplace_back(arguments[++i]);
        } else {
            return invalid("option \"" + name + "\" needs a value");
        }
    }
    return parsed;
}

int print_help(std::string_view synopsis, std::string_view text,
               const std::vector<Option> &options) {
    std::printf("Usage: pgx %.*s\n\n%.*s\n", static_cast<int>(synopsis.size()), synopsis.data(),
                static_cast<int>(text.size()), text.data());
    if (!options.empty()) std::printf("\nOptions:\n");
    std::size_t width = 0;
    std::vector<std::string> names;
    for (const Option &option : options) {
        names.push_back(std::string(option.name) +
                        (option.value == nullptr ? "" : " " + std::string(option.value)));
        width = std::max(width, names.back().size());
    }
    for (std::size_t i = 0; i < options.size(); ++i)
        std::printf("  %-*s  %s\n", static_cast<int>(width), names[i].c_str(), options[i].help);
    return printed();
}

void NoticePrinter::notice(std::string_view message, std::string_view detail,
                           std::string_view hint) {
    print_remark("NOTICE", message);
    print_remark("DETAIL", detail);
    print_remark("HINT", hint);
}

}  // namespace pgx
