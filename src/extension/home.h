// home.h - the home database, and who may call what where.
//
// Files belong to the cluster, their catalog to one database.  Which one is written where all
// databases see it and transactions apply: the setting pgx.home of that database (ALTER DATABASE
// ... SET), a row in a shared catalog.
#pragma once

#include <optional>
#include <string>

#include "core/base/result.h"

namespace pgx {

// What every function that changes something begins with: not on a standby, not in a read-only
// transaction, in the home database. Then interrupted changes are recovered, unless another session
// is at work (recovery.h). `function` is its name for messages: "pgx.install()".
Result<void> check_may_change(const char *function);

// not_home_database when another database is the home. For what works on a standby too.
Result<void> check_home(const char *function);

// Makes the current database the home; not_home_database naming the other one if there is one
// already.
Result<void> take_home();

// The home database's name, if one is marked.
std::optional<std::string> find_home_name();

// Whether pgx is there. DROP EXTENSION leaves the mark of a home.
Result<bool> has_pgx(const std::string &database);

}  // namespace pgx
