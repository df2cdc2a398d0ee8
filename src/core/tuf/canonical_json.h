// canonical_json.h - the bytes that a TUF signature is made over.
//
// OLPC's canonical JSON (wiki.laptop.org/go/Canonical_JSON): keys sorted, no white space, whole
// numbers only, and in strings nothing escaped but the quotation mark and the backslash, so that
// control characters stand as they are. A JSON library's writer gives other bytes ("\n" for the
// line breaks of a PEM key), hence this one.
#pragma once

#include <string>

#include "core/base/json.h"
#include "core/base/result.h"

namespace pgx::tuf {

// invalid_argument for a number with a fraction or exponent, which has no canonical form.
Result<std::string> canonical_json(const Json &json);

}  // namespace pgx::tuf
