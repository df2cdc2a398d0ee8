#include "core/publish/lifetimes.h"

#include <charconv>

namespace pgx {

namespace {

// TUF's dates have four digits for the year.
constexpr int longest = 36500;

std::string counted(long number, const char *unit) {
    return std::to_string(number) + " " + unit + (number == 1 ? "" : "s");
}

}  // namespace

std::chrono::days Lifetimes::of(std::string_view role) const {
    if (role == "root") return root_;
    if (role == "snapshot") return snapshot_;
    if (role == "timestamp") return timestamp_;
    return targets_;
}

Result<void> Lifetimes::change(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view role =
        equals == std::string_view::npos ? std::string_view() : text.substr(0, equals);
    const std::string_view number =
        equals == std::string_view::npos ? text : text.substr(equals + 1);
    int days = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), days);
    const bool known = equals == std::string_view::npos || role == "root" || role == "targets" ||
                       role == "snapshot" || role == "timestamp";
    if (error != std::errc{} || end != number.data() + number.size() || days < 1 ||
        days > longest || !known)
        return fail(ErrorCode::invalid_argument, "invalid time \"" + std::string(text) + "\"", {},
                    "Give a number of days from 1 to 36500, for all or for one of root, targets, "
                    "snapshot and timestamp: --expires timestamp=14.");
    for (auto [name, value] : {std::pair<std::string_view, std::chrono::days *>{"root", &root_},
                               {"targets", &targets_},
                               {"snapshot", &snapshot_},
                               {"timestamp", &timestamp_}})
        if (role.empty() || role == name) *value = std::chrono::days(days);
    return {};
}

bool Lifetimes::is_due(std::string_view role, tuf::Time expires, tuf::Time now) const {
    return (expires - now) * 2 < of(role);
}

bool Lifetimes::is_late(std::string_view role, tuf::Time expires, tuf::Time now) const {
    return (expires - now) * 3 < of(role);
}

std::string describe_expiry(tuf::Time expires, tuf::Time now) {
    const std::string text = tuf::format_time(expires);
    const std::string day = text.substr(0, 10);
    if (expires <= now) return day + " (expired)";
    const auto left = expires - now;
    if (left >= std::chrono::hours(48))
        return day + " (" + counted(std::chrono::floor<std::chrono::days>(left).count(), "day") +
               ")";
    const std::string minute = day + " " + text.substr(11, 5) + " UTC (";
    if (left >= std::chrono::hours(2))
        return minute + counted(std::chrono::floor<std::chrono::hours>(left).count(), "hour") + ")";
    return minute + counted(std::chrono::floor<std::chrono::minutes>(left).count(), "minute") + ")";
}

}  // namespace pgx
