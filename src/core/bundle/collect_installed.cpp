// collect_installed.cpp - an extension that somebody installed on this machine, gathered again:
// what belongs to it is told by names, as PostgreSQL itself does it, and by what its scripts load.
#include <algorithm>
#include <deque>
#include <filesystem>
#include <set>
#include <system_error>

#include "core/base/names.h"
#include "core/bundle/pack_source.h"
#include "core/registry/control_file.h"
#include "core/registry/elf.h"
#include "core/registry/inspect.h"

namespace pgx {

namespace {

constexpr std::uint64_t largest_control_file = 64 * 1024;

// Debian lets its administrator choose among versions of an extension by links.
std::string resolved(const std::string &path) {
    std::error_code error;
    const std::filesystem::path end = std::filesystem::canonical(path, error);
    return error ? path : end.string();
}

class Collector {
   public:
    Collector(FileSystem &fs, const std::string &extension, const PostgresDirectories &directories)
        : fs_(fs),
          extension_(extension),
          directories_(directories),
          control_directory_(join_path(directories.share, "extension")) {}

    Result<PackSource> run() {
        source_.postgres_major = directories_.major;
        TRY(take_control_files());
        TRY(take_scripts());
        TRY(take_modules());
        return std::move(source_);
    }

   private:
    Result<std::vector<std::string>> extensions_there() const {
        std::vector<std::string> names;
        for (const std::string &name : TRY(fs_.list(control_directory_)))
            if (const auto parsed = parse_control_file_name(name);
                parsed && parsed->version.empty())
                names.push_back(parsed->extension);
        return names;
    }

    Result<void> take_control_files() {
        const std::string path = join_path(control_directory_, extension_ + ".control");
        if (!TRY(fs_.info(path))) {
            const std::vector<std::string> near = near_names(extension_, TRY(extensions_there()));
            return fail(ErrorCode::unknown_package,
                        "extension \"" + extension_ + "\" is not installed",
                        "There is no file \"" + path + "\".",
                        near.empty() ? "Name another installation with --pg-config."
                                     : "Did you mean " + quoted_list(near) + "?");
        }
        control_ = TRY(parse_control_file(TRY(fs_.read(resolved(path), largest_control_file)),
                                          extension_ + ".control", false));
        if (control_.directory.starts_with('/'))
            return fail(ErrorCode::feature_not_supported,
                        "extension \"" + extension_ +
                            "\" has its scripts in an absolute directory, which a bundle cannot");
        for (const std::string &name : TRY(fs_.list(control_directory_))) {
            const auto parsed = parse_control_file_name(name);
            if (parsed && parsed->extension == extension_)
                source_.files["pgsql/share/extension/" + name] = {
                    resolved(join_path(control_directory_, name)), false};
        }
        return {};
    }

    // With a directory of its own, all that is in it; else the files named after the extension.
    Result<void> take_scripts() {
        const bool own = !control_.directory.empty() && control_.directory != "extension";
        const std::string below = own ? control_.directory : "extension";
        for (const std::string &name : TRY(fs_.list(join_path(directories_.share, below)))) {
            if (!own && !(name.starts_with(extension_ + "--") && name.ends_with(".sql"))) continue;
            const std::string path =
                resolved(join_path(join_path(directories_.share, below), name));
            const std::optional<FileInfo> info = TRY(fs_.info(path));
            if (!info || info->type == FileType::directory) continue;
            source_.files["pgsql/share/" + below + "/" + name] = {path, false};
        }
        return {};
    }

    // The modules that the scripts name, and what these need out of the same directory.
    Result<void> take_modules() {
        std::vector<ReceiptFile> files;
        for (const auto &[place, file] : source_.files) {
            ReceiptFile entry;
            entry.path = place.substr(std::string_view("pgsql/").size());
            entry.kind = place.ends_with(".control") ? FileKind::control
                         : place.ends_with(".sql")   ? FileKind::script
                                                     : FileKind::data;
            files.push_back(std::move(entry));
        }
        std::deque<std::string> pending;
        for (const std::string &name : TRY(libraries_named(files))) pending.push_back(name + ".so");
        std::set<std::string> seen;
        while (!pending.empty()) {
            const std::string name = pending.front();
            pending.pop_front();
            const std::string path = resolved(join_path(directories_.pkglib, name));
            if (!seen.insert(name).second || name.find('/') != std::string::npos ||
                !TRY(fs_.info(path)))
                continue;
            source_.files["pgsql/pkglib/" + name] = {path, true};
            const ElfModule module = TRY(read_elf(path, name));
            pending.insert(pending.end(), module.needed.begin(), module.needed.end());
        }
        return {};
    }

    Result<std::set<std::string>> libraries_named(const std::vector<ReceiptFile> &files) {
        std::set<std::string> libraries;
        if (!control_.module_pathname.empty())
            libraries.insert(library_name(control_.module_pathname));
        for (const ReceiptFile &file : files) {
            if (file.kind != FileKind::script) continue;
            const auto found = TRY(libraries_in_script(
                fs_,
                join_path(directories_.share, file.path.substr(std::string_view("share/").size())),
                control_.module_pathname));
            libraries.insert(found.begin(), found.end());
        }
        return libraries;
    }

    FileSystem &fs_;
    const std::string &extension_;
    const PostgresDirectories &directories_;
    std::string control_directory_;
    ControlFile control_;
    PackSource source_;
};

}  // namespace

Result<PackSource> collect_installed(FileSystem &fs, const std::string &extension,
                                     const PostgresDirectories &directories) {
    TRY(check_name("extension", extension));
    return Collector(fs, extension, directories).run();
}

}  // namespace pgx
