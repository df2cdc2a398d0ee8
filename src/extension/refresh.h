// refresh.h - from registries to rows of pgx.releases.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "extension/progress.h"

namespace pgx {

struct RefreshReport {
    std::string registry;
    bool unchanged = false;
    std::uint64_t packages = 0, repositories = 0, requests = 0, bytes = 0;
    std::uint64_t milliseconds = 0;
};

// Adds rows to pgx.releases, given as {"rows": [...], "part": "..."} (protocol.h). How many there
// are more now: of equal keys the first stays.
std::uint64_t insert_releases(const std::string &registry, const std::string &rows);

// Asks one registry what is new and replaces its rows if something is. With `extension_names` it
// also finds out which extensions each package holds, even if that is a large download. Holds a
// lock on the registry's row to the end of the transaction.
Result<RefreshReport> refresh_registry(const std::string &name, bool extension_names,
                                       ProgressSlot &progress);

// Whether its metadata can be read and verified: a refresh whose rows nobody keeps.
Result<void> check_registry_readable(const std::string &name, ProgressSlot &progress);

// The names of the enabled registries by falling priority. If there is no registry at all, adds
// "system" first and says so, unless it may not.
Result<std::vector<std::string>> enabled_registries(bool may_add = true);

class Policy;

// Refreshes the enabled registries that never were, or whose signed lists have expired since, and
// says so. What every call that needs a registry begins with. One that cannot be read is a warning,
// as another one may have what is looked for; it is an error when it is one of those that are
// `needed`, or when none can be read. Those that the policy does not reach are left alone.
Result<void> ensure_refreshed(ProgressSlot &progress, const Policy &policy,
                              const std::vector<std::string> &needed = {});

// The enabled registries whose lists were never read, or have expired.
std::vector<std::string> unread_registries();

}  // namespace pgx
