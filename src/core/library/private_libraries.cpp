// private_libraries.cpp - the closure of what is needed, then the changes that make it work.
//
// A list of objects grows while it is gone through: modules first, then each library that one of
// them needs and the host lacks, so that every object is looked at once, and why it is there is
// known. Nothing is changed before the list is complete, because the names that libraries get
// depend on all of them. Packages are looked for by name before any is downloaded: a repository
// says what its packages are called and depend on, and not which libraries they hold.
#include "core/library/private_libraries.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "core/base/debian_relation.h"
#include "core/base/debian_version.h"
#include "core/base/names.h"
#include "core/library/dynamic_table.h"
#include "core/library/library_data.h"
#include "core/library/library_names.h"
#include "core/library/library_package.h"
#include "core/library/opened_libraries.h"
#include "core/library/patch.h"
#include "core/registry/disk_space.h"
#include "core/registry/sha256.h"

namespace pgx {

namespace {

// A soname that nobody has costs a download of every package that could have it; and no real chain
// is near either.
constexpr std::size_t most_candidates = 24;
constexpr std::size_t most_libraries = 500;

std::string file_name(std::string_view path) {
    return std::string(path.substr(path.rfind('/') + 1));
}

// A package that was downloaded to look for libraries in it.
struct Opened {
    ReceiptLibrary package;
    std::string depends;
    LibraryPackageFiles files;
};

// A module, a sibling library, or a private library.
struct Object {
    std::string name;  // file name, or the name that it is needed by
    std::string path;  // on the disk
    std::string sha256;
    std::string from;       // the package that it is of, for messages
    std::string depends;    // of that package, if it is a private library
    std::string needed_by;  // why it is there, for messages
    DynamicTable table;
    ReceiptFile *file = nullptr;  // of those that were there; null: a private library
    Opened *opened = nullptr;     // where a private library is from
    bool uses_sibling = false;
    bool opens_private = false;  // by dlopen(), see opened_libraries.h
    std::string opened_as;       // the name that a module opens it by; empty: it is linked with
};

class Bringer {
   public:
    Bringer(Receipt &receipt, const PackageOnDisk &package, HostLibraries &host,
            LibrarySource &source, const std::string &scratch, FileSystem &fs, Reporter &reporter)
        : receipt_(receipt),
          package_(package),
          host_(host),
          source_(source),
          scratch_(scratch),
          fs_(fs),
          reporter_(reporter) {}

    Result<void> run() {
        TRY(take_modules());
        // The list grows while it is gone through; what is in it does not move.
        for (std::size_t i = 0; i < objects_.size(); ++i) TRY(look_at(objects_[i]));
        const bool siblings = std::ranges::any_of(objects_, &Object::uses_sibling);
        if (private_.empty() && !siblings) return {};
        TRY(check_patchelf());
        TRY(make_tag());
        choose_symbols();
        TRY(bring_data());
        for (const Object &object : objects_) TRY(finish(object));
        TRY(sync_files(fs_, changed_));
        receipt_.files.insert(receipt_.files.end(), added_.begin(), added_.end());
        std::ranges::sort(receipt_.files, {}, &ReceiptFile::path);
        for (auto &[key, library] : brought_) receipt_.libraries.push_back(std::move(library));
        std::ranges::sort(receipt_.libraries, {}, &ReceiptLibrary::package);
        return {};
    }

   private:
    Result<void> take_modules() {
        for (ReceiptFile &file : receipt_.files) {
            if (file.kind != FileKind::library) continue;
            const bool bundled = parent_path(file.path) == "lib/" + receipt_.package + "/lib";
            if (!bundled && parent_path(file.path) != "lib") continue;
            Object object;
            object.name = file_name(file.path);
            object.path = join_path(package_.directory, file.path);
            object.sha256 = file.sha256;
            object.from = receipt_.package;
            object.file = &file;
            object.table = TRY(read_dynamic_table(object.path, object.name, Symbols::read));
            (bundled ? bundled_ : siblings_).insert(object.name);
            objects_.push_back(std::move(object));
        }
        return {};
    }

