// pack.cpp - the files as a server would have them, looked at as a server's helper would do it, and
// then written down.
#include "core/bundle/pack.h"

#include <algorithm>
#include <set>

#include "core/base/debian_version.h"
#include "core/base/names.h"
#include "core/bundle/file_libraries.h"
#include "core/bundle/module_pathname.h"
#include "core/bundle/semantic_version.h"
#include "core/registry/elf.h"
#include "core/registry/inspect.h"
#include "core/registry/layout.h"

namespace pgx {

namespace {

constexpr std::uint64_t largest_control_file = 64 * 1024;
constexpr std::size_t chunk_size = 64 * 1024;

std::string file_name(std::string_view path) {
    return std::string(path.substr(path.rfind('/') + 1));
}

// What every machine with this C library has.
bool is_part_of_libc(std::string_view library) {
    constexpr std::string_view parts[] = {"libc.so",  "libm.so",      "libdl.so",   "libpthread.so",
                                          "librt.so", "libresolv.so", "libutil.so", "ld-linux",
                                          "ld64.so",  "ld-musl",      "libc.musl-", "libanl.so"};
    return std::ranges::any_of(parts,
                               [&](std::string_view part) { return library.starts_with(part); });
}

Result<void> copy_file(FileSystem &fs, const BundleSourceFile &from, const std::string &to) {
    auto target = TRY(fs.create(to, from.executable ? 0755 : 0644));
    if (from.bytes) {
        TRY(target->append(*from.bytes));
        return target->close();
    }
    auto source = TRY(fs.open(from.path));
    std::string buffer(chunk_size, '\0');
    while (true) {
        const std::size_t size = TRY(source->read(buffer.data(), buffer.size()));
        if (size == 0) return target->close();
        TRY(target->append(std::string_view(buffer).substr(0, size)));
    }
}

// "Name <address>"
MetaMaintainer parse_maintainer(std::string_view text) {
    MetaMaintainer maintainer;
    const std::size_t open = text.find('<'), close = text.rfind('>');
    if (open != std::string_view::npos && close != std::string_view::npos && open < close) {
        const std::string address(text.substr(open + 1, close - open - 1));
        (address.find("://") == std::string::npos ? maintainer.email : maintainer.url) = address;
        text = text.substr(0, open);
    }
    while (text.ends_with(' ')) text.remove_suffix(1);
    maintainer.name = text;
    return maintainer;
}

class Packer {
   public:
    Packer(const PackSource &source, const PackOptions &options, const std::string &scratch,
           FileSystem &fs, Reporter &reporter)
        : source_(source),
          options_(options),
          stage_(join_path(scratch, "stage")),
          scratch_(scratch),
          fs_(fs),
          reporter_(reporter) {}

    Result<PackResult> run() {
        TRY(stage());
        TRY(look_at_libraries());
        TRY(find_major());
        TRY(inspect_files());
        TRY(find_name());
        if (options_.bring_libraries) TRY(bring_libraries());
        describe();
        TRY(check_bundle_name(name_));
        TRY(fs_.make_directories(options_.output, 0755));
        BundleContent content;
        content.manifest.name = name_;
        content.manifest.language = inspection_.modules.empty() ? "sql" : "c";
        content.manifest.license = meta_.license;
        content.meta = meta_;
        content.files = files_;
        const WrittenBundle written = TRY(write_bundle(fs_, content, options_.output));
        PackResult result;
        auto inspected = inspect_bundle(written.path, join_path(scratch_, "check"), fs_, reporter_);
        if (!inspected) {
            // One that cannot be installed must not be taken for one that can.
            (void)fs_.unlink(written.path);
            return fail(std::move(inspected.error()));
        }
        result.inspected = *std::move(inspected);
        result.path = written.path;
        result.system_libraries = meta_.system_libraries;
        result.private_libraries = std::move(private_libraries_);
        result.left_out = source_.left_out;
        for (const std::string &path : inspection_.without_script)
            remarks_.push_back("Control file \"" + file_name(path) +
                               "\" has no script, and will not be installed.");
        result.remarks = std::move(remarks_);
        return result;
    }

