// signed_comment.h - what the trusted comment of a bundle's signature says about the bundle.
//
//     name=semver version=0.40.0 platform=gnulinux-2.36-amd64 postgres=18
//
// A signature alone would be good for any bundle of the same key under any name; with this, whoever
// installs a bundle compares what was signed with what the bundle says that it is.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/bundle/bundle_name.h"

namespace pgx {

// The comment for a bundle.
std::string signed_comment(const BundleName &name);

// signature_invalid when `comment` is not of this form, or is about another bundle than `name`.
// Words that are not known are passed over, for later additions.
Result<void> check_signed_comment(std::string_view comment, const BundleName &name);

}  // namespace pgx
