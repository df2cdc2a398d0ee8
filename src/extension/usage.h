// usage.h - who uses what pgx has installed: databases, preload settings. Other packages:
// dependents.h.
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

// A setting that names one of the package's libraries for preloading.
struct PreloadUse {
    // `running`: the configuration does not name it any more, the server or this session goes on
    // with it.
    enum class Where { configuration, running, role_or_database };
    std::string setting;  // for people: "session_preload_libraries of role \"x\""
    Where where = Where::configuration;
};
std::vector<PreloadUse> preload_uses(const std::string &package);

}  // namespace pgx
