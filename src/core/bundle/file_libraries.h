// file_libraries.h - libraries for a bundle, out of files: those of a folder that was given, which
// may hold libraries and packages of Debian's, and then those that this host has.
//
// A registry has signed packages to look in; whoever packs a bundle answers for its content, and
// what works on the machine where it was built and tested is what belongs into it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/library/host_libraries.h"
#include "core/library/library_package.h"
#include "core/library/private_libraries.h"

namespace pgx {

class FileLibraries : public LibrarySource {
   public:
    // `folder` empty: only the host. `scratch` exists, and takes what is unpacked.
    FileLibraries(FileSystem &fs, HostLibraries host, std::string folder, std::string scratch)
        : fs_(fs),
          host_(std::move(host)),
          folder_(std::move(folder)),
          scratch_(std::move(scratch)) {}

    std::string nowhere(const std::vector<std::string> &packages) override;
    std::string remedy() const override;
    Result<std::optional<LooseLibrary>> find(const std::string &soname,
                                             const std::vector<std::string> &directories) override;
    Result<std::optional<LooseData>> find_data(const LibraryData &data) override;

   private:
    Result<void> look_through();
    Result<void> walk(const std::string &directory, unsigned depth);
    Result<LibraryPackageFiles> unpack(const std::string &deb, std::string_view data_directory);

    FileSystem &fs_;
    HostLibraries host_;
    const std::string folder_, scratch_;
    bool looked_ = false;
    std::map<std::string, std::string> libraries_;       // of the folder: file name to path
    std::vector<std::string> debs_;                      // of the folder, sorted
    std::map<std::string, LibraryPackageFiles> opened_;  // by path of the .deb
    unsigned unpacked_ = 0;
};

}  // namespace pgx
