// integrity.h - installed files held against the catalog.
#pragma once

#include <string>
#include <vector>

#include "core/base/directory_layout.h"
#include "core/base/result.h"
#include "extension/progress.h"

namespace pgx {

// A file that is not as pgx.files says.
struct Deviation {
    std::string package;
    std::string path;    // relative to the version directory
    std::string status;  // "missing", "changed", "wrong mode", "wrong owner", "not a file"
    std::string detail;
};

struct CheckedPackage {
    std::string package;
    std::size_t files = 0;
    std::vector<Deviation> deviations;
};

// Compares every file's hash, size, mode and owner with what was recorded, and looks for the
// receipt. All packages if `package` is empty. Can be interrupted.
Result<std::vector<CheckedPackage>> check_files(const std::string &package,
                                                const DirectoryLayout &layout);

// Files below the version directory that no installed package owns.
Result<std::vector<std::string>> orphan_files(const DirectoryLayout &layout);

// Removes them, control files first. The caller holds the cluster lock and has adopted what can be
// adopted. Returns their number.
Result<std::size_t> remove_orphans(const DirectoryLayout &layout);

// Makes the files of these packages equal to the catalog again: fetches the artifacts by their
// recorded digest, from the cache where they are there, and replaces what deviates. The catalog
// says what is right and is not changed, so this needs no journal and works on a standby: whatever
// part of it has happened is a step in the right direction. The caller holds the cluster lock.
// Returns the number of files written.
Result<std::size_t> restore_files(const std::vector<CheckedPackage> &packages,
                                  const DirectoryLayout &layout, ProgressSlot &progress);

}  // namespace pgx
