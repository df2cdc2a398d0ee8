// preload.h - which libraries have to be preloaded, for what, and what is still to be done for it.
//
// It comes from two places: what inspection has seen in a library (recorded in
// pgx.installed_extensions and in the receipt), and the facts in pgx_preload.json
// (core/base/preload_facts.h), of which there is one file beside pgx's control file and may be one
// in pgx.directory, which is the administrator's and wins.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/preload_facts.h"
#include "core/base/receipt.h"
#include "core/base/result.h"
#include "extension/inventory.h"

namespace pgx {

// The facts of both files. An error names the file that cannot be read; a missing one is empty.
Result<PreloadFacts> preload_facts();

// The same where something else is being done: a file that cannot be read is no facts, and a
// WARNING.
PreloadFacts preload_facts_or_none();

// The libraries of a package that have to be preloaded, as inspection and facts say: of those that
// an extension uses, or of all when `used` is empty. By name; without optional ones.
std::vector<std::string> preload_libraries(const Receipt &receipt,
                                           const std::vector<std::string> &used,
                                           const PreloadFacts &facts);

struct PreloadNeed {
    std::string library;
    std::string setting;  // shared_preload or session_preload
    std::vector<RequiredSetting> settings;
    bool optional = false;  // it works without, with less
};

// What an extension or package needs, and before it what those that it requires need. Of pgx's and,
// where there is a fact about them, of the server's own. Empty for what nobody knows.
Result<std::vector<PreloadNeed>> preload_needs(const std::string &name, const PreloadFacts &facts);

// Settings that are lists, as the steps that were told before in the same answer leave them. A list
// is set as a whole: steps that did not know of each other would each take out again what the other
// has added.
using ListsSoFar = std::map<std::string, std::vector<std::string>>;

// What a person has to do before the libraries that `name` cannot do without are in force, each
// step ending in "; ": "SELECT pgx.preload('x'); restart the server; ". Empty: nothing.
std::string preload_steps(const std::string &name, const PreloadFacts &facts, ListsSoFar *lists);

// "ALTER SYSTEM SET output_plugin_libraries = pgoutput, wal2json; SELECT pg_reload_conf(); ", or
// nothing when the list has the element, or the server no such setting.
std::string element_step(const std::string &setting, const std::string &element, ListsSoFar *lists);

// What the extension requires, itself or by what it requires, and neither pgx nor the server has.
Result<std::optional<std::string>> missing_requirement(const std::string &extension);

// The names of the libraries of an installed package, as preload settings name them.
std::vector<std::string> libraries_of(const std::string &package);

}  // namespace pgx
