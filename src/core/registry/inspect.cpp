// inspect.cpp - control files against scripts, libraries against the platform.
//
// A script's libraries are found by looking for "$libdir/", and for the package's own libraries in
// quotes, in its text and not by parsing SQL: nothing depends on them but the answer to "which
// extension uses this library", and PL/pgSQL bodies and comments may mention one without harm.
#include "core/registry/inspect.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "core/base/names.h"
#include "core/registry/elf.h"

namespace pgx {

namespace {

constexpr std::uint64_t largest_control_file = 64 * 1024;
constexpr std::size_t chunk_size = 64 * 1024;
constexpr std::size_t longest_library_name = 255;

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_library_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '+' || c == '-';
}

struct ScriptName {
    std::string from;  // empty: creates `to` from nothing
    std::string to;
};

// "semver--1.0--1.1.sql" of extension "semver" leads from 1.0 to 1.1.
std::optional<ScriptName> parse_script_name(std::string_view extension, std::string_view name) {
    if (!name.starts_with(extension) || !name.ends_with(".sql")) return std::nullopt;
    name.remove_prefix(extension.size());
    name.remove_suffix(4);
    if (!name.starts_with("--")) return std::nullopt;
    name.remove_prefix(2);
    const std::size_t dashes = name.find("--");
    ScriptName result;
    if (dashes == std::string_view::npos) {
        result.to = name;
    } else {
        result.from = name.substr(0, dashes);
        result.to = name.substr(dashes + 2);
        if (!is_valid_version_name(result.from)) return std::nullopt;
    }
    // PostgreSQL skips names with three versions.
    if (!is_valid_version_name(result.to)) return std::nullopt;
    return result;
}

// Adds the libraries that a script's text names. `own` are the libraries of the package.
class LibraryScan {
   public:
    LibraryScan(std::set<std::string> &libraries, const std::string &module_pathname,
                const std::vector<std::string> &own)
        : libraries_(libraries), module_pathname_(module_pathname), own_(own) {}

    // `last`: nothing follows, so that a name may end where the bytes end.
    void feed(std::string_view bytes, bool last) {
        text_ += bytes;
        if (!module_pathname_.empty() && text_.find("MODULE_PATHNAME") != std::string::npos)
            libraries_.insert(library_name(module_pathname_));
        for (const std::string &name : own_)
            if (text_.find("'" + name + "'") != std::string::npos) libraries_.insert(name);
        constexpr std::string_view prefix = "$libdir/";
        for (std::size_t at = text_.find(prefix); at != std::string::npos;
             at = text_.find(prefix, at)) {
            at += prefix.size();
            std::size_t end = at;
            while (end < text_.size() && is_library_character(text_[end])) ++end;
            if (end == text_.size() && !last) break;
            if (end < text_.size() && text_[end] == '/') continue;  // of a directory below
            if (end > at && end - at <= longest_library_name)
                libraries_.insert(library_name(std::string_view(text_).substr(at, end - at)));
        }
        // What may be the beginning of something that the next piece ends.
        const std::size_t kept = std::min(text_.size(), longest_library_name + prefix.size());
        text_.erase(0, text_.size() - kept);
    }

   private:
    std::set<std::string> &libraries_;
    const std::string &module_pathname_;
    const std::vector<std::string> &own_;
    std::string text_;
};

Result<void> scan_script(FileSystem &fs, const std::string &path, LibraryScan scan) {
    auto file = TRY(fs.open(path));
    std::string buffer(chunk_size, '\0');
    while (true) {
        const std::size_t size = TRY(file->read(buffer.data(), buffer.size()));
        scan.feed(std::string_view(buffer).substr(0, size), size == 0);
        if (size == 0) return {};
    }
}

// The names of the files directly in each directory: PostgreSQL looks for scripts in one directory
// only.
using Directories = std::map<std::string, std::vector<std::string>, std::less<>>;

Directories group_by_directory(const std::vector<ReceiptFile> &files) {
    Directories directories;
    for (const ReceiptFile &file : files)
        directories[parent_path(file.path)].emplace_back(file_name(file.path));
    return directories;
}

ReceiptExtension describe(const NamedControlFile &control) {
    ReceiptExtension extension;
    extension.name = control.name.extension;
    extension.default_version = control.content.default_version;
    extension.comment = control.content.comment;
    extension.directory = control.content.directory;
    extension.schema = control.content.schema;
    extension.requires_ = control.content.requires_;
    extension.superuser = control.content.superuser;
    extension.trusted = control.content.trusted;
    extension.relocatable = control.content.relocatable;
    return extension;
}

// Where the scripts of an extension are: beside the control file, or where it says.
std::string script_directory(const NamedControlFile &control) {
    if (control.content.directory.empty()) return parent_path(control.path);
    return "share/" + control.content.directory;
}

// The names of the files that are scripts of `extension`, whose control file is `control`.
std::vector<std::string> scripts_of(const Directories &directories, const NamedControlFile &control,
                                    std::string_view extension) {
    std::vector<std::string> scripts;
    const auto found = directories.find(script_directory(control));
    if (found == directories.end()) return scripts;
    for (const std::string &name : found->second)
        if (parse_script_name(extension, name)) scripts.push_back(name);
    return scripts;
}

class Inspector {
   public:
    Inspector(FileSystem &fs, const std::string &directory, const std::vector<ReceiptFile> &files,
              const Platform &platform)
        : fs_(fs),
          directory_(directory),
          files_(files),
          platform_(platform),
          directories_(group_by_directory(files)) {}

