// preload_list.h - the settings that name libraries to be preloaded: reading and changing them.
//
// What counts is what the next start will read, not what the server runs with: a value may be in
// postgresql.conf, a file that it includes, or postgresql.auto.conf, and may wait for a restart.
// pg_file_settings has all of that.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace pgx {

// The elements of a library list setting as the server reads them, with its own function. nullopt
// when the list has a syntax error; the server then ignores all of it.
std::optional<std::vector<std::string>> parse_library_list(const std::string &value);

// The same, empty when it has an error.
std::vector<std::string> split_library_list(const std::string &value);

// Elements as a list setting's text: quoted where the server would do so.
std::string library_list_text(const std::vector<std::string> &elements);

// The last value of a setting in the configuration files, as it stands there.
std::optional<std::string> configured_setting(const std::string &name);

struct PreloadList {
    std::string setting;                // "shared_preload_libraries"
    std::vector<std::string> elements;  // as the next start will read them
    // What the files apart from postgresql.auto.conf say; nullopt when they say nothing.
    std::optional<std::vector<std::string>> without_alter_system;
};

// wrong_state when the setting is given on the server's command line, which wins over all files, or
// cannot be read.
Result<PreloadList> configured_preloads(const std::string &setting);

// What this session has of it now.
std::vector<std::string> current_preloads(const std::string &setting);

// Gives the setting these elements, by ALTER SYSTEM, or takes back what ALTER SYSTEM has set when
// the other files say just that. Not undone by ROLLBACK. wrong_state when ALTER SYSTEM is switched
// off.
Result<void> change_preloads(const PreloadList &list, const std::vector<std::string> &elements);

// Has the server read its configuration files again.
void reload_configuration();

}  // namespace pgx
