// scratch_directory.h - a directory for what is only needed while a command runs.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/base/file_system.h"
#include "core/base/result.h"

namespace pgx {

// A directory of its own below $TMPDIR or /tmp, for this user only; removed with all in it at the
// end.
class ScratchDirectory {
   public:
    static Result<ScratchDirectory> make();
    ScratchDirectory(ScratchDirectory &&other) noexcept
        : path_(std::exchange(other.path_, std::string())) {}
    ScratchDirectory &operator=(ScratchDirectory &&) = delete;
    ScratchDirectory(const ScratchDirectory &) = delete;
    ScratchDirectory &operator=(const ScratchDirectory &) = delete;
    ~ScratchDirectory();

    const std::string &path() const { return path_; }
    // The path of `name` in it.
    std::string operator/(std::string_view name) const { return join_path(path_, name); }

   private:
    explicit ScratchDirectory(std::string path) : path_(std::move(path)) {}
    std::string path_;
};

}  // namespace pgx
