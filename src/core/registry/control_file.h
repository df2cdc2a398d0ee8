// control_file.h - extension control files, read exactly as PostgreSQL reads them.
//
// One control file that PostgreSQL cannot read makes pg_available_extensions and \dx fail for
// everybody in every database, so this reader must not accept anything that PostgreSQL refuses.
// Where PostgreSQL accepts what would be dangerous or could not work from a directory of ours
// (include directives, absolute directories), it is stricter.
//
// Sources: guc-file.l (the lexer), ParseConfigFp() in guc-file.l, parse_extension_control_file() in
// extension.c, SplitIdentifierString() in varlena.c, parse_bool() in bool.c, all of PostgreSQL 18.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace pgx {

// The parameters; one that the file does not set is empty, or has PostgreSQL's default.
struct ControlFile {
    std::string directory;  // of the scripts, relative to the share directory; empty: beside the
                            // control file
    std::string default_version;
    std::string module_pathname;  // what MODULE_PATHNAME in scripts stands for
    std::string comment;
    std::string schema;
    std::string encoding;
    std::vector<std::string> requires_, no_relocate;
    bool relocatable = false;
    bool superuser = true;
    bool trusted = false;
};

// "vector.control" is extension "vector"; "vector--1.0.control" is its secondary file for version
// "1.0", which may override parameters when that version is installed.
struct ControlFileName {
    std::string extension;
    std::string version;  // empty: the primary control file
};

// nullopt when `file_name` (without directory) does not end with ".control" or holds no valid
// extension name.
std::optional<ControlFileName> parse_control_file_name(std::string_view file_name);

// `name` is for messages. control_file_invalid with the line in `detail`.
Result<ControlFile> parse_control_file(std::string_view text, std::string_view name,
                                       bool secondary);

// Whether PostgreSQL takes `version` for a version name, and nothing in it can leave a directory.
bool is_valid_version_name(std::string_view version);

}  // namespace pgx
