// path_set.h - paths that must not stand in each other's way.
//
// A package is installed on file systems that tell upper from lower case and on those that do not,
// and its files end up in directories shared by all packages. So two paths collide when they are
// equal but for case, and when one is a file that the other needs as a directory; directories that
// differ in case only collide too, since they would be merged or not.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace pgx {

class PathSet {
   public:
    // Adds a file, and the directories it lies in. False, and nothing added, when it collides.
    bool add_file(std::string_view path);
    // Adds a directory. Adding the same one again is fine.
    bool add_directory(std::string_view path);

   private:
    struct Entry {
        std::string spelling;
        bool directory = false;
    };

    bool add(std::string_view path, bool directory);
    bool fits(std::string_view path, bool directory) const;

    std::map<std::string, Entry> entries_;  // by the path in lower case
};

}  // namespace pgx
