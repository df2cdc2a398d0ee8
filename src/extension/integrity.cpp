#include "extension/door.h"

#include "extension/integrity.h"

#include <unistd.h>

#include <map>
#include <set>
#include <utility>

#include "core/base/file_change.h"
#include "core/base/receipt.h"
#include "extension/fetch.h"
#include "extension/query.h"
#include "extension/release.h"
#include "extension/staging.h"

namespace pgx {

namespace {

struct RecordedFile {
    std::string path, sha256;
    std::string original_sha256;  // empty: pgx did not change it
    unsigned mode = 0;
};

struct RecordedPackage {
    std::string version;
    std::vector<RecordedFile> files;
};

// By name; packages without any files are there too.
std::map<std::string, RecordedPackage> recorded_packages(const std::string &package) {
    std::map<std::string, RecordedPackage> recorded;
    for (const pg::Row &row : pg::query_latest(
             "SELECT i.package, f.path, f.sha256, f.mode, i.version, f.original_sha256 FROM "
             "pgx.installed AS i"
             "  LEFT JOIN pgx.files AS f ON f.package OPERATOR(pg_catalog.=) i.package"
             " WHERE $1 OPERATOR(pg_catalog.=) '' OR i.package OPERATOR(pg_catalog.=) $1 ORDER BY "
             "i.package, f.path",
             {package})) {
        RecordedPackage &entry = recorded[*row[0]];
        entry.version = row[4].value_or("");
        if (row[1])
            entry.files.push_back(
                {*row[1], row[2].value_or(""), row[5].value_or(""),
                 static_cast<unsigned>(std::stoul(row[3].value_or("0"), nullptr, 8))});
    }
    return recorded;
}

std::string octal(unsigned mode) {
    char text[8];
    snprintf(text, sizeof text, "%04o", mode);
    return text;
}

// Status and detail of one file; an empty status when it is as it should be.
Result<std::pair<std::string, std::string>> compare(const RecordedFile &file,
                                                    const DirectoryLayout &layout) {
    using Outcome = std::pair<std::string, std::string>;
    FileSystem &fs = real_file_system();
    const std::string place = layout.installed(file.path);
    std::optional<FileInfo> info = TRY(fs.info(place));
    if (!info) return Outcome{"missing", ""};
    if (info->type != FileType::regular)
        return Outcome{"not a file", "Something else is in its place."};
    Result<std::string> sha256 = sha256_of_file(fs, place);
    if (!sha256) return Outcome{"changed", "It cannot be read: " + sha256.error().message + "."};
    if (*sha256 != file.sha256)
        return Outcome{
            "changed",
            "SHA-256 is " + *sha256 + ", recorded was " + file.sha256 + "." +
                (file.original_sha256.empty() ? ""
                 : *sha256 == file.original_sha256
                     ? " It is the package's own file, without the changes that it needs here."
                     : " That of the package's own file is " + file.original_sha256 + ".")};
    if (info->owner != geteuid())
        return Outcome{"wrong owner", "It belongs to user " + std::to_string(info->owner) + "."};
    if (info->mode != file.mode)
        return Outcome{"wrong mode",
                       "Mode is " + octal(info->mode) + ", recorded was " + octal(file.mode) + "."};
    return Outcome{};
}

// The same of the receipt, whose content is what the rows say: without it the package could not be
// adopted.
std::pair<std::string, std::string> compare_receipt(const std::string &package,
                                                    const RecordedPackage &recorded,
                                                    const std::string &path) {
    Result<Receipt> receipt = read_receipt(real_file_system(), path);
    if (!receipt)
        return {"changed", "The receipt cannot be read: " + receipt.error().message + "."};
    std::map<std::string, std::string> expected, found;
    for (const RecordedFile &file : recorded.files) expected[file.path] = file.sha256;
    for (const ReceiptFile &file : receipt->files) found[file.path] = file.sha256;
    if (receipt->package != package || receipt->version != recorded.version || found != expected)
        return {"changed", "The receipt is not that of what was installed."};
    return {};
}

Result<void> list_files(const std::string &directory, const std::string &prefix,
                        std::vector<std::string> &paths) {
    FileSystem &fs = real_file_system();
    for (const std::string &name : TRY(fs.list(directory))) {
        const std::string path = join_path(directory, name);
        std::optional<FileInfo> info = TRY(fs.info(path));
        if (info && info->type == FileType::directory) {
            TRY(list_files(path, prefix + name + "/", paths));
        } else if (info) {
            paths.push_back(prefix + name);
        }
    }
    return {};
}

// The releases that were installed, as the catalog has them.
Result<std::vector<Release>> installed_releases(const std::vector<CheckedPackage> &packages) {
    std::vector<Release> releases;
    for (const CheckedPackage &package : packages) {
        std::vector<pg::Row> rows = pg::query_latest(
            "SELECT i.version, i.registry, g.kind, g.source, i.url, i.size, i.sha256, i.signer, "
            "i.libraries "
            "FROM pgx.installed AS i"
            "  LEFT JOIN pgx.registries AS g ON g.name OPERATOR(pg_catalog.=) i.registry"
            " WHERE i.package OPERATOR(pg_catalog.=) $1",
            {package.package});
        releases.push_back(TRY(recorded_release(package.package, rows.at(0))));
    }
    return releases;
}

// What the artifact gives has to be what was recorded, file by file: the digest says that it is the
// same artifact, and a newer pgx may unpack it differently.
Result<void> check_same(const Receipt &receipt, const std::vector<RecordedFile> &recorded) {
    std::map<std::string, ReceiptFile> unpacked;
    for (const ReceiptFile &file : receipt.files) unpacked[file.path] = file;
    for (const RecordedFile &file : recorded)
        if (const ReceiptFile &now = unpacked[file.path]; now.sha256 != file.sha256)
            return fail(
                ErrorCode::digest_mismatch,
                "package \"" + receipt.package + "\" does not give \"" + file.path + "\" as it was",
                now.kind == FileKind::script && !file.original_sha256.empty() &&
                        now.original_sha256 == file.original_sha256
                    ? "It names files by where pgx.directory was when it was installed."
                    : "",
                "Install it anew: pgx.remove(name, force => true), then pgx.install(name).");
    return {};
}

}  // namespace

Result<std::vector<CheckedPackage>> check_files(const std::string &package,
                                                const DirectoryLayout &layout) {
    std::vector<CheckedPackage> checked;
    for (const auto &[name, recorded] : recorded_packages(package)) {
        CheckedPackage result{name, recorded.files.size(), {}};
        for (const RecordedFile &file : recorded.files) {
            pg::check_for_interrupts();
            const auto [status, detail] = TRY(compare(file, layout));
            if (!status.empty()) result.deviations.push_back({name, file.path, status, detail});
        }
        const std::string receipt = layout.receipt_path(name);
        if (!TRY(real_file_system().info(layout.installed(receipt)))) {
            result.deviations.push_back({name, receipt, "missing", "It is the receipt."});
        } else if (const auto [status, detail] =
                       compare_receipt(name, recorded, layout.installed(receipt));
                   !status.empty()) {
            result.deviations.push_back({name, receipt, status, detail});
        }
        checked.push_back(std::move(result));
    }
    return checked;
}

Result<std::vector<std::string>> orphan_files(const DirectoryLayout &layout) {
    std::set<std::string> owned;
    for (const pg::Row &row :
         pg::query_latest("SELECT path FROM pgx.files UNION ALL SELECT 'receipts/' || package || "
                          "'.json' FROM pgx.installed"))
        owned.insert(*row[0]);
    std::vector<std::string> paths, orphans;
    TRY(list_files(join_path(layout.root, layout.version_directory()), "", paths));
    for (std::string &path : paths)
        if (!owned.contains(path)) orphans.push_back(std::move(path));
    return orphans;
}

Result<std::size_t> remove_orphans(const DirectoryLayout &layout) {
    FileSystem &fs = real_file_system();
    std::vector<FileStep> steps;
    for (const std::string &path : TRY(orphan_files(layout)))
        steps.push_back({.kind = FileStep::Kind::remove, .path = path});
    order_steps(steps);
    std::set<std::string> directories;
    for (const FileStep &step : steps) {
        TRY(fs.unlink(layout.installed(step.path)));
        directories.insert(parent_path(step.path));
    }
    for (const std::string &directory : directories) {
        TRY(fs.sync_directory(layout.installed(directory)));
        TRY(remove_empty_directories(fs, layout, directory));
    }
    return steps.size();
}

Result<std::size_t> restore_files(const std::vector<CheckedPackage> &packages,
                                  const DirectoryLayout &layout, ProgressSlot &progress) {
    if (packages.empty()) return std::size_t{0};
    FileSystem &fs = real_file_system();
    StagingDirectory staging = TRY(StagingDirectory::create(layout));
    const std::string directory = join_path(staging.path(), "files");
    TRY(fs.make_directory(directory, 0700));

    const std::vector<Receipt> receipts =
        TRY(fetch_releases(TRY(installed_releases(packages)), directory, layout, progress));

    std::vector<FileStep> steps;
    for (std::size_t i = 0; i < packages.size(); i++) {
        const CheckedPackage &package = packages[i];
        const Receipt &receipt = receipts[i];
        TRY(check_same(receipt, recorded_packages(package.package)[package.package].files));
        const std::string staged = join_path(directory, package.package);
        TRY(write_file_durably(fs, staged + ".json", to_json(receipt).dump(2) + "\n", 0644));
        for (const Deviation &deviation : package.deviations)
            steps.push_back({.path = deviation.path,
                             .staged = deviation.path.starts_with("receipts/")
                                           ? staged + ".json"
                                           : join_path(staged, deviation.path)});
    }
    order_steps(steps);
    for (const FileStep &step : steps) TRY(check_staged(fs, step));
    std::set<std::string> directories;
    for (const FileStep &step : steps) {
        const std::string place = layout.installed(step.path);
        TRY(fs.make_directories(parent_path(place), 0755));
        const std::optional<FileInfo> there = TRY(fs.info(place));
        if (there && there->type == FileType::directory) TRY(remove_tree(fs, place));
        TRY(fs.rename(step.staged, place));
        directories.insert(parent_path(place));
    }
    for (const std::string &changed : directories) TRY(fs.sync_directory(changed));
    return steps.size();
}

}  // namespace pgx
