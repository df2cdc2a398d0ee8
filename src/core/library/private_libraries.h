// private_libraries.h - the system libraries that a package's modules need and this host lacks.
//
// A distribution's package manager would install them for everybody, with root. Here they come out
// of their packages in the same signed repository and lie beside the modules, for this package
// only:
//
//     lib/semver.so                                     DT_RPATH $ORIGIN/<package>/lib
//     lib/<package>/lib/libproj-1a2b3c4d.so.25          DT_RPATH $ORIGIN
//     lib/<package>/share/proj/proj.db                  what that library finds relative to itself
//
// A bundle has them in itself, made by the same code when it was packed (bundle/file_libraries.h).
//
// as auditwheel and delocate do for Python. Each package has libraries of its own, even when
// another one has the same: what is removed, updated or repaired concerns one package. "1a2b3c4d"
// stands for the package and all that it brings, so that two packages never share a loaded library
// unless they agree on everything.
//
// What the host has is used, and so its package manager keeps it safe; but not when it lacks a
// version of a symbol that is needed. The C library, the compiler's libraries and what the server
// has loaded cannot be brought along: needing a newer one is an error, before anything is written.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/protocol.h"
#include "core/base/receipt.h"
#include "core/base/result.h"
#include "core/library/host_libraries.h"
#include "core/library/library_data.h"
#include "core/library/library_index.h"

namespace pgx {

// A file on the disk that becomes a private library, or files that a library needs.
struct LooseLibrary {
    std::string path;
    ReceiptLibrary package;  // for messages and the record; of no package: its name is empty
};
struct LooseData {
    std::map<std::string, std::string> files;  // path below the data's place to path on the disk
    ReceiptLibrary package;
};

// Where libraries come from. As it is here, it has none: what the host lacks is an error then.
class LibrarySource {
   public:
    virtual ~LibrarySource() = default;
    // A sentence each, for a library that is not found: where it was looked for, what to do.
    // `packages` are those that might have had it.
    virtual std::string nowhere(const std::vector<std::string> &packages);
    virtual std::string remedy() const;
    // The packages there are; of a registry, its signed metadata.
    virtual Result<const LibraryIndex *> index();
    // The file of a package, downloaded and checked against size and digest.
    virtual Result<std::string> get(const ReceiptLibrary &package);
    // A library that needs no package to be looked for, and data of one; these are asked for first.
    // `directories` are where the library that needs it was built to look.
    virtual Result<std::optional<LooseLibrary>> find(const std::string &soname,
                                                     const std::vector<std::string> &directories);
    virtual Result<std::optional<LooseData>> find_data(const LibraryData &data);

   private:
    const LibraryIndex none_;
};

struct PackageOnDisk {
    std::string directory;  // with share/ and lib/
    std::string artifact;   // the package's own file, a .deb; empty: no libraries are in it
    std::function<Result<std::string>()> depends;  // of its control file; asked for when needed
    // What it was installed with before: exactly that is brought again, whatever the host or the
    // registry have now. Empty: to be found out.
    std::vector<ReceiptLibrary> recorded;
    bool is_recorded = false;
};

// Brings along what is missing, and changes the modules that need it, and makes sibling libraries
// of the package find each other. What a bundle has below lib/<package>/lib is there already and
// stays as it is. `receipt` then has the new and changed files, synced, and the
// library packages. `scratch` is a directory that exists, for files on their way.
//
// wrong_platform: a newer C library (or the like) is needed. dependency_missing: a library is
// nowhere. And what download and unpacking can fail with.
Result<void> add_private_libraries(Receipt &receipt, const PackageOnDisk &package,
                                   HostLibraries &host, LibrarySource &source,
                                   const std::string &scratch, FileSystem &fs, Reporter &reporter);

}  // namespace pgx
