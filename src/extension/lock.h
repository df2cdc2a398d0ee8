// lock.h - the cluster-wide lock of whoever changes files.
//
// An advisory lock without a database, which SQL cannot take, so it excludes across databases and
// collides with nobody. It obeys lock_timeout and deadlock detection, shows in pg_locks, works on a
// standby, and is released with the transaction.
#pragma once

namespace pgx {

// Waits. Throws BackendError on cancel, timeout, deadlock.
void take_cluster_lock();

// Does not wait; whether it was granted.
bool try_cluster_lock();

// Gives one of them back before the end of the transaction; for who has changed nothing under it
// that a ROLLBACK would undo.
void release_cluster_lock();

}  // namespace pgx
