#include "core/registry/apt_host.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "core/registry/apt_cache.h"
#include "core/registry/apt_sources.h"
#include "core/registry/deb822.h"
#include "core/registry/subprocess.h"

namespace pgx {

namespace {

constexpr const char *config_record = "apt-config-1";

std::string environment_value(const char *name) {
    const char *value = std::getenv(name);
    return value ? value : "";
}

// The files that a configuration comes from, besides those of the sources, which are read every time.
std::vector<std::string> watched_paths(const AptHost &host, const AptConfig &config) {
    std::vector<std::string> paths = {host.apt_config};
    for (const std::string &variable : host.environment)
        if (variable.starts_with("APT_CONFIG=")) paths.push_back(variable.substr(11));
    for (const char *name : {"Dir::Etc::main", "Dir::Etc::parts"})
        if (std::string path = config.path(name); !path.empty()) paths.push_back(path);
    return paths;
}

// Names, times, sizes and inodes in one digest. `newest` becomes the latest time of change in seconds.
Result<std::string> fingerprint(const AptHost &host, const std::vector<std::string> &paths, FileSystem &fs,
                                std::int64_t &newest) {
    std::string text = host.apt_config + "\n";
    for (const std::string &variable : host.environment) text += variable + "\n";
    auto add = [&](const std::string &path) -> Result<FileType> {
        std::optional<FileInfo> info = TRY(fs.info(resolved_path(path)));
        text += path;
        if (info) newest = std::max(newest, info->mtime_ns / 1'000'000'000);
        if (info)
            for (std::uint64_t number :
                 {static_cast<std::uint64_t>(info->mtime_ns), info->size, info->device, info->inode})
                text += " " + std::to_string(number);
        text += "\n";
        return info ? info->type : FileType::other;
    };
    for (const std::string &path : paths) {
        if (TRY(add(path)) != FileType::directory) continue;
        for (const std::string &name : TRY(fs.list(resolved_path(path)))) TRY(add(join_path(path, name)));
    }
    return sha256_of(text);
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

std::optional<AptConfig> recorded_config(const AptHost &host, AptCache &records, FileSystem &fs) {
    const std::optional<Json> record = records.load_json(config_record);
    if (!record) return std::nullopt;
    const auto paths = json_strings(*record, "watched");
    const auto recorded = json_string(*record, "fingerprint");
    const auto dump = json_string(*record, "dump");
    if (!paths || !recorded || !dump) return std::nullopt;
    std::int64_t newest = 0;
    const auto now = fingerprint(host, *paths, fs, newest);
    if (!now || *now != *recorded) return std::nullopt;
    Result<AptConfig> config = parse_apt_config(*dump);
    if (!config) return std::nullopt;
    return std::move(*config);
}

// A user name in a URL, or anything like it about a proxy.
bool may_have_password(std::string_view dump) {
    for (std::size_t at = 0; at < dump.size();) {
        const std::size_t end = std::min(dump.find('\n', at), dump.size());
        const std::string_view line = dump.substr(at, end - at);
        at = end + 1;
        if (line.find('@') == std::string_view::npos) continue;
        if (lower_case(std::string(line)).find("proxy") != std::string::npos) return true;
        for (std::size_t host = 0; (host = line.find("://", host)) != std::string_view::npos;) {
            host += 3;
            if (line.substr(host, line.find_first_of("/\" ", host) - host).find('@') != std::string_view::npos)
                return true;
        }
    }
    return false;
}

Result<void> record_config(const AptHost &host, const AptConfig &config, const std::string &dump, std::int64_t started,
                           AptCache &records, FileSystem &fs) {
    // A proxy's password has no place in one more file.
    if (may_have_password(dump)) return {};
    const std::vector<std::string> paths = watched_paths(host, config);
    std::int64_t newest = 0;
    const std::string digest = TRY(fingerprint(host, paths, fs, newest));
    // A file that was changed just now may have been changed after apt-config read it, and a second change within the clock's
    // grain would not show. Then nothing is recorded, and the next helper runs apt-config again.
    if (newest >= started - 1) return {};
    return records.store(config_record, dump_json({{"watched", paths}, {"fingerprint", digest}, {"dump", dump}}));
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

Result<AptConfig> load_apt_config(const AptHost &host, FileSystem &fs) {
    if (host.config) return *host.config;
    if (host.apt_config.empty()) return AptConfig{};
    std::optional<AptCache> records;
    if (!host.records.empty())
        if (Result<AptCache> opened = AptCache::open(host.records, fs)) records = std::move(*opened);
    if (records)
        if (std::optional<AptConfig> config = recorded_config(host, *records, fs)) return std::move(*config);
    const std::int64_t started = std::time(nullptr);
    std::string dump = TRY(run_apt_config(host.apt_config, host.environment));
    AptConfig config = TRY(parse_apt_config(dump));
    // That it cannot be kept is no reason to do without it.
    if (records) (void)record_config(host, config, dump, started, *records, fs);
    return config;
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
