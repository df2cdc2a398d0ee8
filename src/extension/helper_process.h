// helper_process.h - the helper as a child of this backend.
//
// The backend writes the request, waits for lines with WaitLatchOrSocket, and passes events on as
// they come. Cancel, terminate, statement_timeout and the death of the postmaster end the wait at
// once; however the call ends, the helper and whatever it started are killed and reaped before
// control leaves it. The helper may be subverted by what it reads: its answers are checked like
// input from outside, and amount and silence are limited.
#pragma once

#include <functional>

#include "core/base/json.h"
#include "core/base/result.h"
#include "extension/progress.h"

namespace pgx {

// Called for each line {"event": "releases", "rows": [...]} with the line's text (for jsonb
// functions in SQL).
using ReleasesHandler = std::function<Result<void>(const std::string &line)>;

// Runs one request to its end and returns the member "result" of the answer. Progress goes to
// `progress`, notices to the client.
Result<Json> run_helper(const Json &request, ProgressSlot &progress,
                        const ReleasesHandler &releases = {});

}  // namespace pgx
