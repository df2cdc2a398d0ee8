// elf.h - what the headers of a loadable library tell, without loading it.
//
// dlopen() would run the library's constructors before anything can be checked, so what has to be
// known is read from the file: whether it is for this machine, what it needs, whether it is a
// PostgreSQL module, for which major, and whether it insists on shared_preload_libraries.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace pgx {

struct ElfModule {
    unsigned machine = 0;  // e_machine
    unsigned bits = 0;     // 32, 64
    bool little_endian = true;
    std::string soname;               // DT_SONAME, may be empty
    std::vector<std::string> needed;  // DT_NEEDED
    std::string rpath, runpath;       // DT_RPATH, DT_RUNPATH
    std::string glibc;  // the newest glibc version that it needs ("2.34"), empty: none is named
    bool postgres_module = false;  // defines Pg_magic_func
    // From the magic block in its data, when exactly one is there; a module built by a vendor that
    // changed the block's ABI text has none that can be told from chance.
    std::optional<unsigned> postgres_major;
    bool output_plugin = false;   // defines _PG_output_plugin_init: logical replication loads it
    bool archive_module = false;  // defines _PG_archive_module_init: the archiver loads it
    // A module that does something when it is loaded (_PG_init) and has no functions for SQL
    // (pg_finfo_...), nor is it one of the above.
    bool hook = false;
    // It asks the server whether shared_preload_libraries are being processed, and has a message
    // ready that says that it must be. A module that is merely useless without being preloaded
    // cannot be told from one that is not.
    bool needs_preload = false;
};

// `path` is opened read-only, `name` is for messages. artifact_malformed when it is not a whole ELF
// shared library.
Result<ElfModule> read_elf(const std::string &path, std::string_view name);

// wrong_platform when the module is for another machine than `architecture`, Debian's word
// ("amd64"). An architecture that this table does not know is not checked.
Result<void> check_architecture(const ElfModule &module, std::string_view architecture,
                                std::string_view name);

// Debian's word for the machine that the module is for, empty when the table does not have it. Of
// the words that cannot be told apart by an ELF header's first fields ("armel" and "armhf") the
// second.
std::string architecture_of(const ElfModule &module);

// Whether a message of a module tells that it must be loaded through shared_preload_libraries. Only
// for elf.cpp and tests.
bool demands_preload(std::string_view message);

}  // namespace pgx
