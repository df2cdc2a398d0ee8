// staging.h - a directory of one call's own, for files on their way into place.
//
// The backend holds a shared flock on it for as long as it uses it. A directory that nobody holds
// was left behind by a process that was killed, and is removed by recovery.
#pragma once

#include <string>

#include "core/base/directory_layout.h"
#include "core/base/result.h"

namespace pgx {

class StagingDirectory {
   public:
    static Result<StagingDirectory> create(const DirectoryLayout &layout);
    StagingDirectory(StagingDirectory &&other) noexcept;
    StagingDirectory &operator=(StagingDirectory &&) = delete;
    ~StagingDirectory();

    const std::string &path() const { return path_; }

   private:
    StagingDirectory(std::string path, int descriptor)
        : path_(std::move(path)), lock_(descriptor) {}
    std::string path_;
    int lock_;
};

// Removes what this process still has: called at the end of a transaction that ended by FATAL, past
// all destructors.
void remove_own_staging();

// Whether there are any whose owner is gone.
Result<bool> has_abandoned_staging(const DirectoryLayout &layout);
Result<void> remove_abandoned_staging(const DirectoryLayout &layout);

}  // namespace pgx
