// links.cpp - the walk of path_resolution(7), with the package in the role of the file system.
#include "core/registry/links.h"

#include <algorithm>
#include <vector>

namespace pgx {

namespace {

constexpr unsigned most_links = 40;  // the kernel's limit
constexpr std::size_t longest_shown = 200;

std::unexpected<Error> unsafe(std::string_view path, std::string reason) {
    return fail(ErrorCode::artifact_unsafe, "archive entry \"" + shown_path(path) + "\" is unsafe",
                std::move(reason));
}

// Appends the components of `path` in reverse, so that the first comes off the back first.
void push_components(std::vector<std::string> &pending, std::string_view path) {
    std::vector<std::string> components;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        if (end > 0) components.emplace_back(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    pending.insert(pending.end(), std::make_move_iterator(components.rbegin()),
                   std::make_move_iterator(components.rend()));
}

std::string joined(const std::vector<std::string> &components) {
    std::string path;
    for (const std::string &component : components) {
        if (!path.empty()) path += '/';
        path += component;
    }
    return path;
}

}  // namespace

std::string shown_path(std::string_view path) {
    std::string shown(path.substr(0, longest_shown));
    for (char &c : shown)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    if (path.size() > longest_shown) shown += "...";
    return shown;
}

Result<std::string> clean_archive_path(std::string_view path) {
    const std::string_view whole = path;
    if (path.find('\0') != std::string_view::npos)
        return unsafe(whole, "Its name contains a NUL character.");
    if (path.starts_with('/')) return unsafe(whole, "Its name is absolute.");
    while (path.starts_with("./")) path.remove_prefix(2);
    if (path.ends_with('/')) path.remove_suffix(1);
    if (path == ".") path = {};
    for (std::string_view rest = path; !rest.empty();) {
        const std::size_t end = std::min(rest.find('/'), rest.size());
        const std::string_view component = rest.substr(0, end);
        if (component == "..") return unsafe(whole, "Its name leaves the archive.");
        if (component.empty() || component == "." || end + 1 == rest.size())
            return unsafe(whole, "Its name has an empty component.");
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return std::string(path);
}

Result<std::string> resolve_link(std::string_view path, const LinkMap &links) {
    std::vector<std::string> done, pending;
    push_components(pending, path);
    unsigned followed = 0;
    while (!pending.empty()) {
        const std::string component = std::move(pending.back());
        pending.pop_back();
        if (component == ".") continue;
        if (component == "..") {
            if (done.empty()) return unsafe(path, "The link leaves the package.");
            done.pop_back();
            continue;
        }
        done.push_back(component);
        const auto link = links.find(joined(done));
        if (link == links.end()) continue;
        if (++followed > most_links) return unsafe(path, "It leads through too many links.");
        done.pop_back();
        if (link->second.starts_with('/')) done.clear();
        push_components(pending, link->second);
    }
    return joined(done);
}

}  // namespace pgx
