// pack_source.h - what is to be packed, wherever it comes from: files with their places in a
// bundle, and what the source says about itself.
//
// Three kinds of source end here: an install tree (of `make install DESTDIR=...`, or unpacked), a
// Debian package, and an extension that is installed on this machine. `pgx build` makes an install
// tree first (build.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/protocol.h"
#include "core/base/result.h"
#include "core/bundle/bundle_writer.h"
#include "core/bundle/meta.h"
#include "core/bundle/postgres_directories.h"

namespace pgx {

struct PackSource {
    unsigned postgres_major = 0;                    // 0: not known
    std::map<std::string, BundleSourceFile> files;  // by path in the bundle
    std::map<std::string, std::uint64_t> left_out;  // kind to number of files
    // Of the package, for want of META.json and options; members may be empty.
    Meta suggested;
};

// The files below `root` that lie where `directories` has them, links as copies of what they lead
// to. Without any there, the layout is told from the tree's control files; `major` chooses among
// several, 0 if there is no choice. unknown_package when there is nothing of an extension.
Result<PackSource> collect_tree(FileSystem &fs, const std::string &root,
                                const PostgresDirectories *directories, unsigned major);

// What of a .deb pgx would install, and its copyright file. Unpacks into `scratch` (exists).
// `major` 0: the one that it is for; invalid_argument when there are several.
Result<PackSource> collect_deb(FileSystem &fs, const std::string &path, const std::string &scratch,
                               unsigned major, Reporter &reporter);

// Control file, scripts and modules of an extension of this machine. unknown_package when there is
// no such control file.
Result<PackSource> collect_installed(FileSystem &fs, const std::string &extension,
                                     const PostgresDirectories &directories);

// README, LICENSE and so on of a source folder, for the top folder of a bundle.
Result<std::map<std::string, BundleSourceFile>> collect_documents(FileSystem &fs,
                                                                  const std::string &folder);

}  // namespace pgx
