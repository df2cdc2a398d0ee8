// patch.cpp - patchelf's options, and a look at what it has done.
//
// patchelf and not code of our own: moving a dynamic section means to know every section and
// segment that refers to it, on every architecture, and patchelf has met the libraries of a decade
// of Python wheels. It runs as a program, since it is none but that.
#include "core/library/patch.h"

#include <algorithm>

#include "core/library/dynamic_table.h"
#include "core/registry/disk_space.h"
#include "core/registry/subprocess.h"

namespace pgx {

namespace {

constexpr unsigned time_limit_s = 300;
constexpr std::uint64_t smallest_room = 64 * 1024;

// patchelf has had bugs that left a file half changed, without a word.
Result<void> check(const std::string &path, const std::string &name, const ElfPatch &patch) {
    const DynamicTable table = TRY(read_dynamic_table(path, name));
    bool done = (patch.soname.empty() || table.soname == patch.soname) &&
                (patch.rpath.empty() || (table.rpath == patch.rpath && table.runpath.empty()));
    for (const auto &[from, to] : patch.needed)
        done = done && std::ranges::find(table.needed, from) == table.needed.end() &&
               std::ranges::find(table.needed, to) != table.needed.end() &&
               !table.version_needs.contains(from);
    if (done) return {};
    return fail(ErrorCode::artifact_malformed, "could not adapt library \"" + name + "\"",
                "The program \"patchelf\" has not done what it was asked for.");
}

// patchelf says what the system has told it, or writes half a file and says nothing.
Result<void> told_apart(Result<void> result, const std::string &path, const std::string &name) {
    if (result) return result;
    const Result<DiskSpace> space = disk_space(parent_path(path));
    const bool is_full = result.error().detail.find("No space left") != std::string::npos ||
                         (space && space->size > 0 && space->free < smallest_room);
    if (!is_full) return result;
    return fail(ErrorCode::disk_full, "not enough disk space to adapt library \"" + name + "\"",
                result.error().detail);
}

}  // namespace

Result<void> check_patchelf() {
    if (!find_program("patchelf").empty()) return {};
    return fail(ErrorCode::dependency_missing, "the program \"patchelf\" is missing",
                "It is needed to bring libraries along that this host does not have.",
                "Have it installed on the server's host: apt-get install patchelf.");
}

Result<void> patch_elf(FileSystem &fs, const std::string &path, const std::string &name,
                       const ElfPatch &patch, const std::string &scratch) {
    std::vector<std::string> arguments;
    if (!patch.soname.empty()) arguments.insert(arguments.end(), {"--set-soname", patch.soname});
    for (const auto &[from, to] : patch.needed)
        arguments.insert(arguments.end(), {"--replace-needed", from, to});
    if (!patch.rpath.empty())
        arguments.insert(arguments.end(), {"--force-rpath", "--set-rpath", patch.rpath});
    std::string map_path;
    if (!patch.symbols.empty()) {
        map_path = join_path(scratch, "symbols");
        std::string text;
        for (const auto &[from, to] : patch.symbols) text += from + " " + to + "\n";
        (void)fs.unlink(map_path).has_value();
        std::unique_ptr<WritableFile> map = TRY(fs.create(map_path, 0600));
        TRY(map->append(text));
        TRY(map->close());
        arguments.insert(arguments.end(), {"--rename-dynamic-symbols", map_path});
    }
    if (arguments.empty()) return {};
    // It is written anew, and is larger then.
    if (const std::optional<FileInfo> info = TRY(fs.info(path)))
        TRY(check_disk_space(parent_path(path), info->size, "adapting library \"" + name + "\""));
    arguments.push_back(path);
    const CommandResult result = TRY(run_confined("patchelf", arguments, {}, {path}, time_limit_s));
    if (result.exit_status != 0) {
        std::string said = result.errors.substr(0, result.errors.find('\n'));
        return told_apart(
            fail(ErrorCode::artifact_malformed, "could not adapt library \"" + name + "\"",
                 said.empty() ? "The program \"patchelf\" ended with status " +
                                    std::to_string(result.exit_status) + "."
                              : "It said: " + said),
            path, name);
    }
    return told_apart(check(path, name, patch), path, name);
}

}  // namespace pgx
