// file_libraries.cpp - a folder walked once, and the host asked as the dynamic linker would.
#include "core/bundle/file_libraries.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "core/library/library_names.h"

namespace pgx {

namespace {

constexpr unsigned deepest = 64;

std::string file_name(std::string_view path) {
    return std::string(path.substr(path.rfind('/') + 1));
}

// Without links: "libz.so.1" is one nearly always. Empty when it leads nowhere.
std::string real_file(const std::string &path) {
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(path, error);
    if (error || !std::filesystem::is_regular_file(real, error)) return {};
    return real.string();
}

ReceiptLibrary named(std::string package) {
    ReceiptLibrary library;
    library.package = std::move(package);
    return library;
}

// "libproj25_9.7.1-1_amd64.deb" holds package "libproj25".
std::string package_of(const std::string &deb) {
    const std::string name = file_name(deb);
    return name.substr(0, name.find('_'));
}

}  // namespace

std::string FileLibraries::nowhere(const std::vector<std::string> &) {
    return folder_.empty() ? "This host does not have it."
                           : "Neither directory \"" + folder_ + "\" nor this host has it.";
}

std::string FileLibraries::remedy() const {
    return "Name a directory that has it, or a package file of Debian's that does: --libraries "
           "DIRECTORY.";
}

Result<void> FileLibraries::walk(const std::string &directory, unsigned depth) {
    if (depth > deepest)
        return fail(ErrorCode::limit_exceeded, "directory \"" + directory + "\" is too deep");
    for (const std::string &name : TRY(fs_.list(directory))) {
        const std::string path = join_path(directory, name);
        const std::optional<FileInfo> info = TRY(fs_.info(path));
        if (!info) continue;
        if (info->type == FileType::directory) {
            TRY(walk(path, depth + 1));
        } else if (name.ends_with(".deb")) {
            debs_.push_back(path);
        } else if (is_shared_library_name(name)) {
            if (std::string real = real_file(path); !real.empty())
                libraries_.emplace(name, std::move(real));
        }
    }
    return {};
}

Result<void> FileLibraries::look_through() {
    if (looked_ || folder_.empty()) return {};
    const std::optional<FileInfo> info = TRY(fs_.info(folder_));
    if (!info || info->type != FileType::directory)
        return fail(ErrorCode::invalid_argument, "there is no directory \"" + folder_ + "\"");
    TRY(walk(folder_, 0));
    looked_ = true;
    return {};
}

Result<LibraryPackageFiles> FileLibraries::unpack(const std::string &deb,
                                                  std::string_view data_directory) {
    auto files = LibraryPackageFiles::unpack(
        fs_, deb, join_path(scratch_, "deb" + std::to_string(++unpacked_)), data_directory);
    if (!files)
        return fail(
            std::move(files).error().prefixed("could not unpack package file \"" + deb + "\""));
    return files;
}

Result<std::optional<LooseLibrary>> FileLibraries::find(
    const std::string &soname, const std::vector<std::string> &directories) {
    TRY(look_through());
    if (const auto found = libraries_.find(soname); found != libraries_.end())
        return LooseLibrary{found->second, named("")};
    for (const std::string &deb : debs_) {
        auto opened = opened_.find(deb);
        if (opened == opened_.end()) opened = opened_.emplace(deb, TRY(unpack(deb, {}))).first;
        if (const auto file = TRY(opened->second.find(soname)))
            return LooseLibrary{file->path, named(package_of(deb))};
    }
    if (const auto path = host_.find(soname, directories))
        if (const std::string real = real_file(*path); !real.empty())
            return LooseLibrary{real, named("")};
    return std::optional<LooseLibrary>{};
}

Result<std::optional<LooseData>> FileLibraries::find_data(const LibraryData &data) {
    TRY(look_through());
    for (const std::string &deb : debs_) {
        if (package_of(deb) != data.package) continue;
        const LibraryPackageFiles files = TRY(unpack(deb, data.directory));
        LooseData found{{}, named(package_of(deb))};
        for (const auto &[path, file] : files.data()) found.files[path] = file.path;
        return found;
    }
    LooseData found;
    const std::string directory = "/" + std::string(data.directory);
    for (const std::string &name : TRY(fs_.list(directory)))
        if (std::string real = real_file(join_path(directory, name)); !real.empty())
            found.files[name] = std::move(real);
    if (found.files.empty()) return std::optional<LooseData>{};
    return found;
}

}  // namespace pgx