    Result<void> look_at(Object &object) {
        const std::vector<std::string> directories =
            absolute_directories(object.table.rpath + ":" + object.table.runpath);
        for (const std::string &needed : object.table.needed) {
            if (bundled_.contains(needed)) continue;
            if (siblings_.contains(needed)) {
                object.uses_sibling = !looks_beside_itself(object.table);
                continue;
            }
            if (private_.contains(needed) || needed.find('/') != std::string::npos) continue;
            if (TRY(is_on_host(needed, object, directories))) continue;
            TRY(bring(needed, object, directories));
        }
        if (object.file == nullptr) return {};
        for (const OpenedLibrary &opened : opened_libraries(object.name))
            TRY(look_at_opened(object, opened, directories));
        return {};
    }

    // One that is nowhere is no error: the module may do without until it is used.
    Result<void> look_at_opened(Object &object, const OpenedLibrary &opened,
                                const std::vector<std::string> &directories) {
        const std::string name(opened.name), library(opened.library);
        if (bundled_.contains(name) || private_.contains(library)) return {};
        const bool wanted = package_.is_recorded ? is_recorded(library) : !host_.find(name);
        if (!wanted) return {};
        if (auto brought = bring(library, object, directories); !brought) {
            if (brought.error().code != ErrorCode::dependency_missing)
                return fail(std::move(brought).error());
            reporter_.notice("library \"" + name + "\" is missing",
                             "\"" + object.name + "\" opens it when it runs.",
                             "Have it installed on the server's host.");
            return {};
        }
        objects_.back().opened_as = name;
        // A reference into a deque stays what it is when the deque grows.
        object.opens_private = true;
        return {};
    }

    bool is_recorded(const std::string &soname) const {
        return std::ranges::any_of(package_.recorded, [&](const ReceiptLibrary &library) {
            return std::ranges::find(library.names, soname) != library.names.end();
        });
    }

    // DT_RUNPATH would hide it, and serves no dependencies of dependencies.
    static bool looks_beside_itself(const DynamicTable &table) {
        const std::string path = ":" + table.rpath + ":";
        return table.runpath.empty() && path.find(":$ORIGIN:") != std::string::npos;
    }

    // Whether the host's library will do.
    Result<bool> is_on_host(const std::string &soname, const Object &object,
                            const std::vector<std::string> &directories) {
        if (package_.is_recorded) return !is_recorded(soname);
        const std::optional<std::string> path = host_.find(soname, directories);
        const bool fixed = is_core_library(soname) || host_.is_loaded(soname);
        if (!path) {
            if (!fixed) return false;
            return fail(
                ErrorCode::wrong_platform,
                "library \"" + object.name + "\" is for another kind of system",
                reason(object) + "It needs \"" + soname + "\", which this host does not have.");
        }
        const std::set<std::string> &there = host_.versions(*path);
        const auto needs = object.table.version_needs.find(soname);
        // The dynamic linker lets a library without versions pass, too.
        if (there.empty() || needs == object.table.version_needs.end()) return true;
        for (const std::string &version : needs->second) {
            if (there.contains(version)) continue;
            if (!fixed) return false;
            return fail(
                ErrorCode::wrong_platform,
                "library \"" + object.name + "\" needs a newer \"" + soname +
                    "\" than this host has",
                reason(object) + "It needs version " + version + "; the newest on this host is " +
                    newest_like(there, version) + ".",
                "Install a version that was built for this host's release, or upgrade the host.");
        }
        return true;
    }

    // Of "GLIBC_2.17", "GLIBC_2.36" and "GLIBC_PRIVATE" the second, when the other begins with
    // "GLIBC_".
    static std::string newest_like(const std::set<std::string> &versions, const std::string &like) {
        const std::string prefix = like.substr(0, like.find_first_of("0123456789"));
        std::string newest;
        for (const std::string &version : versions) {
            if (!version.starts_with(prefix) || version.size() == prefix.size() ||
                version[prefix.size()] < '0' || version[prefix.size()] > '9')
                continue;
            if (newest.empty() || compare_debian_versions(version.substr(prefix.size()),
                                                          newest.substr(prefix.size())) > 0)
                newest = version;
        }
        return newest.empty() ? "older" : newest;
    }

