#include "extension/door.h"

#include "extension/progress.h"

#include <cstring>

#include "extension/result_set.h"

extern "C" {
#include "mb/pg_wchar.h"
#include "storage/dsm_registry.h"
#include "storage/procarray.h"
#include "storage/spin.h"
#include "utils/timestamp.h"
}

namespace pgx {

namespace {

constexpr int slot_count = 128;

struct Entry {
    int pid;  // 0: free
    char command[16];
    char phase[64];
    char item[64];
    std::uint64_t done, total;
    TimestampTz started_at;
};

// The layout is part of the segment's name: another version of the library may run in the same
// cluster.
struct Table {
    slock_t lock;
    Entry entries[slot_count];
};
constexpr const char *segment_name = "pgx_progress_1";

void initialize(void *memory) {
    Table *table = static_cast<Table *>(memory);
    std::memset(table, 0, sizeof *table);
    SpinLockInit(&table->lock);
}

Table *table() {
    static Table *attached = nullptr;
    if (attached == nullptr) {
        attached = pg::call([] {
            bool found;
            return static_cast<Table *>(
#if PG_VERSION_NUM >= 190000
                GetNamedDSMSegment(
                    segment_name, sizeof(Table), [](void *memory, void *) { initialize(memory); },
                    &found, nullptr));
#else
                GetNamedDSMSegment(segment_name, sizeof(Table), initialize, &found));
#endif
        });
    }
    return attached;
}

// Whoever was killed with SIGKILL takes the whole cluster and its shared memory along, so a dead
// owner is one that left by FATAL, past all destructors.
bool is_running(int pid) { return BackendPidGetProc(pid) != nullptr; }

void copy_text(char (&to)[64], std::string_view from) {
    std::size_t length = pg_mbcliplen(
        from.data(), static_cast<int>(std::min<std::size_t>(from.size(), 1024)), sizeof to - 1);
    std::memcpy(to, from.data(), length);
    to[length] = '\0';
}

}  // namespace

ProgressSlot::ProgressSlot(const char *command) {
    Table *shared = table();
    const TimestampTz now = GetCurrentTimestamp();
    // A call within a call (apply() removes) is shown as the outer one.
    for (const Entry &entry : shared->entries)
        if (entry.pid == MyProcPid) return;
    for (int i = 0; i < slot_count && slot_ < 0; i++) {
        const int owner = shared->entries[i].pid;
        if (owner != 0 && owner != MyProcPid && is_running(owner)) continue;
        SpinLockAcquire(&shared->lock);
        if (shared->entries[i].pid == owner) {
            Entry &entry = shared->entries[i];
            std::memset(&entry, 0, sizeof entry);
            entry.pid = MyProcPid;
            strlcpy(entry.command, command, sizeof entry.command);
            entry.started_at = now;
            slot_ = i;
        }
        SpinLockRelease(&shared->lock);
    }
}

ProgressSlot::~ProgressSlot() {
    if (slot_ < 0) return;
    Table *shared = table();
    SpinLockAcquire(&shared->lock);
    shared->entries[slot_].pid = 0;
    SpinLockRelease(&shared->lock);
}

void ProgressSlot::report(std::string_view phase, std::string_view item, std::uint64_t done,
                          std::uint64_t total) {
    if (slot_ < 0) return;
    char phase_text[64], item_text[64];
    copy_text(phase_text, phase);
    copy_text(item_text, item);
    Table *shared = table();
    SpinLockAcquire(&shared->lock);
    Entry &entry = shared->entries[slot_];
    std::memcpy(entry.phase, phase_text, sizeof phase_text);
    std::memcpy(entry.item, item_text, sizeof item_text);
    entry.done = done;
    entry.total = total;
    SpinLockRelease(&shared->lock);
}

PGX_FUNCTION(pgx_progress_entries) {
    pg::ResultSet rows(fcinfo);
    Table *shared = table();
    for (int i = 0; i < slot_count; i++) {
        SpinLockAcquire(&shared->lock);
        const Entry entry = shared->entries[i];
        SpinLockRelease(&shared->lock);
        if (entry.pid == 0 || !is_running(entry.pid)) continue;
        const char *started = pg::call([at = entry.started_at] { return timestamptz_to_str(at); });
        rows.add({std::to_string(entry.pid), entry.command, entry.phase, entry.item,
                  std::to_string(entry.done), std::to_string(entry.total), started});
    }
    return rows.done();
}

}  // namespace pgx
