// fake_pg_config.h - a program that answers as pg_config of PostgreSQL 18 below a given prefix.
#pragma once

#include <sys/stat.h>

#include <string>

#include "temporary_directory.h"

namespace pgx {

inline std::string fake_pg_config(const TemporaryDirectory &directory, const std::string &prefix) {
    const std::string path = directory.put("pg_config", "#!/bin/sh\nprefix='" + prefix + R"SHELL('
for option in "$@"; do
    case $option in
    --version) echo "PostgreSQL 18.6 (Test)" ;;
    --bindir) echo "$prefix/bin" ;;
    --sharedir) echo "$prefix/share" ;;
    --pkglibdir) echo "$prefix/lib/postgresql" ;;
    --docdir | --htmldir) echo "$prefix/share/doc" ;;
    --includedir) echo "$prefix/include" ;;
    --pkgincludedir) echo "$prefix/include/postgresql" ;;
    --includedir-server) echo "$prefix/include/postgresql/server" ;;
    --libdir) echo "$prefix/lib" ;;
    --localedir) echo "$prefix/share/locale" ;;
    --mandir) echo "$prefix/share/man" ;;
    --sysconfdir) echo "$prefix/etc" ;;
    *) exit 1 ;;
    esac
done
)SHELL");
    ::chmod(path.c_str(), 0755);
    return path;
}

}  // namespace pgx