    // Why an object is there, as a sentence; a module speaks for itself.
    static std::string reason(const Object &object) {
        return object.needed_by.empty() ? std::string() : object.needed_by + " ";
    }

    Result<void> bring(const std::string &soname, const Object &user,
                       const std::vector<std::string> &directories) {
        if (private_.size() == most_libraries)
            return fail(ErrorCode::limit_exceeded,
                        "package \"" + receipt_.package + "\" needs too many libraries");
        const std::string of = user.from.empty() ? "" : " of package \"" + user.from + "\"";
        const std::string why =
            reason(user) + "\"" + user.name + "\"" + of + " needs \"" + soname + "\".";
        // The user's own package may have it: one that holds several libraries, or the extension's,
        // where the server does not look.
        Opened *own = user.opened;
        if (own == nullptr && !package_.artifact.empty()) own = TRY(open(own_package(), ""));
        if (own != nullptr && TRY(take(*own, soname, why))) return {};
        if (const auto loose = TRY(source_.find(soname, directories))) {
            Object object;
            object.path = loose->path;
            object.sha256 = TRY(sha256_of_file(fs_, loose->path));
            object.from = loose->package.package;
            return take(std::move(object), loose->package, soname, why);
        }
        for (const LibraryPackage &candidate : TRY(candidates(soname, user))) {
            Opened *opened = TRY(open(as_recorded(candidate), candidate.depends));
            if (TRY(take(*opened, soname, why))) return {};
        }
        return fail(ErrorCode::dependency_missing, "library \"" + soname + "\" is missing",
                    why + " " + (unsuitable_.empty() ? source_.nowhere(asked_for_) : unsuitable_),
                    source_.remedy());
    }

    ReceiptLibrary own_package() const {
        return {receipt_.package,
                receipt_.version,
                receipt_.artifact_url,
                receipt_.artifact_sha256,
                receipt_.signer,
                receipt_.artifact_size,
                {}};
    }

    static ReceiptLibrary as_recorded(const LibraryPackage &package) {
        return {package.package, package.version, package.url, package.sha256,
                package.signer,  package.size,    {}};
    }

    // Whether a package is one that Depends allow, by its name, or by one that it provides. A
    // version is asked for where an older library of the same name would not do.
    bool is_suitable(const LibraryPackage &package,
                     const std::vector<DebianAlternatives> &depends) {
        const std::vector<DebianAlternatives> provided = parse_debian_relations(package.provides);
        const DebianRelation *unmet = nullptr;
        for (const DebianAlternatives &alternatives : depends) {
            const DebianRelation *of_this = nullptr;
            bool is_met = false;
            for (const DebianRelation &relation : alternatives) {
                if (relation.package == package.package) {
                    of_this = &relation;
                    is_met = is_met || relation.holds_for(package.version);
                }
                for (const DebianAlternatives &one : provided) {
                    if (relation.package != one.front().package) continue;
                    if (of_this == nullptr) of_this = &relation;
                    // What is provided without a version meets no relation with one.
                    is_met =
                        is_met || relation.comparison.empty() ||
                        (!one.front().version.empty() && relation.holds_for(one.front().version));
                }
            }
            if (of_this != nullptr && !is_met) unmet = of_this;
        }
        if (unmet == nullptr) return true;
        unsuitable_ = "It depends on \"" + unmet->text() + "\", and what the registry has is \"" +
                      package.package + "\" " + package.version + ".";
        return false;
    }

