// dynamic_table.h - what the dynamic linker reads of a library or program, without loading it.
//
// elf.h answers what a PostgreSQL module is. This answers what it and the libraries that it needs
// ask of each other: names, versions of symbols, and the symbols themselves.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace pgx {

struct DynamicSymbol {
    std::string name;
    bool defined = false;
    bool strong = false;  // defined, and neither weak nor STB_GNU_UNIQUE
    std::string library;  // undefined with a version: the library that the version is of
};

struct DynamicTable {
    unsigned machine = 0;             // e_machine
    unsigned bits = 0;                // 32, 64
    std::string soname;               // DT_SONAME, may be empty
    std::vector<std::string> needed;  // DT_NEEDED
    std::string rpath, runpath;       // DT_RPATH, DT_RUNPATH
    // Versions of symbols that it needs, by library: "libc.so.6" to "GLIBC_2.38". Weak needs, which
    // the dynamic linker puts up with, are not there.
    std::map<std::string, std::set<std::string>> version_needs;
    std::set<std::string> version_definitions;
    std::vector<DynamicSymbol> symbols;  // only when they were asked for
};

enum class Symbols { skip, read };

// `path` is opened read-only, links are followed; `name` is for messages. artifact_malformed when
// it is not an ELF file with a dynamic section.
Result<DynamicTable> read_dynamic_table(const std::string &path, std::string_view name,
                                        Symbols symbols = Symbols::skip);

}  // namespace pgx
