// apt_host.h - this host as apt sees it: its configuration, and how it reaches the network.
//
// apt-config is run before the sandbox is narrowed: what it says decides what may be read and started. Its answer is kept for the
// next helper, since it takes longer (20 ms) than an installation from a warm cache; so it is kept where no helper can write once
// it has read the first foreign byte (job_rules.h), apart from the cache.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/protocol.h"
#include "core/base/result.h"
#include "core/registry/apt_config.h"
#include "core/registry/fetch.h"

namespace pgx {

// What is taken from outside; tests put something else here.
struct AptHost {
    std::string apt_config;                         // the program; empty when there is none
    std::vector<std::string> environment;           // for it: "APT_CONFIG=..." when that is set
    std::string http_proxy, https_proxy, no_proxy;  // of the environment, which apt heeds where its own settings are silent
    std::function<std::int64_t()> now;              // seconds since the epoch
    std::string records = {};                       // directory for what is kept, empty: nothing is
    std::optional<Result<AptConfig>> config = {};   // what apt-config said, or why it did not, once it was asked
};

AptHost this_host();

// The host's apt configuration; an empty one when it has no apt-config. Asks it unless that was done before and nothing has
// changed that it reads: its output is kept with name, time, size and inode of every file of the configuration, unless there may be
// a password in it.
Result<AptConfig> load_apt_config(const AptHost &host, FileSystem &fs);

// Proxy, certificates and time-outs that apt would use for this URL.
FetchOptions fetch_options(const AptHost &host, const AptConfig &config, const std::string &url);

// What was transferred, for the result of a refresh.
struct Traffic {
    std::uint64_t requests = 0;
    std::uint64_t bytes = 0;
};

// download() with the options for each URL: those with equal options go side by side, which is all of them unless the host
// has special settings for some servers.
Result<std::vector<Downloaded>> download_from(const AptHost &host, const AptConfig &config,
                                              const std::vector<Download> &downloads, FileSystem &fs,
                                              Reporter &reporter, Traffic &traffic);

// The host name in a URL, lower case, without user and port; empty for file:.
std::string url_host(std::string_view url);

}  // namespace pgx
