// json_lines.cpp - writing the protocol, with progress held to a readable rate.
#include "core/base/json_lines.h"

#include <algorithm>
#include <utility>

namespace pgx {

namespace {

constexpr std::chrono::milliseconds interval{100};
constexpr std::size_t rows_per_event = 500;

std::string line_of(const Json &json) { return dump_json(json) + '\n'; }

}  // namespace

JsonLinesReporter::JsonLinesReporter(Sink sink, Clock clock)
    : sink_(std::move(sink)), clock_(std::move(clock)) {}

void JsonLinesReporter::send_progress(const std::string &name, Item &item) {
    item.held_back = false;
    item.sent = clock_();
    sink_(line_of(Json{{"event", "progress"},
                       {"phase", item.phase},
                       {"item", name},
                       {"done", item.done},
                       {"total", item.total}}));
}

void JsonLinesReporter::send_held_back() {
    for (auto &[name, item] : items_)
        if (item.held_back) send_progress(name, item);
}

void JsonLinesReporter::progress(std::string_view phase, std::string_view item, std::uint64_t done,
                                 std::uint64_t total) {
    auto found = items_.find(item);
    const bool first = found == items_.end() || found->second.phase != phase;
    if (found == items_.end()) found = items_.emplace(std::string(item), Item{}).first;
    auto &[name, state] = *found;
    // The last of the phase before; when that phase had no total, only now is it known to be the
    // last.
    if (first && state.held_back) send_progress(name, state);
    const bool repeated = !first && state.done == done && state.total == total;
    if (repeated) return;
    state.phase = phase;
    state.done = done;
    state.total = total;
    state.held_back = true;
    const bool last = total > 0 && done >= total;
    if (first || last || clock_() - state.sent >= interval) send_progress(name, state);
}

void JsonLinesReporter::notice(std::string_view message, std::string_view detail,
                               std::string_view hint) {
    Json event{{"event", "notice"}, {"message", message}};
    if (!detail.empty()) event["detail"] = detail;
    if (!hint.empty()) event["hint"] = hint;
    sink_(line_of(event));
}

void JsonLinesReporter::releases(Json rows, std::string_view part) {
    // That a part has no rows any more has to be said.
    if (rows.empty() && !part.empty()) send_releases(rows, part, 0, 0);
    for (std::size_t begin = 0; begin < rows.size(); begin += rows_per_event)
        send_releases(rows, part, begin, std::min(begin + rows_per_event, rows.size()));
}

void JsonLinesReporter::send_releases(const Json &rows, std::string_view part, std::size_t begin,
                                      std::size_t end) {
    Json some = Json::array();
    for (std::size_t i = begin; i < end; ++i) some.push_back(rows[i]);
    Json event{{"event", "releases"}, {"rows", std::move(some)}};
    if (!part.empty()) event["part"] = part;
    const std::string line = line_of(event);
    if (line.size() <= protocol_line_limit) {
        sink_(line);
    } else if (end - begin > 1) {
        const std::size_t middle = begin + (end - begin) / 2;
        send_releases(rows, part, begin, middle);
        send_releases(rows, part, middle, end);
    } else {
        // The part has to be begun even if nothing of it can be said.
        if (!part.empty()) send_releases(Json::array(), part, 0, 0);
        const auto package = json_string(rows[begin], "package", "");
        notice("package \"" + (package ? *package : std::string()) + "\" was left out",
               "Its description in the registry's lists is too long.", "");
    }
}

bool JsonLinesReporter::result(const Json &result) {
    const std::string line = line_of(Json{{"result", result}});
    if (line.size() > protocol_line_limit) {
        error(Error{ErrorCode::limit_exceeded, "the result is too large",
                    "It has " + std::to_string(line.size()) + " bytes, and " +
                        std::to_string(protocol_line_limit) + " are allowed.",
                    "Ask for fewer packages at a time."});
        return false;
    }
    send_held_back();
    sink_(line);
    return true;
}

void JsonLinesReporter::error(const Error &error) {
    send_held_back();
    sink_(line_of(Json{{"error", error_to_json(error)}}));
}

}  // namespace pgx
