// registry_headers.h - the secrets of private registries: HTTP headers that only the owner of pgx
// can read.
//
// They go from the table to the helper's standard input and from there to the registry's own host,
// nowhere else: not into messages, the history, process lists, dumps.
#pragma once

#include <string>

#include "core/base/json.h"
#include "core/base/result.h"
#include "extension/backend.h"

namespace pgx {

// An object {"Authorization": "Bearer ..."}, empty when the registry has none.
Json registry_headers(const std::string &registry);

// Replaces them; {} removes them. invalid_argument when one of them could not be sent as it is.
Result<void> set_registry_headers(const std::string &registry, const std::string &headers);

// Takes the text of the statement that is being run out of pg_stat_activity and of what may be
// logged about it from now on. Until succeeded(), errors have no CONTEXT either: there is the text
// of a statement in a function, and the parameters of a prepared one.
class HiddenStatement {
   public:
    explicit HiddenStatement(bool has_secrets);
    // An error goes without: whoever catches it has a context of his own.
    void succeeded();

   private:
    ErrorContextCallback *context_ = nullptr;
};

}  // namespace pgx
