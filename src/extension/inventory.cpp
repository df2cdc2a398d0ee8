#include "extension/door.h"

#include "extension/inventory.h"

#include "core/base/debian_version.h"
#include "extension/query.h"
#include "extension/release.h"
#include "extension/settings.h"

namespace pgx {

namespace {

Result<std::optional<std::string>> first_with(const std::vector<std::string> &directories,
                                              const std::string &file_name) {
    for (const std::string &directory : directories) {
        Result<std::optional<FileInfo>> info =
            real_file_system().info(join_path(directory, file_name));
        // A directory that we may not look into is one that PostgreSQL may not look into either.
        if (!info && info.error().code == ErrorCode::permission_denied) continue;
        if (TRY(std::move(info))) return directory;
    }
    return std::optional<std::string>{};
}

}  // namespace

std::optional<InstalledPackage> find_installed(const std::string &name) {
    std::vector<pg::Row> rows = pg::query_latest(
        "SELECT i.package, i.version, i.registry, "
        "pg_catalog.array_to_json(i.extensions)::pg_catalog.text, i.pinned, i.sha256"
        "  FROM pgx.installed AS i"
        " WHERE i.extensions OPERATOR(pg_catalog.@>) ARRAY[$1] OR i.package OPERATOR(pg_catalog.=) "
        "$1"
        "    OR i.package IN (SELECT r.package FROM pgx.releases AS r WHERE r.registry "
        "OPERATOR(pg_catalog.=) i.registry AND (r.name OPERATOR(pg_catalog.=) $1 OR "
        "(r.module_path OPERATOR(pg_catalog.<>) '' AND r.module_path OPERATOR(pg_catalog.=) $1)))"
        " ORDER BY i.extensions OPERATOR(pg_catalog.@>) ARRAY[$1] DESC, i.package "
        "OPERATOR(pg_catalog.=) $1 DESC LIMIT 1",
        {name});
    if (rows.empty()) return std::nullopt;
    return InstalledPackage{rows[0][0].value_or(""), rows[0][1].value_or(""),
                            rows[0][2].value_or(""), pg::strings_from_json_array(rows[0][3]),
                            rows[0][4] == "t",       rows[0][5].value_or("")};
}

Result<InstalledPackage> require_installed(const std::string &text) {
    const Wish wish = TRY(parse_wish(text));
    if (std::optional<InstalledPackage> installed = find_installed(wish.name)) {
        const bool is_meant = (!wish.registry || *wish.registry == installed->registry) &&
                              (!wish.version || *wish.version == installed->version ||
                               *wish.version == upstream_version(installed->version));
        if (is_meant) return std::move(*installed);
        return fail(ErrorCode::unknown_package, "\"" + text + "\" is not installed",
                    "What is installed is " + installed->origin() + ".", "See pgx.installed.");
    }
    if (std::optional<std::string> directory = TRY(server_extension_directory(wish.name)))
        return fail(ErrorCode::unknown_package,
                    "extension \"" + wish.name + "\" was not installed by pgx",
                    "It is part of the server: its control file is in \"" + *directory + "\".",
                    "pgx leaves alone what it has not installed. See pgx.installed.");
    return fail(ErrorCode::unknown_package, "\"" + text + "\" is not installed", "",
                "See pgx.installed.");
}

Result<void> check_not_pinned(const InstalledPackage &installed) {
    if (!installed.pinned) return {};
    return fail(ErrorCode::wrong_state,
                "\"" + installed.package + "\" is pinned to version " + installed.version, "",
                "Allow other versions again with pgx.unpin('" + installed.package + "').");
}

std::string installed_default_version(const std::string &extension) {
    std::vector<pg::Row> rows = pg::query_latest(
        "SELECT default_version FROM pgx.installed_extensions WHERE extension "
        "OPERATOR(pg_catalog.=) $1",
        {extension});
    return rows.empty() ? "" : rows[0][0].value_or("");
}

Result<std::optional<std::string>> server_extension_directory(const std::string &extension) {
    return first_with(other_extension_directories(), extension + ".control");
}

Result<std::optional<std::string>> server_library_directory(const std::string &file_name) {
    return first_with(other_library_directories(), file_name);
}

Result<bool> is_library_present(const std::string &library) {
    // A path is PostgreSQL's to follow.
    if (library.find('/') != std::string::npos) return true;
    if (!pg::query_latest("SELECT FROM pgx.files WHERE path OPERATOR(pg_catalog.=) $1",
                          {"lib/" + library + ".so"})
             .empty())
        return true;
    return TRY(server_library_directory(library + ".so")).has_value();
}

std::string server_default_version(const std::string &extension) {
    std::vector<pg::Row> rows = pg::query(
        "SELECT default_version FROM pg_catalog.pg_available_extensions() WHERE name "
        "OPERATOR(pg_catalog.=) $1",
        {extension});
    return rows.empty() ? "" : rows[0][0].value_or("");
}

}  // namespace pgx
