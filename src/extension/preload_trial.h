// preload_trial.h - the backend's side of a trial: whether the server would start with these
// libraries (core/registry/preload_trial.h).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "extension/progress.h"

namespace pgx {

// What keeps a server from starting with the settings that the next start will read and, over them,
// `changes` (names and values): its own words. nullopt when nothing does. Called in a running
// server; takes a fraction of a second.
Result<std::optional<Error>> try_preload_settings(
    const std::vector<std::pair<std::string, std::string>> &changes, ProgressSlot &progress);

// Called by _PG_init while libraries are preloaded. Whether this server is a trial; then it will
// end once everything has been loaded.
bool join_preload_trial();

}  // namespace pgx
