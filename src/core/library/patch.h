// patch.h - the changes that pgx makes to libraries, by patchelf.
//
// A module that needs a private library has to find it (DT_RPATH) and ask for it by its private
// name (DT_NEEDED); the library has to have that name (DT_SONAME), or the dynamic linker would take
// another of the old name that is loaded already. Names alone do not keep two builds of one library
// apart: PostgreSQL loads modules with RTLD_GLOBAL, so every function of the first build is found
// before that of the second (measured). Therefore the symbols of private libraries get private
// names as well, in the libraries and in what uses them.
//
// DT_RPATH and not DT_RUNPATH: the latter does not serve the dependencies of dependencies.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/result.h"

namespace pgx {

struct ElfPatch {
    std::string soname;                         // empty: as it is
    std::map<std::string, std::string> needed;  // old name to new name
    std::string rpath;                          // empty: as it is
    std::map<std::string, std::string> symbols;
};

// dependency_missing when this host has no patchelf.
Result<void> check_patchelf();

// Changes the file at `path`; `name` is for messages, `scratch` a directory for a temporary file.
// The result depends on nothing but the file and the patch (and patchelf). artifact_malformed when
// patchelf refuses the file, or left something undone; disk_full.
Result<void> patch_elf(FileSystem &fs, const std::string &path, const std::string &name,
                       const ElfPatch &patch, const std::string &scratch);

}  // namespace pgx