    // Packages that may have a library, the likely ones first.
    Result<std::vector<LibraryPackage>> candidates(const std::string &soname, const Object &user) {
        std::vector<LibraryPackage> found;
        unsuitable_.clear();
        if (package_.is_recorded) {
            for (const ReceiptLibrary &library : package_.recorded)
                if (std::ranges::find(library.names, soname) != library.names.end())
                    found.push_back({library.package, library.version, "", "", library.url,
                                     library.sha256, library.signer, library.size});
            return found;
        }
        const LibraryIndex *index = TRY(source_.index());
        // What a package links with is in its Depends, because that is made from DT_NEEDED.
        const std::string field = user.file != nullptr ? TRY(package_.depends()) : user.depends;
        const std::vector<DebianAlternatives> depends = parse_debian_relations(field);
        std::vector<std::string> names = packages_in_depends(field);
        std::ranges::stable_sort(names, std::ranges::greater(), [&](const std::string &name) {
            return package_likelihood(name, soname);
        });
        for (std::string &name : usual_package_names(soname)) names.push_back(std::move(name));
        asked_for_ = names;
        std::set<std::string> seen;
        const auto add = [&](LibraryPackage package) {
            if (found.size() < most_candidates && seen.insert(package.package).second &&
                is_suitable(package, depends))
                found.push_back(std::move(package));
        };
        for (const std::string &name : names) {
            if (std::optional<LibraryPackage> package = index->find(name))
                add(std::move(*package));
            else
                for (LibraryPackage &provider : index->providers(name)) add(std::move(provider));
        }
        return found;
    }

    // Downloaded and unpacked, once.
    Result<Opened *> open(ReceiptLibrary package, const std::string &depends,
                          std::string_view data_directory = {}) {
        const std::string key = package.sha256 + std::string(data_directory);
        if (const auto found = opened_.find(key); found != opened_.end()) return &found->second;
        const bool is_own = package.sha256 == receipt_.artifact_sha256;
        const std::string path = is_own ? package_.artifact : TRY(source_.get(package));
        reporter_.progress("unpack", package.package, 0, package.size);
        auto files = LibraryPackageFiles::unpack(
            fs_, path, join_path(scratch_, std::to_string(opened_.size() + 1)), data_directory);
        if (!files)
            return fail(std::move(files).error().prefixed("could not unpack package \"" +
                                                          package.package + "\""));
        return &opened_.emplace(key, Opened{std::move(package), depends, std::move(*files)})
                    .first->second;
    }

    // Makes a library of this package a private one, if it has it.
    Result<bool> take(Opened &opened, const std::string &soname, const std::string &why) {
        const std::optional<UnpackedFile> file = TRY(opened.files.find(soname));
        if (!file) return false;
        Object object;
        object.path = file->path;
        object.sha256 = file->sha256;
        object.from = opened.package.package;
        object.opened = &opened;
        object.depends = opened.depends;
        TRY(take(std::move(object), opened.package, soname, why));
        return true;
    }

    Result<void> take(Object object, const ReceiptLibrary &package, const std::string &soname,
                      const std::string &why) {
        object.name = soname;
        object.needed_by = why;
        object.table = TRY(read_dynamic_table(object.path, soname, Symbols::read));
        record(package, soname);
        private_.emplace(soname, std::string());
        objects_.push_back(std::move(object));
        return {};
    }

    void record(const ReceiptLibrary &package, const std::string &name) {
        ReceiptLibrary &entry = brought_.try_emplace(package.package, package).first->second;
        entry.names.push_back(name);
        std::ranges::sort(entry.names);
    }

    // The tag, and with it the private names.
    Result<void> make_tag() {
        std::map<std::string, std::string> digests;
        for (const Object &object : objects_)
            if (object.file == nullptr) digests[object.name] = object.sha256;
        Sha256 digest;
        // "2" is for the rules by which files are changed.
        digest.update("2\n" + receipt_.package + "\n");
        for (const auto &[name, sha256] : digests) digest.update(name + " " + sha256 + "\n");
        tag_ = TRY(digest.finish()).substr(0, 8);
        for (auto &[soname, name] : private_) name = private_name(soname, tag_);
        for (const Object &object : objects_)
            if (!object.opened_as.empty()) private_[object.name] = object.opened_as;
        return {};
    }

