// stream.h - decompression of single files (Packages.xz, Contents-amd64.gz) in constant memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace pgx {

// Calls `line` for each line (without its newline) of the file at `path`, decompressed by libarchive's raw reader with
// exactly the filter that `compression` names: "xz", "gz", "zst" or "" for none. Lines over 1 MiB and more than `limit`
// decompressed bytes are limit_exceeded; a line callback that fails ends the reading with its error.
Result<void> for_each_line(const std::string &path, std::string_view compression, std::uint64_t limit,
                           const std::function<Result<void>(std::string_view)> &line);

}  // namespace pgx
