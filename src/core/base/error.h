// error.h - what can go wrong, as plain values.
//
// The core never throws and never prints: a function that can fail returns a Result<T> (result.h)
// whose other half is an Error.  Every kind of failure has one row in the table of error.cpp, which
// gives it the name used between helper and backend, the SQLSTATE that clients see, and the remedy
// that is offered where the place of failure knows no better one.  docs/reference.md is checked
// against that table by a test.
#pragma once

#include <string>
#include <string_view>

namespace pgx {

enum class ErrorCode {
    internal,              // a defect of pgx itself
    cancelled,             // the caller asked to stop
    out_of_memory,
    invalid_argument,
    invalid_name,
    permission_denied,
    feature_not_supported,
    wrong_state,           // right call, wrong moment (standby, read-only, PREPARE TRANSACTION, ...)
    not_home_database,
    no_registry,
    unknown_registry,
    duplicate_registry,
    serialization_failure, // somebody else changed it meanwhile
    unknown_package,
    unknown_version,
    ambiguous_package,
    dependency_missing,
    package_conflict,      // one package breaks the other
    registry_unreachable,  // DNS, connect, TLS, timeout
    registry_refused,      // an answer that is not the file: 403, 404, 500
    registry_malformed,    // the registry's metadata cannot be read
    signature_missing,
    signature_invalid,     // bad signature, or not by a trusted key
    metadata_expired,      // or from the future
    metadata_rolled_back,  // older than what was seen before
    digest_mismatch,       // digest or size differ from what was signed
    artifact_malformed,    // a broken archive
    artifact_unsafe,       // an archive that tries something (path traversal, devices, bombs)
    control_file_invalid,  // PostgreSQL would refuse it
    wrong_platform,        // other PostgreSQL major, architecture
    file_conflict,         // a file that somebody else owns
    limit_exceeded,
    io,
    disk_full,
    no_exec,
    helper_failed,         // the helper died or talked nonsense
};

// An error as a value. `message` follows PostgreSQL's style: lower case, no full stop. `detail` and
// `hint` are sentences and may be empty; an empty hint falls back to the table's remedy.
struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;
    std::string detail = {};
    std::string hint = {};

    // The same error with `what` in front: "could not refresh registry: no such host".
    Error prefixed(std::string_view what) &&;
};

// The error for a failed system call. `doing` tells what was being done, in the form "could not
// write file \"x\""; the errno text is appended. ENOSPC and EDQUOT become disk_full, EACCES and
// EPERM permission_denied, ENOMEM out_of_memory, everything else io.
Error system_error(std::string_view doing, int error_number);

// What the table says of a code.
struct ErrorInfo {
    ErrorCode code;
    const char *name;      // on the wire between helper and backend, and in docs
    const char *sqlstate;  // five characters; class PX is pgx's own
    const char *remedy;    // the default HINT, may be empty
};

const ErrorInfo &error_info(ErrorCode code);

// The code with this name, or `internal` when there is none.
ErrorCode error_code_by_name(std::string_view name);

}  // namespace pgx
