// host_libraries.cpp - the dynamic linker's search, done on names and headers.
#include "core/library/host_libraries.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/file_system.h"
#include "core/registry/subprocess.h"

namespace pgx {

namespace {

constexpr std::array core_names{
    "libc.so",        "libm.so",      "libpthread.so", "libdl.so",           "librt.so",
    "libutil.so",     "libanl.so",    "libmvec.so",    "libresolv.so",       "libnss_files.so",
    "libnss_dns.so",  "libstdc++.so", "libgcc_s.so",   "libBrokenLocale.so", "libc_malloc_debug.so",
    "libthread_db.so"};

// Both lists end where there is nothing: what does not exist is not found.
// On Ubuntu "ldconfig" is a shell script around "ldconfig.real", and the sandbox has no shell.
constexpr std::array linker_programs{"/usr/sbin/ldconfig.real", "/sbin/ldconfig.real",
                                     "/usr/sbin/ldconfig", "/sbin/ldconfig"};
constexpr std::array default_directories{"/lib64", "/usr/lib64", "/lib", "/usr/lib",
                                         "/usr/local/lib"};

bool exists(const std::string &path) { return ::access(path.c_str(), R_OK) == 0; }

}  // namespace

bool is_core_library(std::string_view soname) {
    // "ld-linux-x86-64.so.2", "ld64.so.2", "ld-musl-x86_64.so.1", "libc.musl-x86_64.so.1"
    if (soname.starts_with("ld-") || soname.starts_with("ld64.so") || soname.starts_with("ld.so") ||
        soname.starts_with("linux-vdso") || soname.starts_with("libc.musl-"))
        return true;
    const std::size_t so = soname.find(".so");
    return so != std::string_view::npos &&
           std::ranges::find(core_names, soname.substr(0, so + 3)) != core_names.end();
}

std::multimap<std::string, std::string> parse_linker_cache(std::string_view text) {
    // "\tlibz.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libz.so.1"
    std::multimap<std::string, std::string> cache;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.starts_with('\t')) continue;
        line.remove_prefix(1);
        const std::size_t name = line.find(" ("), arrow = line.find(" => /");
        if (name == std::string_view::npos || arrow == std::string_view::npos) continue;
        cache.emplace(line.substr(0, name), line.substr(arrow + 4));
    }
    return cache;
}

std::vector<std::string> absolute_directories(std::string_view search_path) {
    std::vector<std::string> directories;
    while (!search_path.empty()) {
        const std::size_t end = std::min(search_path.find(':'), search_path.size());
        const std::string_view directory = search_path.substr(0, end);
        search_path.remove_prefix(std::min(end + 1, search_path.size()));
        if (directory.starts_with('/') && directory.find('$') == std::string_view::npos)
            directories.emplace_back(directory);
    }
    return directories;
}

HostLibraries HostLibraries::of_this_host(const std::string &server) {
    unsigned machine = 0, bits = 0;
    if (const auto self = read_dynamic_table("/proc/self/exe", "pgx")) {
        machine = self->machine;
        bits = self->bits;
    }
    std::multimap<std::string, std::string> cache;
    for (const char *program : linker_programs) {
        if (!exists(program)) continue;
        const auto printed = run_confined(program, {"-p"});
        if (printed && printed->exit_status == 0) cache = parse_linker_cache(printed->output);
        break;
    }
    HostLibraries host(std::move(cache),
                       {std::begin(default_directories), std::end(default_directories)}, machine,
                       bits);
    if (!server.empty()) host.load(server);
    return host;
}

const DynamicTable *HostLibraries::table(const std::string &path) {
    auto [found, fresh] = tables_.try_emplace(path);
    if (fresh)
        if (auto read = read_dynamic_table(path, path)) found->second = std::move(*read);
    return found->second ? &*found->second : nullptr;
}

bool HostLibraries::fits(const std::string &path) {
    const DynamicTable *found = exists(path) ? table(path) : nullptr;
    return found != nullptr && found->machine == machine_ && found->bits == bits_;
}

std::optional<std::string> HostLibraries::find(const std::string &soname,
                                               const std::vector<std::string> &directories) {
    if (soname.empty()) return std::nullopt;
    if (soname.find('/') != std::string::npos)
        return soname.starts_with('/') && fits(soname) ? std::optional(soname) : std::nullopt;
    if (const auto found = loaded_.find(soname); found != loaded_.end()) return found->second;
    if (server_only_ && !is_core_library(soname)) return std::nullopt;
    for (const std::string &directory : directories)
        if (std::string path = join_path(directory, soname); fits(path)) return path;
    for (auto [at, end] = cache_.equal_range(soname); at != end; ++at)
        if (fits(at->second)) return at->second;
    for (const std::string &directory : directories_)
        if (std::string path = join_path(directory, soname); fits(path)) return path;
    return std::nullopt;
}

const std::set<std::string> &HostLibraries::versions(const std::string &path) {
    static const std::set<std::string> none;
    const DynamicTable *found = table(path);
    return found != nullptr ? found->version_definitions : none;
}

void HostLibraries::load(const std::string &program) {
    if (const auto own = read_dynamic_table(program, program, Symbols::read))
        for (const DynamicSymbol &symbol : own->symbols)
            if (symbol.defined) program_symbols_.insert(symbol.name);
    std::vector<std::string> pending{program};
    while (!pending.empty()) {
        const DynamicTable *loading = table(pending.back());
        pending.pop_back();
        if (loading == nullptr) continue;
        const std::vector<std::string> directories =
            absolute_directories(loading->rpath + ":" + loading->runpath);
        for (const std::string &soname : loading->needed) {
            if (loaded_.contains(soname)) continue;
            std::optional<std::string> path = find(soname, directories);
            if (!path) continue;
            pending.push_back(*path);
            loaded_.emplace(soname, std::move(*path));
        }
    }
}

}  // namespace pgx
