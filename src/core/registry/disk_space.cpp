#include "core/registry/disk_space.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>

#include "core/base/names.h"

namespace pgx {

namespace {

constexpr std::uint64_t largest_reserve = 64 * 1024 * 1024;

}  // namespace

Result<DiskSpace> disk_space(const std::string &path) {
    struct statvfs status {};
    while (::statvfs(path.c_str(), &status) != 0)
        if (errno != EINTR)
            return fail(system_error(
                "could not find out how much room there is in \"" + path + "\"", errno));
    const std::uint64_t block = status.f_frsize;
    return DiskSpace{status.f_bavail * block, status.f_blocks * block};
}

std::uint64_t disk_reserve(const DiskSpace &space) {
    return std::min(largest_reserve, space.size / 100);
}

Result<void> check_disk_space(const DiskSpace &space, std::uint64_t needed, std::string_view what) {
    const std::uint64_t reserve = disk_reserve(space);
    const std::uint64_t usable = space.free - std::min(space.free, reserve);
    // Some network and layered file systems do not say.
    if (space.size == 0 || needed <= usable) return {};
    return fail(ErrorCode::disk_full, "not enough disk space for " + std::string(what),
                "At least " + format_bytes(needed) + " are needed where " +
                    format_bytes(space.free) + " are free, and " + format_bytes(reserve) +
                    " of them are left to the server.");
}

Result<void> check_disk_space(const std::string &directory, std::uint64_t needed,
                              std::string_view what) {
    return check_disk_space(TRY(disk_space(directory)), needed, what);
}

}  // namespace pgx
