#include "extension/door.h"

#include "extension/lock.h"

extern "C" {
#include "storage/lock.h"
}

namespace pgx {

namespace {

// The key is "pgx" and "file" in ASCII; the fourth field 2 is that of two-key advisory locks.
constexpr uint32 key_high = 0x00706778, key_low = 0x66696c65;

LOCKTAG cluster_lock() {
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, InvalidOid, key_high, key_low, 2);
    return tag;
}

LockAcquireResult acquire(bool wait) {
    const LOCKTAG tag = cluster_lock();
    return LockAcquire(&tag, ExclusiveLock, false, !wait);
}

}  // namespace

void take_cluster_lock() {
    pg::call([] { (void)acquire(true); });
}

bool try_cluster_lock() {
    return pg::call([] { return acquire(false); }) != LOCKACQUIRE_NOT_AVAIL;
}

void release_cluster_lock() {
    pg::call([] {
        const LOCKTAG tag = cluster_lock();
        (void)LockRelease(&tag, ExclusiveLock, false);
    });
}

}  // namespace pgx
