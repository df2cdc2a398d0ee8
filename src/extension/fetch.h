// fetch.h - artifacts through the helper into staging, whatever kind of registry they are from.
#pragma once

#include <string>
#include <vector>

#include "core/base/directory_layout.h"
#include "core/base/receipt.h"
#include "core/base/result.h"
#include "extension/release.h"

namespace pgx {

// Has the helper download (or find in its cache), verify, unpack and inspect these releases into
// <staging>/<package>/; `staging` exists, is empty and ours. Receipts come in the order of the
// releases, and each is of what was asked for.
Result<std::vector<Receipt>> fetch_releases(const std::vector<Release> &releases,
                                            const std::string &staging,
                                            const DirectoryLayout &layout, ProgressSlot &progress);

}  // namespace pgx
