// recovery_worker.h - recovery at server start, when pgx is in shared_preload_libraries.
#pragma once

namespace pgx {

// Called by _PG_init while shared_preload_libraries are loaded.
void register_recovery_worker();

}  // namespace pgx
