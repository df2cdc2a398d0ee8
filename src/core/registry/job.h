// job.h - what the backend asks of the helper: a request (protocol.h) checked, and carried out.
//
// Everything that the registries rely on is checked here, once for all kinds of them: paths are
// absolute and clean, names are names, digests are digests. They are parameters of a function that
// the tests give stand-ins to.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/protocol.h"
#include "core/base/result.h"
#include "core/bundle/bundle_job.h"
#include "core/registry/preload_trial.h"
#include "core/registry/registry.h"
#include "core/registry/sandbox.h"

namespace pgx {

struct RefreshJob {
    std::string kind;
    RefreshRequest request;
};

struct FetchJob {
    FetchRequest request;
    std::vector<std::string> kinds;  // kinds[i] is the registry kind of request.artifacts[i]
};

// Nothing but to enter the sandbox and tell what is in force.
struct ReportSandboxJob {
    SandboxReport report;  // set once the sandbox has been entered
};

using Job = std::variant<RefreshJob, FetchJob, DescribeBundleJob, PackSqlJob, ReadKeyJob,
                         PreloadTrialJob, ReportSandboxJob>;

// invalid_argument or invalid_name, naming the member, when the request is not as protocol.h
// describes.
Result<Job> read_job(const Json &request);

// The directories that this job writes to, such as the cache and staging; not where a registry's
// trust is kept (job_rules.h).
std::vector<std::string> writable_directories(const Job &job);

// Where it keeps what it finds out about this host, before anything else; empty: nowhere.
std::string host_records(const Job &job);

using RegistryMaker =
    std::function<Result<std::unique_ptr<Registry>>(std::string_view kind, FileSystem &fs)>;

// Carries it out; what stands behind "result" in the last line. Artifacts of one kind go to their
// registry together, so that they are downloaded side by side; the receipts come back in the order
// of the request.
Result<Json> perform(const Job &job, const RegistryMaker &make, FileSystem &fs, Reporter &reporter);

}  // namespace pgx
