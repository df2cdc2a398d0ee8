// library_list.h - the elements of a setting like shared_preload_libraries.
//
// Only what is done with the elements is here. Taking the setting's text apart and putting it
// together is PostgreSQL's own business, with PostgreSQL's own functions (extension/preload.h): its
// rules for quotes are not simple, and a list that is read wrongly keeps a server from starting.
//
// What stands in a list counts as it stands there. Order matters to some libraries, and one element
// can be written in several ways, so nothing is ever sorted, rewritten or made unique.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgx {

// The library that an element means: "pg_cron" for "pg_cron", "$libdir/pg_cron", "pg_cron.so" and
// "/usr/lib/postgresql/18/lib/pg_cron.so".
std::string library_of_element(std::string_view element);

// Whether one of the elements means this library.
bool names_library(const std::vector<std::string> &elements, std::string_view library);

// The elements, and behind them those of `libraries` that none of them means. Empty names are left
// out: ALTER SYSTEM SET ... = '' writes one, and no server starts with it.
std::vector<std::string> with_libraries(std::vector<std::string> elements,
                                        const std::vector<std::string> &libraries);

// The elements that mean none of `libraries`.
std::vector<std::string> without_libraries(std::vector<std::string> elements,
                                           const std::vector<std::string> &libraries);

}  // namespace pgx
