// bundle_name.h - what the file name of a bundle says, which is also the name of its top folder.
//
//     semver-0.40.0+pg18-gnulinux-2.36-amd64.trunk     built for PostgreSQL 18, glibc 2.36 or later
//     pgtap-1.3.4+pg18-any.trunk                       SQL only
//
// The format is PGXN's RFC-2 (Trunk v2), which leaves the words for operating systems open and
// calls the third one the version of the system. What decides on Linux whether a library can be
// loaded is the C library, so here it is "gnulinux" with the version of glibc, or "musllinux"; the
// version is the lowest that will do, worked out from the libraries' ELF headers and not the one of
// the machine they were built on.
#pragma once

#include <string>
#include <string_view>

#include "core/base/platform.h"
#include "core/base/result.h"

namespace pgx {

struct BundleName {
    std::string name;             // of the package
    std::string version;          // a semantic version
    unsigned postgres_major = 0;  // 18
    std::string os = "any";       // "gnulinux", "musllinux", other systems' names, or "any"
    std::string libc;             // "2.36", the lowest version of the C library; empty: not stated
    std::string architecture;     // "amd64"; empty exactly with os "any"

    bool operator==(const BundleName &) const = default;
};

// The file name, with ".trunk". artifact_malformed that says what is wrong with it.
Result<BundleName> parse_bundle_file_name(std::string_view file_name);

// The same without ".trunk", as the top folder has it.
Result<BundleName> parse_bundle_folder_name(std::string_view folder_name);

// The reverse. What has been parsed comes out as it was.
std::string bundle_folder_name(const BundleName &name);
std::string bundle_file_name(const BundleName &name);

// Whether a bundle could be named so: invalid_name or invalid_argument that says why not. A package
// name such as "x-1.y" is refused, because the file name could not be told apart again.
Result<void> check_bundle_name(const BundleName &name);

// wrong_platform, with the two that disagree, when this bundle is not for `platform`.
Result<void> check_platform(const BundleName &name, const Platform &platform);

// A machine on which this bundle can just be installed, for looking into bundles made for others.
Platform platform_of(const BundleName &name);

}  // namespace pgx
