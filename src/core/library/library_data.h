// library_data.h - libraries that are of no use without files beside them.
//
// PROJ finds its database in the directory that PROJ_DATA names, or else, since version 7, relative
// to where its library lies ("<directory>/../share/proj", filemanager.cpp), and only then where it
// was built for. A server has no PROJ_DATA, so data placed that way is found by the private
// library, and only by it. That a library looks relative to itself is written nowhere; hence a
// table.
#pragma once

#include <string>
#include <string_view>

namespace pgx {

struct LibraryData {
    std::string_view library;    // "libproj": the soname up to ".so"
    std::string_view package;    // that holds the data
    std::string_view directory;  // in the package: "usr/share/proj"
    std::string_view place;      // relative to the parent of the library's directory: "share/proj"
};

// The entry for a library, null when it needs no data.
const LibraryData *library_data(std::string_view soname);

// The entry whose place this is, null when there is none.
const LibraryData *library_data_at(std::string_view place);

bool is_library_data_package(std::string_view package);

}  // namespace pgx
