// preload_change.h - taking libraries into the preload settings, and out of them.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "extension/preload.h"
#include "extension/preload_list.h"
#include "extension/progress.h"

namespace pgx {

// What becomes of one setting.
struct PreloadChange {
    PreloadList before;
    std::vector<std::string> after;
    bool changes() const { return before.elements != after; }
};

// The settings with these libraries in them. One that is in shared_preload_libraries already needs
// no other place.
Result<std::vector<PreloadChange>> plan_preload(const std::vector<PreloadNeed> &needs);

// All preload settings of the server, without these libraries.
Result<std::vector<PreloadChange>> plan_unpreload(const std::vector<std::string> &libraries);

// Whether the server would start with that; the trial's words when it would not.
Result<std::optional<Error>> try_changes(const std::vector<PreloadChange> &changes,
                                         ProgressSlot &progress);

// Whether it would with the settings as they are.
Result<std::optional<Error>> try_without_changes(const std::vector<PreloadChange> &changes,
                                                 ProgressSlot &progress);

// ALTER SYSTEM and reload.
Result<void> make_changes(const std::vector<PreloadChange> &changes);

}  // namespace pgx
