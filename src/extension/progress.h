// progress.h - what a call is doing, for other sessions to watch (the view pgx.progress).
//
// A small table in shared memory that is made at the first use (GetNamedDSMSegment: no preload is
// needed). A call takes a slot and writes to it alone; readers copy under the lock.
// pg_stat_progress_* is closed to extensions.
#pragma once

#include <cstdint>
#include <string_view>

namespace pgx {

// A slot for as long as this object lives. When all are taken the call goes on unseen.
class ProgressSlot {
   public:
    explicit ProgressSlot(const char *command);  // "install", "refresh", ...
    ~ProgressSlot();
    ProgressSlot(const ProgressSlot &) = delete;
    ProgressSlot &operator=(const ProgressSlot &) = delete;

    // Phase and item are cut at 63 bytes; done and total in bytes, total 0 when unknown.
    void report(std::string_view phase, std::string_view item, std::uint64_t done,
                std::uint64_t total);

   private:
    int slot_ = -1;
};

}  // namespace pgx
