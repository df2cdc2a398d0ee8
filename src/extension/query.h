// query.h - SQL from C++, through SPI and door 1.
//
// Values go in and come out as text: the catalog is small, and text keeps the C++ side free of
// datum lifetimes. Large data (release rows) goes in as one jsonb parameter and is taken apart by
// SQL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pgx::pg {

using Value = std::optional<std::string>;  // nullopt is NULL
using Row = std::vector<Value>;

// Runs one statement with parameters $1, $2, ... of type text (cast them in the SQL). Throws
// BackendError.
std::vector<Row> query(const char *sql, const std::vector<Value> &parameters = {});

// The same in a snapshot taken now, whatever the transaction's isolation level: what other
// transactions have committed before a lock was granted has to be seen. Read-only.
std::vector<Row> query_latest(const char *sql, const std::vector<Value> &parameters = {});

// Runs one statement for its effect; the number of rows it touched.
std::uint64_t execute(const char *sql, const std::vector<Value> &parameters = {});

// A text[] literal for a parameter that is cast to text[].
std::string array_literal(const std::vector<std::string> &values);
// The other way, for arrays read with array_to_json()::text.
std::vector<std::string> strings_from_json_array(const Value &value);

}  // namespace pgx::pg
