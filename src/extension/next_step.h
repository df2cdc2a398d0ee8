// next_step.h - what a person types next, once the files are there.
#pragma once

#include <string>

#include "core/base/receipt.h"

namespace pgx {

// For an extension that is in place (pgx's or the server's own): settings, restart, CREATE
// EXTENSION or ALTER EXTENSION UPDATE, or nothing. Looks into the current database only.
std::string next_step(const std::string &extension);

// For a package that has libraries and no extension: output plugins, hooks.
std::string modules_step(const Receipt &receipt);

// The same for one that is installed, by the receipt beside its files.
std::string installed_modules_step(const std::string &package);

// What comes after pgx.preload(name): `first` ("restart the server; ", "reconnect; ", or nothing),
// unless what follows says so itself.
std::string preload_next_step(const std::string &name, const std::string &first);

}  // namespace pgx
