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
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/protocol.h"
#include "core/base/receipt.h"
#include "core/base/result.h"
#include "core/library/host_libraries.h"
#include "core/library/library_index.h"

namespace pgx {

// Where library packages come from.
class LibrarySource {
   public:
    virtual ~LibrarySource() = default;
    // What there is; the signed metadata of the package's own registry.
    virtual Result<const LibraryIndex *> index() = 0;
    // The file of a package, downloaded and checked against size and digest.
    virtual Result<std::string> get(const ReceiptLibrary &package) = 0;
};

struct PackageOnDisk {
    std::string directory;                         // with share/ and lib/
    std::string artifact;                          // the package's own file, a .deb
    std::function<Result<std::string>()> depends;  // of its control file; asked for when needed
    // What it was installed with before: exactly that is brought again, whatever the host or the
    // registry have now. Empty: to be found out.
    std::vector<ReceiptLibrary> recorded;
    bool is_recorded = false;
};

// Brings along what is missing, and changes the modules that need it, and makes sibling libraries
// of the package find each other. `receipt` then has the new and changed files, synced, and the
// library packages. `scratch` is a directory that exists, for files on their way.
//
// wrong_platform: a newer C library (or the like) is needed. dependency_missing: a library is
// nowhere. And what download and unpacking can fail with.
Result<void> add_private_libraries(Receipt &receipt, const PackageOnDisk &package,
                                   HostLibraries &host, LibrarySource &source,
                                   const std::string &scratch, FileSystem &fs, Reporter &reporter);

}  // namespace pgx
