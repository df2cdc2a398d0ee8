// artifact_cache.h - downloaded artifacts, kept under their digests: <cache>/artifacts/<sha256>.
//
// The helpers of all registries write there, one that was taken over among them, and at any time:
// a file could be another one after it was hashed, by a rename as well as by writing into it. So
// nothing is used where it lies in the cache. Downloads go into a directory that only this job can
// write, and from there into the cache when they have been used; what the cache has is copied there
// first, and what is hashed is the copy. A copy costs less than the hash does.
//
// Hashing what the unpacker reads, in the same pass, would save the copy. But some archives are
// read twice, zip archives in leaps; and decompressors would see bytes that nobody has signed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/result.h"
#include "core/registry/fetch.h"
#include "core/registry/registry.h"

namespace pgx {

// Artifacts of one job, each a complete file with the artifact's size and digest.
class ArtifactFiles {
   public:
    // Called with what is missing, each with a size, a digest and a path, all in one call.
    using Get = std::function<Result<void>(const std::vector<Download> &)>;

    // `directory`: need not exist, and is gone at the end; nobody else may be able to write there.
    // `now` in seconds since the epoch, for the removal of what ended helpers have left.
    ArtifactFiles(std::string cache, std::string directory, std::int64_t now, FileSystem &fs)
        : cache_(std::move(cache)), directory_(std::move(directory)), now_(now), fs_(fs) {}
    ArtifactFiles(const ArtifactFiles &) = delete;
    ArtifactFiles &operator=(const ArtifactFiles &) = delete;
    // Leaves what was downloaded to the cache, as far as that can be done.
    ~ArtifactFiles();

    // Makes sure that all of them are there. What the cache has and is not what it should be is
    // removed, and missing.
    Result<void> provide(const std::vector<Artifact> &artifacts, const Get &get);

    // Where one is that was provided.
    std::string path(const Artifact &artifact) const;

   private:
    Result<bool> copy_from_cache(const Artifact &artifact);

    std::string cache_, directory_;
    std::int64_t now_;
    FileSystem &fs_;
    std::map<std::string, bool> provided_;  // digest to whether it was downloaded
};

// Of a job with this directory of its own; no package has such a name.
std::string artifact_directory(const std::string &staging);

}  // namespace pgx