    // The symbols that get private names: all that private libraries define, apart from what the
    // server's program or a module defines itself and would have been used instead (libpcp has an
    // errstart() of its own).
    void choose_symbols() {
        for (const Object &object : objects_)
            if (object.file == nullptr && object.opened_as.empty())
                for (const DynamicSymbol &symbol : object.table.symbols)
                    if (symbol.defined && symbol.name != "_init" && symbol.name != "_fini" &&
                        !host_.is_of_program(symbol.name))
                        symbols_.insert(symbol.name);
        for (const Object &object : objects_)
            if (object.file != nullptr)
                for (const DynamicSymbol &symbol : object.table.symbols)
                    if (symbol.strong) symbols_.erase(symbol.name);
        // Those are asked for by their names.
        for (const Object &object : objects_)
            if (!object.opened_as.empty())
                for (const DynamicSymbol &symbol : object.table.symbols)
                    if (symbol.defined) symbols_.erase(symbol.name);
    }

    ElfPatch patch_for(const Object &object) const {
        ElfPatch patch;
        for (const std::string &needed : object.table.needed)
            if (const auto found = private_.find(needed); found != private_.end())
                patch.needed[needed] = found->second;
        for (const DynamicSymbol &symbol : object.table.symbols) {
            // With a version of a library that is not private it is that library's.
            if (!symbols_.contains(symbol.name) ||
                (!symbol.library.empty() && !private_.contains(symbol.library)))
                continue;
            patch.symbols[symbol.name] = symbol.name + "_pgx" + tag_;
        }
        if (object.file == nullptr) {
            patch.soname = private_.at(object.name);
            patch.rpath = "$ORIGIN";
            return patch;
        }
        if (patch.needed.empty() && !object.uses_sibling && !object.opens_private) return patch;
        if (!private_.empty()) patch.rpath = "$ORIGIN/" + receipt_.package + "/lib";
        if (object.uses_sibling) patch.rpath += patch.rpath.empty() ? "$ORIGIN" : ":$ORIGIN";
        // Where it was built to look for what the host has.
        for (const std::string &directory :
             absolute_directories(object.table.rpath + ":" + object.table.runpath))
            patch.rpath += ":" + directory;
        return patch;
    }

    Result<void> finish(const Object &object) {
        const ElfPatch patch = patch_for(object);
        if (object.file != nullptr) {
            if (patch.rpath.empty() && patch.symbols.empty()) return {};
            TRY(patch_elf(fs_, object.path, object.name, patch, scratch_));
            object.file->original_sha256 = object.sha256;
            TRY(describe(*object.file));
            const auto module =
                std::ranges::find(receipt_.modules, object.file->path, &ReceiptModule::path);
            if (module != receipt_.modules.end())
                module->needed = TRY(read_dynamic_table(object.path, object.name)).needed;
            return {};
        }
        ReceiptFile file;
        file.path = "lib/" + receipt_.package + "/lib/" + patch.soname;
        file.kind = FileKind::library;
        file.mode = 0755;
        file.original_sha256 = object.sha256;
        TRY(place(object.path, file));
        TRY(patch_elf(fs_, join_path(package_.directory, file.path), object.name, patch, scratch_));
        TRY(describe(file));
        added_.push_back(std::move(file));
        return {};
    }

    // Copies a file to where it belongs.
    Result<void> place(const std::string &from, const ReceiptFile &file) {
        if (!is_clean_install_path(file.path))
            return fail(ErrorCode::artifact_unsafe, "name \"" + file_name(file.path) +
                                                        "\" has a character that is not allowed");
        const std::string path = join_path(package_.directory, file.path);
        TRY(fs_.make_directories(parent_path(path), 0755));
        if (const std::optional<FileInfo> info = TRY(fs_.info(from)))
            TRY(check_disk_space(parent_path(path), info->size,
                                 "file \"" + file_name(file.path) + "\""));
        const auto source = TRY(fs_.open(from));
        const std::unique_ptr<WritableFile> target = TRY(fs_.create(path, file.mode));
        std::string buffer(64 * 1024, '\0');
        while (true) {
            const std::size_t size = TRY(source->read(buffer.data(), buffer.size()));
            if (size == 0) return target->close();
            TRY(target->append(std::string_view(buffer).substr(0, size)));
        }
    }

