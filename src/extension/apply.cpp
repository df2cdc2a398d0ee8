#include "extension/door.h"

#include "extension/apply.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/base/json.h"
#include "extension/history.h"
#include "extension/inventory.h"
#include "extension/preload.h"
#include "extension/query.h"
#include "extension/settings.h"

namespace pgx {

namespace {

std::string file_name(const std::string &path) { return path.substr(path.rfind('/') + 1); }

// What the receipt on disk says that this package installed. That counts when the catalog has lost
// it and a file was damaged since.
std::set<std::string> files_left_behind(const std::string &package, const DirectoryLayout &layout) {
    std::set<std::string> paths;
    const Result<Receipt> receipt =
        read_receipt(real_file_system(), layout.installed(layout.receipt_path(package)));
    if (!receipt || receipt->package != package) return paths;
    for (const ReceiptFile &file : receipt->files) paths.insert(file.path);
    return paths;
}

// No file of the server, of the operating system's packages, or of another package of ours is ever
// replaced or shadowed.
Result<void> check_owners(const PlannedPackage &package, const DirectoryLayout &layout) {
    const std::string who = "package \"" + package.release.package + "\"";
    std::map<std::string, std::string> owners;
    for (const pg::Row &row : pg::query_latest("SELECT path, package FROM pgx.files"))
        owners[*row[0]] = *row[1];

    const std::set<std::string> left_behind = files_left_behind(package.release.package, layout);
    for (const ReceiptFile &file : package.receipt.files) {
        auto owner = owners.find(file.path);
        if (owner != owners.end() && owner->second != package.release.package)
            return fail(
                ErrorCode::file_conflict,
                who + " and package \"" + owner->second + "\" both contain \"" + file.path + "\"",
                "\"" + owner->second + "\" is installed.");
        std::optional<std::string> elsewhere;
        if (file.kind == FileKind::library && !file.path.substr(4).contains('/'))
            elsewhere = TRY(server_library_directory(file_name(file.path)));
        else if (file.kind == FileKind::control)
            elsewhere = TRY(server_extension_directory(
                file_name(file.path).substr(0, file_name(file.path).size() - 8)));
        if (elsewhere)
            return fail(
                ErrorCode::file_conflict,
                who + " contains \"" + file_name(file.path) + "\", which the server already has",
                "It is in \"" + *elsewhere + "\", and pgx does not shadow what the server has.",
                "Use the one that is there, or have it removed from the server first.");
        if (owner != owners.end()) continue;
        // A file of nobody's is left alone, unless it is the very same one, or this package left
        // it.
        const std::string place = layout.installed(file.path);
        if (!TRY(real_file_system().info(place)) || left_behind.contains(file.path)) continue;
        if (TRY(sha256_of_file(real_file_system(), place)) != file.sha256)
            return fail(
                ErrorCode::file_conflict, "\"" + place + "\" is in the way",
                "It belongs to no package, and " + who + " contains a different file of that name.",
                "Move the file away.");
    }
    return {};
}

// The extension that a script or control file is of: "color--1.4--2.0.sql", "color.control".
std::string extension_of(const std::string &path) {
    const std::string name = file_name(path);
    const std::size_t dashes = name.find("--");
    if (dashes != std::string::npos) return name.substr(0, dashes);
    return name.ends_with(".control") ? name.substr(0, name.size() - 8) : std::string();
}

// All extensions share one directory, where PostgreSQL finds scripts by their names: a file
// "color--1.4--9.9.sql" is a way to update "color", whoever has brought it, and is run with the
// rights of whoever goes it. So an extension's scripts come from the package that has the
// extension.
Result<void> check_scripts(const PlannedPackage &package) {
    const std::string who = "package \"" + package.release.package + "\"";
    std::map<std::string, std::string> extensions;
    for (const pg::Row &row :
         pg::query_latest("SELECT extension, package FROM pgx.installed_extensions"))
        extensions[*row[0]] = *row[1];
    const auto conflict = [&](const std::string &path, const std::string &stranger,
                              const std::string &owner) {
        return fail(ErrorCode::file_conflict,
                    stranger + " contains \"" + file_name(path) + "\", a file of extension \"" +
                        extension_of(path) + "\" of " + owner,
                    "PostgreSQL finds the files of an extension by their names.");
    };
    std::set<std::string> own;
    for (const ReceiptExtension &extension : package.receipt.extensions) own.insert(extension.name);
    for (const ReceiptFile &file : package.receipt.files) {
        if (file.kind != FileKind::script && file.kind != FileKind::control) continue;
        const auto owner = extensions.find(extension_of(file.path));
        if (owner != extensions.end() && owner->second != package.release.package)
            return conflict(file.path, who, "package \"" + owner->second + "\"");
    }
    for (const pg::Row &row :
         pg::query_latest("SELECT path, package FROM pgx.files WHERE kind "
                          "OPERATOR(pg_catalog.=) ANY ('{script,control}'::pg_catalog.text[])"))
        if (*row[1] != package.release.package && own.contains(extension_of(*row[0])))
            return conflict(*row[0], "package \"" + *row[1] + "\"", who);
    return {};
}

Result<void> write_receipt(const Receipt &receipt, const std::string &path) {
    std::unique_ptr<WritableFile> file = TRY(real_file_system().create(path, 0644));
    TRY(file->append(to_json(receipt).dump(2) + "\n"));
    return file->close();
}

// The new files, and the removal of those that the previous version had and this one has not.
Result<std::vector<FileStep>> steps_for(const PlannedPackage &package, const std::string &receipt,
                                        const DirectoryLayout &layout) {
    std::vector<FileStep> steps;
    std::set<std::string> kept;
    for (const ReceiptFile &file : package.receipt.files) {
        kept.insert(file.path);
        steps.push_back(
            {FileStep::Kind::place, file.path, join_path(package.staged, file.path), file.sha256});
    }
    for (const pg::Row &row :
         pg::query_latest("SELECT path FROM pgx.files WHERE package OPERATOR(pg_catalog.=) $1",
                          {package.release.package}))
        if (!kept.contains(*row[0])) steps.push_back({FileStep::Kind::remove, *row[0]});

    steps.push_back({FileStep::Kind::place, layout.receipt_path(package.release.package), receipt});
    return steps;
}

// What is installed, from release and receipt. Only whoever installs asks for a package: a
// requirement does not take that back, and an update does not ask.
void record_package(const Release &release, const Receipt &receipt, bool requested,
                    const std::string &change) {
    std::vector<std::string> names;
    Json extensions = Json::array(), files = Json::array();
    const PreloadFacts facts = preload_facts_or_none();
    for (const ReceiptExtension &extension : receipt.extensions) {
        names.push_back(extension.name);
        extensions.push_back({{"extension", extension.name},
                              {"default_version", extension.default_version},
                              {"comment", extension.comment},
                              {"requires", extension.requires_},
                              {"trusted", extension.trusted},
                              {"preload", preload_libraries(receipt, extension.libraries, facts)},
                              {"libraries", extension.libraries}});
    }
    for (const ReceiptFile &file : receipt.files) {
        char mode[8];
        snprintf(mode, sizeof mode, "%04o", file.mode & 07777);
        files.push_back({{"path", file.path},
                         {"kind", file_kind_name(file.kind)},
                         {"size", file.size},
                         {"mode", mode},
                         {"sha256", file.sha256}});
        if (!file.original_sha256.empty()) files.back()["original_sha256"] = file.original_sha256;
    }
    pg::execute(
        "INSERT INTO pgx.installed AS i (package, version, extensions, registry, requested, "
        "change, url, sha256, signer, size, libraries)"
        " VALUES ($1, $2, $3::pg_catalog.text[], $4, $5::pg_catalog.bool, $6::pg_catalog.uuid, $7, "
        "$8, $9,"
        "         $10::pg_catalog.int8, $11::pg_catalog.jsonb)"
        " ON CONFLICT (package) DO UPDATE SET version = excluded.version, extensions = "
        "excluded.extensions,"
        " registry = excluded.registry, requested = i.requested OR excluded.requested,"
        " installed_at = excluded.installed_at, change = excluded.change, url = excluded.url,"
        " sha256 = excluded.sha256, signer = excluded.signer, size = excluded.size, libraries = "
        "excluded.libraries",
        {release.package, release.version, pg::array_literal(names), release.registry,
         requested ? "true" : "false", change, release.url, release.sha256, release.signer,
         std::to_string(release.size), dump_json(libraries_to_json(receipt.libraries))});
    pg::execute("DELETE FROM pgx.installed_extensions WHERE package OPERATOR(pg_catalog.=) $1",
                {release.package});
    pg::execute("DELETE FROM pgx.files WHERE package OPERATOR(pg_catalog.=) $1", {release.package});
    pg::execute(
        "INSERT INTO pgx.installed_extensions SELECT r.extension, $1, r.default_version, "
        "r.comment, r.requires, r.trusted, r.preload, r.libraries"
        "  FROM pg_catalog.jsonb_to_recordset($2::pg_catalog.jsonb)"
        "    AS r(extension text, default_version text, comment text, requires text[], trusted "
        "bool, preload text[], libraries text[])",
        {release.package, dump_json(extensions)});
    pg::execute(
        "INSERT INTO pgx.files SELECT r.path, $1, r.kind, r.size, r.mode, r.sha256, "
        "r.original_sha256"
        "  FROM pg_catalog.jsonb_to_recordset($2::pg_catalog.jsonb)"
        "    AS r(path text, kind text, size bigint, mode text, sha256 text, original_sha256 "
        "text)",
        {release.package, dump_json(files)});
}

}  // namespace

Result<PlannedChange> record_installation(const PlannedPackage &package, const std::string &action,
                                          const DirectoryLayout &layout) {
    TRY(check_owners(package, layout));
    TRY(check_scripts(package));
    const std::string receipt = package.staged + ".json";
    TRY(write_receipt(package.receipt, receipt));
    PlannedChange change{new_change(), TRY(steps_for(package, receipt, layout)), {receipt}};
    record_package(package.release, package.receipt,
                   action == "install" && package.required_by.empty(), change.change);
    Release release = package.release;
    release.libraries = package.receipt.libraries;
    record_history({change.change, action, release.package, release.version,
                    package.previous_version, release});
    return change;
}

void record_adopted(const Receipt &receipt) {
    Release release;
    release.package = receipt.package;
    release.version = receipt.version;
    release.registry = receipt.registry;
    release.url = receipt.artifact_url;
    release.sha256 = receipt.artifact_sha256;
    release.size = receipt.artifact_size;
    release.signer = receipt.signer;
    release.libraries = receipt.libraries;
    const std::string change = new_change();
    record_package(release, receipt, true, change);
    record_history({change, "adopt", release.package, release.version, {}, release});
}

}  // namespace pgx
