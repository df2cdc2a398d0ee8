// zip_reader.h - a zip archive by its directory. Only for archive.cpp.
//
// A zip file says everything twice, before each file and in the directory at its end, and readers
// that believe different halves see different archives. libarchive's seekable reader goes by the
// directory, which is what all installers do; before it may, the file has to have exactly one
// possible directory: an end record without a comment in its last bytes, and not of the 64 bit
// kind.
#pragma once

#include <memory>
#include <string>

#include "core/base/file_system.h"
#include "core/registry/archive.h"
#include "core/registry/archive_handle.h"

namespace pgx {

Result<std::unique_ptr<ArchiveReader>> open_zip(FileSystem &fs, const std::string &path,
                                                std::unique_ptr<ReadableFile> file,
                                                const ArchiveContext &context);

}  // namespace pgx
