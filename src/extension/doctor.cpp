// doctor.cpp - doctor(): everything that can be wrong, a row a check.
//
// A check is a function that returns findings; adding one is writing it and naming it in the table
// at the end. A check that cannot be made is a finding too, so one broken thing does not hide the
// others. What the catalog says of packages is held against the server in doctor_packages.cpp.
#include "extension/door.h"

#include <dirent.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "core/base/file_change.h"
#include "core/base/library_list.h"
#include "core/base/names.h"
#include "extension/bundle_registry.h"
#include "extension/doctor.h"
#include "extension/helper_process.h"
#include "extension/inventory.h"
#include "extension/preload.h"
#include "extension/preload_list.h"
#include "extension/refresh.h"
#include "extension/result_set.h"
#include "extension/settings.h"
#include "extension/transaction.h"
#include "extension/usage.h"

namespace pgx {

namespace {

Findings check_helper(Examination &) {
    const std::string path = TRY(helper_path());
    if (access(path.c_str(), X_OK) != 0)
        return std::vector<Finding>{
            {"error", "The helper program \"" + path + "\" cannot be executed.",
             "Install pgx completely (make install), or set pgx.helper_path."}};
    return std::vector<Finding>{{"ok", path}};
}

// What the helper could put in force on this kernel, by its own word, given when it is in it.
Findings check_sandbox(Examination &examination) {
    const std::string path = TRY(helper_path());
    if (access(path.c_str(), X_OK) != 0) return std::vector<Finding>{};
    const Json report =
        TRY(run_helper(Json{{"op", "report_sandbox"}}, examination.progress, nullptr));
    const std::uint64_t abi = TRY(json_unsigned(report, "landlock_abi"));
    std::vector<Finding> findings;
    const auto lacks = [&findings](std::string detail, const char *remedy) {
        findings.push_back({"warning", std::move(detail), remedy});
    };
    if (abi == 0)
        lacks(
            "The kernel offers no Landlock, so the helper can read and write what the server's "
            "user can, start programs and connect to anywhere.",
            "Use Linux 6.12 or later, and name \"landlock\" in its parameter lsm where that is "
            "set.");
    else if (abi < 4)
        lacks("The kernel's Landlock (ABI " + std::to_string(abi) +
                  ") limits the helper's files and programs, but not its connections and signals.",
              "Use Linux 6.12 or later; 6.7 limits connections.");
    else if (abi < 6)
        lacks("The kernel's Landlock (ABI " + std::to_string(abi) +
                  ") does not limit to which processes the helper can send signals.",
              "Use Linux 6.12 or later.");
    if (!TRY(json_bool(report, "system_calls", false)))
        lacks("The kernel offers no seccomp, so the helper's system calls are not limited.",
              "Use a kernel that is built with CONFIG_SECCOMP_FILTER.");
    if (findings.empty())
        findings.push_back(
            {"ok",
             "The helper's files, programs, connections, signals and system calls are limited."});
    return findings;
}

Findings check_directory(Examination &examination) {
    const std::string &root = examination.layout.root;
    std::optional<FileInfo> info = TRY(real_file_system().info(root));
    if ((!info || !TRY(real_file_system().info(examination.layout.library()))) &&
        !pg::query_latest("SELECT FROM pgx.installed LIMIT 1").empty())
        return std::vector<Finding>{{"error", "\"" + root + "\" does not have what is installed.",
                                     "SELECT * FROM pgx.sync();"}};
    if (!info)
        return std::vector<Finding>{
            {"warning", "\"" + root + "\" does not exist yet.", "SELECT pgx.setup();"}};
    if (info->owner != geteuid() || (info->mode & 0022) != 0)
        return std::vector<Finding>{
            {"error", "\"" + root + "\" is not the server's alone.",
             "Change its owner to the server's user and its mode to 0700."}};
    if (!TRY(real_file_system().info(examination.layout.library())))
        return std::vector<Finding>{
            {"warning", "\"" + root + "\" is not set up yet.", "SELECT pgx.setup();"}};
    if (access(examination.layout.library().c_str(), W_OK) != 0)
        return std::vector<Finding>{
            {"error", "\"" + root + "\" is not writable.", "Change its mode, or the mount."}};
    return std::vector<Finding>{{"ok", root}};
}

Findings check_exec(Examination &examination) {
    struct statvfs volume {};
    if (statvfs(examination.layout.root.c_str(), &volume) == 0 && (volume.f_flag & ST_NOEXEC) != 0)
        return std::vector<Finding>{
            {"error", "The file system is mounted noexec, so libraries cannot be loaded.",
             "Remount it without noexec, or set pgx.directory to another place."}};
    return std::vector<Finding>{{"ok", "Libraries can be loaded from there."}};
}

Findings check_space(Examination &examination) {
    constexpr std::uint64_t little = 256ULL * 1024 * 1024;
    struct statvfs volume {};
    if (statvfs(examination.layout.root.c_str(), &volume) != 0) return std::vector<Finding>{};
    const std::uint64_t free_bytes = static_cast<std::uint64_t>(volume.f_bavail) * volume.f_frsize;
    const std::string detail = format_bytes(free_bytes) + " are free.";
    if (free_bytes < little)
        return std::vector<Finding>{
            {"warning", detail, "Make room: a full disk stops PostgreSQL too."}};
    return std::vector<Finding>{{"ok", detail}};
}

// One of the two paths: in the configuration, in this session, and overridden for nobody.
Findings check_path(const char *name, const std::string &element) {
    std::vector<Finding> findings;
    auto contains = [&](const pg::Value &value) {
        return (":" + value.value_or("") + ":").contains(":" + element + ":");
    };
    std::vector<pg::Row> rows = pg::query("SELECT pg_catalog.current_setting($1)", {name});
    if (!contains(rows.at(0)[0]) && !TRY(real_file_system().info(element)))
        return std::vector<Finding>{{"warning", "pgx is not set up yet.", "SELECT pgx.setup();"}};
    if (!contains(rows.at(0)[0]))
        findings.push_back(
            {"error", std::string(name) + " does not contain \"" + element + "\" in this session.",
             "SELECT pgx.setup();"});
    for (const pg::Row &row : pg::query(
             "SELECT coalesce(' of database \"' || d.datname || '\"', '') || coalesce(' of role "
             "\"' || r.rolname || '\"', ''),"
             "       pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1)"
             "  FROM pg_catalog.pg_db_role_setting AS s CROSS JOIN LATERAL "
             "pg_catalog.unnest(s.setconfig) AS c"
             "  LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase"
             "  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) s.setrole"
             " WHERE pg_catalog.split_part(c, '=', 1) OPERATOR(pg_catalog.=) $1",
             {name}))
        if (!contains(row[1]))
            findings.push_back({"warning",
                                "The setting " + std::string(name) + row[0].value_or("") +
                                    " leaves \"" + element + "\" out.",
                                "Add the directory there, or take the setting back (ALTER DATABASE "
                                "or ROLE ... RESET)."});
    if (findings.empty()) findings.push_back({"ok", rows[0][0].value_or("")});
    return findings;
}

Findings check_control_path(Examination &examination) {
    return check_path("extension_control_path", examination.layout.share());
}
Findings check_library_path(Examination &examination) {
    return check_path("dynamic_library_path", examination.layout.library());
}

bool is_in(const std::string &directory, const std::vector<DirectoryLayout> &layouts) {
    return std::ranges::any_of(layouts, [&](const DirectoryLayout &layout) {
        return directory == layout.library() || directory == join_path(layout.share(), "extension");
    });
}

Findings check_shadowed(Examination &) {
    std::vector<Finding> findings;
    const std::vector<DirectoryLayout> earlier = earlier_directories();
    for (const pg::Row &row :
         pg::query_latest("SELECT extension, NULL FROM pgx.installed_extensions UNION ALL "
                          "SELECT NULL, pg_catalog.substr(path, 5) FROM pgx.files WHERE kind "
                          "OPERATOR(pg_catalog.=) 'library' ORDER BY 1, 2")) {
        std::optional<std::string> where = row[0] ? TRY(server_extension_directory(*row[0]))
                                                  : TRY(server_library_directory(*row[1]));
        // That has a row of its own, with another remedy.
        if (where && !is_in(*where, earlier))
            findings.push_back(
                {"warning",
                 (row[0] ? "Extension \"" + *row[0] : "Library \"" + *row[1]) + "\" is also in \"" +
                     *where + "\", which PostgreSQL searches first.",
                 "Remove one of the two: pgx.remove(name), or the other one's package."});
    }
    if (findings.empty())
        findings.push_back({"ok", "No name of pgx's is found elsewhere on the paths."});
    return findings;
}

Findings check_interrupted(Examination &examination) {
    std::vector<std::string> changes =
        TRY(FileChange::interrupted(real_file_system(), examination.layout));
    std::erase_if(changes, [](const std::string &change) { return is_pending(change); });
    if (changes.empty()) return std::vector<Finding>{{"ok", "No change is unfinished."}};
    return std::vector<Finding>{
        {"warning", "Unfinished: " + quoted_list(changes) + ". Another session may be at work.",
         "The next call that changes something finishes or undoes it, for example SELECT "
         "pgx.setup();"}};
}

// Libraries that were replaced or removed and that running processes still have mapped.
Findings check_stale_libraries(Examination &examination) {
    std::vector<Finding> findings;
    for (const pg::Row &row :
         pg::query("SELECT pid FROM pg_catalog.pg_stat_activity ORDER BY pid")) {
        std::ifstream maps("/proc/" + *row[0] + "/maps");
        std::set<std::string> stale;
        for (std::string line; std::getline(maps, line);) {
            const std::size_t path = line.find(examination.layout.library());
            if (path != std::string::npos && line.ends_with(" (deleted)"))
                stale.insert(
                    line.substr(line.rfind('/') + 1, line.size() - 10 - line.rfind('/') - 1));
        }
        for (const std::string &library : stale)
            findings.push_back({"warning",
                                "Process " + *row[0] + " still runs the old \"" + library + "\".",
                                "It goes on with the old version until it reconnects: SELECT "
                                "pg_terminate_backend(" +
                                    *row[0] + ");"});
    }
    if (findings.empty()) findings.push_back({"ok", "No process runs a replaced library."});
    return findings;
}

// In the configuration files, as the next start will read them, and for databases and roles: name
// as a phrase, name, value.
constexpr const char *preload_settings_query = R"(
(SELECT DISTINCT ON (name) name, name, setting FROM pg_catalog.pg_file_settings
  WHERE name OPERATOR(pg_catalog.~~) '%_preload_libraries'
  ORDER BY name, seqno DESC)
UNION ALL
SELECT pg_catalog.split_part(c, '=', 1) || coalesce(' of database "' || d.datname || '"', '')
         || coalesce(' of role "' || r.rolname || '"', ''),
       pg_catalog.split_part(c, '=', 1), pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1)
  FROM pg_catalog.pg_db_role_setting AS s CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c
  LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase
  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) s.setrole
 WHERE pg_catalog.split_part(c, '=', 1) OPERATOR(pg_catalog.~~) '%_preload_libraries')";

