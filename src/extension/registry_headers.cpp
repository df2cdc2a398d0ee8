#include "extension/door.h"

#include "extension/registry_headers.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "extension/query.h"

extern "C" {
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
}

namespace pgx {

namespace {

constexpr std::size_t longest_value = 8192;
constexpr std::size_t most_headers = 16;

// RFC 9110: a token, and visible characters. What is neither could end the line and begin another.
bool is_header_name(std::string_view name) {
    constexpr std::string_view token =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return !name.empty() && name.size() <= 128 &&
           name.find_first_not_of(token) == std::string_view::npos;
}

bool is_header_value(std::string_view value) {
    return !value.empty() && value.size() <= longest_value &&
           std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; });
}

// Never tells a value.
Result<void> check_headers(const Json &headers) {
    constexpr const char *example =
        "For example: headers => '{\"Authorization\": \"Bearer ...\"}'.";
    if (!headers.is_object())
        return fail(ErrorCode::invalid_argument, "the headers are not a JSON object", "", example);
    if (headers.size() > most_headers)
        return fail(ErrorCode::invalid_argument, "too many headers",
                    "There may be " + std::to_string(most_headers) + ".");
    for (const auto &[name, value] : headers.items()) {
        if (!is_header_name(name))
            return fail(ErrorCode::invalid_argument,
                        "the name of a header contains a character that none may have", "",
                        example);
        if (!value.is_string() || !is_header_value(value.get_ref<const std::string &>()))
            return fail(ErrorCode::invalid_argument,
                        "the value of header \"" + name + "\" is not valid",
                        "It has to be a string of up to " + std::to_string(longest_value) +
                            " printable ASCII characters.",
                        example);
    }
    return {};
}

}  // namespace

Json registry_headers(const std::string &registry) {
    const std::vector<pg::Row> rows = pg::query(
        "SELECT headers FROM pgx.registry_headers WHERE registry OPERATOR(pg_catalog.=) $1",
        {registry});
    if (rows.empty()) return Json::object();
    return parse_json(rows[0][0].value_or("{}")).value_or(Json::object());
}

Result<void> set_registry_headers(const std::string &registry, const std::string &headers) {
    const Result<Json> parsed = parse_json(headers);
    if (!parsed) return fail(ErrorCode::invalid_argument, "the headers are not a JSON object");
    TRY(check_headers(*parsed));
    pg::execute("DELETE FROM pgx.registry_headers WHERE registry OPERATOR(pg_catalog.=) $1",
                {registry});
    if (!parsed->empty())
        pg::execute("INSERT INTO pgx.registry_headers VALUES ($1, $2::pg_catalog.jsonb)",
                    {registry, headers});
    return {};
}

HiddenStatement::HiddenStatement(bool has_secrets) {
    if (!has_secrets) return;
    static const char hidden[] = "<a statement with secrets of pgx>";
    debug_query_string = hidden;
    context_ = std::exchange(error_context_stack, nullptr);
    pg::call([] { pgstat_report_activity(STATE_RUNNING, hidden); });
}

void HiddenStatement::succeeded() {
    if (context_ != nullptr) error_context_stack = context_;
}

}  // namespace pgx
