// platform.cpp - the host's facts.
//
// The architecture is the one this program was compiled for, not the kernel's: a 32-bit server on a
// 64-bit kernel loads 32-bit libraries.  The C library is likewise the one it is linked with.
#include "core/base/platform.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "core/base/file_system.h"

#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

namespace pgx {

namespace {

// Debian's names of architectures (dpkg-architecture -L).
constexpr const char *architecture =
#if defined(__x86_64__) && defined(__ILP32__)
    "x32";
#elif defined(__x86_64__)
    "amd64";
#elif defined(__i386__)
    "i386";
#elif defined(__aarch64__)
    "arm64";
#elif defined(__arm__) && defined(__ARM_PCS_VFP)
    "armhf";
#elif defined(__arm__)
    "armel";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
    "ppc64el";
#elif defined(__powerpc64__)
    "ppc64";
#elif defined(__s390x__)
    "s390x";
#elif defined(__riscv) && __riscv_xlen == 64
    "riscv64";
#elif defined(__loongarch64)
    "loong64";
#elif defined(__mips64) && defined(__MIPSEL__)
    "mips64el";
#else
    "";
#endif

// Takes the quotes off a value of os-release, which is written as for a shell.
std::string unquoted(std::string_view value) {
    const char quote = value.empty() ? '\0' : value.front();
    if ((quote != '"' && quote != '\'') || value.size() < 2 || value.back() != quote)
        return std::string(value);
    value = value.substr(1, value.size() - 2);
    std::string result;
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '\\' && quote == '"' && i + 1 < value.size()) ++i;
        result += value[i];
    }
    return result;
}

// Words become parts of file names, URLs and messages.
Result<std::string> word(const Json &json, const char *member) {
    const std::string value = TRY(json_string(json, member, ""));
    bool clean = value.size() <= 63;
    for (char c : value)
        clean =
            clean && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '+' || c == '-' || c == '~' || c == ':');
    if (!clean)
        return fail(ErrorCode::invalid_argument,
                    "member \"" + std::string(member) + "\" of the platform is not a single word");
    return value;
}

}  // namespace

void read_os_release(std::string_view text, Platform &platform) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r'))
            line.remove_suffix(1);
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos) continue;
        const std::string_view key = line.substr(0, equals);
        const std::string_view value = line.substr(equals + 1);
        if (key == "ID") platform.os = unquoted(value);
        if (key == "VERSION_ID") platform.os_version = unquoted(value);
        if (key == "VERSION_CODENAME") platform.os_codename = unquoted(value);
    }
}

Platform host_platform() {
    Platform platform;
    platform.architecture = architecture;
#if defined(__GLIBC__)
    platform.libc = "glibc";
    platform.libc_version = gnu_get_libc_version();
#else
    platform.libc = "musl";
#endif
    // The first is the administrator's, usually a symbolic link to the second; the file system
    // interface follows none in the last component, hence realpath.
    for (const char *path : {"/etc/os-release", "/usr/lib/os-release"}) {
        const std::unique_ptr<char, void (*)(void *)> resolved(realpath(path, nullptr), std::free);
        if (resolved == nullptr) continue;
        if (auto text = real_file_system().read(resolved.get(), 64 * 1024)) {
            read_os_release(*text, platform);
            break;
        }
    }
    return platform;
}

Json to_json(const Platform &platform) {
    return Json{{"postgres_major", platform.postgres_major},
                {"os", platform.os},
                {"os_version", platform.os_version},
                {"os_codename", platform.os_codename},
                {"libc", platform.libc},
                {"libc_version", platform.libc_version},
                {"architecture", platform.architecture}};
}

Result<Platform> platform_from_json(const Json &json) {
    if (!json.is_object())
        return fail(ErrorCode::invalid_argument, "the platform must be an object");
    Platform platform;
    const std::uint64_t major = TRY(json_unsigned(json, "postgres_major"));
    if (major == 0 || major > 999)
        return fail(ErrorCode::invalid_argument,
                    "member \"postgres_major\" must be between 1 and 999");
    platform.postgres_major = static_cast<unsigned>(major);
    platform.os = TRY(word(json, "os"));
    platform.os_version = TRY(word(json, "os_version"));
    platform.os_codename = TRY(word(json, "os_codename"));
    platform.libc = TRY(word(json, "libc"));
    platform.libc_version = TRY(word(json, "libc_version"));
    platform.architecture = TRY(word(json, "architecture"));
    if (platform.architecture.empty())
        return fail(ErrorCode::invalid_argument, "member \"architecture\" must not be empty");
    return platform;
}

}  // namespace pgx
