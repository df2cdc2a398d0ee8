#include "extension/door.h"

#include "extension/preload.h"

#include <algorithm>
#include <optional>
#include <set>

#include "core/base/library_list.h"
#include "extension/preload_list.h"
#include "extension/query.h"
#include "extension/settings.h"

namespace pgx {

namespace {

// What an extension requires and pgx has not installed, also by what it requires.
constexpr const char *missing_requirement_query = R"(
WITH RECURSIVE needed(name) AS (
    SELECT pg_catalog.unnest(e.requires) FROM pgx.installed_extensions AS e
     WHERE e.extension OPERATOR(pg_catalog.=) $1
    UNION
    SELECT r.name
      FROM needed AS n JOIN pgx.installed_extensions AS e ON e.extension OPERATOR(pg_catalog.=) n.name
     CROSS JOIN LATERAL pg_catalog.unnest(e.requires) AS r(name))
SELECT n.name FROM needed AS n
 WHERE NOT EXISTS (SELECT FROM pgx.installed_extensions AS e WHERE e.extension OPERATOR(pg_catalog.=) n.name)
 ORDER BY 1)";

constexpr const char *facts_file = "pgx_preload.json";
constexpr std::uint64_t largest_facts_file = 1024 * 1024;

Result<PreloadFacts> read_facts(const std::string &path) {
    if (!TRY(real_file_system().info(path))) return PreloadFacts{};
    const std::string text = TRY(real_file_system().read(path, largest_facts_file));
    Result<PreloadFacts> facts = parse_preload_facts(text);
    if (!facts) return fail(std::move(facts).error().prefixed("invalid file \"" + path + "\""));
    return facts;
}

std::string quoted_literal(const std::string &text) {
    const char *plain = text.c_str();
    return pg::call([plain] { return quote_literal_cstr(plain); });
}

PreloadNeed need_of(const std::string &library, const PreloadFacts &facts) {
    const auto fact = facts.find(library);
    if (fact == facts.end()) return {library, shared_preload, {}};
    return {library, fact->second.setting, fact->second.settings, fact->second.optional};
}

// Libraries of a package that there is a fact about.
std::vector<std::string> libraries_with_facts(const std::string &package,
                                              const PreloadFacts &facts) {
    // By path, which has an index: the table of files may be long.
    std::vector<std::string> paths, libraries;
    for (const auto &[library, fact] : facts) paths.push_back("lib/" + library + ".so");
    for (const pg::Row &row : pg::query_latest(
             "SELECT path FROM pgx.files WHERE path OPERATOR(pg_catalog.=) ANY "
             "($2::pg_catalog.text[]) AND package OPERATOR(pg_catalog.=) $1 ORDER BY path",
             {package, pg::array_literal(paths)}))
        libraries.push_back(library_of_element(*row[0]));
    return libraries;
}

// Collects needs, of what is required first.
class Collector {
   public:
    explicit Collector(const PreloadFacts &facts) : facts_(facts) {}

    Result<void> add_extension(const std::string &extension) {
        if (!visited_.insert(extension).second) return {};
        const std::vector<pg::Row> rows = pg::query_latest(
            "SELECT e.package, pg_catalog.array_to_json(e.preload)::pg_catalog.text,"
            "       pg_catalog.array_to_json(e.requires)::pg_catalog.text,"
            "       pg_catalog.cardinality(i.extensions) OPERATOR(pg_catalog.=) 1"
            "  FROM pgx.installed_extensions AS e"
            "  JOIN pgx.installed AS i ON i.package OPERATOR(pg_catalog.=) e.package"
            " WHERE e.extension OPERATOR(pg_catalog.=) $1",
            {extension});
        if (rows.empty()) return add_of_server(extension);
        // One that can never be created needs nothing. Its library may even harm the others of the
        // package: documentdb_distributed's counts on Citus.
        if (TRY(missing_requirement(extension))) return {};
        for (const std::string &required : pg::strings_from_json_array(rows[0][2]))
            TRY(add_extension(required));
        for (const std::string &library : pg::strings_from_json_array(rows[0][1])) add(library);
        // A fact may be younger than the installation. Of several extensions it is not known which
        // one a library belongs to.
        if (rows[0][3] == "t")
            for (const std::string &library : libraries_with_facts(*rows[0][0], facts_))
                add(library);
        return {};
    }

