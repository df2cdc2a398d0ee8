// next_step.h - what a person types next, once the files are there.
#pragma once

#include <string>

#include "core/base/receipt.h"
#include "extension/preload.h"

namespace pgx {

// For an extension that is in place (pgx's or the server's own): settings, restart, CREATE
// EXTENSION or ALTER EXTENSION UPDATE, or nothing. Looks into the current database only.
std::string next_step(const std::string &extension, ListsSoFar &lists);

// For a package that has libraries and no extension: output plugins, hooks.
std::string modules_step(const Receipt &receipt, ListsSoFar &lists);

// The same for one that is installed, by the receipt beside its files.
std::string installed_modules_step(const std::string &package, ListsSoFar &lists);

// What comes after pgx.preload(name): `first` ("restart the server; ", "reconnect; ", or nothing),
// unless what follows says so itself.
std::string preload_next_step(const std::string &name, const std::string &first, ListsSoFar &lists);

// " VERSION '0.0.10'" for an extension without a default version, of which CREATE EXTENSION wants
// to be told one: the highest that there is. Otherwise empty.
std::string version_clause(const std::string &extension);

}  // namespace pgx
