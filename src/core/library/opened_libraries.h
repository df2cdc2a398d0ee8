// opened_libraries.h - libraries that a module opens by name when it runs.
//
// dlopen() leaves no trace in ELF headers, and a string in a module that looks like a library's
// name may be anything. So there is a table, each entry with what was read or measured. The name is
// compiled in: the library gets exactly it, and is found because dlopen() searches the DT_RPATH of
// the module that calls it. Its symbols keep their names, since dlsym() asks for them.
#pragma once

#include <string_view>
#include <vector>

namespace pgx {

struct OpenedLibrary {
    std::string_view module;   // "mysql_fdw.so"
    std::string_view name;     // what it opens: "libmysqlclient.so"
    std::string_view library;  // what will do, as packages call it: "libmariadb.so.3"
};

// The entries for a module by its file name.
std::vector<OpenedLibrary> opened_libraries(std::string_view module);

}  // namespace pgx
