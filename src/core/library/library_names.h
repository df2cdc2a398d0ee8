// library_names.h - names of libraries: what their packages are called, and what they are called
// as private libraries.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgx {

// How likely a package is to hold a library, by their names alone: the higher, the likelier. 1000
// when the package is named after the soname as Debian's policy says ("libgeos-c1t64" holds
// libgeos_c.so.1).
int package_likelihood(std::string_view package, std::string_view soname);

// The names by Debian's policy of a package that holds only this library, most likely first.
std::vector<std::string> usual_package_names(std::string_view soname);

// "libproj.so.25" with the tag "1a2b3c4d" is "libproj-1a2b3c4d.so.25".
std::string private_name(std::string_view soname, std::string_view tag);

// Whether a file of this name is a shared library: "libz.so.1.3", "libtcl8.6.so".
bool is_shared_library_name(std::string_view name);

// The packages that a Depends field names, each alternative in its order, without versions and
// architectures: "libblas3 | libblas.so.3, libc6 (>= 2.38)" is libblas3, libblas.so.3, libc6.
std::vector<std::string> packages_in_depends(std::string_view depends);

}  // namespace pgx
