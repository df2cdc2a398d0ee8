// json.h - JSON from elsewhere, checked before it is believed.
//
// nlohmann_json parses; this adds what it leaves open: a depth limit (its destructor and dump recurse), an
// error for duplicate keys (it keeps the last silently), a size limit, and typed access whose failure is an Error
// value naming the member instead of an exception.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/result.h"

namespace pgx {

using Json = nlohmann::json;

struct JsonLimits {
    std::size_t bytes = 64 * 1024 * 1024;
    std::size_t depth = 32;
};

// Parses one complete document. invalid_argument, with the position where the parser knows it, when it is not
// JSON, is too deep or too long, or repeats a key within an object.
Result<Json> parse_json(std::string_view text, JsonLimits limits = {});

// One line of UTF-8. Ill-formed UTF-8 in strings is replaced, so it cannot fail; JSON lines may rely on there
// being no newline in it.
std::string dump_json(const Json &json);

// Members of an object with a type check; the error (invalid_argument) names the member. The second form gives
// `fallback` when the member is absent or null. A string that contains U+0000 is refused, because neither a path nor
// a text value of PostgreSQL can hold it.
Result<std::string> json_string(const Json &object, const char *member);
Result<std::string> json_string(const Json &object, const char *member, std::string fallback);
Result<std::uint64_t> json_unsigned(const Json &object, const char *member);
Result<std::uint64_t> json_unsigned(const Json &object, const char *member, std::uint64_t fallback);
Result<bool> json_bool(const Json &object, const char *member, bool fallback);
Result<std::vector<std::string>> json_strings(const Json &object, const char *member);  // absent: empty

}  // namespace pgx
