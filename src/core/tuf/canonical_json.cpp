// canonical_json.cpp - nlohmann's objects are sorted by bytes, which for UTF-8 is the order of code
// points that is asked for.
#include "core/tuf/canonical_json.h"

namespace pgx::tuf {

namespace {

void append_string(std::string &out, const std::string &text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
}

// Recursion is bounded by the depth that the document was parsed with.
Result<void> append(std::string &out, const Json &json) {
    switch (json.type()) {
        case Json::value_t::null:
            out += "null";
            return {};
        case Json::value_t::boolean:
            out += json.get<bool>() ? "true" : "false";
            return {};
        case Json::value_t::number_unsigned:
            out += std::to_string(json.get<std::uint64_t>());
            return {};
        case Json::value_t::number_integer:
            out += std::to_string(json.get<std::int64_t>());
            return {};
        case Json::value_t::string:
            append_string(out, json.get_ref<const std::string &>());
            return {};
        case Json::value_t::array: {
            char separator = '[';
            for (const Json &element : json) {
                out += separator;
                separator = ',';
                TRY(append(out, element));
            }
            if (json.empty()) out += '[';
            out += ']';
            return {};
        }
        case Json::value_t::object: {
            char separator = '{';
            for (const auto &[key, value] : json.get_ref<const Json::object_t &>()) {
                out += separator;
                separator = ',';
                append_string(out, key);
                out += ':';
                TRY(append(out, value));
            }
            if (json.empty()) out += '{';
            out += '}';
            return {};
        }
        default:
            return fail(ErrorCode::invalid_argument,
                        "a number that is not whole has no canonical form");
    }
}

}  // namespace

Result<std::string> canonical_json(const Json &json) {
    std::string out;
    TRY(append(out, json));
    return out;
}

}  // namespace pgx::tuf