Result<bool> is_library_there(std::string library, const std::string &setting,
                              const std::vector<std::string> &directories) {
    if (library.starts_with("$libdir/")) library.erase(0, 8);
    const std::string file = library.ends_with(".so") ? library : library + ".so";
    if (file.starts_with('/')) return TRY(real_file_system().info(file)).has_value();
    for (const std::string &directory : directories) {
        // Everybody may set local_preload_libraries, so PostgreSQL looks for them in a place of
        // their own.
        const bool local = setting == "local_preload_libraries" && !file.starts_with("plugins/");
        const std::string place = local ? join_path(directory, "plugins") : directory;
        if (TRY(real_file_system().info(join_path(place, file)))) return true;
    }
    return false;
}

// Whether the server runs with all of its libraries that have to be.
bool is_preloaded(const std::string &name, const PreloadFacts &facts) {
    const Result<std::vector<PreloadNeed>> needs = preload_needs(name, facts);
    const std::vector<std::string> running = current_preloads(shared_preload),
                                   session = current_preloads(session_preload);
    return needs && std::ranges::all_of(*needs, [&](const PreloadNeed &need) {
               return need.optional || names_library(running, need.library) ||
                      (need.setting == session_preload && names_library(session, need.library));
           });
}

// What is installed and has to be preloaded, and is not.
Findings preloads_that_are_missing() {
    std::vector<Finding> findings;
    ListsSoFar lists;
    const Result<PreloadFacts> facts = preload_facts();
    if (!facts)
        return std::vector<Finding>{
            {"error", facts.error().message + ".", "Correct the file, or delete it."}};
    for (const pg::Row &row : pg::query_latest(
             "SELECT extension FROM pgx.installed_extensions UNION SELECT package FROM "
             "pgx.installed WHERE extensions OPERATOR(pg_catalog.=) '{}' ORDER BY 1")) {
        std::string steps = preload_steps(*row[0], *facts, &lists);
        if (steps.empty()) continue;
        steps.pop_back();
        findings.push_back(
            {"warning",
             "\"" + *row[0] + "\" " +
                 (is_preloaded(*row[0], *facts) ? "is preloaded, but lacks settings that it needs."
                                                : "has to be preloaded, and is not yet."),
             steps});
    }
    return findings;
}

