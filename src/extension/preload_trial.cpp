#include "extension/door.h"

#include "extension/preload_trial.h"

#include <unistd.h>

#include <cstring>

#include "core/base/json.h"
#include "core/base/platform.h"
#include "core/base/protocol.h"
#include "extension/helper_process.h"
#include "extension/query.h"
#include "extension/settings.h"
#include "extension/staging.h"

extern "C" {
#include "storage/ipc.h"
}

namespace pgx {

namespace {

// In the postmaster of a trial only.
shmem_startup_hook_type next_shmem_startup = nullptr;

// pgx is the last in the list, so its hook is the first to be called and all others are done when
// this goes on. What sessions preload is loaded here as in a session: too late for what insists on
// the start.
void end_trial() {
    if (next_shmem_startup != nullptr) next_shmem_startup();
    process_session_preload_libraries();
    [[maybe_unused]] const ssize_t written =
        write(STDOUT_FILENO, preload_trial_answer, strlen(preload_trial_answer));
    proc_exit(0);
}

Json settings_of_next_start(const std::vector<std::pair<std::string, std::string>> &changes) {
    Json settings = Json::array();
    // Where a file has an error, what stands before and behind it still has a name.
    for (const pg::Row &row :
         pg::query("(SELECT name, setting FROM pg_catalog.pg_file_settings"
                   "  WHERE name IS NOT NULL AND setting IS NOT NULL ORDER BY seqno)"
                   " UNION ALL"
                   " SELECT name, setting FROM pg_catalog.pg_settings"
                   "  WHERE source OPERATOR(pg_catalog.=) 'command line' AND setting IS NOT NULL"))
        settings.push_back({{"name", *row[0]}, {"value", *row[1]}});
    for (const auto &[name, value] : changes)
        settings.push_back({{"name", name}, {"value", value}});
    return settings;
}

}  // namespace

Result<std::optional<Error>> try_preload_settings(
    const std::vector<std::pair<std::string, std::string>> &changes, ProgressSlot &progress) {
    const DirectoryLayout layout = directory_layout();
    TRY(make_directories(real_file_system(), layout));
    const StagingDirectory staging = TRY(StagingDirectory::create(layout));
    Platform platform = host_platform();
    platform.postgres_major = layout.postgres_major;
    const Json request = {{"op", "try_preload"},
                          {"platform", to_json(platform)},
                          {"directory", staging.path()},
                          {"program", std::string(my_exec_path)},
                          {"control_file", join_path(DataDir, "global/pg_control")},
                          {"module", module_path()},
                          {"settings", settings_of_next_start(changes)}};
    const Json answer = TRY(run_helper(request, progress));
    if (TRY(json_bool(answer, "loads", false))) return std::optional<Error>{};
    return std::optional<Error>{
        Error{ErrorCode::wrong_state, TRY(json_string(answer, "message", "")),
              TRY(json_string(answer, "detail", "")), TRY(json_string(answer, "hint", ""))}};
}

bool join_preload_trial() {
    // The postmaster's working directory is the data directory.
    if (access(preload_trial_mark, F_OK) != 0) return false;
    next_shmem_startup = shmem_startup_hook;
    shmem_startup_hook = end_trial;
    return true;
}

}  // namespace pgx
