// scratch_directory.h - a directory for what is only needed while a command runs, removed at its
// end.
#pragma once

#include <string>

#include "core/base/file_system.h"
#include "core/base/result.h"

namespace pgx {

class ScratchDirectory {
   public:
    // A new directory below `parent` with a name that nobody can guess, for this user only.
    static Result<ScratchDirectory> create(FileSystem &fs, const std::string &parent);

    ScratchDirectory(const ScratchDirectory &) = delete;
    ScratchDirectory &operator=(const ScratchDirectory &) = delete;
    ScratchDirectory(ScratchDirectory &&other) noexcept;
    ScratchDirectory &operator=(ScratchDirectory &&other) noexcept;
    ~ScratchDirectory();

    const std::string &path() const { return path_; }
    std::string operator/(std::string_view name) const { return join_path(path_, name); }

   private:
    ScratchDirectory(FileSystem &fs, std::string path) : fs_(&fs), path_(std::move(path)) {}

    FileSystem *fs_;
    std::string path_;  // empty: moved from
};

}  // namespace pgx
