#include "core/registry/job_rules.h"

#include <curl/curl.h>
#include <glob.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "core/registry/address.h"
#include "core/registry/apt_sources.h"
#include "core/registry/deb822.h"
#include "core/registry/pgx_registry.h"
#include "core/registry/signature.h"
#include "core/registry/subprocess.h"

namespace pgx {

namespace {

// What C library, TLS library and the programs that are run need, on the distributions there are.
// Not all of /usr and /etc: a server built from source has its data below /usr/local/pgsql, and
// private keys lie in /etc/ssl/private, readable for the server's user.
constexpr std::array system_paths{
    // libraries and their data; certificates that links in /etc lead to
    "/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32",
    "/usr/local/lib", "/usr/local/lib64", "/usr/share", "/usr/local/share", "/etc/ld.so.cache",
    "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload", "/etc/gnutls", "/etc/gcrypt",
    "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/ca-certificates",
    "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust",
    "/etc/crypto-policies", "/var/lib/crypto-config", "/var/lib/ca-certificates",
    // names of hosts and users
    "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf",
    "/etc/services", "/etc/protocols", "/etc/passwd", "/etc/group", "/run/systemd/resolve",
    // what this host is, and what apt does here
    "/etc/os-release", "/etc/debian_version", "/etc/localtime", "/etc/timezone", "/etc/apt",
    "/etc/dpkg", "/var/lib/apt", "/var/lib/dpkg",
    // what the kernel tells
    "/proc/self", "/proc/sys/crypto", "/proc/sys/vm", "/proc/cpuinfo", "/proc/meminfo",
    "/sys/devices/system/cpu", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"};

// Variables that name files with certificates or settings for the TLS library.
constexpr std::array tls_variables{"SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF",
                                   "OPENSSL_MODULES"};

constexpr std::array apt_places{"Dir::Etc",
                                "Dir::Etc::main",
                                "Dir::Etc::parts",
                                "Dir::Etc::trusted",
                                "Dir::Etc::trustedparts",
                                "Dir::Etc::sourcelist",
                                "Dir::Etc::sourceparts"};

constexpr std::uint16_t port_of_https = 443, port_of_names = 53;
constexpr std::size_t deepest_include = 8;

// Names of programs, or their paths.
constexpr std::array verifiers{"sqv", "gpgv-sq", "gpgv", "gpgv2", "gpgv1"};
constexpr std::array linker_programs{"/usr/sbin/ldconfig.real", "/sbin/ldconfig.real",
                                     "/usr/sbin/ldconfig", "/sbin/ldconfig"};

class RulesMaker {
   public:
    RulesMaker(AptHost &host, FileSystem &fs) : host_(host), fs_(fs) {
        readable_.assign(system_paths.begin(), system_paths.end());
        if (std::string linker = dynamic_linker(); !linker.empty())
            programs_.push_back(std::move(linker));
        // Read as a file, for the architecture of this host's libraries.
        read("/proc/self/exe");
    }

    void read(const std::string &path) {
        if (path.starts_with('/') && path != "/") readable_.push_back(path);
    }
    void run(const std::string &program) {
        const std::string path = program.starts_with('/') ? program : find_program(program);
        if (!path.empty()) programs_.push_back(path);
    }

    // A file of a local registry, or a port; and what a proxy and its certificates need.
    void reach(const std::string &url, const AptConfig &config) {
        const Result<Address> address = parse_address(url, "registry");
        if (!address) return;
        if (address->scheme == "file") return read(address->path);
        ports_.insert({address->port, port_of_https, port_of_names});
        const FetchOptions options = fetch_options(host_, config, url);
        for (const std::string &proxy : {options.http_proxy, options.https_proxy})
            if (const auto port = proxy.empty() ? std::nullopt : proxy_port(proxy))
                ports_.insert(*port);
        read(options.ca_file);
        const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
        for (const char *path : {curl->cainfo, curl->capath})
            if (path != nullptr) read(path);
        for (const char *variable : tls_variables)
            if (const char *path = std::getenv(variable)) read(path);
    }

    // The host's apt: once.
    const AptConfig &apt() {
        if (config_) return *config_;
        host_.config = load_apt_config(host_, fs_);
        config_ = host_.config->value_or(AptConfig());
        for (const std::string &variable : host_.environment)
            if (variable.starts_with("APT_CONFIG=")) read(variable.substr(11));
        for (const char *place : apt_places) read(config_->path(place));
        for (const char *program : verifiers) run(program);
        run(config_->get("APT::Key::GPGVCommand"));
        return *config_;
    }

    void apt_source(const std::string &source, const std::string &architecture) {
        const AptConfig &config = apt();
        const Result<AptSources> sources =
            source.empty()
                ? read_host_apt_sources(config, architecture, fs_)
                : parse_apt_sources(source, SourceSyntax::detect, "registry", architecture);
        if (!sources) return;
        for (const AptSource &one : sources->sources) {
            reach(one.uri.starts_with("copy:") ? "file:" + one.uri.substr(5) : one.uri, config);
            for (const std::string &path : one.signed_by.paths) read(path);
        }
    }

    // What the dynamic linker would find, of this host and for the server.
    void libraries(const std::string &server) {
        for (const std::string &directory : linker_directories("/etc/ld.so.conf", fs_))
            read(directory);
        for (const char *program : linker_programs) run(program);
        run("patchelf");
        if (server.empty()) return;
        read(server);
        const std::string prefix = parent_path(parent_path(server));
        if (prefix != "/") read(join_path(prefix, "lib"));
    }

    SandboxRules finish(std::vector<std::string> writable) && {
        return {std::move(writable), std::move(readable_), std::move(programs_), std::move(ports_)};
    }

   private:
    AptHost &host_;
    FileSystem &fs_;
    std::optional<AptConfig> config_;
    std::vector<std::string> readable_, programs_;
    std::set<std::uint16_t> ports_;
};

void add(RulesMaker &maker, const RefreshJob &job) {
    const RefreshRequest &request = job.request;
    if (job.kind == "apt")
        maker.apt_source(request.source, request.platform.architecture);
    else
        maker.reach(request.source, AptConfig());
}

void add(RulesMaker &maker, const FetchJob &job) {
    const FetchRequest &request = job.request;
    // By the sources, which an administrator has given, and not by the artifacts' own addresses,
    // which the helper has reported: they are below those, or are not reached.
    std::set<std::string> apt_sources, other_sources;
    for (std::size_t i = 0; i < job.kinds.size(); ++i)
        (job.kinds[i] == "apt" ? apt_sources : other_sources).insert(request.artifacts[i].source);
    for (const std::string &source : other_sources) maker.reach(source, AptConfig());
    for (const std::string &source : apt_sources)
        maker.apt_source(source, request.platform.architecture);
    maker.libraries(request.server);
}

void add_linker_directories(const std::string &path, FileSystem &fs, std::size_t depth,
                            std::vector<std::string> &directories) {
    constexpr std::uint64_t limit = 1024 * 1024;
    const Result<std::string> text = read_host_file(fs, path, limit);
    if (!text || depth > deepest_include) return;
    for (std::size_t at = 0; at < text->size();) {
        const std::size_t end = std::min(text->find('\n', at), text->size());
        std::string_view line = trimmed(std::string_view(*text).substr(at, end - at));
        at = end + 1;
        line = trimmed(line.substr(0, line.find('#')));
        if (line.starts_with("include ") || line.starts_with("include\t")) {
            std::string pattern(trimmed(line.substr(8)));
            if (!pattern.starts_with('/')) pattern = join_path(parent_path(path), pattern);
            ::glob_t found = {};
            if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
                for (std::size_t i = 0; i < found.gl_pathc; ++i)
                    add_linker_directories(found.gl_pathv[i], fs, depth + 1, directories);
            ::globfree(&found);
        } else if (line.starts_with('/')) {
            directories.emplace_back(line);
        }
    }
}

// Where verified metadata is kept, of all registries; empty: this job has nothing to do with it.
std::string all_trust(const Job &job) {
    const auto *refresh = std::get_if<RefreshJob>(&job);
    return refresh != nullptr && refresh->kind == "pgx" ? refresh->request.trust : "";
}

// That of the job's registry, made if it is missing. Without a fingerprint it has none, and with
// neither the job will say so.
std::optional<std::string> make_own_trust(const Job &job, FileSystem &fs) {
    if (all_trust(job).empty()) return std::nullopt;
    const Result<std::string> own = trust_directory(std::get<RefreshJob>(job).request);
    if (!own || !fs.make_directories(*own, 0700)) return std::nullopt;
    return *own;
}

bool is_trial(const Job &job) { return std::holds_alternative<PreloadTrialJob>(job); }

}  // namespace

std::vector<std::string> linker_directories(const std::string &path, FileSystem &fs) {
    std::vector<std::string> directories;
    add_linker_directories(path, fs, 0, directories);
    return directories;
}

// What is read about the host is kept in the meantime, and never again.
SandboxRules first_rules(const Job &job) {
    SandboxRules rules{.writable = writable_directories(job)};
    if (const std::string records = host_records(job); !records.empty())
        rules.writable.push_back(records);
    // For rules() to make the registry's own directory there.
    if (const std::string trust = all_trust(job); !trust.empty()) rules.writable.push_back(trust);
    return rules;
}

SandboxRules rules(const Job &job, AptHost &host, FileSystem &fs) {
    // A library on trial may look for files and programs as it will in the server; but what it does
    // must not be seen outside.
    if (is_trial(job))
        return {.writable = writable_directories(job), .ports = std::set<std::uint16_t>{}};
    RulesMaker maker(host, fs);
    if (const auto *refresh = std::get_if<RefreshJob>(&job)) add(maker, *refresh);
    if (const auto *fetch = std::get_if<FetchJob>(&job)) add(maker, *fetch);
    std::vector<std::string> writable = writable_directories(job);
    if (std::optional<std::string> trust = make_own_trust(job, fs))
        writable.push_back(*std::move(trust));
    return std::move(maker).finish(std::move(writable));
}

SystemCalls system_calls(const Job &job) {
    return is_trial(job) ? SystemCalls::server : SystemCalls::helper;
}

}  // namespace pgx
