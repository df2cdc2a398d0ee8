// create.h - CREATE EXTENSION in several databases at once.
#pragma once

#include "extension/door.h"

#include <string>
#include <vector>

#include "extension/result_set.h"

namespace pgx {

// CREATE EXTENSION IF NOT EXISTS ... CASCADE of all of them in each database, as `role`. Ours is
// part of this transaction, the others end as it does (database_session.h). Adds a row (database,
// extension, outcome) for each pair if `rows` is given.
Result<void> create_in_databases(const std::vector<std::string> &extensions,
                                 std::vector<std::string> databases, Oid role, pg::ResultSet *rows);

}  // namespace pgx
