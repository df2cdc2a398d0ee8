// silent_reporter.h - a Reporter for tests that do not look at what is reported.
#pragma once

#include <string_view>

#include "core/base/protocol.h"

namespace pgx {

class SilentReporter : public Reporter {
   public:
    void progress(std::string_view, std::string_view, std::uint64_t, std::uint64_t) override {
        ++reports;
    }
    void notice(std::string_view, std::string_view, std::string_view) override {}
    void releases(Json, std::string_view) override {}

    int reports = 0;
};

}  // namespace pgx
