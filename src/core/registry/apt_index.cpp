#include "core/registry/apt_index.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>

#include "core/base/debian_version.h"
#include "core/base/names.h"
#include "core/library/library_index.h"
#include "core/registry/deb822.h"
#include "core/registry/inspect.h"
#include "core/registry/stream.h"

namespace pgx {

namespace {

// Decompressed. Debian's main is 55 MB and its Contents-all 600 MB.
constexpr std::uint64_t packages_limit = 1024ull * 1024 * 1024;
constexpr std::uint64_t contents_limit = 8 * packages_limit;

bool is_sha256(std::string_view text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_version(std::string_view text) {
    return !text.empty() && text.size() <= 255 && text.find_first_not_of(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-:~") == std::string_view::npos;
}

std::string one_line(std::string_view text) {
    std::string result;
    for (const std::string &word : split_words(text)) result += (result.empty() ? "" : " ") + word;
    return result;
}

// Fills `package` from its stanza, or says what is wrong with it.
std::string read_package(const Deb822Stanza &stanza, AptPackage &package) {
    package.package = stanza.get("Package");
    package.version = stanza.get("Version");
    package.architecture = stanza.get("Architecture");
    package.homepage = stanza.get("Homepage");
    package.depends = one_line(stanza.get("Depends"));
    package.recommends = one_line(stanza.get("Recommends"));
    package.breaks = one_line(stanza.get("Breaks"));
    if (const std::string conflicts = one_line(stanza.get("Conflicts")); !conflicts.empty())
        package.breaks += (package.breaks.empty() ? "" : ", ") + conflicts;
    package.filename = stanza.get("Filename");
    package.sha256 = stanza.get("SHA256");
    std::string_view description = stanza.get("Description");
    std::size_t newline = description.find('\n');
    package.summary = description.substr(0, newline);
    if (newline != std::string_view::npos) package.description = unfold_paragraphs(description.substr(newline));

    std::string_view size = stanza.get("Size");
    auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), package.size);
    if (!is_valid_name(package.package)) return "its name is not acceptable";
    if (!is_version(package.version)) return "its field Version is missing or malformed";
    if (size.empty() || error != std::errc() || end != size.data() + size.size() || package.size == 0)
        return "its field Size is missing or malformed";
    if (!is_sha256(package.sha256)) return "its field SHA256 is missing or malformed";
    if (url_below("http://example.org/", package.filename).empty())
        return "its field Filename is missing or leads out of the repository";
    return {};
}

}  // namespace

bool is_extension_package(std::string_view name, unsigned postgres_major) {
    constexpr std::string_view prefix = "postgresql-";
    std::string major = std::to_string(postgres_major);
    if (!name.starts_with(prefix) || name.ends_with("-dbgsym")) return false;
    std::string_view rest = name.substr(prefix.size());
    if (rest.starts_with(major + "-") && rest.size() > major.size() + 1) return true;
    // These are for programs and people beside the server; their names fit by chance.
    for (std::string_view other : {"client-", "doc-", "server-dev-"})
        if (rest == std::string(other) + major) return false;
    return rest.ends_with("-" + major) && rest.size() > major.size() + 1;
}

Result<FilteredPackages> filter_packages(const std::string &path, std::string_view compression,
                                         unsigned postgres_major, std::string_view architecture) {
    FilteredPackages result;
    Deb822Reader reader(Deb822Reader::Comments::none);
    // Stanzas begin with their Package field. One that does is dropped line by line without building anything when the
    // name does not fit; that is what makes reading 55 MB cheap. One that does not is read in full and checked then.
    bool skip = false, at_start = true;
    auto keep_library = [&](const Deb822Stanza &stanza) {
        AptPackage package;
        if (!is_library_package(stanza.get("Package"), stanza.get("Section")) ||
            !read_package(stanza, package).empty() ||
            (package.architecture != architecture && package.architecture != "all"))
            return;
        LibraryPackage library;
        library.package = package.package;
        library.version = package.version;
        library.size = package.size;
        library.sha256 = package.sha256;
        library.depends = one_line(std::string(stanza.get("Pre-Depends")) +
                                   (stanza.get("Pre-Depends").empty() || package.depends.empty() ? "" : ", ") +
                                   package.depends);
        library.provides = one_line(stanza.get("Provides"));
        result.libraries += library_index_line(library, package.filename);
    };
    auto keep = [&](const Deb822Stanza &stanza) {
        if (!is_extension_package(stanza.get("Package"), postgres_major)) return keep_library(stanza);
        AptPackage package;
        std::string problem = read_package(stanza, package);
        if (package.architecture != architecture && package.architecture != "all") return;
        if (problem.empty())
            result.packages.push_back(std::move(package));
        else
            result.left_out.push_back("Package \"" + package.package + "\" is left out: " + problem + ".");
    };
    auto take = [&](std::string_view line) -> Result<void> {
        bool blank = trimmed(line).empty();
        if (at_start && line.starts_with("Package:"))
            skip = !is_extension_package(trimmed(line.substr(8)), postgres_major) &&
                   !may_be_library_package(trimmed(line.substr(8)));
        at_start = blank;
        if (blank) {
            if (!skip) {
                if (std::optional<Deb822Stanza> stanza = TRY(reader.line(line))) keep(*stanza);
            }
            skip = false;
            return {};
        }
        if (skip) return {};
        TRY(reader.line(line));
        return {};
    };
    TRY(for_each_line(path, compression, packages_limit, take));
    if (std::optional<Deb822Stanza> stanza = reader.finish()) keep(*stanza);
    return result;
}

void keep_versions(std::vector<AptPackage> &packages) {
    std::set<std::pair<std::string, std::string>> seen;
    std::erase_if(packages, [&](const AptPackage &package) {
        return !seen.emplace(package.package, package.version).second;
    });
}

Json to_json(const FilteredPackages &packages) {
    Json rows = Json::array();
    for (const AptPackage &p : packages.packages)
        rows.push_back({{"package", p.package},
                        {"version", p.version},
                        {"architecture", p.architecture},
                        {"summary", p.summary},
                        {"description", p.description},
                        {"homepage", p.homepage},
                        {"depends", p.depends},
                        {"recommends", p.recommends},
                        {"breaks", p.breaks},
                        {"filename", p.filename},
                        {"sha256", p.sha256},
                        {"size", p.size}});
    return {{"packages", std::move(rows)}, {"left_out", packages.left_out}};
}

Result<FilteredPackages> filtered_packages_from_json(const Json &json) {
    FilteredPackages result;
    result.left_out = TRY(json_strings(json, "left_out"));
    auto rows = json.find("packages");
    if (rows == json.end() || !rows->is_array())
        return fail(ErrorCode::invalid_argument, "member \"packages\" is missing");
    for (const Json &row : *rows) {
        AptPackage p;
        for (const auto &[member, to] :
             {std::pair{"package", &p.package}, std::pair{"version", &p.version},
              std::pair{"architecture", &p.architecture}, std::pair{"summary", &p.summary},
              std::pair{"description", &p.description}, std::pair{"homepage", &p.homepage},
              std::pair{"depends", &p.depends},
              std::pair{"recommends", &p.recommends}, std::pair{"breaks", &p.breaks}, std::pair{"filename", &p.filename},
              std::pair{"sha256", &p.sha256}})
            *to = TRY(json_string(row, member));
        p.size = TRY(json_unsigned(row, "size"));
        result.packages.push_back(std::move(p));
    }
    return result;
}

Result<ExtensionNames> filter_contents(const std::string &path, std::string_view compression,
                                       unsigned postgres_major) {
    std::string prefix = "usr/share/postgresql/" + std::to_string(postgres_major) + "/extension/";
    constexpr std::string_view suffix = ".control";
    ExtensionNames names;
    std::map<std::string, std::set<std::string, std::less<>>> scripts;  // by package, what their names begin with
    auto take = [&](std::string_view line) -> Result<void> {
        // Some repositories write "./usr/..." and some "/usr/...".
        if (line.starts_with("./")) line.remove_prefix(2);
        if (line.starts_with('/')) line.remove_prefix(1);
        if (!line.starts_with(prefix)) return {};
        line = trimmed(line);
        // "path   section/package,section/package": a path may hold blanks, the list of packages does not.
        std::size_t blank = line.find_last_of(" \t");
        if (blank == std::string_view::npos) return {};
        std::string_view file = trimmed(line.substr(prefix.size(), blank - prefix.size()));
        std::string_view packages = line.substr(blank + 1);
        const bool is_script = file.ends_with(".sql");
        if (!is_script && !file.ends_with(suffix)) return {};
        std::string_view name = file.substr(0, is_script ? file.find("--") : file.size() - suffix.size());
        if (!is_valid_name(name)) return {};
        for (std::size_t at = 0; at < packages.size();) {
            std::size_t end = std::min(packages.find(',', at), packages.size());
            std::string_view package = packages.substr(at, end - at);
            package.remove_prefix(std::min(package.rfind('/') + 1, package.size()));
            at = end + 1;
            if (!is_valid_name(package) || !is_extension_package(package, postgres_major)) continue;
            if (is_script)
                scripts[std::string(package)].emplace(name);
            else
                names[std::string(package)].emplace_back(name);
        }
        return {};
    };
    TRY(for_each_line(path, compression, contents_limit, take));
    for (auto &[package, list] : names) {
        const std::set<std::string, std::less<>> &with_script = scripts[package];
        for (std::string &name : list) {
            const std::string_view plain = without_version(name);
            if (is_valid_name(plain) && !with_script.contains(name) && with_script.contains(plain)) name = std::string(plain);
        }
        std::sort(list.begin(), list.end());
        list.erase(std::unique(list.begin(), list.end()), list.end());
    }
    return names;
}

Json to_json(const ExtensionNames &names) {
    Json object = Json::object();
    for (const auto &[package, list] : names) object[package] = list;
    return object;
}

Result<ExtensionNames> extension_names_from_json(const Json &json) {
    if (!json.is_object()) return fail(ErrorCode::invalid_argument, "extension names are not an object");
    ExtensionNames names;
    for (const auto &item : json.items()) names[item.key()] = TRY(json_strings(json, item.key().c_str()));
    return names;
}

std::optional<IndexFile> find_index(const AptRelease &release, const std::string &path) {
    for (const char *compression : {"xz", "zst", "gz", ""}) {
        std::string name = *compression ? path + "." + compression : path;
        if (auto found = release.files.find(name); found != release.files.end())
            return IndexFile{name, compression, found->second};
    }
    return std::nullopt;
}

std::string by_hash_path(const IndexFile &index) {
    std::size_t slash = index.path.rfind('/');
    std::string directory = slash == std::string::npos ? "" : index.path.substr(0, slash + 1);
    return directory + "by-hash/SHA256/" + index.file.sha256;
}

std::string url_below(std::string_view base, std::string_view path) {
    while (path.starts_with("./")) path.remove_prefix(2);
    if (path.empty() || path.starts_with('/') || path.ends_with('/')) return {};
    for (std::size_t at = 0; at <= path.size();) {
        std::size_t end = std::min(path.find('/', at), path.size());
        if (path.substr(at, end - at) == "..") return {};
        at = end + 1;
    }
    if (path.substr(0, path.find('/')).find(':') != std::string_view::npos) return {};

    std::string url(base);
    for (std::string_view scheme : {"file:", "copy:"}) {
        if (!lower_case(url).starts_with(scheme)) continue;
        std::size_t slashes = url.find_first_not_of('/', scheme.size());
        url = "file:///" + (slashes == std::string::npos ? "" : url.substr(slashes));
    }
    constexpr std::string_view hex = "0123456789ABCDEF";
    // "+" is escaped, too: object stores take it for a blank.
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:@!$&'()*,;=";
    for (char c : path) {
        auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f || c == '\\') return {};
        if (plain.find(c) != std::string_view::npos) {
            url += c;
        } else {
            url += '%';
            url += hex[byte >> 4];
            url += hex[byte & 15];
        }
    }
    return url;
}

}  // namespace pgx
