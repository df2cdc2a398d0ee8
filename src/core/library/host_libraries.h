// host_libraries.h - which shared libraries this host has, and in which versions of their symbols.
//
// The dynamic linker finds a library in its cache (ldconfig prints it), then in its default
// directories. The same is done here, by file names and ELF headers; nothing is loaded. What the
// server's own program needs counts as loaded already, wherever it lies.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/library/dynamic_table.h"

namespace pgx {

// The C library's and the compiler's own libraries, and the dynamic linker: there is one of each in
// a process, and it is the host's.
bool is_core_library(std::string_view soname);

class HostLibraries {
   public:
    // `cache` has paths by soname, `directories` is where a name is looked for otherwise. `machine`
    // and `bits` are of the libraries that count.
    HostLibraries(std::multimap<std::string, std::string> cache,
                  std::vector<std::string> directories, unsigned machine, unsigned bits)
        : cache_(std::move(cache)),
          directories_(std::move(directories)),
          machine_(machine),
          bits_(bits) {}

    // This host's. `server` is the path of the server's program; empty: nothing is loaded.
    static HostLibraries of_this_host(const std::string &server);

    // Forgets all libraries but those that are in every process of the server: the core ones, and
    // what its program has loaded. So does a bundle that is to work on other hosts.
    void keep_server_only() { server_only_ = true; }

    // Where the library is, nullopt when the host does not have it. `directories` are looked at
    // first, as those of a DT_RPATH are.
    std::optional<std::string> find(const std::string &soname,
                                    const std::vector<std::string> &directories = {});

    // Whether the server's program has loaded it, directly or not.
    bool is_loaded(const std::string &soname) const { return loaded_.contains(soname); }

    // Whether the server's program itself defines this symbol. Modules, and libraries too, then get
    // the program's, whatever else defines it.
    bool is_of_program(const std::string &symbol) const {
        return program_symbols_.contains(symbol);
    }

    // The versions of symbols that the library at this path defines; empty when it has none.
    const std::set<std::string> &versions(const std::string &path);

    // Takes the libraries that a program needs, and those that they need, for loaded.
    void load(const std::string &program);

   private:
    bool fits(const std::string &path);
    const DynamicTable *table(const std::string &path);

    std::multimap<std::string, std::string> cache_;
    std::vector<std::string> directories_;
    unsigned machine_, bits_;
    bool server_only_ = false;
    std::map<std::string, std::string> loaded_;  // soname to path
    std::set<std::string> program_symbols_;
    std::map<std::string, std::optional<DynamicTable>> tables_;
};

// What "ldconfig -p" prints, as paths by soname.
std::multimap<std::string, std::string> parse_linker_cache(std::string_view text);

// The absolute directories of a DT_RPATH or DT_RUNPATH; those with "$ORIGIN" are left out.
std::vector<std::string> absolute_directories(std::string_view search_path);

}  // namespace pgx
