// pack_common.h - what "pgx pack" and "pgx build" share: options, the work after a source has been
// found, and what is printed about the bundle.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/bundle/pack_source.h"
#include "core/bundle/postgres_directories.h"
#include "helper/command_line.h"

namespace pgx {

// Followed by `more`, sorted by nothing: in the order in which people will want them.
std::vector<Option> pack_options(std::vector<Option> more);

// --postgres; 0 when it was not given.
Result<unsigned> postgres_option(const ParsedArguments &arguments);

// The absolute path of the pg_config to ask: --pg-config, $PG_CONFIG, or the one on PATH. nullopt
// when nothing was named and there is none.
Result<std::optional<std::string>> find_pg_config(const ParsedArguments &arguments);

// META.json at this path.
Result<Meta> read_meta_file(const std::string &path);

// Packs `source` as the options say, signs it where they say so, and prints a summary. `meta` is
// used unless --meta names another.
Result<void> pack_and_print(const PackSource &source, const ParsedArguments &arguments,
                            std::optional<Meta> meta, const std::string &scratch);

}  // namespace pgx
