// packaging_paths.cpp - the known packagings, and a search for their paths that needs no memory for
// large scripts.
//
// SQL is not parsed. A path is what stands between characters that no path has, and only one that
// is a file of the package's is changed, so that the worst that can happen is a changed comment.
// LOAD may stand in a string of PL/pgSQL, with its quotes doubled.
#include "core/registry/packaging_paths.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/registry/control_file.h"

namespace pgx {

namespace {

// Debian's, PGDG's for RPM, Fedora's, the images of PostgreSQL on Alpine, and PostgreSQL's own.
// "@" is the major version.
struct Packaging {
    std::string_view share, library;
};
constexpr std::array<Packaging, 5> packagings{{
    {"/usr/share/postgresql/@/", "/usr/lib/postgresql/@/lib/"},
    {"/usr/pgsql-@/share/", "/usr/pgsql-@/lib/"},
    {"/usr/share/pgsql/", "/usr/lib64/pgsql/"},
    {"/usr/local/share/postgresql/", "/usr/local/lib/postgresql/"},
    {"/usr/local/pgsql/share/", "/usr/local/pgsql/lib/"},
}};

constexpr std::string_view library_prefix = "$libdir/";
constexpr std::size_t longest_path = 4096;
constexpr std::size_t longest_load = 128;  // from LOAD to the library's name

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name_character(char c) {
    return is_letter_or_digit(c) || c == '.' || c == '_' || c == '+' || c == '-';
}

bool is_path_character(char c) { return is_name_character(c) || c == '/'; }

// What follows a packaging's directory in `path`.
std::optional<std::string_view> below(std::string_view path, std::string_view directory,
                                      unsigned major) {
    while (!directory.empty()) {
        std::string part(1, directory.front());
        if (directory.front() == '@') part = std::to_string(major);
        if (!path.starts_with(part)) return std::nullopt;
        path.remove_prefix(part.size());
        directory.remove_prefix(1);
    }
    return path;
}

bool ships_library(const PackagedText &package, std::string_view name) {
    const std::string path = "lib/" + std::string(name);
    return package.files.contains(path) || package.files.contains(path + ".so");
}

// The new text for a path, nullopt when it stays.
std::optional<std::string> replacement(const PackagedText &package, std::string_view path,
                                       bool &unwritable) {
    for (const Packaging &packaging : packagings) {
        if (const auto name = below(path, packaging.library, package.postgres_major))
            if (ships_library(package, *name)) return std::string(*name);
        const auto file = below(path, packaging.share, package.postgres_major);
        if (!file || package.destination.empty()) continue;
        const std::string installed = "share/" + std::string(*file);
        if (!package.files.contains(installed)) continue;
        if (can_be_written(package.destination)) return package.destination + "/" + installed;
        unwritable = true;
    }
    return std::nullopt;
}

// Whether `before` ends with LOAD and an opening quote.
bool ends_with_load(std::string_view before) {
    if (!before.ends_with('\'')) return false;
    while (before.ends_with('\'')) before.remove_suffix(1);
    const std::size_t word = before.find_last_not_of(" \t\r\n");
    if (word == std::string_view::npos || word + 1 == before.size() || word < 3) return false;
    std::string load(before.substr(word - 3, 4));
    for (char &c : load) c = static_cast<char>(c | 0x20);
    if (load != "load") return false;
    return word == 3 || !(is_letter_or_digit(before[word - 4]) || before[word - 4] == '_');
}

bool may_lose_prefix(const PackagedText &package, std::string_view name) {
    if (name.empty()) return false;
    if (ships_library(package, name)) return true;
    if (name.ends_with(".so")) name.remove_suffix(3);
    return package.libraries.contains(name);
}

// Where in a line of a control file the value of `key` begins, npos when it does not set it so.
std::size_t find_value(std::string_view line, std::string_view key) {
    std::size_t at = std::min(line.find_first_not_of(" \t"), line.size());
    if (!line.substr(at).starts_with(key)) return std::string_view::npos;
    at = line.find_first_not_of(" \t", at + key.size());
    if (at == std::string_view::npos) return at;
    if (line[at] == '=') at = line.find_first_not_of(" \t", at + 1);
    return at == std::string_view::npos || line[at] != '\'' ? std::string_view::npos : at + 1;
}

}  // namespace

bool can_be_written(std::string_view destination) {
    return !destination.empty() && std::ranges::all_of(destination, [](char c) {
        return is_path_character(c) || c == ' ' || c == '~' || c == ',' || c == '=';
    });
}

Result<void> ScriptAdapter::feed(std::string_view bytes) {
    text_ += bytes;
    if (text_.size() < 4 * longest_path) return {};
    return work(false);
}

Result<ScriptAdapter::Outcome> ScriptAdapter::finish() {
    TRY(work(true));
    return outcome_;
}

Result<void> ScriptAdapter::replace(std::size_t begin, std::size_t end, std::string_view text) {
    TRY(sink_(std::string_view(text_).substr(done_, begin - done_)));
    TRY(sink_(text));
    done_ = end;
    outcome_.changed = true;
    return {};
}

Result<void> ScriptAdapter::work(bool last) {
    const std::string_view text = text_;
    // What begins later may not be whole yet.
    const std::size_t limit = last ? text.size() : text.size() - longest_path;
    std::size_t at = done_;
    while ((at = text.find_first_of("/$", at)) < limit) {
        if (text[at] == '$') {
            const std::size_t name = at + library_prefix.size();
            if (text.substr(at).starts_with(library_prefix)) {
                std::size_t end = name;
                while (end < text.size() && is_name_character(text[end])) ++end;
                const std::size_t from = at - std::min(at, longest_load);
                if (end < text.size() && text[end] == '\'' &&
                    ends_with_load(text.substr(from, at - from)) &&
                    may_lose_prefix(package_, text.substr(name, end - name)))
                    TRY(replace(at, name, ""));
            }
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && is_path_character(text[end])) ++end;
        const bool begins = at == 0 || !is_path_character(text[at - 1]);
        if (begins && end - at < longest_path)
            if (const auto new_text =
                    replacement(package_, text.substr(at, end - at), outcome_.unwritable))
                TRY(replace(at, end, *new_text));
        at = end;
    }
    const std::size_t upto = std::max(done_, limit);
    TRY(sink_(text.substr(done_, upto - done_)));
    const std::size_t kept = upto - std::min(upto, longest_load);
    text_.erase(0, kept);
    done_ = upto - kept;
    return {};
}

std::string adapted_control_file(std::string_view text, const PackagedText &package) {
    std::string result, library, directory;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
        std::string line(rest.substr(0, end));
        rest.remove_prefix(end);
        for (const Packaging &packaging : packagings) {
            const auto shorten = [&](std::string_view key, std::string_view root,
                                     std::string &value) {
                const std::size_t at = find_value(line, key);
                if (at == std::string::npos) return;
                const std::size_t quote = line.find('\'', at);
                if (quote == std::string::npos) return;
                const std::string path = line.substr(at, quote - at);
                const auto name = below(path, root, package.postgres_major);
                if (!name || name->empty()) return;
                if (key == "module_pathname" && !ships_library(package, *name)) return;
                value = *name;
                line.replace(at, path.size(), value);
            };
            shorten("module_pathname", packaging.library, library);
            shorten("directory", packaging.share, directory);
        }
        result += line;
    }
    if (library.empty() && directory.empty()) return result;
    const auto after = parse_control_file(result, "control file", false);
    if (!after || (!library.empty() && after->module_pathname != library) ||
        (!directory.empty() && after->directory != directory))
        return std::string(text);
    return result;
}

}  // namespace pgx
