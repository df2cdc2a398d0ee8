// module_pathname.h - takes "$libdir/" out of a control file.
//
// With "$libdir/x" the server looks for the module in its own library directory and nowhere else;
// with "x" it searches dynamic_library_path, where installed bundles are. (PostgreSQL 18 takes the
// prefix off by itself for extensions it finds on extension_control_path; the file is right for
// those who look at it, too, this way.) A path with another slash in it is not searched for at all
// and stays as it is.
#pragma once

#include <string>
#include <string_view>

namespace pgx {

// The text of a control file without the prefix in module_pathname, nothing else changed.
std::string without_library_directory(std::string_view control_file);

}  // namespace pgx
