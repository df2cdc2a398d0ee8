// dependents.h - what of pgx's own would stop to work without an installed package.
//
// Three things tie packages together, and a package that none of them ties to another may go: an
// extension that requires one of its extensions; an extension whose scripts name a library of it
// (PostGIS has its scripts in one package and its library in another); and a package that depends
// on it, as the registry says of the installed version. The last one does not count for a package
// that nobody asked for and that has no extension: it came along, and can go along.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/debian_relation.h"

namespace pgx {

struct Dependents {
    std::vector<std::string> extensions;                        // that require one of its own
    std::map<std::string, std::vector<std::string>> libraries;  // to extensions that use it
    std::vector<std::string> packages;                          // that depend on it

    bool empty() const { return extensions.empty() && libraries.empty() && packages.empty(); }
    // Sentences, each with a blank behind it.
    std::string text() const;
};

class InstalledPackages {
   public:
    // As they are now, also by what other sessions have committed.
    static InstalledPackages load();

    // Of a package, apart from those that leave with it.
    Dependents dependents_of(const std::string &package,
                             const std::vector<std::string> &leaving) const;

    // Those that came only because others needed them, and that nobody needs any more.
    std::vector<std::string> unneeded() const;

   private:
    struct Extension {
        std::string name;
        std::vector<std::string> requires_, libraries;
    };
    struct Package {
        std::string version;
        bool requested = false;
        std::vector<DebianAlternatives> depends;
        std::vector<Extension> extensions;
        std::vector<std::string> libraries;  // by the names that scripts have for them
    };

    std::map<std::string, Package> packages_;
};

}  // namespace pgx
