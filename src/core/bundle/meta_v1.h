// meta_v1.h - META.json as nearly all source folders of today have it: PGXN Meta v1 (RFC-1).
//
// It is turned into the second version's document and read as such, so that there is one reader.
// The mapping is the one of PGXN's own tool (pgxn/meta), less what it makes up: a release's
// signature.
#pragma once

#include "core/base/json.h"
#include "core/base/result.h"

namespace pgx {

// artifact_malformed naming the member that has another type than it should have.
Result<Json> meta_v2_of_v1(const Json &document);

}  // namespace pgx
