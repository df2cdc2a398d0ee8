// receipt.h - what is in an artifact, file by file, after unpacking and inspection.
//
// The helper makes it from the unpacked files, the backend installs by it, and a copy stays on disk
// beside the files as receipts/<package>.json, so that files and catalog can be compared and, when
// the catalog is lost, adopted.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/json.h"
#include "core/base/result.h"

namespace pgx {

enum class FileKind { library, script, control, data };

struct ReceiptFile {
    std::string path;  // relative to <pgx.directory>/<major>: "share/extension/semver.control"
    FileKind kind = FileKind::data;
    std::uint64_t size = 0;  // bytes
    unsigned mode = 0644;    // 0644, 0755
    std::string sha256;      // 64 hex digits
    // Of the file in the package, where pgx changed the one that is installed; empty: it did not.
    std::string original_sha256 = {};
};

// What a control file says; PostgreSQL's own words for the members.
struct ReceiptExtension {
    std::string name;
    std::string default_version;  // may be empty
    std::string comment;
    std::string directory;  // as written, may be empty
    std::string schema;
    std::vector<std::string> requires_;  // `requires` is a keyword
    bool superuser = true;
    bool trusted = false;
    bool relocatable = false;
    std::vector<std::string>
        libraries;  // modules that its scripts name, without "$libdir/" and ".so"
};

// What loads a module when nobody calls a function in it: logical replication, for its output, the
// archiver, or nobody, unless it is named in a setting or by LOAD: a hook, which changes what the
// server does.
enum class ModulePlugin { none, output, archive, hook };

// A loadable library, by what its ELF headers tell.
struct ReceiptModule {
    std::string path;                 // as in ReceiptFile
    std::vector<std::string> needed;  // DT_NEEDED
    bool preload =
        false;  // has to be named in shared_preload_libraries (elf.h tells how that is known)
    ModulePlugin plugin = ModulePlugin::none;
    // The newest version of glibc that it needs, empty: none. Known after unpacking; not a part of
    // the receipt's JSON, since it has been decided upon by then.
    std::string glibc = {};
};

// A package of which libraries, or data that these need, were installed with this one.
struct ReceiptLibrary {
    std::string package, version, url, sha256, signer;
    std::uint64_t size = 0;  // of the package's file in bytes
    // What of it was installed: "libproj.so.25" by the names that others need them by,
    // "share/proj".
    std::vector<std::string> names;
};

struct Receipt {
    std::string package;
    std::string version;
    std::string registry;
    std::string artifact_url;
    std::string artifact_sha256;
    std::uint64_t artifact_size = 0;  // bytes
    std::string signer;              // fingerprint of the key at the end of the chain, may be empty
    std::vector<ReceiptFile> files;  // sorted by path
    std::vector<ReceiptExtension> extensions;  // sorted by name
    std::vector<ReceiptModule> modules;        // sorted by path
    std::vector<ReceiptLibrary> libraries;     // sorted by package
    std::map<std::string, std::uint64_t>
        left_out;  // kind ("bitcode", "documentation", "other") to number of files
};

const char *file_kind_name(FileKind kind);

Json to_json(const Receipt &receipt);

// The part of a receipt that the catalog and lock files have of their own.
Json libraries_to_json(const std::vector<ReceiptLibrary> &libraries);
Result<std::vector<ReceiptLibrary>> libraries_from_json(const Json &json);

// Checks everything that later code relies on: names valid, every path clean and below share/ or
// lib/, hashes well-formed, no path twice.
Result<Receipt> receipt_from_json(const Json &json);

// The receipt in a file, checked in the same way.
Result<Receipt> read_receipt(FileSystem &fs, const std::string &path);

// Whether `path` is relative, has only clean components ([A-Za-z0-9._+-], not "." or "..", at most
// 255 bytes), and lies below share/ or lib/.
bool is_clean_install_path(std::string_view path);

}  // namespace pgx
