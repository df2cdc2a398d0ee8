// settings.h - pgx's own settings, and the two settings of PostgreSQL that it changes.
#pragma once

#include <string>
#include <vector>

#include "core/base/directory_layout.h"
#include "core/base/result.h"

namespace pgx {

// Called by _PG_init.
void define_settings();

// Where everything is on this server, from pgx.directory.
DirectoryLayout directory_layout();

// The helper program: pgx.helper_path, or the one that was installed with this library.
Result<std::string> helper_path();

// Where this library is. Empty when that cannot be found out.
std::string module_path();

// The directory that pgx's control file was installed to, which holds what is beside it.
std::string data_directory_of_pgx();

struct PathSetting {
    std::string name;   // "extension_control_path"
    std::string value;  // what it is now, in the configuration
    bool changed = false;
};

// Makes the directories and puts them on the two paths: ALTER SYSTEM, reload, and for the rest of
// this transaction SET LOCAL. The elements that are there stay, before ours: what the server
// brought itself is never shadowed.  Cheap when nothing is to be done.
Result<std::vector<PathSetting>> ensure_set_up();

// Directories that were pgx.directory before: with both their elements still on the two paths, for
// any major.
std::vector<DirectoryLayout> earlier_directories();

// The value of one of the two paths, as the configuration has it, without the elements of those.
std::string path_without(const std::string &name, const std::vector<DirectoryLayout> &earlier);

// Where PostgreSQL looks for control files besides pgx's own directory, in its order.
std::vector<std::string> other_extension_directories();
// The same with what the configuration files say, where the session, its role or its database has
// a value of its own.
std::vector<std::string> configured_extension_directories();
// The same for libraries, in this session.
std::vector<std::string> other_library_directories();

}  // namespace pgx
