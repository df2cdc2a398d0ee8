// pack.h - from a source to a bundle that has been tried.
//
// What a bundle says of itself is taken from what was told, then META.json, then the control file;
// what it needs is worked out from the files: the lowest C library and the system libraries out of
// ELF headers, preloading out of the modules, required extensions out of control files. Nothing is
// loaded or run. At the end the bundle is unpacked in the way that a server will do it.
//
// System libraries are named. Brought along they are only on demand: whoever does that answers for
// their licenses and for their next security update, which no package manager will see to. They lie
// below "pgsql/pkglib/<package>", because a module then finds them beside itself wherever modules
// are put, by pgx and by any other program that installs bundles.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/protocol.h"
#include "core/base/result.h"
#include "core/bundle/meta.h"
#include "core/bundle/pack_source.h"
#include "core/bundle/unpack_bundle.h"

namespace pgx {

struct PackOptions {
    std::string name, version;  // empty: not told
    std::string abstract, license, maintainer, homepage;
    unsigned postgres_major = 0;  // 0: as the source says
    std::optional<Meta> meta;     // of META.json
    std::string output = ".";     // directory for the bundle
    // System libraries come into the bundle, apart from those that every server has loaded.
    bool bring_libraries = false;
    std::string libraries;  // folder with libraries and .deb files to look in first; may be empty
    std::string server;     // the server's program, for what it has loaded
};

struct PackResult {
    std::string path;
    InspectedBundle inspected;
    std::vector<std::string> system_libraries;      // that the host has to have, sorted
    std::vector<std::string> private_libraries;     // that came along: "libproj.so.25", sorted
    std::map<std::string, std::uint64_t> left_out;  // of the source; kind to number of files
    std::vector<std::string> remarks;               // sentences about what should be improved
};

// `scratch` (exists, ours) takes what has to be written on the way.
Result<PackResult> pack(const PackSource &source, const PackOptions &options,
                        const std::string &scratch, FileSystem &fs, Reporter &reporter);

}  // namespace pgx
