// inventory.h - what this server has already: by its own means, and by pgx.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/directory_layout.h"
#include "core/base/result.h"

namespace pgx {

struct InstalledPackage {
    std::string package, version, registry;
    std::vector<std::string> extensions;
    bool pinned = false;
    std::string sha256;  // of the artifact
    std::string origin() const { return registry + ": " + package + " " + version; }
};

// The package of pgx's that provides the extension `name`, or is called so. Sees what other
// sessions have committed.
std::optional<InstalledPackage> find_installed(const std::string &name);

// The same for what a person writes, [registry:]name[@version]; or unknown_package that says what
// is there instead.
Result<InstalledPackage> require_installed(const std::string &text);

// wrong_state when its version is not to be changed.
Result<void> check_not_pinned(const InstalledPackage &installed);

// The default version of an extension of an installed package.
std::string installed_default_version(const std::string &extension);

// The directory outside of pgx's in which PostgreSQL finds this extension's control file.
Result<std::optional<std::string>> server_extension_directory(const std::string &extension);

// The same for a library by its file name ("vector.so").
Result<std::optional<std::string>> server_library_directory(const std::string &file_name);

// Whether a library by the name that scripts have for it ("postgis-3") is there: a package of pgx's
// or the server has it.
Result<bool> is_library_present(const std::string &library);

// The default version that the server knows of an extension, empty when it has none.
std::string server_default_version(const std::string &extension);

}  // namespace pgx
