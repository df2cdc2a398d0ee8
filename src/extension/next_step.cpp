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
    const char *setting =
        pg::call([] { return GetConfigOption("shared_preload_libraries", true, false); });
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
    for (const std::string &library : preloaded)
        list += (list.empty() ? "" : ", ") + quoted_identifier(library);
    return "ALTER SYSTEM SET shared_preload_libraries = " + list + "; restart the server; ";
}

// The version created in this database, the default version, and whether something it requires is
// not created here. No row when the server does not know the extension. What pgx has installed is
// known from the catalog: PostgreSQL's own functions read every control file there is, which for a
// call with many names takes longer than all the rest.
std::vector<pg::Row> created_and_available(const std::string &extension) {
    constexpr const char *of_ours =
        "SELECT e.extversion, nullif(i.default_version, ''),"
        "       EXISTS (SELECT FROM pg_catalog.unnest(i.requires) AS r(name) WHERE NOT EXISTS"
        "                (SELECT FROM pg_catalog.pg_extension AS c WHERE c.extname "
        "OPERATOR(pg_catalog.=) r.name))"
        "  FROM pgx.installed_extensions AS i"
        "  LEFT JOIN pg_catalog.pg_extension AS e ON e.extname OPERATOR(pg_catalog.=) i.extension"
        " WHERE i.extension OPERATOR(pg_catalog.=) $1";
    constexpr const char *of_the_server =
        "SELECT e.extversion, a.default_version,"
        "       EXISTS (SELECT FROM pg_catalog.pg_available_extension_versions() AS v"
        "                CROSS JOIN LATERAL pg_catalog.unnest(v.requires) AS r(name)"
        "                WHERE v.name OPERATOR(pg_catalog.=) $1 AND v.version "
        "OPERATOR(pg_catalog.=) a.default_version"
        "                  AND NOT EXISTS"
        "                      (SELECT FROM pg_catalog.pg_extension AS c WHERE c.extname "
        "OPERATOR(pg_catalog.=) r.name))"
        "  FROM pg_catalog.pg_available_extensions() AS a"
        "  LEFT JOIN pg_catalog.pg_extension AS e ON e.extname OPERATOR(pg_catalog.=) a.name"
        " WHERE a.name OPERATOR(pg_catalog.=) $1";
    std::vector<pg::Row> rows = pg::query_latest(of_ours, {extension});
    return rows.empty() ? pg::query(of_the_server, {extension}) : rows;
}

}  // namespace

std::string next_step(const std::string &extension) {
    const std::vector<pg::Row> rows = created_and_available(extension);
    const std::string name = quoted_identifier(extension);
    const std::string preload = preload_step(extension);
    if (rows.empty()) return preload;
    if (!rows[0][0])
        return preload + "CREATE EXTENSION " + name + (rows[0][2] == "t" ? " CASCADE;" : ";");
    if (rows[0][0] != rows[0][1]) return preload + "ALTER EXTENSION " + name + " UPDATE;";
    return preload.empty() ? "none, it is created in this database" : preload;
}

}  // namespace pgx
