// next_step.h - what a person types next, once the files are there.
#pragma once

#include <string>

namespace pgx {

// For an extension that is in place (pgx's or the server's own): settings, restart, CREATE
// EXTENSION or ALTER EXTENSION UPDATE, or nothing. Looks into the current database only.
std::string next_step(const std::string &extension);

}  // namespace pgx
