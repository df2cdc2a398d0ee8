// postgres_directories.h - where a PostgreSQL installation has its files, and what these places are
// called in a bundle.
//
// pg_config knows; it is asked where there is one. An install tree that was made elsewhere may
// follow another installation's layout; then the layout is told from where its control files are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace pgx {

struct PostgresDirectories {
    unsigned major = 0;   // 0: not known
    std::string version;  // "18.6", empty: not known
    std::string bin, share, pkglib;
    // Directory to folder of the bundle ("pgsql/share"), longest directory first.
    std::vector<std::pair<std::string, std::string>> folders;

    // Where a file of an installation goes in a bundle; empty: it belongs to none of the places.
    std::string bundle_path(std::string_view installed_path) const;
};

// Runs pg_config, a path or a program's name. io when it cannot be run or says something else.
Result<PostgresDirectories> ask_pg_config(const std::string &pg_config);

// The layout that a share directory hints at: "/usr/share/postgresql/18" belongs to
// "/usr/lib/postgresql/18/lib", "/opt/x/share" to "/opt/x/lib".
PostgresDirectories directories_of_share(const std::string &share);

// What "pg_config --version" says ("PostgreSQL 18.6 (Debian ...)", "PostgreSQL 19devel") as version
// and major; nullopt when it says something else.
std::optional<std::pair<std::string, unsigned>> parse_postgres_version(std::string_view text);

}  // namespace pgx
