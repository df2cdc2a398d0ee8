#include "core/bundle/postgres_directories.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/registry/subprocess.h"

namespace pgx {

namespace {

struct Place {
    const char *option;  // of pg_config
    const char *folder;  // in a bundle
};

// Several of them are the same directory on some systems; the first one counts.
constexpr std::array<Place, 12> places{{
    {"--bindir", "pgsql/bin"},
    {"--sharedir", "pgsql/share"},
    {"--pkglibdir", "pgsql/pkglib"},
    {"--docdir", "pgsql/doc"},
    {"--htmldir", "pgsql/html"},
    {"--pkgincludedir", "pgsql/pkginclude"},
    {"--includedir-server", "pgsql/pkginclude/server"},
    {"--includedir", "pgsql/include"},
    {"--libdir", "pgsql/lib"},
    {"--localedir", "pgsql/locale"},
    {"--mandir", "pgsql/man"},
    {"--sysconfdir", "pgsql/sysconf"},
}};

void add(PostgresDirectories &directories, const std::string &directory, const char *folder) {
    const auto known = std::ranges::find(directories.folders, directory,
                                         &std::pair<std::string, std::string>::first);
    if (directory.starts_with('/') && known == directories.folders.end())
        directories.folders.emplace_back(directory, folder);
}

void sort_longest_first(PostgresDirectories &directories) {
    std::ranges::stable_sort(directories.folders, [](const auto &a, const auto &b) {
        return a.first.size() > b.first.size();
    });
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

}  // namespace

std::string PostgresDirectories::bundle_path(std::string_view installed_path) const {
    for (const auto &[directory, folder] : folders)
        if (installed_path.size() > directory.size() + 1 && installed_path.starts_with(directory) &&
            installed_path[directory.size()] == '/')
            return folder + std::string(installed_path.substr(directory.size()));
    return {};
}

std::optional<std::pair<std::string, unsigned>> parse_postgres_version(std::string_view text) {
    constexpr std::string_view name = "PostgreSQL ";
    if (!text.starts_with(name)) return std::nullopt;
    text.remove_prefix(name.size());
    const std::string version(text.substr(0, text.find_first_of(" \n")));
    unsigned major = 0;
    const auto [end, error] =
        std::from_chars(version.data(), version.data() + version.size(), major);
    if (error != std::errc() || major < 10 || major > 999) return std::nullopt;
    return std::pair(version, major);
}

Result<PostgresDirectories> ask_pg_config(const std::string &pg_config) {
    std::vector<std::string> arguments{"--version"};
    for (const Place &place : places) arguments.emplace_back(place.option);
    const auto ran = run_command(pg_config, arguments);
    const std::string hint =
        "Name the pg_config of the PostgreSQL installation with --pg-config; it is in the package "
        "with the server's headers.";
    if (!ran) return fail(ErrorCode::io, ran.error().message, ran.error().detail, hint);
    const std::vector<std::string> lines = lines_of(ran->output);
    if (ran->exit_status != 0 || lines.size() != arguments.size())
        return fail(ErrorCode::io, "could not learn from \"" + pg_config + "\" where PostgreSQL is",
                    ran->errors.empty() ? "" : "It says: " + lines_of(ran->errors).front(), hint);
    const auto version = parse_postgres_version(lines[0]);
    if (!version)
        return fail(ErrorCode::io, "\"" + pg_config + "\" tells no version of PostgreSQL",
                    "It says: " + lines[0], hint);
    PostgresDirectories directories;
    directories.version = version->first;
    directories.major = version->second;
    for (std::size_t i = 0; i < places.size(); ++i) {
        const std::string &directory = lines[i + 1];
        const std::string_view option = places[i].option;
        if (option == "--bindir") directories.bin = directory;
        if (option == "--sharedir") directories.share = directory;
        if (option == "--pkglibdir") directories.pkglib = directory;
        add(directories, directory, places[i].folder);
    }
    sort_longest_first(directories);
    return directories;
}

PostgresDirectories directories_of_share(const std::string &share) {
    PostgresDirectories directories;
    directories.share = share;
    constexpr std::string_view tail = "/share";
    const std::size_t found = share.rfind(tail);
    std::string_view below = found == std::string::npos
                                 ? std::string_view()
                                 : std::string_view(share).substr(found + tail.size());
    const std::string prefix = share.substr(0, found);
    if (found != std::string::npos && (below.empty() || below.starts_with('/'))) {
        directories.pkglib = prefix + "/lib" + std::string(below);
        const std::string_view last = below.substr(below.rfind('/') + 1);
        unsigned major = 0;
        const auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), major);
        // Debian's, with the major in the path, has one more "lib", and its programs beside it.
        if (!last.empty() && error == std::errc() && end == last.data() + last.size() &&
            major >= 10 && major <= 999) {
            directories.major = major;
            directories.bin = directories.pkglib + "/bin";
            directories.pkglib += "/lib";
        } else {
            directories.bin = prefix + "/bin";
        }
    }
    add(directories, directories.share, "pgsql/share");
    add(directories, directories.pkglib, "pgsql/pkglib");
    add(directories, directories.bin, "pgsql/bin");
    add(directories, prefix + "/share/doc", "pgsql/doc");
    sort_longest_first(directories);
    return directories;
}

}  // namespace pgx
