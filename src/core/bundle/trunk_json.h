// trunk.json - a bundle's manifest: what it is and what it was built for.
//
// RFC-2 leaves the content to another RFC that does not exist; this is the one of its
// proof of concept (format 0.1.0), whose keys `libs`, `cflags` and so on nobody reads and which we
// do not write. Neither do we write the minor version of PostgreSQL: RFC-2 says that any will
// do, and a bundle must not differ because the same source was built after a minor update.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/bundle/bundle_name.h"

namespace pgx {

struct TrunkManifest {
    std::string format = "0.1.0";  // "trunk" in the file
    BundleName name;               // the same facts as in the file name
    std::string language;          // "c", "sql"; for people
    std::string license;           // SPDX expression, may be empty
};

// artifact_malformed when a member is missing or of another type; feature_not_supported for a
// format of a later major version (0.x and 1.x are read).
Result<TrunkManifest> parse_trunk_json(std::string_view text);

// The file's text.
std::string write_trunk_json(const TrunkManifest &manifest);

}  // namespace pgx