    Result<void> add_package(const InstalledPackage &installed) {
        for (const std::string &extension : installed.extensions) TRY(add_extension(extension));
        if (!installed.extensions.empty()) return {};
        const DirectoryLayout layout = directory_layout();
        const Result<Receipt> receipt = read_receipt(
            real_file_system(), layout.installed(layout.receipt_path(installed.package)));
        if (receipt)
            for (const std::string &library : preload_libraries(*receipt, {}, facts_)) add(library);
        for (const std::string &library : libraries_with_facts(installed.package, facts_))
            add(library);
        return {};
    }

    std::vector<PreloadNeed> take() { return std::move(needs_); }

   private:
    // pg_stat_statements and its like: the library is called as the extension is.
    Result<void> add_of_server(const std::string &extension) {
        if (facts_.contains(extension) &&
            TRY(server_library_directory(extension + ".so")).has_value())
            add(extension);
        return {};
    }

    void add(const std::string &library) {
        PreloadNeed need = need_of(library, facts_);
        if (need.setting.empty() ||
            std::ranges::find(needs_, library, &PreloadNeed::library) != needs_.end())
            return;
        needs_.push_back(std::move(need));
    }

    const PreloadFacts &facts_;
    std::set<std::string> visited_;
    std::vector<PreloadNeed> needs_;
};

// "ALTER SYSTEM SET cron.database_name = 'shop'; ", or nothing when that is its value, or another
// one that somebody has chosen where the choice is free.
std::string setting_step(const RequiredSetting &setting, ListsSoFar *lists) {
    if (setting.element) return element_step(setting.name, setting.value, lists);
    std::optional<std::string> has = configured_setting(setting.name);
    const bool free_choice = setting.value == "{database}";
    if (has && free_choice) return "";
    if (!has)
        has = pg::query("SELECT pg_catalog.current_setting($1, true)", {setting.name}).at(0)[0];
    const std::string wanted =
        free_choice ? *pg::query("SELECT pg_catalog.current_database()").at(0)[0] : setting.value;
    if (has.value_or(setting.default_value) == wanted) return "";
    return "ALTER SYSTEM SET " + setting.name + " = " + quoted_literal(wanted) + "; ";
}

// Libraries that this process has loaded.
std::vector<std::string> loaded_libraries() {
    std::vector<std::string> files;
    for (const pg::Row &row : pg::query("SELECT file_name FROM pg_catalog.pg_get_loaded_modules()"))
        files.push_back(row[0].value_or(""));
    return files;
}

// What the next start, and new sessions, will preload.
std::vector<std::string> configured_elements(const char *setting) {
    const Result<PreloadList> list = configured_preloads(setting);
    // On the command line, for example: then that is what the next start has as well.
    return list ? list->elements : current_preloads(setting);
}

}  // namespace

Result<PreloadFacts> preload_facts() {
    PreloadFacts shipped = TRY(read_facts(join_path(data_directory_of_pgx(), facts_file)));
    return override_facts(std::move(shipped),
                          TRY(read_facts(join_path(directory_layout().root, facts_file))));
}

PreloadFacts preload_facts_or_none() {
    Result<PreloadFacts> facts = preload_facts();
    if (facts) return std::move(*facts);
    pg::warning("could not read which libraries have to be preloaded", facts.error().message + ".",
                "Correct the file, or delete it.");
    return {};
}

