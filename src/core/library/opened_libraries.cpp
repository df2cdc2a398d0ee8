// opened_libraries.cpp - the table.
//
// mysql_fdw: mysql_load_library() in mysql_fdw.c opens _MYSQL_LIBNAME, which its Makefile sets to
// "libmysqlclient.so", in _PG_init, so that CREATE EXTENSION fails without. In Debian that name is
// a link of libmariadb-dev-compat to MariaDB's client library.
#include "core/library/opened_libraries.h"

#include <array>

namespace pgx {

namespace {

constexpr std::array<OpenedLibrary, 1> table{{
    {"mysql_fdw.so", "libmysqlclient.so", "libmariadb.so.3"},
}};

}  // namespace

std::vector<OpenedLibrary> opened_libraries(std::string_view module) {
    std::vector<OpenedLibrary> found;
    for (const OpenedLibrary &entry : table)
        if (entry.module == module) found.push_back(entry);
    return found;
}

}  // namespace pgx
