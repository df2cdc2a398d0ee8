// artifact_cache.h - downloaded artifacts, under their digests: <cache>/artifacts/<sha256>.
//
// A file that has its name is complete and was checked; whoever uses one checks it again, as
// others may have been there. The same artifact of two registries is one file.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/result.h"
#include "core/registry/fetch.h"
#include "core/registry/registry.h"

namespace pgx {

// Where an artifact is once it is there.
std::string cached_artifact(const std::string &cache, const Artifact &artifact);

// Makes sure that all of them are there. Those that are missing are given to `get`, with a size, a
// digest and a path, in one call; files that are not what they should be are removed first. `now`
// in seconds since the epoch, for the removal of what ended helpers have left.
Result<void> cache_artifacts(const std::vector<Artifact> &artifacts, const std::string &cache,
                             std::int64_t now, FileSystem &fs,
                             const std::function<Result<void>(const std::vector<Download> &)> &get);

}  // namespace pgx
