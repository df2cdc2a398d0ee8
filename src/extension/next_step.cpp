#include "extension/door.h"

#include "extension/next_step.h"

#include "core/base/library_list.h"
#include "core/base/names.h"
#include "extension/inventory.h"
#include "extension/preload.h"
#include "extension/preload_list.h"
#include "extension/query.h"
#include "extension/settings.h"

namespace pgx {

namespace {

std::string quoted_identifier(const std::string &name) {
    const char *text = name.c_str();
    return pg::call([text] { return quote_identifier(text); });
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

// Output plugins work with wal_level = logical only.
std::string logical_decoding_step() {
    if (pg::query("SELECT pg_catalog.current_setting('wal_level')").at(0)[0] == "logical")
        return "";
    const bool configured = configured_setting("wal_level") == "logical";
    return std::string(configured ? "" : "ALTER SYSTEM SET wal_level = logical; ") +
           "restart the server; ";
}

// A session that has asked for a reload may be faster than the reload.
std::string in_new_session(std::string steps) {
    if (steps.ends_with("SELECT pg_reload_conf(); ")) steps += "reconnect; ";
    return steps;
}

// A slot's name has lower-case letters, digits and underscores.
std::string slot_name(std::string library) {
    for (char &c : library)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c + ('a' - 'A'));
        else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            c = '_';
    return library.substr(0, 50) + "_slot";
}

// Whether new sessions have it, or will after a restart.
bool is_configured(const std::string &library) {
    for (const char *setting : {shared_preload, session_preload}) {
        const Result<PreloadList> list = configured_preloads(setting);
        if (names_library(list ? list->elements : current_preloads(setting), library)) return true;
    }
    return false;
}

}  // namespace

std::string version_clause(const std::string &extension) {
    const std::vector<pg::Row> rows = pg::query(
        "SELECT v.version FROM pg_catalog.pg_available_extension_versions() AS v"
        " WHERE v.name OPERATOR(pg_catalog.=) $1 AND NOT EXISTS (SELECT FROM "
        "pg_catalog.pg_available_extensions() AS a WHERE a.name OPERATOR(pg_catalog.=) $1 AND "
        "a.default_version IS NOT NULL)"
        " ORDER BY pgx.version_key(v.version) DESC LIMIT 1",
        {extension});
    if (rows.empty() || !rows[0][0]) return "";
    const char *version = rows[0][0]->c_str();
    return std::string(" VERSION ") + pg::call([version] { return quote_literal_cstr(version); });
}

std::string next_step(const std::string &extension, ListsSoFar &lists) {
    const std::vector<pg::Row> rows = created_and_available(extension);
    const std::string name = quoted_identifier(extension);
    const std::string preload = preload_steps(extension, preload_facts_or_none(), &lists);
    if (rows.empty()) return preload;
    if (!rows[0][0]) {
        const Result<std::optional<std::string>> missing = missing_requirement(extension);
        if (missing && *missing)
            return "none, it requires \"" + **missing + "\", which is not there";
        // What one version requires is not known, and CASCADE does no harm.
        const std::string version = rows[0][1] ? "" : version_clause(extension);
        return preload + "CREATE EXTENSION " + name + version +
               (rows[0][2] == "t" || !version.empty() ? " CASCADE;" : ";");
    }
    if (rows[0][1] && rows[0][0] != rows[0][1])
        return preload + "ALTER EXTENSION " + name + " UPDATE;";
    return preload.empty() ? "none, it is created in this database" : preload;
}

std::string modules_step(const Receipt &receipt, ListsSoFar &lists) {
    // What has no next step of its own is preloaded, or its documentation tells what it is for.
    std::string steps = preload_steps(receipt.package, preload_facts_or_none(), &lists);
    std::vector<std::string> libraries;
    for (const ReceiptModule &module : receipt.modules) {
        const std::string library = library_of_element(module.path);
        libraries.push_back(library);
        if (module.plugin == ModulePlugin::output)
            // Since 18.6 an administrator has to say which libraries users with REPLICATION may
            // load.
            return steps +
                   in_new_session(element_step("output_plugin_libraries", library, &lists) +
                                  logical_decoding_step()) +
                   "SELECT pg_create_logical_replication_slot('" + slot_name(library) + "', '" +
                   library + "');";
        if (module.plugin == ModulePlugin::hook && steps.empty()) {
            if (is_configured(library)) continue;
            const char *name = receipt.package.c_str();
            const std::string literal = pg::call([name] { return quote_literal_cstr(name); });
            return "for all sessions: SELECT pgx.preload(" + literal + ", via => '" +
                   session_preload + "'); for one: LOAD '" + library + "';";
        }
        if (module.plugin == ModulePlugin::archive)
            return steps + "ALTER SYSTEM SET archive_library = '" + library +
                   "'; SELECT pg_reload_conf();";
    }
    if (!steps.empty()) {
        steps.pop_back();
        return steps;
    }
    if (libraries.empty()) return "none";
    return "none, " + std::string(libraries.size() == 1 ? "library " : "libraries ") +
           quoted_list(libraries) + (libraries.size() == 1 ? " is" : " are") + " in place";
}

std::string installed_modules_step(const std::string &package, ListsSoFar &lists) {
    const DirectoryLayout layout = directory_layout();
    const Result<Receipt> receipt =
        read_receipt(real_file_system(), layout.installed(layout.receipt_path(package)));
    return receipt ? modules_step(*receipt, lists) : "none";
}

std::string preload_next_step(const std::string &name, const std::string &first,
                              ListsSoFar &lists) {
    const std::optional<InstalledPackage> installed = find_installed(name);
    std::string step = installed && installed->extensions.empty()
                           ? installed_modules_step(installed->package, lists)
                           : next_step(name, lists);
    if (first.empty() || step.find(first.substr(0, first.size() - 1)) != std::string::npos)
        return step.empty() ? "none" : step;
    if (step.starts_with("none")) step.clear();
    step = first + step;
    while (step.ends_with(' ')) step.pop_back();
    return step;
}

}  // namespace pgx
