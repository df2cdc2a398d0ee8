#include "core/registry/apt_host.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "core/registry/apt_sources.h"
#include "core/registry/deb822.h"
#include "core/registry/subprocess.h"

namespace pgx {

namespace {

std::string environment_value(const char *name) {
    const char *value = std::getenv(name);
    return value ? value : "";
}

bool without_proxy(const std::string &no_proxy, const std::string &host) {
    std::string list = no_proxy;
    for (char &c : list)
        if (c == ',') c = ' ';
    for (std::string &entry : split_words(list)) {
        if (entry == "*") return true;
        while (entry.starts_with('.')) entry.erase(0, 1);
        entry = lower_case(entry.substr(0, entry.find(':')));
        if (!entry.empty() && (host == entry || host.ends_with("." + entry))) return true;
    }
    return false;
}

// apt's order: the setting for the server, the one for all; https falls back to http.
std::string setting(const AptConfig &config, bool https, const std::string &name, const std::string &host) {
    for (const char *scheme : {"https", "http"}) {
        if (!https && std::string_view(scheme) == "https") continue;
        std::string base = std::string("Acquire::") + scheme + "::";
        for (const std::string &key : {base + name + "::" + host, base + host + "::" + name, base + name})
            if (std::string value = config.get(key); !value.empty()) return value;
    }
    return {};
}

std::string options_key(const FetchOptions &o) {
    return o.http_proxy + "\n" + o.https_proxy + "\n" + o.ca_file + "\n" + std::to_string(o.connect_timeout_s) +
           "\n" + std::to_string(o.stall_timeout_s) + "\n" + std::to_string(o.tries);
}

}  // namespace

AptHost this_host() {
    AptHost host;
    host.apt_config = find_program("apt-config");
    if (std::string file = environment_value("APT_CONFIG"); !file.empty())
        host.environment.push_back("APT_CONFIG=" + file);
    host.http_proxy = environment_value("http_proxy");
    host.https_proxy = environment_value("https_proxy");
    host.no_proxy = environment_value("no_proxy");
    host.now = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
    return host;
}

Result<AptConfig> load_apt_config(const AptHost &host) {
    if (host.config) return *host.config;
    if (host.apt_config.empty()) return AptConfig{};
    return parse_apt_config(TRY(run_apt_config(host.apt_config, host.environment)));
}

std::string url_host(std::string_view url) {
    std::size_t begin = url.find("://");
    if (begin == std::string_view::npos) return {};
    url.remove_prefix(begin + 3);
    url = url.substr(0, url.find_first_of("/?#"));
    if (std::size_t at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
    if (url.starts_with('[')) return lower_case(url.substr(0, url.find(']') + 1));
    return lower_case(url.substr(0, url.find(':')));
}

FetchOptions fetch_options(const AptHost &host, const AptConfig &config, const std::string &url) {
    FetchOptions options;
    if (lower_case(url.substr(0, 5)) == "file:") return options;
    bool https = lower_case(url.substr(0, 6)) == "https:";
    std::string server = url_host(url);
    std::string proxy = setting(config, https, "Proxy", server);
    if (proxy.empty() && !without_proxy(host.no_proxy, server)) proxy = https ? host.https_proxy : host.http_proxy;
    if (proxy == "DIRECT" || proxy == "false") proxy.clear();
    // A redirect may lead from http to https, so both are set to what holds for the server that is asked first.
    options.http_proxy = options.https_proxy = proxy;
    options.ca_file = setting(config, true, "CAInfo", server);
    std::string timeout = setting(config, https, "Timeout", server);
    if (!timeout.empty() && timeout.size() < 6 && timeout.find_first_not_of("0123456789") == std::string::npos &&
        std::stoul(timeout) > 0) {
        options.connect_timeout_s = static_cast<unsigned>(std::stoul(timeout));
        options.stall_timeout_s = options.connect_timeout_s;
    }
    if (std::int64_t retries = config.number("Acquire::Retries", -1); retries >= 0 && retries < 100)
        options.tries = static_cast<unsigned>(retries) + 1;
    return options;
}

Result<std::vector<Downloaded>> download_from(const AptHost &host, const AptConfig &config,
                                              const std::vector<Download> &downloads, FileSystem &fs,
                                              Reporter &reporter, Traffic &traffic) {
    std::vector<std::pair<FetchOptions, std::vector<std::size_t>>> groups;
    for (std::size_t i = 0; i < downloads.size(); ++i) {
        FetchOptions options = fetch_options(host, config, downloads[i].url);
        std::string key = options_key(options);
        std::size_t group = 0;
        while (group < groups.size() && options_key(groups[group].first) != key) ++group;
        if (group == groups.size()) groups.emplace_back(std::move(options), std::vector<std::size_t>{});
        groups[group].second.push_back(i);
    }
    std::vector<Downloaded> results(downloads.size());
    for (const auto &[options, members] : groups) {
        std::vector<Download> part;
        for (std::size_t i : members) part.push_back(downloads[i]);
        traffic.requests += part.size();
        std::vector<Downloaded> got = TRY(download(part, options, fs, reporter));
        for (std::size_t i = 0; i < members.size(); ++i) {
            traffic.bytes += got[i].bytes;
            results[members[i]] = std::move(got[i]);
        }
    }
    return results;
}

}  // namespace pgx
