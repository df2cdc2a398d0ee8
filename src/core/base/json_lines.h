// json_lines.h - the helper's half of the protocol: events, then one result or one error, a line
// each.
//
// Here, and not in the helper's program, so that the rate limit is tested like everything else.
// Progress is called for every few kilobytes; a reader wants some ten lines a second for each item,
// but always the first (it tells that the phase has begun) and the last (a bar that stops at 97 %
// looks like a failure).
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/base/protocol.h"

namespace pgx {

class JsonLinesReporter : public Reporter {
   public:
    using Sink = std::function<void(std::string_view line)>;  // gets whole lines, newline included
    using Clock = std::function<std::chrono::steady_clock::time_point()>;

    explicit JsonLinesReporter(Sink sink, Clock clock = std::chrono::steady_clock::now);

    void progress(std::string_view phase, std::string_view item, std::uint64_t done,
                  std::uint64_t total) override;
    void notice(std::string_view message, std::string_view detail, std::string_view hint) override;
    // Splits what is too much for one event. A single row over the line limit is left out with a
    // notice.
    void releases(Json rows, std::string_view part) override;

    // The last line. Progress that was held back goes out before it. A result that is longer than a
    // line may be is reported as limit_exceeded instead; false then.
    bool result(const Json &result);
    void error(const Error &error);

   private:
    struct Item {
        std::string phase;
        std::uint64_t done = 0, total = 0;
        bool held_back = false;  // the values above have not been sent
        std::chrono::steady_clock::time_point sent;
    };

    void send_progress(const std::string &name, Item &item);
    void send_held_back();
    void send_releases(const Json &rows, std::string_view part, std::size_t begin, std::size_t end);

    Sink sink_;
    Clock clock_;
    std::map<std::string, Item, std::less<>> items_;
};

}  // namespace pgx
