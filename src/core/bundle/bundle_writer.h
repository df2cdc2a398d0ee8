// bundle_writer.h - from a folder to a bundle, the same bytes each time.
//
// A build that can be repeated by others is worth more than a signature, so nothing of the machine
// gets into the archive: the entries are sorted, belong to nobody, have one time (1980-01-01, the
// first that a zip archive could say too) and the modes 0644 and 0755, pax headers are written only
// for names that need them, and zstd runs in one thread with a level that depends on the size only.
// What is left is the version of the compressor.
//
// The three files that describe the bundle come first, so that a reader need not search for them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/base/file_system.h"
#include "core/base/result.h"
#include "core/bundle/bundle_name.h"
#include "core/bundle/meta.h"
#include "core/bundle/trunk_json.h"

namespace pgx {

struct BundleSourceFile {
    std::string path;                       // of the file to read ...
    bool executable = false;                // mode 0755
    std::optional<std::string> bytes = {};  // ... unless its content is here
};

struct BundleContent {
    TrunkManifest manifest;  // its name becomes the bundle's
    Meta meta;
    std::map<std::string, BundleSourceFile> files;  // by path below the top folder
};

struct WrittenBundle {
    std::string path;
    std::uint64_t size = 0;  // bytes
    std::string sha256;      // 64 hex digits
};

// Writes <directory>/<file name>, replacing one that is there in one step. Adds trunk.json,
// META.json and digests to the files. invalid_argument: the name is not possible, or `files` has a
// path that is not clean or one of those three. io, disk_full ...
Result<WrittenBundle> write_bundle(FileSystem &fs, const BundleContent &content,
                                   const std::string &directory);

}  // namespace pgx
