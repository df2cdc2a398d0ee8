// protocol.h - what backend and helper say to each other.
//
// The backend writes one JSON document, the request, to the helper's standard input and closes it. The helper answers
// with JSON lines on standard output: any number of events, then exactly one result or one error, then it ends.
//
//   request   {"op": "refresh", ...} | {"op": "fetch", ...}
//   event     {"event": "progress", "phase": "download", "item": "postgresql-18-semver", "done": 1024, "total": 39812}
//             {"event": "notice", "message": "...", "detail": "...", "hint": "..."}
//             {"event": "releases", "rows": [release, ...], "part": "..."}   (refresh only, batches of at most 500)
//   result    {"result": {...}}
//   error     {"error": {"code": "digest_mismatch", "message": "...", "detail": "...", "hint": "..."}}
//
// Request "refresh":
//   {"op": "refresh", "platform": platform, "cache": "/abs/dir", "host": "/abs/dir", "extension_names": "auto" | "always",
//    "trust": "/abs/dir", "registry": {"name": "system", "kind": "apt", "source": "", "root": "sha256:...",
//    "headers": {"Authorization": "..."}, "parts": {"part": "digest"}, "state": "token of the last refresh or empty"}}
//   result: {"unchanged": bool, "state": "token", "repositories": n, "packages": n, "extension_names": bool,
//            "requests": n, "bytes": n, "parts": {"part": "digest"}}
//   When unchanged is false, the releases events hold all releases of the registry; the backend replaces what it has.
//   A kind whose catalog comes in parts answers with "parts", all that there are, and sends events only for those whose
//   digest is not the one in the request; of the others, what the backend has stays.
//   A token stands for the complete content of the releases rows; it is compared as a string only.
//
// release: {"package", "version", "architecture", "summary", "description", "homepage", "depends", "recommends", "breaks", "repository",
//           "url", "size", "sha256", "signer", "module_path", "extensions": ["vector"] | null when not known}
//
// Request "fetch":
//   {"op": "fetch", "platform": platform, "cache": "/abs/dir", "host": "/abs/dir", "staging": "/abs/dir", "headers": {"registry": {...}},
//    "server": "/abs/postgres", "destination": "pgx/18", "others": {"registry": "source"},
//    "artifacts": [{"package", "version", "registry", "kind": "apt", "source", "url", "size", "sha256", "signer",
//                   "libraries": [library, ...]}]}
//   "libraries", as the receipt had them, asks for exactly those to be brought along; without it, that is found out.
//   "others" are the apt registries there are, to say which of them has a library that is missing.
//   "destination" is where share/ and lib/ will be in the end, relative to the data directory or absolute.
//   Unpacks each into <staging>/<package>/{share,lib}/... .   result: {"receipts": [receipt, ...]} in the same order.
//
// Request "describe_bundle": {"op": "describe_bundle", "platform": platform, "path": "/abs/file", "signature": "text of the
//    .minisig file", "keys": [{"name", "public_key"}], "allow_unsigned": bool}
//   Verifies the signature and what is inside.   result: {"release": release}, its signer empty when it is unsigned.
//
// Request "pack_sql": {"op": "pack_sql", "platform": platform, "path": "/abs/file", "name", "version", "comment",
//    "requires": [...], "superuser": bool, "scripts": {"file name": "text"}}
//   Writes a bundle to the path.   result: {}
//
// Request "read_key": {"op": "read_key", "public_key": "text of a minisign key"}
//   result: {"id": "16 hex digits", "public_key": "its line of base64"}
//
// Request "try_preload": {"op": "try_preload", "platform": platform, "directory": "/abs/dir", "program": "/abs/postgres",
//    "control_file": "/abs/pg_control", "module": "/abs/pgx.so", "settings": [{"name", "value"}]}
//   Starts a server that is thrown away with these settings, as far as libraries are loaded (preload_trial.h).
//   result: {"loads": true} | {"loads": false, "message", "detail", "hint"}
//
// Request "report_sandbox": {"op": "report_sandbox"}
//   Enters the sandbox (sandbox.h) and does nothing else.   result: {"system_calls": bool, "landlock_abi": n}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/base/result.h"

namespace pgx {

// The longest line either side accepts, in bytes.
inline constexpr std::size_t protocol_line_limit = 16 * 1024 * 1024;

// What the helper and pgx say to each other by way of a server that the helper starts for a trial ("try_preload"): a file in
// its data directory, which no other data directory has, tells pgx that it is in one; the line on standard output tells the
// helper that all libraries were loaded.
inline constexpr const char *preload_trial_mark = "pgx_preload_trial";
inline constexpr const char *preload_trial_answer = "pgx: the libraries were loaded\n";

// The object that stands behind "error" in an error line. What cannot be read as one becomes helper_failed.
Json error_to_json(const Error &error);
Error error_from_json(const Json &json);

// How core code tells what it is doing and learns that it should stop. The helper's implementation writes JSON
// lines; tests collect them. The core never asks who listens.
class Reporter {
   public:
    virtual ~Reporter() = default;
    // `done` and `total` in bytes, or files where the phase has no bytes; total 0 means unknown. Cheap: implementations
    // limit the rate.
    virtual void progress(std::string_view phase, std::string_view item, std::uint64_t done,
                          std::uint64_t total) = 0;
    virtual void notice(std::string_view message, std::string_view detail, std::string_view hint) = 0;
    // `part` names the part of the registry's catalog that the rows replace; empty: they are all.
    virtual void releases(Json rows, std::string_view part) = 0;
};

}  // namespace pgx