   private:
    // Copies what a server would get into a directory of the layout it would have, so that it can
    // be inspected; control files are changed on the way.
    Result<void> stage() {
        files_ = source_.files;
        std::vector<std::string> directories;
        for (auto &[path, file] : files_) {
            const Placement placement = place_bundle_file(path, {});
            if (placement.kind != FileKind::control) continue;
            const std::string text =
                file.bytes ? *file.bytes : TRY(fs_.read(file.path, largest_control_file));
            const std::string changed = without_library_directory(text);
            const auto parsed = parse_control_file_name(file_name(path));
            const ControlFile control = TRY(
                parse_control_file(changed, file_name(path), parsed && !parsed->version.empty()));
            if (!control.directory.empty()) directories.push_back(control.directory);
            file.bytes = changed;
        }
        for (const auto &[path, file] : files_) {
            Placement placement = place_bundle_file(path, directories);
            if (placement.path.empty()) continue;
            const std::string target = join_path(stage_, placement.path);
            TRY(fs_.make_directories(parent_path(target), 0755));
            TRY(copy_file(fs_, file, target));
            ReceiptFile staged;
            staged.path = std::move(placement.path);
            staged.kind = placement.kind;
            if (const auto info = TRY(fs_.info(target))) staged.size = info->size;
            staged_.push_back(std::move(staged));
        }
        if (staged_.empty())
            return fail(ErrorCode::unknown_package, "there is no extension to pack",
                        "Among the files there is no control file and no module.");
        return {};
    }

    // The C library and the architecture that the libraries ask for. Programs are asked too, where
    // they can be.
    Result<void> look_at_libraries() {
        std::set<std::string> needed, own;
        for (const auto &[path, file] : files_) {
            const bool module = place_bundle_file(path, {}).kind == FileKind::library;
            const bool library =
                module || ((path.starts_with("pgsql/lib/") || path.starts_with("pgsql/pkglib/")) &&
                           file_name(path).find(".so") != std::string::npos);
            if (file.bytes || (!library && !path.starts_with("pgsql/bin/"))) continue;
            auto elf = read_elf(file.path, file_name(path));
            if (!elf && !library) continue;
            if (!elf) return fail(std::move(elf.error()));
            if (elf->postgres_major) majors_.insert(*elf->postgres_major);
            TRY(merge_platform(*elf, file_name(path)));
            own.insert(file_name(path));
            if (library) needed.insert(elf->needed.begin(), elf->needed.end());
        }
        for (const std::string &library : needed)
            if (!own.contains(library) && !is_part_of_libc(library))
                meta_.system_libraries.push_back(library);
        return {};
    }

    Result<void> merge_platform(const ElfModule &elf, const std::string &library) {
        const std::string architecture = architecture_of(elf);
        if (architecture.empty())
            return fail(ErrorCode::feature_not_supported,
                        "library \"" + library + "\" is for an architecture that has no name");
        const bool musl = std::ranges::any_of(elf.needed, [](const std::string &name) {
            return name.starts_with("libc.musl-") || name.starts_with("ld-musl");
        });
        if (name_.os == "any") {
            name_.architecture = architecture;
            name_.os = musl ? "musllinux" : "gnulinux";
        } else if (name_.architecture != architecture) {
            return fail(ErrorCode::wrong_platform, "the libraries are for different architectures",
                        "Library \"" + library + "\" is for " + architecture + ", others for " +
                            name_.architecture + ".");
        }
        if (musl) name_.os = "musllinux";
        if (compare_debian_versions(elf.glibc, name_.libc) > 0) name_.libc = elf.glibc;
        return {};
    }

    Result<void> find_major() {
        unsigned major = options_.postgres_major;
        if (major == 0) major = source_.postgres_major;
        if (major == 0 && majors_.size() == 1) major = *majors_.begin();
        if (major == 0)
            return fail(ErrorCode::invalid_argument,
                        "could not tell which version of PostgreSQL the files are for", {},
                        "Say it with --postgres, or name the pg_config with --pg-config.");
        name_.postgres_major = major;
        return {};
    }

