// protocol.cpp - errors on the wire.
#include "core/base/protocol.h"

namespace pgx {

Json error_to_json(const Error &error) {
    Json json{{"code", error_info(error.code).name}, {"message", error.message}};
    if (!error.detail.empty()) json["detail"] = error.detail;
    if (!error.hint.empty()) json["hint"] = error.hint;
    return json;
}

Error error_from_json(const Json &json) {
    const auto code = json_string(json, "code");
    auto message = json_string(json, "message");
    auto detail = json_string(json, "detail", "");
    auto hint = json_string(json, "hint", "");
    if (!code || !message || !detail || !hint)
        return Error{ErrorCode::helper_failed, "the helper reported an error that cannot be read"};
    return Error{error_code_by_name(*code), std::move(*message), std::move(*detail),
                 std::move(*hint)};
}

}  // namespace pgx
