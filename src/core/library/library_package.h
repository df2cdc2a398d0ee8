// library_package.h - a library package on the disk: its shared libraries, unpacked with the care
// of unpack.h and under names of our own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/result.h"
#include "core/registry/links.h"

namespace pgx {

struct UnpackedFile {
    std::string path;    // on the disk
    std::string sha256;  // of its content
};

class LibraryPackageFiles {
   public:
    // Writes all shared libraries of the .deb, and the files below `data_directory`
    // ("usr/share/proj"; empty: none), into `directory`, which it makes. artifact_malformed,
    // artifact_unsafe, disk_full as with every archive.
    static Result<LibraryPackageFiles> unpack(FileSystem &fs, const std::string &deb_path,
                                              const std::string &directory,
                                              std::string_view data_directory = {});

    // The shared library of this file name, also when that is a link's; nullopt when there is none.
    // Of several, the one that is nearest to the root. artifact_unsafe: a link that leads out of
    // the package.
    Result<std::optional<UnpackedFile>> find(std::string_view name) const;

    // The data files, by their paths below the data directory.
    const std::map<std::string, UnpackedFile> &data() const { return data_; }

   private:
    std::map<std::string, UnpackedFile> libraries_;  // by path in the archive
    std::map<std::string, UnpackedFile> data_;
    LinkMap links_;
};

}  // namespace pgx