Findings check_preload(Examination &examination) {
    std::vector<Finding> findings;
    std::vector<std::string> directories = other_library_directories();
    directories.push_back(examination.layout.library());
    for (const pg::Row &row : pg::query(preload_settings_query))
        for (const std::string &library : split_library_list(row[2].value_or("")))
            if (!TRY(is_library_there(library, *row[1], directories)))
                findings.push_back(
                    {"error",
                     "Setting " + *row[0] + " names \"" + library +
                         "\", and there is no such library: " +
                         (row[1] == "shared_preload_libraries"
                              ? "the server would not start again."
                              : "sessions that have it cannot begin."),
                     "Take it out of the setting, or install the package that has it."});
    for (Finding &finding : TRY(preloads_that_are_missing()))
        findings.push_back(std::move(finding));
    if (findings.empty()) findings.push_back({"ok", "Every library to be preloaded is there."});
    return findings;
}

Findings check_registries(Examination &examination) {
    std::vector<Finding> findings;
    // The cache may be deleted at any time; where nothing is set up, nothing is made.
    if (TRY(real_file_system().info(examination.layout.root))) {
        TRY(real_file_system().make_directories(examination.layout.cache(), 0700));
        TRY(real_file_system().make_directories(examination.layout.trust(), 0700));
    } else if (!pg::query("SELECT FROM pgx.registries LIMIT 1").empty())
        return std::vector<Finding>{{"warning",
                                     "They were not asked, because pgx is not set up yet.",
                                     "SELECT pgx.setup();"}};
    for (const pg::Row &row : pg::query(
             "SELECT name, kind, source, state, enabled, pg_catalog.date_trunc('second', "
             "pg_catalog.now() OPERATOR(pg_catalog.-) refreshed_at)::pg_catalog.text,"
             "       refreshed_at OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) "
             "'7 days'::pg_catalog.interval) FROM pgx.registries ORDER BY name")) {
        const std::string who = "Registry \"" + *row[0] + "\" ";
        if (row[4] != "t") {
            findings.push_back({"ok", who + "is disabled."});
            continue;
        }
        // There is nobody to ask.
        if (*row[1] == bundle_kind) {
            findings.push_back({"ok", who + "is in the catalog."});
            continue;
        }
        const Result<void> answer = check_registry_readable(*row[0], examination.progress);
        if (!answer) {
            if (answer.error().code == ErrorCode::cancelled) return fail(answer.error());
            const Error &error = answer.error();
            findings.push_back({"error",
                                who + "cannot be used: " + error.message + ". " + error.detail,
                                error.hint.empty() ? error_info(error.code).remedy : error.hint});
        } else if (!row[5]) {
            findings.push_back(
                {"warning", who + "was never read.", "SELECT * FROM pgx.refresh();"});
        } else if (row[6] == "t") {
            findings.push_back(
                {"warning", who + "was read " + *row[5] + " ago.", "SELECT * FROM pgx.refresh();"});
        } else {
            findings.push_back({"ok", who + "is reachable; it was read " + *row[5] + " ago."});
        }
    }
    if (findings.empty())
        findings.push_back({"ok", "No registry yet; the first install adds this host's own."});
    return findings;
}

