// bundle_reader.h - a bundle, file by file, each checked against the bundle's own digests.
//
// A bundle is a tar archive compressed with zstd or gzip, or a zip archive; which one is told by
// its first bytes, since all are called .trunk. Whatever the order of its files, none is believed
// before `digests` is known: open_bundle() looks for the three files that describe the bundle first
// (bundles written by pgx begin with them, so that this costs nothing), and the reader then handed
// out compares each file's digest when it has been read, and at the end whether all that are listed
// have come by.
//
// Bundles have files and folders only. A link could not be in `digests`, so none is accepted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/file_system.h"
#include "core/base/result.h"
#include "core/bundle/bundle_name.h"
#include "core/bundle/digests.h"
#include "core/bundle/meta.h"
#include "core/bundle/trunk_json.h"
#include "core/registry/archive.h"

namespace pgx {

struct Bundle {
    BundleName name;  // of the top folder, which the two manifests have been found to agree with
    TrunkManifest manifest;
    std::optional<Meta> meta;  // bundles of others may lack it
    Digests digests;
};

// What is in the bundle at `path`. artifact_malformed: not a bundle, or its parts disagree;
// artifact_unsafe: as ArchiveReader::next().
Result<Bundle> open_bundle(FileSystem &fs, const std::string &path,
                           const ArchiveLimits &limits = {});

// Its files and folders with paths below the top folder. next() and read() fail with
// digest_mismatch where a file is not what `digests` says, artifact_malformed where it is not
// listed, or listed and missing, artifact_unsafe for a link. The `bundle` is to outlive the reader.
Result<std::unique_ptr<ArchiveReader>> read_bundle(FileSystem &fs, const std::string &path,
                                                   const Bundle &bundle,
                                                   const ArchiveLimits &limits = {});

}  // namespace pgx
