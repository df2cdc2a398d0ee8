// lifetimes.h - for how long signed metadata holds.
//
// The times are a bargain between two accidents. Too long, and who can withhold news from a client
// may do so for longer (a freeze attack); too short, and a registry whose owner is on holiday stops
// working. What a machine renews may be short, what a person has to take out of a safe is long.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/tuf/metadata.h"

namespace pgx {

class Lifetimes {
   public:
    // Of "root", "targets", "snapshot", "timestamp"; other roles are as "targets".
    std::chrono::days of(std::string_view role) const;

    // "30" for all, "timestamp=14" for one. invalid_argument.
    Result<void> change(std::string_view text);

    tuf::Time expiry(std::string_view role, tuf::Time now) const { return now + of(role); }
    // Half of its life is over.
    bool is_due(std::string_view role, tuf::Time expires, tuf::Time now) const;
    // Less than a third is left: whoever should have renewed it has not.
    bool is_late(std::string_view role, tuf::Time expires, tuf::Time now) const;

   private:
    std::chrono::days root_{365}, targets_{365}, snapshot_{30}, timestamp_{7};
};

// "2026-11-27 (7 days)", "2026-11-20 11:00 UTC (50 minutes)", "2026-11-19 (expired)".
std::string describe_expiry(tuf::Time expires, tuf::Time now);

}  // namespace pgx