struct Check {
    const char *name;
    Findings (*run)(Examination &);
};

constexpr Check checks[] = {
    {"helper program", check_helper},
    {"sandbox", check_sandbox},
    {"directory", check_directory},
    {"execution", check_exec},
    {"disk space", check_space},
    {"extension_control_path", check_control_path},
    {"dynamic_library_path", check_library_path},
    {"earlier directories", check_earlier_directories},
    {"shadowed names", check_shadowed},
    {"files", check_integrity},
    {"orphans", check_orphans},
    {"extensions without files", check_extensions_without_files},
    {"missing libraries", check_missing_libraries},
    {"interrupted changes", check_interrupted},
    {"stale libraries", check_stale_libraries},
    {"preload settings", check_preload},
    {"registries", check_registries},
    {"origins", check_origins},
};

}  // namespace

PGX_FUNCTION(pgx_doctor) {
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("doctor");
    Examination examination{directory_layout(), progress};
    for (const Check &check : checks) {
        progress.report("check", check.name, 0, 0);
        pg::check_for_interrupts();
        Findings findings = check.run(examination);
        if (!findings) {
            rows.add({check.name,
                      "error",
                      "It could not be checked: " + findings.error().message + ".",
                      {}});
            continue;
        }
        for (const Finding &finding : *findings)
            rows.add({check.name, finding.status, finding.detail,
                      finding.remedy.empty() ? pg::Value{} : finding.remedy});
    }
    return rows.done();
}

}  // namespace pgx
