// directory_layout.h - where things are below pgx.directory.
//
//     <root>/18/share/extension/   on extension_control_path as <root>/18/share
//     <root>/18/lib/               on dynamic_library_path
//     <root>/18/receipts/          <package>.json, what is installed
//     <root>/journal/              <change>.json and <change>.d/, changes under way (file_change.h)
//     <root>/trust/                <root fingerprint>-<source>/, TUF metadata that was verified (tuf/)
//     <root>/pgsql_tmp.staging/    unpacked, verified files that wait to be moved into place
//     <root>/pgsql_tmp.cache/      downloads and registry metadata; may be deleted at any time
//     <root>/pgsql_tmp.host/       what was found out about this host; may be deleted at any time. Not
//                                  in the cache, which helpers write that have read foreign bytes
//
// Base backups skip names that begin with pgsql_tmp, and that is right for the last three.
#pragma once

#include <string>

#include "core/base/file_system.h"

namespace pgx {

struct DirectoryLayout {
    std::string root;  // absolute
    unsigned postgres_major = 0;

    // Relative to root, and what the paths in pgx.files and receipts are relative to.
    std::string version_directory() const { return std::to_string(postgres_major); }

    std::string share() const { return join_path(root, version_directory() + "/share"); }
    std::string library() const { return join_path(root, version_directory() + "/lib"); }
    std::string receipts() const { return join_path(root, version_directory() + "/receipts"); }
    std::string journal() const { return join_path(root, "journal"); }
    std::string trust() const { return join_path(root, "trust"); }
    std::string staging() const { return join_path(root, "pgsql_tmp.staging"); }
    std::string cache() const { return join_path(root, "pgsql_tmp.cache"); }
    std::string host() const { return join_path(root, "pgsql_tmp.host"); }
    // The place of an installed file by its path in a receipt ("share/extension/x.control").
    std::string installed(const std::string &path) const {
        return join_path(root, version_directory() + "/" + path);
    }
    std::string receipt_path(const std::string &package) const {
        return "receipts/" + package + ".json";
    }
};

// Makes all of them, 0700 for the root and 0755 below. wrong_state when the root belongs to
// somebody else or others may write to it; no_exec when libraries could not be loaded from there.
Result<void> make_directories(FileSystem &fs, const DirectoryLayout &layout);

}  // namespace pgx
