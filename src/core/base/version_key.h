// version_key.h - a Debian version as bytes whose plain order is the versions' order.
//
// A database sorts and indexes by keys, not by a comparison function of ours, so this is what
// pgx.version_key() gives to SQL. It agrees with compare_debian_versions() (a test compares both).
#pragma once

#include <string>
#include <string_view>

namespace pgx {

// Compare keys as unsigned bytes (std::string does, and so does PostgreSQL's bytea).
std::string debian_version_key(std::string_view version);

}  // namespace pgx