    Result<Inspection> run(const std::vector<NamedControlFile> &controls) {
        for (const NamedControlFile &control : controls)
            if (control.name.version.empty()) TRY(look_at_extension(control));
        // A secondary file without its extension's scripts is as useless as the primary one.
        for (const NamedControlFile &control : controls)
            if (!control.name.version.empty() &&
                scripts_of(directories_, control, control.name.extension).empty())
                result_.without_script.push_back(control.path);
        for (const ReceiptFile &file : files_)
            if (file.kind == FileKind::library) TRY(look_at_library(file));
        settle_preloads();
        std::ranges::sort(result_.extensions, {}, &ReceiptExtension::name);
        std::ranges::sort(result_.modules, {}, &ReceiptModule::path);
        return std::move(result_);
    }

   private:
    Result<void> look_at_extension(const NamedControlFile &control) {
        const std::vector<std::string> scripts =
            scripts_of(directories_, control, control.name.extension);
        std::vector<std::string> used;
        bool creatable = false;
        for (const std::string &script : scripts) {
            if (!parse_script_name(control.name.extension, script)->from.empty()) continue;
            creatable = true;
            if (control.content.default_version.empty()) used.push_back(script);
        }
        if (!creatable) {
            result_.without_script.push_back(control.path);
            return {};
        }
        const std::string &version = control.content.default_version;
        if (!version.empty()) used = scripts_to_create(control.name.extension, version, scripts);
        if (used.empty())
            return fail(
                ErrorCode::control_file_invalid,
                "invalid extension control file \"" + std::string(file_name(control.path)) + "\"",
                "Its default version \"" + version +
                    "\" has no installation script nor update path.");
        std::vector<std::string> own;
        for (const ReceiptFile &file : files_)
            if (is_module(file)) own.push_back(library_name(file_name(file.path)));
        std::set<std::string> libraries;
        for (const std::string &script : used) {
            const std::string path =
                join_path(join_path(directory_, script_directory(control)), script);
            TRY(scan_script(fs_, path,
                            LibraryScan(libraries, control.content.module_pathname, own)));
        }
        ReceiptExtension extension = describe(control);
        extension.libraries.assign(libraries.begin(), libraries.end());
        result_.extensions.push_back(std::move(extension));
        return {};
    }

    // Deeper down are libraries that modules need, and nobody loads by name.
    static bool is_module(const ReceiptFile &file) {
        return file.kind == FileKind::library && parent_path(file.path) == "lib";
    }

    Result<void> look_at_library(const ReceiptFile &file) {
        const std::string_view name = file_name(file.path);
        ElfModule elf = TRY(read_elf(join_path(directory_, file.path), name));
        TRY(check_architecture(elf, platform_.architecture, name));
        if (!is_module(file)) return {};
        if (elf.postgres_major && *elf.postgres_major != platform_.postgres_major)
            return fail(ErrorCode::wrong_platform,
                        "library \"" + std::string(name) + "\" is for another PostgreSQL version",
                        "It was built for PostgreSQL " + std::to_string(*elf.postgres_major) +
                            ", this server is PostgreSQL " +
                            std::to_string(platform_.postgres_major) + ".");
        ReceiptModule module;
        module.path = file.path;
        module.needed = std::move(elf.needed);
        module.preload = elf.needs_preload;
        if (elf.output_plugin) module.plugin = ModulePlugin::output;
        if (elf.archive_module) module.plugin = ModulePlugin::archive;
        if (elf.hook) module.plugin = ModulePlugin::hook;
        module.glibc = std::move(elf.glibc);
        result_.modules.push_back(std::move(module));
        return {};
    }

    // Of the modules whose text demands preloading, some are loaded by another one and not to be
    // named themselves: the versioned half of a pair like "timescaledb" and "timescaledb-2.31.0",
    // and what another module needs by its headers, unless an extension uses it in its own right.
    void settle_preloads() {
        std::set<std::string> preloaded, used_by_extensions, needed;
        for (const ReceiptModule &module : result_.modules) {
            if (!module.preload) continue;
            preloaded.insert(library_name(file_name(module.path)));
            for (const std::string &library : module.needed) needed.insert(library_name(library));
        }
        for (const ReceiptExtension &extension : result_.extensions)
            used_by_extensions.insert(extension.libraries.begin(), extension.libraries.end());
        for (ReceiptModule &module : result_.modules) {
            const std::string name = library_name(file_name(module.path));
            const bool versioned = preloaded.contains(std::string(without_version(name)));
            if (versioned || (needed.contains(name) && !used_by_extensions.contains(name)))
                module.preload = false;
        }
    }

