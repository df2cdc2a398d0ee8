// adoption.h - files whose catalog was lost.
#pragma once

#include "core/base/directory_layout.h"
#include "core/base/receipt.h"
#include "core/base/result.h"

namespace pgx {

// DROP EXTENSION pgx takes the catalog and leaves the files. Packages whose receipt is on disk and
// that the catalog does not know are recorded again, if every file is as the receipt says. The
// caller holds the cluster lock. Cheap when there is nothing to adopt. True when there was.
Result<bool> adopt_packages(const DirectoryLayout &layout);

// A package with a receipt that the catalog does not know.
struct LostPackage {
    Receipt receipt;
    std::string deviating;  // the first file that is not as the receipt says; empty: adoptable
};

// Those with a receipt that can be believed. What was removed while this catalog existed is not
// lost.
Result<std::vector<LostPackage>> lost_packages(const DirectoryLayout &layout);

}  // namespace pgx
