#include "core/registry/apt_config.h"

#include <algorithm>
#include <charconv>

#include "core/registry/deb822.h"
#include "core/registry/subprocess.h"

namespace pgx {

std::string AptConfig::get(std::string_view name, std::string_view fallback) const {
    auto found = values_.find(lower_case(name));
    return std::string(found == values_.end() || found->second.empty() ? fallback
                                                                        : std::string_view(found->second));
}

bool AptConfig::flag(std::string_view name, bool fallback) const {
    return parse_apt_boolean(get(name)).value_or(fallback);
}

std::int64_t AptConfig::number(std::string_view name, std::int64_t fallback) const {
    std::string text = get(name);
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && !text.empty() ? value : fallback;
}

std::vector<std::string> AptConfig::list(std::string_view name) const {
    std::string key = lower_case(name);
    std::vector<std::string> result;
    for (const auto &[list, value] : items_)
        if (list == key) result.push_back(value);
    return result;
}

std::string AptConfig::path(std::string_view name) const {
    std::string key = lower_case(name);
    std::string result = get(key);
    if (result.empty()) return result;
    while (!result.starts_with('/') && !result.starts_with("./")) {
        std::size_t scope = key.rfind("::");
        if (scope == std::string::npos) break;
        key.resize(scope);
        std::string parent = get(key);
        if (parent.empty()) continue;
        if (!parent.ends_with('/')) parent += '/';
        result.insert(0, parent);
    }
    std::string root = get("RootDir");
    while (root.ends_with('/')) root.pop_back();
    return root + result;
}

Result<AptConfig> parse_apt_config(std::string_view dump) {
    AptConfig config;
    std::size_t number = 0;
    for (std::size_t at = 0; at < dump.size();) {
        // A value may hold newlines, which apt-config does not escape: the setting ends with the first line that ends so.
        std::size_t end = at, lines = 0;
        std::string_view text;
        do {
            end = std::min(dump.find('\n', lines == 0 ? at : end + 1), dump.size());
            text = dump.substr(at, end - at);
            ++lines;
        } while (!text.ends_with("\";") && !trimmed(text).empty() && end < dump.size());
        std::size_t first = number + 1;
        number += lines;
        at = end + 1;
        if (trimmed(text).empty()) continue;

        std::size_t quote = text.find(" \"");
        if (quote == std::string_view::npos || quote == 0 || !text.ends_with("\";") ||
            text.size() < quote + 4)
            return fail(ErrorCode::registry_malformed,
                        "could not read the output of apt-config at line " + std::to_string(first));
        std::string name = lower_case(text.substr(0, quote));
        std::string value(text.substr(quote + 2, text.size() - quote - 4));
        bool item = name.ends_with("::");
        std::size_t scope = item ? name.size() - 2 : name.rfind("::");
        if (scope != std::string::npos) config.items_.emplace_back(name.substr(0, scope), value);
        if (!item) config.values_[name] = std::move(value);
    }
    return config;
}

Result<std::string> run_apt_config(const std::string &program,
                                   const std::vector<std::string> &environment) {
    if (program.empty())
        return fail(ErrorCode::no_registry, "this host has no apt configuration",
                    "The program \"apt-config\" was not found.");
    CommandResult result = TRY(run_confined(program, {"dump"}, environment));
    if (result.exit_status != 0)
        return fail(ErrorCode::io, "could not read this host's apt configuration",
                    "The program \"" + program + "\" ended with status " +
                        std::to_string(result.exit_status) + ": " + std::string(trimmed(result.errors)),
                    "Run \"apt-config dump\" on the host and mend the file that it names.");
    return std::move(result.output);
}

}  // namespace pgx