    Result<void> inspect_files() {
        controls_ = TRY(read_control_files(fs_, stage_, staged_));
        inspection_ = TRY(inspect(fs_, stage_, staged_, controls_, platform_of(name_)));
        if (inspection_.extensions.empty() && inspection_.modules.empty())
            return fail(ErrorCode::unknown_package, "there is no extension to pack",
                        "Among the files there is no control file with a script and no module.");
        return {};
    }

    // The system libraries, as a server's helper brings them along for packages of apt's.
    Result<void> bring_libraries() {
        Receipt receipt;
        receipt.package = name_.name;
        receipt.version = name_.version;
        receipt.modules = inspection_.modules;
        for (const ReceiptFile &file : staged_) {
            if (file.kind != FileKind::library) continue;
            receipt.files.push_back(file);
            receipt.files.back().mode = 0755;
            receipt.files.back().sha256 = TRY(sha256_of_file(fs_, join_path(stage_, file.path)));
        }
        if (receipt.files.empty()) return {};
        const std::string directory = join_path(scratch_, "libraries");
        TRY(fs_.make_directory(directory, 0700));
        FileLibraries source(fs_, HostLibraries::of_this_host({}), options_.libraries, directory);
        HostLibraries host = HostLibraries::of_this_host(options_.server);
        host.keep_server_only();
        PackageOnDisk package;
        package.directory = stage_;
        package.depends = [] { return Result<std::string>(std::string()); };
        TRY(add_private_libraries(receipt, package, host, source, directory, fs_, reporter_));
        for (const ReceiptFile &file : receipt.files)
            if (!file.original_sha256.empty() || parent_path(file.path) != "lib")
                files_["pgsql/pkg" + file.path] = {join_path(stage_, file.path),
                                                   file.kind == FileKind::library};
        for (const ReceiptLibrary &library : receipt.libraries)
            private_libraries_.insert(private_libraries_.end(), library.names.begin(),
                                      library.names.end());
        std::ranges::sort(private_libraries_);
        // What they need counts, too.
        meta_.system_libraries.clear();
        return look_at_libraries();
    }

    // The extension that gives the bundle what it does not have of its own.
    const ReceiptExtension *main_extension() const {
        const auto named =
            std::ranges::find(inspection_.extensions, name_.name, &ReceiptExtension::name);
        if (named != inspection_.extensions.end()) return &*named;
        return inspection_.extensions.size() == 1 ? &inspection_.extensions.front() : nullptr;
    }

    // Of a package with several extensions. Debian's "postgis-3" is named after one of them, and
    // lets several of its major versions be installed.
    std::string suggested_name() const {
        const std::string &name = source_.suggested.name;
        const std::size_t dash = name.rfind('-');
        if (dash == std::string::npos) return name;
        const std::string base = name.substr(0, dash);
        const bool versioned = name.find_first_not_of("0123456789", dash + 1) == std::string::npos;
        const bool known =
            std::ranges::find(inspection_.extensions, base, &ReceiptExtension::name) !=
            inspection_.extensions.end();
        return versioned && known ? base : name;
    }

    Result<void> find_name() {
        const Meta *given = options_.meta ? &*options_.meta : nullptr;
        std::string &name = name_.name;
        name = options_.name;
        if (name.empty() && given != nullptr) name = given->name;
        if (name.empty() && inspection_.extensions.size() == 1)
            name = inspection_.extensions.front().name;
        if (name.empty()) name = suggested_name();
        if (name.empty() && inspection_.extensions.empty() && inspection_.modules.size() == 1)
            name = library_name(file_name(inspection_.modules.front().path));
        if (name.empty()) {
            std::vector<std::string> names;
            for (const ReceiptExtension &extension : inspection_.extensions)
                names.push_back(extension.name);
            return fail(ErrorCode::invalid_argument, "the package needs a name",
                        names.empty() ? "It holds several modules."
                                      : "It holds extensions " + quoted_list(names) + ".",
                        "Say it with --name.");
        }
        name_.version = options_.version;
        if (name_.version.empty() && given != nullptr) name_.version = given->version;
        if (name_.version.empty()) name_.version = source_.suggested.version;
        if (!name_.version.empty()) return {};
        const ReceiptExtension *extension = main_extension();
        const std::string version = extension == nullptr ? "" : extension->default_version;
        const auto semantic = to_semantic_version(version);
        if (!semantic)
            return fail(ErrorCode::invalid_argument, "the package needs a version",
                        version.empty() ? "No control file gives a default version for it."
                                        : "The control file's version \"" + version +
                                              "\" cannot be written as a semantic version.",
                        "Say it with --version, as three numbers: 1.2.3.");
        name_.version = *semantic;
        return {};
    }

