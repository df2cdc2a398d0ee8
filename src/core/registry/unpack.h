// unpack.h - from an artifact to inspected, synced files in staging.
//
// The archive's own modes, owners, times, links and extended attributes are never applied. Each
// file is written by us, at a path that our layout computed from a checked name; anything else in
// the archive is an error or is left out and counted.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/platform.h"
#include "core/base/protocol.h"
#include "core/base/receipt.h"
#include "core/base/result.h"
#include "core/registry/archive.h"
#include "core/registry/layout.h"
#include "core/registry/registry.h"

namespace pgx {

// What differs between the kinds of artifact; the rest is one code.
struct UnpackSource {
    std::uint64_t size = 0;  // of the artifact's file in bytes, for progress
    // A reader at the beginning; asked for again when a second pass is needed.
    std::function<Result<std::unique_ptr<ArchiveReader>>()> open;
    // Where a file of the archive goes (layout.h); the second parameter are the values of
    // `directory` in control files.
    std::function<Placement(std::string_view path, const std::vector<std::string> &directories)>
        place;
    // The PostgreSQL major that a path is for, by its directory, to tell what an artifact does
    // hold.
    std::function<std::optional<unsigned>(std::string_view path)> major_of;
};

// Unpacks into `directory` (must not exist; becomes <directory>/share/..., <directory>/lib/...),
// inspects and syncs everything, and tells what is there.
Result<Receipt> unpack(const UnpackSource &source, const Artifact &artifact,
                       const Platform &platform, const std::string &directory, FileSystem &fs,
                       Reporter &reporter);

// Unpacks the .deb at `deb_path` into `directory` (must not exist; becomes <directory>/share/...,
// <directory>/lib/...), inspects and syncs everything, and tells what is there. wrong_platform when
// it holds nothing for this PostgreSQL major, artifact_malformed, artifact_unsafe,
// control_file_invalid, disk_full ...
Result<Receipt> unpack_deb(const std::string &deb_path, const Artifact &artifact,
                           const Platform &platform, const std::string &directory, FileSystem &fs,
                           Reporter &reporter);

// The same with limits of the caller's, so that tests need no large archives.
Result<Receipt> unpack_deb(const std::string &deb_path, const Artifact &artifact,
                           const Platform &platform, const std::string &directory, FileSystem &fs,
                           Reporter &reporter, const ArchiveLimits &limits);

}  // namespace pgx
