// preload_facts.h - what cannot be seen in a library: preload.json.
//
// That a library has to be preloaded is read from its ELF headers and messages (registry/elf.h)
// where they tell. Some do not: a library that defines a setting for the server's start only fails
// with a message of PostgreSQL's, and one that is merely useless without its hooks fails with none.
// Which settings a library cannot do without is written in its documentation alone. So there is a
// file of facts, each with its source, and another one of the administrator's own, which wins.
//
//   {"libraries": [
//     {"library": "pg_cron", "preload": "shared_preload_libraries",
//      "settings": [{"name": "cron.database_name", "value": "{database}", "default": "postgres"}],
//      "source": "https://github.com/citusdata/pg_cron"}]}
//
// "optional": true is for libraries that work without, with less. "preload" may be "none": the
// library is not to be preloaded, whatever its headers say.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace pgx {

// A setting that has to have a value.
struct RequiredSetting {
    std::string name;   // "cron.database_name"
    std::string value;  // a sensible one; "{database}" stands for the current database
    // The library's own, for which nothing needs to be set. May be empty.
    std::string default_value;
    // "add" in the place of "value": the setting is a list, has to have this element, and is read
    // again without a restart. A server that does not know the setting does not need it.
    bool element = false;
};

struct PreloadFact {
    std::string library;  // without directory and ".so"
    std::string setting;  // "shared_preload_libraries", "session_preload_libraries"; empty: none
    std::vector<RequiredSetting> settings;
    bool optional = false;  // it works without, with less; pgx.preload() is for who wants more
    std::string source;     // the documentation's address, or what was measured
};

// By library.
using PreloadFacts = std::map<std::string, PreloadFact, std::less<>>;

// The two settings that a library may be preloaded by.
inline constexpr const char *shared_preload = "shared_preload_libraries";
inline constexpr const char *session_preload = "session_preload_libraries";

// The content of such a file. invalid_argument, naming the entry, when it is not as described
// above.
Result<PreloadFacts> parse_preload_facts(std::string_view text);

// Those of both; where they have the same library, that of `own`.
PreloadFacts override_facts(PreloadFacts shipped, PreloadFacts own);

}  // namespace pgx
