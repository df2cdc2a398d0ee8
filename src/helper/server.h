// server.h - `pgx helper`: one request from a backend, answered in a sandbox (protocol.h).
#pragma once

namespace pgx {

// Reads the request from standard input up to its end, gives up what the job does not need, carries it out and answers on
// standard output. Dies with the process `parent`. The exit status: 0 after a result, 1 after an error.
int serve(int parent);

}  // namespace pgx
