#include "core/base/error.h"

#include <cerrno>
#include <cstring>

namespace pgx {

namespace {

// SQLSTATEs are PostgreSQL's own where one says what is meant, so that handlers written against
// PostgreSQL work; class PX is for what PostgreSQL has no word for.
constexpr ErrorInfo error_table[] = {
    {ErrorCode::internal, "internal", "XX000",
     "This is a defect of pgx. Please report it with the message and the server log."},
    {ErrorCode::cancelled, "cancelled", "57014", ""},
    {ErrorCode::out_of_memory, "out_of_memory", "53200", ""},
    {ErrorCode::invalid_argument, "invalid_argument", "22023", ""},
    {ErrorCode::invalid_name, "invalid_name", "42602",
     "A name has 1 to 63 characters out of letters, digits, \".\", \"_\", \"+\" and \"-\", and begins "
     "with a letter, a digit or \"_\"."},
    {ErrorCode::permission_denied, "permission_denied", "42501", ""},
    {ErrorCode::feature_not_supported, "feature_not_supported", "0A000", ""},
    {ErrorCode::wrong_state, "wrong_state", "55000", ""},
    {ErrorCode::not_home_database, "not_home_database", "PX001",
     "Connect to the home database and call the function there: files belong to the whole cluster, "
     "so one database keeps their catalog."},
    {ErrorCode::no_registry, "no_registry", "PX002",
     "Add a registry with pgx.add_registry(name, source)."},
    {ErrorCode::unknown_registry, "unknown_registry", "42704",
     "See pgx.registries for those that exist."},
    {ErrorCode::duplicate_registry, "duplicate_registry", "42710",
     "Change it with pgx.alter_registry(), or drop it first with pgx.drop_registry()."},
    {ErrorCode::serialization_failure, "serialization_failure", "40001", "Run the transaction again."},
    {ErrorCode::unknown_package, "unknown_package", "42704",
     "Look for it with pgx.search(text), or update the lists with pgx.refresh()."},
    {ErrorCode::unknown_version, "unknown_version", "42704",
     "See pgx.versions(name), or update the lists with pgx.refresh()."},
    {ErrorCode::ambiguous_package, "ambiguous_package", "42725",
     "Name the registry: pgx.install(name, registry => '...')."},
    {ErrorCode::dependency_missing, "dependency_missing", "PX003",
     "Add a registry that has it, or install it into the server by other means."},
    {ErrorCode::package_conflict, "package_conflict", "PX011",
     "Remove one of them first, or choose versions that go together: pgx.versions(name)."},
    {ErrorCode::registry_unreachable, "registry_unreachable", "08006",
     "Check the network, the proxy settings and the registry's address in pgx.registries."},
    {ErrorCode::registry_refused, "registry_refused", "08006",
     "The lists may be out of date: run pgx.refresh() and try again."},
    {ErrorCode::registry_malformed, "registry_malformed", "PX004",
     "Try again later; if it stays so, tell those who run the registry."},
    {ErrorCode::signature_missing, "signature_missing", "PX005",
     "pgx uses signed repositories only. Check the registry's address."},
    {ErrorCode::signature_invalid, "signature_invalid", "PX005",
     "Check that the keyring named by the registry's source is the right one and up to date."},
    {ErrorCode::metadata_expired, "metadata_expired", "PX006",
     "Check this machine's clock; if it is right, the repository is no longer maintained or an old "
     "copy is being served."},
    {ErrorCode::metadata_rolled_back, "metadata_rolled_back", "PX006",
     "The server gives older metadata than it did before. Try again later; if it stays so, do not "
     "trust this server."},
    {ErrorCode::digest_mismatch, "digest_mismatch", "PX007",
     "The file is not the one that was signed. Run pgx.refresh() and try again; if it stays so, do "
     "not trust this server."},
    {ErrorCode::artifact_malformed, "artifact_malformed", "PX008",
     "Tell those who publish the package."},
    {ErrorCode::artifact_unsafe, "artifact_unsafe", "PX009",
     "Nothing was installed. Tell those who run the registry."},
    {ErrorCode::control_file_invalid, "control_file_invalid", "PX008",
     "Nothing was installed, because one unreadable control file breaks pg_available_extensions for "
     "everybody. Tell those who publish the package."},
    {ErrorCode::wrong_platform, "wrong_platform", "PX010",
     "Look for a release that was built for this server: pgx.versions(name), pgx.platform()."},
    {ErrorCode::file_conflict, "file_conflict", "42710",
     "Remove the other owner of the file first."},
    {ErrorCode::limit_exceeded, "limit_exceeded", "54000", ""},
    {ErrorCode::io, "io", "58030", "See the server log and the state of the disk."},
    {ErrorCode::disk_full, "disk_full", "53100", "Make room, or move pgx.directory to another disk."},
    {ErrorCode::no_exec, "no_exec", "55000",
     "Remount the file system without noexec, or set pgx.directory to a place that allows execution."},
    {ErrorCode::helper_failed, "helper_failed", "58000",
     "Nothing was changed. See the server log, and try again."},
};

}  // namespace

Error Error::prefixed(std::string_view what) && {
    message.insert(0, std::string(what) + ": ");
    return std::move(*this);
}

Error system_error(std::string_view doing, int error_number) {
    ErrorCode code = ErrorCode::io;
    switch (error_number) {
        case ENOSPC:
        case EDQUOT:
            code = ErrorCode::disk_full;
            break;
        case EACCES:
        case EPERM:
        case EROFS:
            code = ErrorCode::permission_denied;
            break;
        case ENOMEM:
            code = ErrorCode::out_of_memory;
            break;
        default:
            break;
    }
    return Error{code, std::string(doing) + ": " + std::strerror(error_number)};
}

const ErrorInfo &error_info(ErrorCode code) {
    for (const ErrorInfo &info : error_table)
        if (info.code == code) return info;
    return error_table[0];
}

ErrorCode error_code_by_name(std::string_view name) {
    for (const ErrorInfo &info : error_table)
        if (name == info.name) return info.code;
    return ErrorCode::internal;
}

}  // namespace pgx
