#include "extension/door.h"

#include "extension/usage.h"

#include <algorithm>

#include "core/base/json.h"
#include "core/base/library_list.h"
#include "extension/database_session.h"
#include "extension/preload_list.h"
#include "extension/query.h"
#include "extension/result_set.h"

namespace pgx {

namespace {

constexpr const char *preload_names[] = {"shared_preload_libraries", "session_preload_libraries",
                                         "local_preload_libraries"};

// What a background worker in another database, or we in ours, ask for.
constexpr const char *extensions_query =
    "SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(extname, extversion) ORDER BY "
    "extname), '[]')"
    "::pg_catalog.text FROM pg_catalog.pg_extension";

Result<void> collect(const std::string &database, const pg::Value &answer, std::vector<Use> &uses) {
    const Json list = TRY(parse_json(answer.value_or("[]")));
    for (const Json &pair : list) {
        if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string())
            continue;
        uses.push_back({database, pair[0].get<std::string>(), pair[1].get<std::string>()});
    }
    return {};
}

bool names_one_of(const std::string &value, const std::vector<std::string> &libraries) {
    const std::vector<std::string> elements = split_library_list(value);
    return std::ranges::any_of(elements, [&](const std::string &element) {
        return std::ranges::find(libraries, library_of_element(element)) != libraries.end();
    });
}

}  // namespace

Result<std::vector<Use>> find_all_uses() {
    std::vector<Use> uses;
    const std::string here = *pg::query("SELECT pg_catalog.current_database()").at(0)[0];
    for (const Database &database : all_databases()) {
        pg::Value answer = database.name == here ? pg::query(extensions_query).at(0)[0]
                                                 : TRY(ask_database(database, extensions_query));
        TRY(collect(database.name, answer, uses));
    }
    return uses;
}

Result<std::vector<Use>> find_uses(const std::vector<std::string> &extensions) {
    std::vector<Use> uses = TRY(find_all_uses());
    std::erase_if(uses, [&](const Use &use) {
        return std::ranges::find(extensions, use.extension) == extensions.end();
    });
    return uses;
}

std::vector<PreloadUse> preload_uses(const std::string &package) {
    std::vector<std::string> libraries;
    for (const pg::Row &row :
         pg::query_latest("SELECT path FROM pgx.files WHERE package OPERATOR(pg_catalog.=) $1 AND "
                          "kind OPERATOR(pg_catalog.=) 'library'",
                          {package}))
        libraries.push_back(library_of_element(*row[0]));

    std::vector<PreloadUse> found;
    for (const char *name : preload_names) {
        // What the next start will read, and what runs now.
        bool configured = false;
        for (const pg::Row &row :
             pg::query("SELECT setting FROM pg_catalog.pg_file_settings WHERE name "
                       "OPERATOR(pg_catalog.=) $1 ORDER BY seqno DESC LIMIT 1",
                       {name}))
            configured = names_one_of(row[0].value_or(""), libraries);
        const pg::Value now = pg::query("SELECT pg_catalog.current_setting($1)", {name}).at(0)[0];
        if (configured || names_one_of(now.value_or(""), libraries))
            found.push_back(
                {name, configured ? PreloadUse::Where::configuration : PreloadUse::Where::running});
    }
    for (const pg::Row &row : pg::query(
             "SELECT coalesce(' of database \"' || d.datname || '\"', '') || coalesce(' of role "
             "\"' || r.rolname || '\"', ''),"
             "       pg_catalog.split_part(c, '=', 1), pg_catalog.substr(c, pg_catalog.strpos(c, "
             "'=') + 1)"
             "  FROM pg_catalog.pg_db_role_setting AS s"
             " CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c"
             "  LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase"
             "  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) s.setrole"
             " WHERE pg_catalog.split_part(c, '=', 1) OPERATOR(pg_catalog.~~) "
             "'%_preload_libraries'"))
        if (names_one_of(row[2].value_or(""), libraries))
            found.push_back({*row[1] + row[0].value_or(""), PreloadUse::Where::role_or_database});
    return found;
}

PGX_FUNCTION(pgx_usage) {
    pg::ResultSet rows(fcinfo);
    std::vector<std::string> extensions;
    const pg::Value only = pg::text_argument(fcinfo, 0);
    for (const pg::Row &row : pg::query("SELECT extension FROM pgx.installed_extensions"
                                        " WHERE $1 IS NULL OR extension OPERATOR(pg_catalog.=) $1 "
                                        "OR package OPERATOR(pg_catalog.=) $1"
                                        " ORDER BY extension",
                                        {only}))
        extensions.push_back(*row[0]);
    if (only && extensions.empty()) TRY(require_installed(*only));
    for (const Use &use : TRY(find_uses(extensions)))
        rows.add(
            {use.database, use.extension, use.version, installed_default_version(use.extension)});
    return rows.done();
}

}  // namespace pgx
