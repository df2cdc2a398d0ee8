// module_pathname.cpp - a change of text that is made only when the parser then says that nothing
// but the one value has changed.
#include "core/bundle/module_pathname.h"

#include <algorithm>

#include "core/registry/control_file.h"

namespace pgx {

namespace {

constexpr std::string_view prefix = "$libdir/";
constexpr std::string_view key = "module_pathname";

// Where in a line the value's prefix is, npos when the line is not one that sets it so.
std::size_t find_prefix(std::string_view line) {
    std::size_t at = std::min(line.find_first_not_of(" \t"), line.size());
    if (!line.substr(at).starts_with(key)) return std::string_view::npos;
    at = line.find_first_not_of(" \t", at + key.size());
    if (at == std::string_view::npos) return at;
    if (line[at] == '=') at = line.find_first_not_of(" \t", at + 1);
    if (at == std::string_view::npos || line[at] != '\'') return std::string_view::npos;
    return line.substr(at + 1).starts_with(prefix) ? at + 1 : std::string_view::npos;
}

}  // namespace

std::string without_library_directory(std::string_view control_file) {
    std::string result;
    for (std::string_view rest = control_file; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
        std::string line(rest.substr(0, end));
        rest.remove_prefix(end);
        if (const std::size_t at = find_prefix(line); at != std::string::npos)
            line.erase(at, prefix.size());
        result += line;
    }
    const auto before = parse_control_file(control_file, "control file", false);
    const auto after = parse_control_file(result, "control file", false);
    if (!before || !after || !before->module_pathname.starts_with(prefix) ||
        after->module_pathname != before->module_pathname.substr(prefix.size()) ||
        after->module_pathname.find('/') != std::string::npos)
        return std::string(control_file);
    return result;
}

}  // namespace pgx
