// result_set.h - rows that an SQL function returns.
#pragma once

#include "extension/door.h"

#include <vector>

#include "extension/query.h"

namespace pgx::pg {

// Collects rows into a tuplestore. Values are text and go through the input function of their
// column's type.
class ResultSet {
   public:
    explicit ResultSet(FunctionCallInfo fcinfo);
    void add(const Row &row);
    Result<Datum> done() { return Datum{0}; }

   private:
    ReturnSetInfo *info_;
    AttInMetadata *input_;
};

// A single composite value, for functions that return one row. Same conversion.
Datum make_record(FunctionCallInfo fcinfo, const Row &row);

// Arguments as C++ values; nullopt when NULL.
Value text_argument(FunctionCallInfo fcinfo, int n);
// text or text[], whichever the function was declared with. A null in the array becomes an empty
// name, which no check lets pass.
std::vector<std::string> names_argument(FunctionCallInfo fcinfo, int n);
Datum text_datum(const std::string &text);

}  // namespace pgx::pg
