#include "extension/door.h"

#include "extension/next_step.h"

#include <algorithm>

#include "extension/inventory.h"
#include "extension/query.h"
#include "extension/usage.h"

extern "C" {
#include "utils/guc.h"
}

namespace pgx {

namespace {

std::string quoted_identifier(const std::string &name) {
    const char *text = name.c_str();
    return pg::call([text] { return quote_identifier(text); });
}

// "ALTER SYSTEM ...; then restart the server; then " when libraries still have to be preloaded.
std::string preload_step(const std::string &extension) {
    std::vector<pg::Row> rows = pg::query_latest(
        "SELECT pg_catalog.array_to_json(preload)::pg_catalog.text FROM pgx.installed_extensions"
        " WHERE extension OPERATOR(pg_catalog.=) $1",
        {extension});
    if (rows.empty()) return "";
    const char *setting = pg::call([] { return GetConfigOption("shared_preload_libraries", true, false); });
    std::vector<std::string> preloaded = split_library_list(setting == nullptr ? "" : setting);
    bool missing = false;
    for (const std::string &library : pg::strings_from_json_array(rows[0][0])) {
        const bool found = std::ranges::any_of(preloaded, [&](const std::string &element) {
            return element == library || element == "$libdir/" + library;
        });
        if (!found) preloaded.push_back(library);
        missing = missing || !found;
    }
    if (!missing) return "";
    std::string list;
    for (const std::string &library : preloaded) list += (list.empty() ? "" : ", ") + quoted_identifier(library);
    return "ALTER SYSTEM SET shared_preload_libraries = " + list + "; restart the server; ";
}

}  // namespace

std::string next_step(const std::string &extension) {
    std::vector<pg::Row> rows = pg::query(
        "SELECT e.extversion, a.default_version,"
        "       EXISTS (SELECT FROM pg_catalog.pg_available_extension_versions() AS v"
        "                WHERE v.name OPERATOR(pg_catalog.=) $1 AND v.version OPERATOR(pg_catalog.=) a.default_version"
        "                  AND v.requires IS NOT NULL)"
        "  FROM pg_catalog.pg_available_extensions() AS a"
        "  LEFT JOIN pg_catalog.pg_extension AS e ON e.extname OPERATOR(pg_catalog.=) a.name"
        " WHERE a.name OPERATOR(pg_catalog.=) $1",
        {extension});
    const std::string name = quoted_identifier(extension);
    const std::string preload = preload_step(extension);
    if (rows.empty()) return preload;
    if (!rows[0][0]) return preload + "CREATE EXTENSION " + name + (rows[0][2] == "t" ? " CASCADE;" : ";");
    if (rows[0][0] != rows[0][1]) return preload + "ALTER EXTENSION " + name + " UPDATE;";
    return preload.empty() ? "none, it is created in this database" : preload;
}

}  // namespace pgx
