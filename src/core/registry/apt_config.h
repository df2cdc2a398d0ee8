// apt_config.h - the host's apt configuration, as "apt-config dump" tells it.
//
// Running apt-config instead of reading apt.conf and apt.conf.d keeps one reader of that language (which has includes, lists,
// scopes and a clear command) in the world. Its output is one setting a line, `Foo::Bar "value";`, with list items as
// `Foo::Bar:: "value";`. Names are compared without case, as apt does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace pgx {

class AptConfig {
   public:
    // The setting's value; `fallback` when it is not set or empty.
    std::string get(std::string_view name, std::string_view fallback = {}) const;
    // `fallback` when it is not set or no truth value.
    bool flag(std::string_view name, bool fallback) const;
    // `fallback` when it is not set or no number.
    std::int64_t number(std::string_view name, std::int64_t fallback) const;
    // The items of a list in their order; also those with a name of their own ("Foo::Bar::x").
    std::vector<std::string> list(std::string_view name) const;
    // A path as apt puts it together: each part relative to its parent, up to Dir and RootDir. Empty when the setting is.
    std::string path(std::string_view name) const;

    bool empty() const { return values_.empty(); }

   private:
    friend Result<AptConfig> parse_apt_config(std::string_view dump);
    std::map<std::string, std::string, std::less<>> values_;  // by lower-case name
    std::vector<std::pair<std::string, std::string>> items_;  // lower-case list name and value, in order
};

// Reads the output of "apt-config dump". registry_malformed with the line's number when it is not that.
Result<AptConfig> parse_apt_config(std::string_view dump);

// Runs `program` ("apt-config") and gives back what it says. no_registry when there is no such program; io with what it said
// when it fails, which it does for a configuration with a syntax error. `environment` holds "NAME=value".
Result<std::string> run_apt_config(const std::string &program, const std::vector<std::string> &environment);

}  // namespace pgx
