// preload_trial.h - whether a server would start with these libraries, tried in a server that is
// thrown away.
//
// A library that does not load keeps the server from starting, and nobody with only a connection
// could repair that. So before shared_preload_libraries is changed, the server's own program is
// started with the settings that the next start will read, on a data directory that holds nothing
// but a copy of global/pg_control. It loads the libraries, lets them ask for shared memory, creates
// it and runs their hooks for that. The last library in its list is pgx itself, which then says so
// and ends the server (extension/preload_trial.h), before a port is opened, a process started or a
// transaction log read.
//
// Roads not taken: "postgres -C" loads the libraries too but stops before their shared memory
// hooks, and needs the same directory, because it refuses that of a running server. dlopen() runs
// constructors only: what refuses is _PG_init(). initdb takes seconds and tries nothing more.
//
// Workers that libraries register are not started, so what goes wrong in those is not found.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/json.h"
#include "core/base/protocol.h"
#include "core/base/result.h"

namespace pgx {

struct PreloadTrialJob {
    std::string directory;     // where a data directory can be made; empty
    std::string program;       // the server's, "postgres"
    std::string control_file;  // global/pg_control of the running server
    std::string module;        // pgx's own library
    unsigned postgres_major = 0;
    // What the next start will read, as names and values. The last of one name counts.
    std::vector<std::pair<std::string, std::string>> settings;
};

// {"loads": true}, or {"loads": false, "message": "...", "detail": "...", "hint": "..."} with the
// server's own words. An error when the trial could not be made.
Result<Json> try_preload(const PreloadTrialJob &job, FileSystem &fs, Reporter &reporter);

// Only for tests. A line of a configuration file.
std::string configuration_line(std::string_view name, std::string_view value);
// Only for tests. The first FATAL or ERROR in what a server has said, else its last line.
Json message_in_log(std::string_view log);

}  // namespace pgx
