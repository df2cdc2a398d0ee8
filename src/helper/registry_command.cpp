#include "helper/registry_command.h"

#include "core/base/names.h"

namespace pgx {

namespace {

constexpr std::size_t any_number = 100'000;

std::vector<RegistryAction> all_actions() {
    std::vector<RegistryAction> all = publishing_actions();
    for (auto more : {reading_actions, rights_actions})
        for (RegistryAction &action : more()) all.push_back(std::move(action));
    return all;
}

int help(const std::vector<RegistryAction> &actions) {
    std::string text = "A registry is a folder of signed files that any web server can serve.\n";
    for (const RegistryAction &action : actions) {
        const std::string first(action.text);
        text += "\n  pgx registry " + std::string(action.synopsis) + "\n      " +
                first.substr(0, first.find('\n')) + "\n";
    }
    text += "\nMore on each: pgx registry ACTION --help";
    return print_help("registry ACTION ...", text, {});
}

}  // namespace

int run_registry(const Arguments &arguments) {
    const std::vector<RegistryAction> actions = all_actions();
    if (arguments.empty())
        return complain("\"pgx registry\" needs an action, such as init, add or check");
    if (arguments[0] == "--help" || arguments[0] == "-h") return help(actions);
    std::vector<std::string> names;
    for (const RegistryAction &action : actions) {
        names.emplace_back(action.name);
        if (arguments[0] != action.name) continue;
        const Arguments rest(arguments.begin() + 1, arguments.end());
        const std::string synopsis = "registry " + std::string(action.synopsis);
        if (!rest.empty() && (rest[0] == "--help" || rest[0] == "-h"))
            return print_help(synopsis, action.text, action.options);
        const auto given = parse_arguments(rest, action.options);
        if (!given) return complain(given.error().message);
        if (given->operands.size() < action.least_operands ||
            given->operands.size() > std::min(action.most_operands, any_number))
            return complain("usage: pgx " + synopsis);
        // The table's remedies are for people at a database; what helps here is said in place.
        const auto status = action.run(*given);
        return status ? *status : report(status.error());
    }
    const std::vector<std::string> near = near_names(arguments[0], names);
    return complain("\"pgx registry\" has no action \"" + std::string(arguments[0]) + "\"" +
                    (near.empty() ? "" : "; did you mean " + quoted_list(near) + "?"));
}

}  // namespace pgx
