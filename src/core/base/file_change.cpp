#include "core/base/file_change.h"

#include <algorithm>
#include <tuple>

#include "core/base/json.h"
#include "core/base/receipt.h"

namespace pgx {

namespace {

constexpr std::uint64_t journal_limit = 16 * 1024 * 1024;
constexpr const char *journal_suffix = ".json";

// Directories that exist for good; all others below share/ come and go with their files.
bool is_permanent(const std::string &directory) {
    return directory == "share" || directory == "share/extension" || directory == "lib" ||
           directory == "receipts" || directory == ".";
}

int visibility_rank(const FileStep &step) {
    if (step.path.starts_with("receipts/")) return 3;
    if (step.path.ends_with(".control")) return 2;
    if (step.path.starts_with("lib/")) return 0;
    return 1;
}

Json steps_to_json(const std::string &change, const std::vector<FileStep> &steps) {
    Json list = Json::array();
    for (const FileStep &step : steps) {
        Json entry = {{"step", step.kind == FileStep::Kind::place ? "place" : "remove"},
                      {"path", step.path},
                      {"replaces", step.replaces}};
        if (step.kind == FileStep::Kind::place) entry["sha256"] = step.sha256;
        list.push_back(std::move(entry));
    }
    return Json{{"journal", 1}, {"change", change}, {"steps", std::move(list)}};
}

// A journal is obeyed by renaming and removing, so it may name nothing but installed files and
// receipts.
bool is_place(const std::string &path) {
    return is_clean_install_path(path) ||
           (path.starts_with("receipts/") && is_clean_install_path("share/" + path));
}

Result<std::vector<FileStep>> steps_from_json(const Json &json) {
    if (!json.is_object() || !json.contains("steps") || !json["steps"].is_array() ||
        TRY(json_unsigned(json, "journal")) != 1)
        return fail(ErrorCode::wrong_state, "it is not a journal of this version of pgx");
    std::vector<FileStep> steps;
    for (const Json &entry : json["steps"]) {
        FileStep step;
        const std::string kind = TRY(json_string(entry, "step"));
        step.kind = kind == "place" ? FileStep::Kind::place : FileStep::Kind::remove;
        step.path = TRY(json_string(entry, "path"));
        if ((kind != "place" && kind != "remove") || !is_place(step.path))
            return fail(ErrorCode::wrong_state, "it names what no change of pgx does");
        step.sha256 = TRY(json_string(entry, "sha256", ""));
        step.replaces = TRY(json_bool(entry, "replaces", false));
        steps.push_back(std::move(step));
    }
    return steps;
}

}  // namespace

void order_steps(std::vector<FileStep> &steps) {
    std::ranges::stable_sort(steps, {}, [](const FileStep &step) {
        bool remove = step.kind == FileStep::Kind::remove;
        bool receipt = step.path.starts_with("receipts/");
        int rank = visibility_rank(step);
        return std::tuple(receipt, remove, remove ? -rank : rank, step.path);
    });
}

FileChange::FileChange(FileSystem &fs, DirectoryLayout layout, std::string change,
                       std::vector<FileStep> steps)
    : fs_(&fs), layout_(std::move(layout)), change_(std::move(change)), steps_(std::move(steps)) {}

std::string FileChange::journal_path() const {
    return join_path(layout_.journal(), change_ + journal_suffix);
}

std::string FileChange::backup_directory() const {
    return join_path(layout_.journal(), change_ + ".d");
}

std::string FileChange::backup_path(std::size_t step) const {
    return join_path(backup_directory(), std::to_string(step));
}

Result<void> check_staged(FileSystem &fs, const FileStep &step) {
    const std::optional<FileInfo> staged = TRY(fs.info(step.staged));
    if (staged && staged->type == FileType::regular && (staged->mode & 07022) == 0) return {};
    return fail(ErrorCode::helper_failed, "cannot install \"" + step.path + "\"",
                "What was unpacked is not a regular file that only its owner can write.");
}

Result<FileChange> FileChange::begin(FileSystem &fs, const DirectoryLayout &layout,
                                     std::string change, std::vector<FileStep> steps) {
    FileChange self(fs, layout, std::move(change), std::move(steps));
    for (FileStep &step : self.steps_) {
        step.replaces = TRY(fs.info(layout.installed(step.path))).has_value();
        if (step.kind != FileStep::Kind::place) continue;
        TRY(check_staged(fs, step));
    }
    TRY(fs.make_directory(self.backup_directory(), 0700));
    if (Result<void> written = self.write_journal(); !written) {
        (void)self.drop_journal();
        return fail(std::move(written).error());
    }
    return self;
}

Result<FileChange> FileChange::load(FileSystem &fs, const DirectoryLayout &layout,
                                    const std::string &change) {
    FileChange self(fs, layout, change, {});
    auto unreadable = [&self](const std::string &why) {
        return fail(ErrorCode::wrong_state,
                    "could not read journal \"" + self.journal_path() + "\"",
                    "The change it belongs to was interrupted: " + why + ".");
    };
    const std::optional<FileInfo> info = TRY(fs.info(self.journal_path()));
    if (info && info->type != FileType::regular) return unreadable("it is not a regular file");
    const Result<std::string> text = fs.read(self.journal_path(), journal_limit);
    if (!text && text.error().code == ErrorCode::limit_exceeded)
        return unreadable("it is too long");
    const Result<Json> json = parse_json(TRY(text));
    if (!json) return unreadable(json.error().message);
    Result<std::vector<FileStep>> steps = steps_from_json(*json);
    if (!steps) return unreadable(steps.error().message);
    self.steps_ = std::move(*steps);
    return self;
}

Result<std::vector<std::string>> FileChange::interrupted(FileSystem &fs,
                                                         const DirectoryLayout &layout) {
    std::vector<std::string> changes;
    for (const std::string &name : TRY(fs.list(layout.journal()))) {
        if (name.ends_with(journal_suffix))
            changes.push_back(name.substr(0, name.size() - std::string(journal_suffix).size()));
    }
    return changes;
}

Result<void> FileChange::apply() {
    // The old files' second names are durable before the first of them loses its own.
    bool has_backups = false;
    for (std::size_t step = 0; step < steps_.size(); step++) {
        if (steps_[step].kind != FileStep::Kind::place || !steps_[step].replaces) continue;
        TRY(fs_->link(layout_.installed(steps_[step].path), backup_path(step)));
        has_backups = true;
    }
    if (has_backups) TRY(fs_->sync_directory(backup_directory()));
    for (std::size_t step = 0; step < steps_.size(); step++) TRY(take(step));
    return {};
}

Result<void> FileChange::take(std::size_t step) {
    const FileStep &what = steps_[step];
    const std::string place = layout_.installed(what.path);
    if (what.kind == FileStep::Kind::remove) {
        if (!what.replaces) return {};  // it was gone already
        TRY(fs_->rename(place, backup_path(step)));
        return remove_empty_directories(*fs_, layout_, parent_path(what.path));
    }
    TRY(make_parents(what.path));
    return fs_->rename(what.staged, place);
}

Result<void> FileChange::undo() {
    for (std::size_t step = steps_.size(); step-- > 0;) TRY(take_back(step));
    TRY(sync_changes(*fs_, {this}));
    return drop_journal();
}

Result<void> FileChange::take_back(std::size_t step) {
    const FileStep &what = steps_[step];
    const std::string place = layout_.installed(what.path);
    if (what.replaces) {
        // Without a backup this step was never begun. With one, the place holds the old file still
        // (then both names are one inode and rename does nothing; drop_journal() removes the second
        // name), the new file, or nothing.
        if (TRY(fs_->info(backup_path(step)))) {
            TRY(make_parents(what.path));
            TRY(fs_->rename(backup_path(step), place));
        }
        return {};
    }
    if (what.kind == FileStep::Kind::place) {
        if (TRY(fs_->info(place))) TRY(fs_->unlink(place));
        return remove_empty_directories(*fs_, layout_, parent_path(what.path));
    }
    return {};
}

Result<void> FileChange::finish() { return drop_journal(); }

Result<void> FileChange::drop_journal() {
    // The journal goes last: as long as it is there, whatever is left can be found.
    TRY(remove_tree(*fs_, backup_directory()));
    for (const std::string &path : {journal_path(), new_journal_path()})
        if (TRY(fs_->info(path))) TRY(fs_->unlink(path));
    return {};
}

Result<void> FileChange::make_parents(const std::string &path) {
    if (is_permanent(parent_path(path))) return {};
    return fs_->make_directories(layout_.installed(parent_path(path)), 0755);
}

Result<void> remove_empty_directories(FileSystem &fs, const DirectoryLayout &layout,
                                      std::string directory) {
    for (; !is_permanent(directory); directory = parent_path(directory)) {
        const std::string place = layout.installed(directory);
        if (!TRY(fs.info(place))) continue;
        if (!TRY(fs.list(place)).empty()) break;
        TRY(fs.remove_directory(place));
    }
    return {};
}

Result<void> FileChange::write_journal() {
    std::unique_ptr<WritableFile> file = TRY(fs_->create(new_journal_path(), 0600));
    TRY(file->append(dump_json(steps_to_json(change_, steps_))));
    return file->close();
}

std::set<std::string> FileChange::directories() const {
    std::set<std::string> directories;
    for (const FileStep &step : steps_) {
        for (std::string directory = parent_path(step.path);; directory = parent_path(directory)) {
            directories.insert(layout_.installed(directory));
            if (is_permanent(directory)) break;
        }
    }
    return directories;
}

Result<void> publish_journals(FileSystem &fs, const DirectoryLayout &layout,
                              const std::vector<const FileChange *> &changes,
                              std::vector<std::string> staged) {
    for (const FileChange *change : changes) staged.push_back(change->new_journal_path());
    TRY(sync_files(fs, staged));
    // The name appears only when the content is complete and synced.
    for (const FileChange *change : changes)
        TRY(fs.rename(change->new_journal_path(), change->journal_path()));
    return fs.sync_directory(layout.journal());
}

Result<void> sync_changes(FileSystem &fs, const std::vector<const FileChange *> &changes) {
    std::set<std::string> directories;
    for (const FileChange *change : changes) directories.merge(change->directories());
    for (const std::string &directory : directories)
        if (TRY(fs.info(directory))) TRY(fs.sync_directory(directory));
    return {};
}

}  // namespace pgx
