// inspect.h - from unpacked files to what a receipt says about them.
//
// Everything here is judged before any file can reach a directory that the server looks into:
// control files as PostgreSQL would read them, whether their scripts are there, and the headers of
// libraries.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/platform.h"
#include "core/base/receipt.h"
#include "core/base/result.h"
#include "core/registry/control_file.h"

namespace pgx {

struct NamedControlFile {
    std::string path;  // as in ReceiptFile
    ControlFileName name;
    ControlFile content;
};

// Reads all control files among `files`, which lie below `directory`, secondary ones too.
// control_file_invalid.
Result<std::vector<NamedControlFile>> read_control_files(FileSystem &fs,
                                                         const std::string &directory,
                                                         const std::vector<ReceiptFile> &files);

// "postgis-3" without its version is "postgis"; empty when there is none.
std::string_view without_version(std::string_view name);

// Control files under a name that only an administrator's choice gives them, by path, with the path
// that they are to have. Debian lets several major versions of an extension be installed at once:
// the package holds postgis-3.control beside postgis--3.6.4.sql, and its installation script makes
// postgis.control a link (update-alternatives) to the version chosen. pgx runs no scripts of
// packages and installs one version, so the choice is made by installing the file under that name.
std::vector<std::pair<std::string, std::string>> control_files_to_rename(
    const std::vector<ReceiptFile> &files, const std::vector<NamedControlFile> &controls);

struct Inspection {
    std::vector<ReceiptExtension> extensions;  // sorted by name
    std::vector<ReceiptModule> modules;        // sorted by path
    // Control files (paths) of extensions that cannot be created, since there is no script for
    // them; distributions ship such as aliases. They are not to be installed.
    std::vector<std::string> without_script;
};

// control_file_invalid: default_version cannot be reached though there are scripts. wrong_platform:
// a library for another architecture or PostgreSQL major. artifact_malformed: a library that is not
// one.
Result<Inspection> inspect(FileSystem &fs, const std::string &directory,
                           const std::vector<ReceiptFile> &files,
                           const std::vector<NamedControlFile> &controls, const Platform &platform);

// "$libdir/semver.so" and "semver" are library "semver".
std::string library_name(std::string_view module_path);

// The libraries that a script's text names; `module_pathname` is what MODULE_PATHNAME in it means.
Result<std::set<std::string>> libraries_in_script(FileSystem &fs, const std::string &path,
                                                  const std::string &module_pathname);

// The versions of an extension that its scripts connect; `script_names` are file names
// ("semver--0.1.sql", "semver--0.1--0.2.sql"). Those that create `version` or lead from a creatable
// version to it, in the order in which they run; empty when there is none.
std::vector<std::string> scripts_to_create(std::string_view extension, std::string_view version,
                                           const std::vector<std::string> &script_names);

}  // namespace pgx
