#include "core/registry/apt_release.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "core/registry/deb822.h"

namespace pgx {

namespace {

constexpr std::array<std::string_view, 12> month_names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> day_names = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

template <typename Number>
bool parse_number(std::string_view text, Number &value) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

bool is_sha256(std::string_view text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A path that stays below the directory of the Release file.
bool is_contained(std::string_view path) {
    if (path.empty() || path.starts_with('/') || path.find(':') != std::string_view::npos) return false;
    for (std::size_t at = 0; at <= path.size();) {
        std::size_t end = std::min(path.find('/', at), path.size());
        if (path.substr(at, end - at) == "..") return false;
        at = end + 1;
    }
    return true;
}

Error malformed(std::string message) {
    return Error{ErrorCode::registry_malformed, std::move(message)};
}

Result<void> parse_files(std::string_view list, AptRelease &release) {
    for (std::size_t at = 0; at < list.size();) {
        std::size_t end = std::min(list.find('\n', at), list.size());
        std::vector<std::string> words = split_words(list.substr(at, end - at));
        at = end + 1;
        if (words.empty()) continue;
        ReleaseFile file;
        if (words.size() != 3 || !is_sha256(words[0]) || !parse_number(words[1], file.size) ||
            !is_contained(words[2]))
            return fail(malformed("a line of field \"SHA256\" is not of the form \"digest size path\""));
        file.sha256 = std::move(words[0]);
        auto [place, fresh] = release.files.emplace(std::move(words[2]), file);
        if (!fresh && (place->second.size != file.size || place->second.sha256 != file.sha256))
            return fail(malformed("field \"SHA256\" lists file \"" + place->first +
                                  "\" twice with different digests"));
    }
    return {};
}

// A setting with the label's own over the general one.
std::int64_t for_label(const AptConfig &config, const char *name, const std::string &label,
                       std::int64_t fallback) {
    std::int64_t general = config.number(name, fallback);
    return label.empty() ? general : config.number(std::string(name) + "::" + label, general);
}

}  // namespace

Result<std::int64_t> parse_release_date(std::string_view text) {
    auto wrong = [&] { return fail(malformed("date \"" + std::string(text) + "\" is not readable")); };
    std::vector<std::string> words = split_words(text);
    if (!words.empty() && words[0].ends_with(',')) words.erase(words.begin());
    if (words.size() != 5) return wrong();
    std::tm date = {};
    auto month = std::find_if(month_names.begin(), month_names.end(),
                              [&](std::string_view name) { return equal_without_case(name, words[1]); });
    const std::string &clock = words[3];
    std::size_t first = clock.find(':');
    std::size_t second = first == std::string::npos ? first : clock.find(':', first + 1);
    if (month == month_names.end() || second == std::string::npos || !parse_number(words[0], date.tm_mday) ||
        !parse_number(words[2], date.tm_year) ||
        !parse_number(std::string_view(clock).substr(0, first), date.tm_hour) ||
        !parse_number(std::string_view(clock).substr(first + 1, second - first - 1), date.tm_min) ||
        !parse_number(std::string_view(clock).substr(second + 1), date.tm_sec))
        return wrong();
    if (words[4] != "UTC" && words[4] != "GMT" && words[4] != "Z" && words[4] != "+0000") return wrong();
    if (date.tm_mday < 1 || date.tm_mday > 31 || date.tm_hour < 0 || date.tm_hour > 23 || date.tm_min < 0 ||
        date.tm_min > 59 || date.tm_sec < 0 || date.tm_sec > 60 || date.tm_year < 1970 || date.tm_year > 9999)
        return wrong();
    date.tm_mon = static_cast<int>(month - month_names.begin());
    date.tm_year -= 1900;
    return static_cast<std::int64_t>(::timegm(&date));
}

std::string format_release_date(std::int64_t seconds) {
    std::time_t time = static_cast<std::time_t>(seconds);
    std::tm date = {};
    if (::gmtime_r(&time, &date) == nullptr) return std::to_string(seconds);
    auto two = [](int value) { return (value < 10 ? "0" : "") + std::to_string(value); };
    return std::string(day_names[static_cast<std::size_t>(date.tm_wday)]) + ", " + two(date.tm_mday) + " " +
           std::string(month_names[static_cast<std::size_t>(date.tm_mon)]) + " " +
           std::to_string(date.tm_year + 1900) + " " + two(date.tm_hour) + ":" + two(date.tm_min) + ":" +
           two(date.tm_sec) + " UTC";
}

Result<AptRelease> parse_apt_release(std::string_view text) {
    std::vector<Deb822Stanza> stanzas = TRY(parse_deb822(text, Deb822Reader::Comments::none));
    if (stanzas.size() != 1) return fail(malformed("the Release file is not one stanza of fields"));
    const Deb822Stanza &stanza = stanzas.front();
    AptRelease release;
    release.origin = stanza.get("Origin");
    release.label = stanza.get("Label");
    release.suite = stanza.get("Suite");
    release.codename = stanza.get("Codename");
    // apt warns of a date it cannot read and goes on without; a Valid-Until that it cannot read is an error.
    if (auto date = parse_release_date(stanza.get("Date"))) release.date = *date;
    if (auto until = stanza.find("Valid-Until")) release.valid_until = TRY(parse_release_date(*until));
    release.acquire_by_hash = stanza.flag("Acquire-By-Hash", false);
    release.architectures = split_words(stanza.get("Architectures"));
    release.components = split_words(stanza.get("Components"));
    auto has = [](const std::vector<std::string> &list, std::string_view word) {
        return std::find(list.begin(), list.end(), word) != list.end();
    };
    release.all_is_separate =
        has(release.architectures, "all") &&
        !has(split_words(stanza.get("No-Support-for-Architecture-all")), "Packages");
    std::optional<std::string_view> files = stanza.find("SHA256");
    if (!files)
        return fail(ErrorCode::registry_malformed, "the Release file has no field \"SHA256\"",
                    "Older digests are not strong enough to rely on.");
    TRY(parse_files(*files, release));
    return release;
}

Result<void> check_release_dates(const AptRelease &release, const AptSource &source, const AptConfig &config,
                                 std::int64_t now) {
    // Without a clock that can be relied on, neither date says anything.
    if (!source.check_date.value_or(config.flag("Acquire::Check-Date", true))) return {};
    std::int64_t future = source.date_max_future.value_or(0);
    if (future == 0) future = for_label(config, "Acquire::Max-FutureTime", release.label, 10);
    if (release.date != 0 && release.date - future > now)
        return fail(ErrorCode::metadata_expired,
                    "Release file of repository \"" + source.name() + "\" is not valid yet",
                    "It was made on " + format_release_date(release.date) + ", and now it is " +
                        format_release_date(now) + ".",
                    "Set this machine's clock; if it is right, tell those who run the repository.");

    if (!source.check_valid_until.value_or(config.flag("Acquire::Check-Valid-Until", true))) return {};
    std::int64_t until = release.valid_until;
    std::int64_t longest = source.valid_until_max.value_or(0);
    if (longest == 0) longest = for_label(config, "Acquire::Max-ValidTime", release.label, 0);
    std::int64_t shortest = source.valid_until_min.value_or(0);
    if (shortest == 0) shortest = for_label(config, "Acquire::Min-ValidTime", release.label, 0);
    if (shortest != 0 && until != 0) until = std::max(until, release.date + shortest);
    if (longest != 0 && release.date != 0)
        until = until == 0 ? release.date + longest : std::min(until, release.date + longest);
    if (until != 0 && now > until)
        return fail(ErrorCode::metadata_expired,
                    "Release file of repository \"" + source.name() + "\" has expired",
                    "It was valid until " + format_release_date(until) + ", and now it is " +
                        format_release_date(now) + ".",
                    "Check this machine's clock. If it is right, an old copy is being served or the repository is "
                    "no longer maintained; if that is known and wanted, set check-valid-until=no for the source.");
    return {};
}

}  // namespace pgx
