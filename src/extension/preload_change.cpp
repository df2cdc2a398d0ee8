#include "extension/door.h"

#include "extension/preload_change.h"

#include <algorithm>

#include "core/base/library_list.h"
#include "extension/preload_trial.h"

namespace pgx {

namespace {

constexpr const char *local_preload = "local_preload_libraries";

using Settings = std::vector<std::pair<std::string, std::string>>;

Result<std::optional<Error>> try_lists(
    const std::vector<PreloadChange> &changes,
    const std::vector<std::string> &(*elements)(const PreloadChange &), ProgressSlot &progress) {
    Settings settings;
    for (const PreloadChange &change : changes)
        // pgx itself comes last in a trial.
        settings.emplace_back(change.before.setting,
                              library_list_text(without_libraries(elements(change), {"pgx"})));
    return try_preload_settings(settings, progress);
}

}  // namespace

Result<std::vector<PreloadChange>> plan_preload(const std::vector<PreloadNeed> &needs) {
    std::vector<PreloadChange> changes;
    for (const char *setting : {shared_preload, session_preload}) {
        std::vector<std::string> libraries;
        for (const PreloadNeed &need : needs)
            if (need.setting == setting) libraries.push_back(need.library);
        // The list of the server's start is always read: it covers the needs of sessions.
        if (libraries.empty() && setting == session_preload) continue;
        PreloadList list = TRY(configured_preloads(setting));
        if (setting == session_preload)
            std::erase_if(libraries, [&](const std::string &library) {
                return names_library(changes.front().after, library);
            });
        std::vector<std::string> after = with_libraries(list.elements, libraries);
        changes.push_back({std::move(list), std::move(after)});
    }
    return changes;
}

Result<std::vector<PreloadChange>> plan_unpreload(const std::vector<std::string> &libraries) {
    std::vector<PreloadChange> changes;
    for (const char *setting : {shared_preload, session_preload, local_preload}) {
        Result<PreloadList> list = configured_preloads(setting);
        // Of a list on the command line it matters only when a library is in it.
        if (!list && std::ranges::none_of(current_preloads(setting), [&](const std::string &now) {
                return std::ranges::find(libraries, library_of_element(now)) != libraries.end();
            }))
            continue;
        PreloadList before = TRY(std::move(list));
        std::vector<std::string> after = without_libraries(before.elements, libraries);
        changes.push_back({std::move(before), std::move(after)});
    }
    return changes;
}

Result<std::optional<Error>> try_changes(const std::vector<PreloadChange> &changes,
                                         ProgressSlot &progress) {
    return try_lists(
        changes,
        [](const PreloadChange &change) -> const std::vector<std::string> & {
            return change.after;
        },
        progress);
}

Result<std::optional<Error>> try_without_changes(const std::vector<PreloadChange> &changes,
                                                 ProgressSlot &progress) {
    return try_lists(
        changes,
        [](const PreloadChange &change) -> const std::vector<std::string> & {
            return change.before.elements;
        },
        progress);
}

Result<void> make_changes(const std::vector<PreloadChange> &changes) {
    bool any = false;
    for (const PreloadChange &change : changes)
        if (change.changes()) {
            TRY(change_preloads(change.before, change.after));
            any = true;
        }
    if (any) reload_configuration();
    return {};
}

}  // namespace pgx