    // META.json.
    void describe() {
        std::vector<std::string> system_libraries = std::move(meta_.system_libraries);
        meta_ = options_.meta.value_or(source_.suggested);
        meta_.system_libraries = std::move(system_libraries);
        meta_.name = name_.name;
        meta_.version = name_.version;
        const ReceiptExtension *extension = main_extension();
        if (!options_.abstract.empty()) meta_.abstract = options_.abstract;
        if (meta_.abstract.empty() && extension != nullptr) meta_.abstract = extension->comment;
        if (meta_.abstract.empty()) meta_.abstract = name_.name;
        if (!options_.license.empty()) meta_.license = options_.license;
        if (!options_.homepage.empty()) meta_.homepage = options_.homepage;
        if (!options_.maintainer.empty())
            meta_.maintainers = {parse_maintainer(options_.maintainer)};
        if (meta_.license.empty())
            remarks_.push_back("Its license is not stated; say it with --license.");
        if (meta_.maintainers.empty())
            remarks_.push_back("Its maintainer is not stated; say it with --maintainer.");
        describe_contents();
        describe_requirements();
    }

    void describe_contents() {
        meta_.extensions.clear();
        meta_.modules.clear();
        std::set<std::string> used;
        for (const ReceiptExtension &extension : inspection_.extensions) {
            MetaExtension entry;
            for (const NamedControlFile &control : controls_)
                if (control.name.extension == extension.name && control.name.version.empty())
                    entry.control = "pgsql/" + control.path;
            const std::string directory = extension.directory.empty()
                                              ? parent_path(entry.control)
                                              : "pgsql/share/" + extension.directory;
            entry.sql = join_path(directory, first_script(extension, directory));
            entry.abstract = extension.comment;
            meta_.extensions.emplace(extension.name, std::move(entry));
            used.insert(extension.libraries.begin(), extension.libraries.end());
        }
        for (const ReceiptModule &module : inspection_.modules) {
            const std::string name = library_name(file_name(module.path));
            MetaModule entry;
            entry.type = used.contains(name) ? "extension" : "hook";
            entry.library = "pgsql/pkg" + parent_path(module.path) + "/" + name;
            if (module.preload) entry.preload = "server";
            meta_.modules.emplace(name, std::move(entry));
        }
    }

    std::string first_script(const ReceiptExtension &extension,
                             const std::string &directory) const {
        std::vector<std::string> names;
        for (const auto &[path, file] : files_)
            if (parent_path(path) == directory) names.push_back(file_name(path));
        const std::vector<std::string> scripts =
            scripts_to_create(extension.name, extension.default_version, names);
        if (!scripts.empty()) return scripts.front();
        for (const std::string &name : names)
            if (name.starts_with(extension.name + "--")) return name;
        return {};
    }

    void describe_requirements() {
        for (const ReceiptExtension &extension : inspection_.extensions)
            for (const std::string &required : extension.requires_)
                if (!meta_.extensions.contains(required))
                    meta_.run_requires.try_emplace(package_url_of_extension(required), "0");
    }

    const PackSource &source_;
    const PackOptions &options_;
    const std::string stage_, scratch_;
    FileSystem &fs_;
    Reporter &reporter_;

    std::map<std::string, BundleSourceFile> files_;  // of the bundle
    std::vector<ReceiptFile> staged_;
    std::set<unsigned> majors_;  // that modules were built for
    std::vector<NamedControlFile> controls_;
    Inspection inspection_;
    BundleName name_;
    Meta meta_;
    std::vector<std::string> remarks_;
    std::vector<std::string> private_libraries_;
};

}  // namespace

Result<PackResult> pack(const PackSource &source, const PackOptions &options,
                        const std::string &scratch, FileSystem &fs, Reporter &reporter) {
    return Packer(source, options, scratch, fs, reporter).run();
}

}  // namespace pgx