std::vector<std::string> preload_libraries(const Receipt &receipt,
                                           const std::vector<std::string> &used,
                                           const PreloadFacts &facts) {
    std::vector<std::string> libraries;
    for (const ReceiptModule &module : receipt.modules) {
        std::string name = library_of_element(module.path);
        const auto fact = facts.find(name);
        const bool known = fact == facts.end()
                               ? module.preload
                               : !fact->second.setting.empty() && !fact->second.optional;
        if (known && (used.empty() || std::ranges::find(used, name) != used.end()))
            libraries.push_back(std::move(name));
    }
    return libraries;
}

Result<std::vector<PreloadNeed>> preload_needs(const std::string &name, const PreloadFacts &facts) {
    Collector collector(facts);
    const std::optional<InstalledPackage> installed = find_installed(name);
    if (installed && std::ranges::find(installed->extensions, name) == installed->extensions.end())
        TRY(collector.add_package(*installed));
    else
        TRY(collector.add_extension(name));
    return collector.take();
}

std::string element_step(const std::string &setting, const std::string &element,
                         ListsSoFar *lists) {
    const std::vector<pg::Row> current =
        pg::query("SELECT setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) $1",
                  {setting});
    if (current.empty()) return "";
    std::vector<std::string> elements =
        split_library_list(configured_setting(setting).value_or(current[0][0].value_or("")));
    if (names_library(elements, element)) return "";
    if (lists != nullptr && lists->contains(setting)) elements = lists->at(setting);
    if (!names_library(elements, element)) elements.push_back(element);
    if (lists != nullptr) (*lists)[setting] = elements;
    return "ALTER SYSTEM SET " + setting + " = " + library_list_text(elements) +
           "; SELECT pg_reload_conf(); ";
}

Result<std::optional<std::string>> missing_requirement(const std::string &extension) {
    for (const pg::Row &row : pg::query_latest(missing_requirement_query, {extension}))
        if (!TRY(server_extension_directory(*row[0]))) return row[0];
    return std::optional<std::string>{};
}

std::string preload_steps(const std::string &name, const PreloadFacts &facts, ListsSoFar *lists) {
    Result<std::vector<PreloadNeed>> needs = preload_needs(name, facts);
    if (!needs) return "";
    std::erase_if(*needs, [](const PreloadNeed &need) { return need.optional; });
    if (needs->empty()) return "";
    const std::vector<std::string> shared = configured_elements(shared_preload),
                                   session = configured_elements(session_preload),
                                   running = current_preloads(shared_preload),
                                   loaded = loaded_libraries();
    bool preload = false, restart = false, reconnect = false;
    const auto add_once = [](std::string &steps, const std::string &step) {
        if (steps.find(step) == std::string::npos) steps += step;
    };
    std::string settings, elements;
    for (const PreloadNeed &need : *needs) {
        const bool by_session = need.setting == session_preload;
        preload = preload || !(names_library(shared, need.library) ||
                               (by_session && names_library(session, need.library)));
        restart = restart || (!by_session && !names_library(running, need.library));
        reconnect = reconnect || (by_session && !names_library(loaded, need.library));
        for (const RequiredSetting &setting : need.settings)
            add_once(setting.element ? elements : settings, setting_step(setting, lists));
    }
    // Settings come first: some libraries refuse to load without.
    return settings + elements +
           (preload ? "SELECT pgx.preload(" + quoted_literal(name) + "); " : "") +
           (restart || !settings.empty() ? "restart the server; "
            : reconnect                  ? "reconnect; "
                                         : "");
}

std::vector<std::string> libraries_of(const std::string &package) {
    std::vector<std::string> libraries;
    // Deeper down are those that other libraries need, and nobody names.
    for (const pg::Row &row :
         pg::query_latest("SELECT path FROM pgx.files WHERE package OPERATOR(pg_catalog.=) $1 AND "
                          "kind OPERATOR(pg_catalog.=) 'library' AND path OPERATOR(pg_catalog.~) "
                          "'^lib/[^/]+$' ORDER BY path",
                          {package}))
        libraries.push_back(library_of_element(*row[0]));
    return libraries;
}

}  // namespace pgx
