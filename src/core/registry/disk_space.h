// disk_space.h - room on the disk, asked for before something is written.
//
// A full disk ends in an error of its own (ENOSPC) and nothing of pgx is left behind then. But
// pgx.directory is inside the data directory by default, and for as long as the disk is full the
// server cannot write its log either, which stops it. So the last part of a file system is not
// taken: 64 MB, four segments of WAL, or a hundredth of a small one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace pgx {

struct DiskSpace {
    std::uint64_t free = 0;  // bytes that users other than root may have
    std::uint64_t size = 0;  // of the file system in bytes; 0: it does not say
};

// Of the file system that holds `path`, which has to exist.
Result<DiskSpace> disk_space(const std::string &path);

// Bytes that are left to the server.
std::uint64_t disk_reserve(const DiskSpace &space);

// disk_full when `needed` bytes more would reach into the reserve. `what` is for the message:
// "package \"x\"".
Result<void> check_disk_space(const DiskSpace &space, std::uint64_t needed, std::string_view what);
Result<void> check_disk_space(const std::string &directory, std::uint64_t needed,
                              std::string_view what);

}  // namespace pgx
