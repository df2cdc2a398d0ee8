// tidy.h - files of former generations, deleted when nobody can need them any more.
//
// A reader who has begun with a timestamp goes on to read what it names, and caches between keep a
// timestamp for a while, so what was replaced stays for a day. When that was is told by the file
// that replaced it; files have no other memory. Roots stay for ever: they are the chain by which
// someone who has not looked for years gets to the present one.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/publish/registry_folder.h"

namespace pgx {

// Gives the number of files that it deleted. Also of those left half-written by a run that died.
Result<std::uint64_t> delete_superseded(FileSystem &fs, const RegistryFolder &folder, tuf::Time now,
                                        std::chrono::seconds after);

}  // namespace pgx
