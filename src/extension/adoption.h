// adoption.h - files whose catalog was lost.
#pragma once

#include "core/base/directory_layout.h"
#include "core/base/result.h"

namespace pgx {

// DROP EXTENSION pgx takes the catalog and leaves the files. Packages whose receipt is on disk and
// that the catalog does not know are recorded again, if every file is as the receipt says. The
// caller holds the cluster lock. Cheap when there is nothing to adopt. True when there was.
Result<bool> adopt_packages(const DirectoryLayout &layout);

}  // namespace pgx