    FileSystem &fs_;
    const std::string &directory_;
    const std::vector<ReceiptFile> &files_;
    const Platform &platform_;
    Directories directories_;
    Inspection result_;
};

}  // namespace

std::string library_name(std::string_view module_path) {
    if (module_path.starts_with("$libdir/")) module_path.remove_prefix(8);
    if (module_path.ends_with(".so")) module_path.remove_suffix(3);
    return std::string(module_path);
}

Result<std::set<std::string>> libraries_in_script(FileSystem &fs, const std::string &path,
                                                  const std::string &module_pathname) {
    std::set<std::string> libraries;
    const std::vector<std::string> none;
    TRY(scan_script(fs, path, LibraryScan(libraries, module_pathname, none)));
    return libraries;
}

Result<std::vector<NamedControlFile>> read_control_files(FileSystem &fs,
                                                         const std::string &directory,
                                                         const std::vector<ReceiptFile> &files) {
    std::vector<NamedControlFile> controls;
    for (const ReceiptFile &file : files) {
        if (file.kind != FileKind::control) continue;
        const std::string name(file_name(file.path));
        const auto invalid = [&](std::string detail) {
            return fail(ErrorCode::control_file_invalid,
                        "invalid extension control file \"" + name + "\"", std::move(detail));
        };
        const std::optional<ControlFileName> parsed = parse_control_file_name(name);
        if (!parsed) return invalid("Its name does not begin with a valid extension name.");
        if (file.size > largest_control_file)
            return invalid("It is larger than " + format_bytes(largest_control_file) + ".");
        const std::string text =
            TRY(fs.read(join_path(directory, file.path), largest_control_file));
        NamedControlFile control{file.path, *parsed, {}};
        control.content = TRY(parse_control_file(text, name, !parsed->version.empty()));
        controls.push_back(std::move(control));
    }
    return controls;
}

std::string_view without_version(std::string_view name) {
    const std::size_t dash = name.rfind('-');
    if (dash == std::string_view::npos || dash + 1 == name.size()) return {};
    if (name.find_first_not_of("0123456789.", dash + 1) != std::string_view::npos) return {};
    return name.substr(0, dash);
}

std::vector<std::pair<std::string, std::string>> control_files_to_rename(
    const std::vector<ReceiptFile> &files, const std::vector<NamedControlFile> &controls) {
    const Directories directories = group_by_directory(files);
    std::set<std::string, std::less<>> taken;
    for (const ReceiptFile &file : files) taken.insert(file.path);
    std::vector<std::pair<std::string, std::string>> result;
    for (const NamedControlFile &control : controls) {
        const std::string_view base = without_version(control.name.extension);
        if (!control.name.version.empty() || !is_valid_name(base)) continue;
        const auto creates = [&](std::string_view extension) {
            return !scripts_to_create(extension, control.content.default_version,
                                      scripts_of(directories, control, extension))
                        .empty();
        };
        std::string path = join_path(parent_path(control.path), std::string(base) + ".control");
        if (!creates(control.name.extension) && creates(base) && taken.insert(path).second)
            result.emplace_back(control.path, std::move(path));
    }
    return result;
}

Result<Inspection> inspect(FileSystem &fs, const std::string &directory,
                           const std::vector<ReceiptFile> &files,
                           const std::vector<NamedControlFile> &controls,
                           const Platform &platform) {
    return Inspector(fs, directory, files, platform).run(controls);
}

std::vector<std::string> scripts_to_create(std::string_view extension, std::string_view version,
                                           const std::vector<std::string> &script_names) {
    // Breadth first from the wanted version backwards, to the nearest version that a script
    // creates.
    std::map<std::string, std::vector<std::pair<std::string, std::string>>, std::less<>> into;
    std::map<std::string, std::string, std::less<>> creates;
    for (const std::string &name : script_names) {
        const std::optional<ScriptName> script = parse_script_name(extension, name);
        if (!script) continue;
        if (script->from.empty())
            creates[script->to] = name;
        else
            into[script->to].emplace_back(script->from, name);
    }
    std::map<std::string, std::pair<std::string, std::string>, std::less<>>
        next;  // version: script, where to
    std::deque<std::string> pending{std::string(version)};
    next[pending.front()] = {};
    while (!pending.empty()) {
        std::string current = std::move(pending.front());
        pending.pop_front();
        if (const auto created = creates.find(current); created != creates.end()) {
            std::vector<std::string> scripts{created->second};
            while (current != version) {
                const auto &[script, to] = next[current];
                scripts.push_back(script);
                current = std::string(to);
            }
            return scripts;
        }
        const auto updates = into.find(current);
        if (updates == into.end()) continue;
        for (const auto &[from, script] : updates->second)
            if (next.try_emplace(from, script, current).second) pending.push_back(from);
    }
    return {};
}

}  // namespace pgx
