// usage.h - who uses what pgx has installed: databases, preload settings, other extensions.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "extension/inventory.h"

namespace pgx {

// An extension that exists in a database.
struct Use {
    std::string database;
    std::string extension;
    std::string version;  // created version, pg_extension.extversion
};

// Looks into every database of the cluster. Sees what this transaction has done in its own.
Result<std::vector<Use>> find_uses(const std::vector<std::string> &extensions);
// The same for every extension there is.
Result<std::vector<Use>> find_all_uses();

// Settings that name one of the package's libraries for preloading, each as a phrase for people:
// "shared_preload_libraries", "session_preload_libraries of role \"x\"".
std::vector<std::string> preload_settings(const std::string &package);

// Installed extensions that require one of this package's, apart from those of the packages named.
std::vector<std::string> dependent_extensions(const InstalledPackage &installed,
                                              const std::vector<std::string> &apart_from);

// The elements of a library list setting. Quotes count, as they do for the server: SET ... = 'a, b'
// names one library, "a, b".
std::vector<std::string> split_library_list(const std::string &value);

}  // namespace pgx
