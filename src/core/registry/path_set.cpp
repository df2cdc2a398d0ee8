// path_set.cpp - one map from the folded path to how it was written; installable names are ASCII,
// so folding is simple.
#include "core/registry/path_set.h"

namespace pgx {

namespace {

std::string folded(std::string_view path) {
    std::string result(path);
    for (char &c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

}  // namespace

bool PathSet::fits(std::string_view path, bool directory) const {
    const auto found = entries_.find(folded(path));
    if (found == entries_.end()) return true;
    return directory && found->second.directory && found->second.spelling == path;
}

bool PathSet::add(std::string_view path, bool directory) {
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/', slash + 1))
        if (!fits(path.substr(0, slash), true)) return false;
    if (!fits(path, directory)) return false;
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/', slash + 1))
        entries_.try_emplace(folded(path.substr(0, slash)),
                             Entry{std::string(path.substr(0, slash)), true});
    entries_.try_emplace(folded(path), Entry{std::string(path), directory});
    return true;
}

bool PathSet::add_file(std::string_view path) { return add(path, false); }
bool PathSet::add_directory(std::string_view path) { return add(path, true); }

}  // namespace pgx
