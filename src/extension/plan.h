// plan.h - from what is wanted to verified files in staging.
//
// The resolver chooses the releases (core/base/package_universe.h); those that it chooses are
// fetched, unpacked and inspected by the helper, and with what that tells it chooses again, until
// nothing is new. Nothing outside staging has changed when a plan is made; installing it is
// apply.h's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/receipt.h"
#include "core/base/result.h"
#include "extension/release.h"
#include "extension/staging.h"

namespace pgx {

// A wish that needs nothing: the server has it, or pgx installed it before.
struct Satisfied {
    enum class By { server, installed } by = By::server;
    std::string extension;  // the name that was asked for
    std::string package;    // By::installed
    std::string version;    // extension's, as far as it is known
    std::string where;      // for people: the directory, or "registry: package version"
    std::string required_by;
};

// A release whose files wait in staging.
struct PlannedPackage {
    Release release;
    Receipt receipt;
    std::string required_by;                      // empty when a person asked for it
    std::vector<std::string> asked_for_as;        // the names by which a person did
    std::string staged;                           // directory with share/ and lib/
    std::optional<std::string> previous_version;  // it is installed in this version now
    bool was_done = false;  // another session had installed it by the time that we had the lock
};

class Policy;

struct Plan {
    StagingDirectory staging;
    std::vector<Satisfied> satisfied;
    std::vector<PlannedPackage> packages;  // what is required comes before what requires it
    // Of packages of which a newer version cannot be used here: why.
    std::map<std::string, std::string> unfit = {};
};

Result<Plan> make_plan(const std::vector<Wish> &wishes, const DirectoryLayout &layout,
                       ProgressSlot &progress, Policy &policy);

}  // namespace pgx
