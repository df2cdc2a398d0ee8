// unpack_bundle.h - from a bundle to inspected, synced files in staging, as unpack_deb() does it
// for packages of Debian's.
//
// What was signed is the catalog's entry: name, version, file name. A bundle that says something
// else inside is refused even though its digest was right, because it would be installed under the
// wrong name, or an old one under a new version (pacman was once fooled so).
#pragma once

#include <cstdint>
#include <string>

#include "core/base/file_system.h"
#include "core/base/platform.h"
#include "core/base/protocol.h"
#include "core/base/receipt.h"
#include "core/base/result.h"
#include "core/bundle/bundle_reader.h"
#include "core/registry/archive.h"
#include "core/registry/registry.h"

namespace pgx {

// Unpacks the bundle at `path` into `directory` (must not exist; becomes <directory>/share/...,
// <directory>/lib/...). artifact_malformed when the bundle's name or version is not the artifact's,
// or artifact.file is not empty and not its file name; wrong_platform; digest_mismatch;
// control_file_invalid; artifact_unsafe ... Nothing is left in `directory` after an error.
Result<Receipt> unpack_bundle(const std::string &path, const Artifact &artifact,
                              const Platform &platform, const std::string &directory,
                              FileSystem &fs, Reporter &reporter, const ArchiveLimits &limits = {});

// A bundle seen from outside, for those who publish it or make a catalog of it.
struct InspectedBundle {
    Bundle bundle;
    Receipt receipt;         // of unpacking it for a machine that it is for
    std::uint64_t size = 0;  // bytes
    std::string sha256;      // of the file
};

// Unpacks it into `scratch` (must not exist, and does not afterwards) for whatever platform it says
// that it is for. The file's own name has to be the bundle's.
Result<InspectedBundle> inspect_bundle(const std::string &path, const std::string &scratch,
                                       FileSystem &fs, Reporter &reporter,
                                       const ArchiveLimits &limits = {});

}  // namespace pgx
