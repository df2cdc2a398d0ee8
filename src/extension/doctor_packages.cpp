// doctor_packages.cpp - the checks of doctor() that hold the catalog against files and databases.
//
// One cause should be one row, or else the remedy drowns: a directory that was changed makes every
// file of every package missing, and is told once.
#include "extension/door.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/base/names.h"
#include "extension/adoption.h"
#include "extension/doctor.h"
#include "extension/integrity.h"
#include "extension/inventory.h"
#include "extension/query.h"
#include "extension/settings.h"
#include "extension/usage.h"

namespace pgx {

namespace {

std::string quoted_literal(const std::string &text) {
    return *pg::query("SELECT pg_catalog.quote_literal($1)", {text}).at(0)[0];
}

std::string roots_of(const std::vector<DirectoryLayout> &layouts) {
    std::vector<std::string> roots;
    for (const DirectoryLayout &layout : layouts)
        if (std::ranges::find(roots, layout.root) == roots.end()) roots.push_back(layout.root);
    return quoted_list(roots);
}

// Packages are installed, and not one file of them is there.
bool is_all_missing(const std::vector<CheckedPackage> &packages) {
    bool any = false;
    for (const CheckedPackage &package : packages)
        for (const Deviation &deviation : package.deviations) {
            if (deviation.status != "missing") return false;
            any = true;
        }
    return any && std::ranges::all_of(packages, [](const CheckedPackage &package) {
               return package.deviations.size() == package.files + 1;  // and the receipt
           });
}

bool is_visible(const std::string &path) {
    const Result<std::optional<FileInfo>> info = real_file_system().info(path);
    return info && info->has_value();
}

bool has_registry(const std::string &name) {
    return !pg::query("SELECT FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1", {name})
                .empty();
}

// What has a receipt and is not in the catalog.
Finding lost_package(const LostPackage &lost) {
    const Receipt &receipt = lost.receipt;
    const std::string who = "Package \"" + receipt.package + "\" " + receipt.version;
    if (lost.deviating.empty())
        return {"warning", who + " has its files here and is not in the catalog yet.",
                "SELECT pgx.recover(); takes it up again."};
    std::string remedy = "SELECT * FROM pgx.install(" + quoted_literal(receipt.package) +
                         ", version => " + quoted_literal(receipt.version) + ");";
    if (!has_registry(receipt.registry))
        remedy = "Add registry \"" + receipt.registry + "\" again with pgx.add_registry(). Then " +
                 remedy;
    return {"error",
            who + " was not taken up again: \"" + lost.deviating +
                "\" is missing or not as its receipt says.",
            remedy};
}

}  // namespace

std::string count_of(std::size_t count, const char *what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

Findings check_earlier_directories(Examination &examination) {
    const std::vector<DirectoryLayout> earlier = earlier_directories();
    if (earlier.empty())
        return std::vector<Finding>{{"ok", "Only the present one is on the two paths."}};
    std::string remedy;
    for (const char *name : {"extension_control_path", "dynamic_library_path"})
        remedy += "ALTER SYSTEM SET " + std::string(name) + " = " +
                  quoted_literal(path_without(name, earlier)) + "; ";
    remedy += "SELECT pg_reload_conf();";
    // Until the files are here those that are there are in use.
    if (is_all_missing(TRY(check_files("", examination.layout))))
        remedy = "SELECT * FROM pgx.sync(); first. Then look here again.";
    return std::vector<Finding>{
        {"warning",
         "pgx.directory was changed: " + roots_of(earlier) +
             " is still on extension_control_path and dynamic_library_path, and is searched too.",
         remedy}};
}

Findings check_integrity(Examination &examination) {
    std::size_t files = 0;
    std::vector<Finding> findings;
    const std::vector<CheckedPackage> packages = TRY(check_files("", examination.layout));
    for (const CheckedPackage &package : packages) {
        files += package.files;
        if (!package.deviations.empty())
            findings.push_back({"error",
                                count_of(package.deviations.size(), "file") + " of \"" +
                                    package.package + "\" deviate from the record.",
                                "SELECT * FROM pgx.repair('" + package.package + "');"});
    }
    const std::string all = count_of(files, "file") + " of " + count_of(packages.size(), "package");
    if (findings.empty())
        return std::vector<Finding>{
            {"ok", all + (files == 1 ? " is as recorded." : " are as recorded.")}};
    if (is_all_missing(packages))
        return std::vector<Finding>{{"error",
                                     "None of the " + all + " is in \"" + examination.layout.root +
                                         "\": pgx.directory was changed, or its content is lost.",
                                     "SELECT * FROM pgx.sync();"}};
    return findings;
}

Findings check_orphans(Examination &examination) {
    std::vector<Finding> findings;
    std::set<std::string> explained;
    for (const LostPackage &lost : TRY(lost_packages(examination.layout))) {
        for (const ReceiptFile &file : lost.receipt.files) explained.insert(file.path);
        explained.insert(examination.layout.receipt_path(lost.receipt.package));
        findings.push_back(lost_package(lost));
    }
    std::vector<std::string> orphans = TRY(orphan_files(examination.layout));
    std::erase_if(orphans, [&](const std::string &path) { return explained.contains(path); });
    const std::size_t count = orphans.size();
    if (count > 5) orphans.resize(5);
    if (count > 0)
        findings.push_back({"warning",
                            count_of(count, "file") + " without a package, among them " +
                                quoted_list(orphans) + ".",
                            findings.empty()
                                ? "SELECT * FROM pgx.sync(); removes what belongs to none."
                                : "First the other rows of this check. Then SELECT * FROM "
                                  "pgx.sync(); removes what belongs to none."});
    if (findings.empty()) findings.push_back({"ok", "Every file belongs to a package."});
    return findings;
}

// Extensions of any database that PostgreSQL would not find again: what was removed by force, or by
// other means.
Findings check_extensions_without_files(Examination &examination) {
    std::set<std::string> installed;
    for (const pg::Row &row : pg::query_latest("SELECT extension FROM pgx.installed_extensions"))
        installed.insert(*row[0]);
    std::vector<Finding> findings;
    std::map<std::string, bool> is_there;
    // In whatever session this is asked.
    std::vector<std::string> directories = configured_extension_directories();
    directories.push_back(join_path(examination.layout.share(), "extension"));
    for (const Use &use : TRY(find_all_uses())) {
        // Of those that are installed "files" tells.
        if (installed.contains(use.extension)) continue;
        auto known = is_there.find(use.extension);
        if (known == is_there.end()) {
            bool found = TRY(server_extension_directory(use.extension)).has_value();
            for (const std::string &directory : directories)
                found = found || is_visible(join_path(directory, use.extension + ".control"));
            known = is_there.emplace(use.extension, found).first;
        }
        if (!known->second)
            findings.push_back({"error",
                                "Database \"" + use.database + "\" has extension \"" +
                                    use.extension + "\" " + use.version +
                                    ", whose files are not there.",
                                "SELECT * FROM pgx.install(" + quoted_literal(use.extension) +
                                    "); or DROP EXTENSION in that database."});
    }
    if (findings.empty())
        findings.push_back({"ok", "Every extension of every database has its files."});
    return findings;
}

// Libraries that installed extensions name in their scripts, of another package that is gone.
Findings check_missing_libraries(Examination &) {
    struct Missing {
        std::vector<std::string> extensions, libraries;
    };
    std::map<std::string, Missing> packages;
    for (const pg::Row &row : pg::query_latest(
             "SELECT e.package, e.extension, l.name FROM pgx.installed_extensions AS e CROSS JOIN "
             "LATERAL pg_catalog.unnest(e.libraries) AS l(name) ORDER BY 1, 2, 3")) {
        if (TRY(is_library_present(row[2].value_or("")))) continue;
        Missing &missing = packages[row[0].value_or("")];
        const auto add = [](std::vector<std::string> &list, const pg::Value &one) {
            if (std::ranges::find(list, *one) == list.end()) list.push_back(*one);
        };
        add(missing.extensions, row[1]);
        add(missing.libraries, row[2]);
    }
    std::vector<Finding> findings;
    for (const auto &[package, missing] : packages)
        findings.push_back(
            {"error",
             "Scripts of package \"" + package + "\", for " + quoted_list(missing.extensions) +
                 ", name " + quoted_list(missing.libraries) + ", which is not on this server.",
             "SELECT * FROM pgx.install(" + quoted_literal(missing.extensions.front()) +
                 "); brings it back if a package that goes with it has it."});
    if (findings.empty()) findings.push_back({"ok", "Every library that a script names is there."});
    return findings;
}

// Where installed packages came from, and whether that still exists.
Findings check_origins(Examination &) {
    std::vector<Finding> findings;
    for (const pg::Row &row : pg::query_latest(
             "SELECT i.registry, g.name IS NOT NULL, "
             "pg_catalog.json_agg(i.package ORDER BY i.package)::pg_catalog.text"
             "  FROM pgx.installed AS i"
             "  LEFT JOIN pgx.registries AS g ON g.name OPERATOR(pg_catalog.=) i.registry"
             " WHERE g.name IS NULL OR NOT g.enabled GROUP BY 1, 2 ORDER BY 1")) {
        std::vector<std::string> packages = pg::strings_from_json_array(row[2]);
        const std::size_t count = packages.size();
        if (count > 5) packages.resize(5);
        const std::string registry = quoted_literal(row[0].value_or(""));
        findings.push_back(
            {"warning",
             count_of(count, "package") + " from registry \"" + row[0].value_or("") + "\", which " +
                 (row[1] == "t" ? "is disabled" : "is gone") + ": " + quoted_list(packages) +
                 (count > packages.size() ? " and others." : "."),
             row[1] == "t" ? "SELECT pgx.alter_registry(" + registry +
                                 ", enabled => true); or do without updates."
                           : "SELECT pgx.add_registry(" + registry +
                                 ", '...'); without it they are neither updated nor repaired."});
    }
    std::vector<std::string> withdrawn;
    for (const pg::Row &row : pg::query_latest(
             "SELECT i.package FROM pgx.installed AS i"
             "  JOIN pgx.registries AS g ON g.name OPERATOR(pg_catalog.=) i.registry AND g.enabled"
             "   AND g.kind OPERATOR(pg_catalog.=) 'pgx' AND g.refreshed_at IS NOT NULL"
             " WHERE NOT EXISTS (SELECT FROM pgx.releases AS o WHERE o.registry "
             "OPERATOR(pg_catalog.=) i.registry"
             "   AND o.package OPERATOR(pg_catalog.=) i.package AND o.sha256 "
             "OPERATOR(pg_catalog.=) i.sha256)"
             " ORDER BY i.package"))
        withdrawn.push_back(row[0].value_or(""));
    if (!withdrawn.empty())
        findings.push_back({"warning",
                            count_of(withdrawn.size(), "installed package") +
                                (withdrawn.size() == 1 ? " was" : " were") + " withdrawn by " +
                                (withdrawn.size() == 1 ? "its" : "their") +
                                " publisher: " + quoted_list(withdrawn) + ".",
                            "SELECT * FROM pgx.outdated();"});
    if (findings.empty())
        findings.push_back({"ok", "Every package's registry is there and enabled."});
    return findings;
}

}  // namespace pgx