    // Size and digest as the file is now.
    Result<void> describe(ReceiptFile &file) {
        const std::string path = join_path(package_.directory, file.path);
        const std::optional<FileInfo> info = TRY(fs_.info(path));
        if (!info) return fail(ErrorCode::io, "file \"" + path + "\" has vanished");
        file.size = info->size;
        file.sha256 = TRY(sha256_of_file(fs_, path));
        changed_.push_back(path);
        return {};
    }

    Result<void> place_data(const std::string &from, const std::string &path) {
        ReceiptFile file;
        file.path = "lib/" + receipt_.package + "/" + path;
        TRY(place(from, file));
        TRY(describe(file));
        added_.push_back(std::move(file));
        return {};
    }

    // Data that private libraries find relative to themselves.
    Result<void> bring_data() {
        std::set<std::string_view> done;
        for (const auto &[soname, name] : private_) {
            const LibraryData *data = library_data(soname);
            if (data == nullptr || !done.insert(data->place).second) continue;
            if (const auto loose = TRY(source_.find_data(*data))) {
                for (const auto &[path, from] : loose->files)
                    TRY(place_data(from, std::string(data->place) + "/" + path));
                record(loose->package, std::string(data->place));
                continue;
            }
            std::optional<LibraryPackage> package;
            if (package_.is_recorded) {
                for (const LibraryPackage &candidate :
                     TRY(candidates(std::string(data->place), objects_.front())))
                    package = candidate;
            } else {
                const LibraryIndex *index = TRY(source_.index());
                package = index->find(data->package);
                if (!package)
                    reporter_.notice("library \"" + soname + "\" comes without its data",
                                     "The registry does not have package \"" +
                                         std::string(data->package) + "\".",
                                     "");
            }
            if (!package) continue;
            Opened *opened = TRY(open(as_recorded(*package), package->depends, data->directory));
            for (const auto &[path, unpacked] : opened->files.data())
                TRY(place_data(unpacked.path, std::string(data->place) + "/" + path));
            record(opened->package, std::string(data->place));
        }
        return {};
    }

    Receipt &receipt_;
    const PackageOnDisk &package_;
    HostLibraries &host_;
    LibrarySource &source_;
    const std::string &scratch_;
    FileSystem &fs_;
    Reporter &reporter_;

    std::deque<Object> objects_;
    std::set<std::string> siblings_;              // file names
    std::set<std::string> bundled_;               // private libraries that a bundle came with
    std::map<std::string, std::string> private_;  // soname to private name
    std::map<std::string, Opened> opened_;
    std::map<std::string, ReceiptLibrary> brought_;
    std::set<std::string> symbols_;
    std::string tag_;
    std::vector<std::string> asked_for_;  // packages that might have had the library
    std::string unsuitable_;              // why a package that was looked at last will not do
    std::vector<ReceiptFile> added_;
    std::vector<std::string> changed_;
};

}  // namespace

Result<const LibraryIndex *> LibrarySource::index() { return &none_; }

std::string LibrarySource::nowhere(const std::vector<std::string> &) {
    return "Neither this host nor the registry has it.";
}

std::string LibrarySource::remedy() const {
    return "Have it installed on the server's host, then try again.";
}

Result<std::string> LibrarySource::get(const ReceiptLibrary &package) {
    return fail(ErrorCode::dependency_missing, "package \"" + package.package + "\" is missing");
}

Result<std::optional<LooseLibrary>> LibrarySource::find(const std::string &,
                                                        const std::vector<std::string> &) {
    return std::optional<LooseLibrary>{};
}

Result<std::optional<LooseData>> LibrarySource::find_data(const LibraryData &) {
    return std::optional<LooseData>{};
}

Result<void> add_private_libraries(Receipt &receipt, const PackageOnDisk &package,
                                   HostLibraries &host, LibrarySource &source,
                                   const std::string &scratch, FileSystem &fs, Reporter &reporter) {
    return Bringer(receipt, package, host, source, scratch, fs, reporter).run();
}

}  // namespace pgx
