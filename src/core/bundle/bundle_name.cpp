#include "core/bundle/bundle_name.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "core/base/debian_version.h"
#include "core/base/names.h"
#include "core/bundle/semantic_version.h"
#include "core/registry/links.h"

namespace pgx {

namespace {

constexpr std::string_view suffix = ".trunk";
constexpr unsigned largest_major = 999;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_word(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
}

// "2.36": numbers with dots, at least one of these.
bool is_system_version(std::string_view text) {
    return text.find('.') != std::string_view::npos && is_digit(text.front()) &&
           is_digit(text.back()) && text.find("..") == std::string_view::npos &&
           text.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::vector<std::string_view> split_at_dashes(std::string_view text) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find('-');
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

// Where the version begins: after the first dash with digits and a dot behind it.
std::size_t version_start(std::string_view text) {
    for (std::size_t dash = text.find('-'); dash != std::string_view::npos;
         dash = text.find('-', dash + 1)) {
        const std::size_t end = text.find_first_not_of("0123456789", dash + 1);
        if (end != std::string_view::npos && end > dash + 1 && text[end] == '.') return dash + 1;
    }
    return std::string_view::npos;
}

// What is wrong with the parts, or nullptr.
const char *flaw(const BundleName &name) {
    if (!is_valid_name(name.name)) return "It does not begin with a valid package name.";
    if (!is_semantic_version(name.version)) return "Its version is not a semantic version.";
    if (name.postgres_major == 0 || name.postgres_major > largest_major)
        return "It does not name a PostgreSQL major version.";
    if (name.os == "any")
        return name.libc.empty() && name.architecture.empty()
                   ? nullptr
                   : "Its platform is \"any\" and yet says more.";
    if (!is_word(name.os) || is_digit(name.os.front()) || !is_word(name.architecture))
        return "Its platform is not of the form system-version-architecture.";
    if (!name.libc.empty() && !is_system_version(name.libc))
        return "The version of its system is not made of numbers and dots.";
    return nullptr;
}

std::unexpected<Error> malformed(std::string_view name, std::string reason) {
    return fail(ErrorCode::artifact_malformed, "invalid bundle name \"" + shown_path(name) + "\"",
                std::move(reason),
                "Bundles are named like \"semver-0.40.0+pg18-gnulinux-2.36-amd64.trunk\".");
}

// The word of bundles for a C library.
std::string os_of(const Platform &platform) {
    return platform.libc == "musl" ? "musllinux" : "gnulinux";
}

std::string words(const BundleName &name) {
    return name.os + (name.libc.empty() ? "" : " " + name.libc) + " on " + name.architecture;
}

}  // namespace

Result<BundleName> parse_bundle_folder_name(std::string_view folder_name) {
    const std::size_t plus = folder_name.rfind('+');
    if (plus == std::string_view::npos) return malformed(folder_name, "It has no \"+\".");
    const std::string_view left = folder_name.substr(0, plus);
    const std::size_t start = version_start(left);
    if (start == std::string_view::npos) return malformed(folder_name, "It has no version.");
    BundleName name;
    name.name = left.substr(0, start - 1);
    name.version = left.substr(start);

    const std::vector<std::string_view> parts = split_at_dashes(folder_name.substr(plus + 1));
    std::string_view major = parts[0];
    if (major.starts_with("pg") && major.size() <= 5 && !major.starts_with("pg0")) {
        major.remove_prefix(2);
        const auto [end, error] =
            std::from_chars(major.data(), major.data() + major.size(), name.postgres_major);
        if (error != std::errc() || end != major.data() + major.size()) name.postgres_major = 0;
    }
    if (parts.size() < 2 || parts.size() > 4)
        return malformed(folder_name, "Its platform has too few parts or too many.");
    name.os = parts[1];
    if (parts.size() == 4) name.libc = parts[2];
    if (parts.size() > 2) name.architecture = parts.back();
    if (parts.size() == 4 && name.libc.empty())
        return malformed(folder_name, "The version of its system is empty.");
    if (const char *reason = flaw(name)) return malformed(folder_name, reason);
    // "any-" says no more than "any", but would not come out as it was.
    if (parts.size() > 2 && name.architecture.empty())
        return malformed(folder_name, "Its architecture is empty.");
    return name;
}

Result<BundleName> parse_bundle_file_name(std::string_view file_name) {
    if (!file_name.ends_with(suffix))
        return malformed(file_name, "It does not end with \".trunk\".");
    return parse_bundle_folder_name(file_name.substr(0, file_name.size() - suffix.size()));
}

std::string bundle_folder_name(const BundleName &name) {
    std::string result = name.name + "-" + name.version + "+pg" +
                         std::to_string(name.postgres_major) + "-" + name.os;
    if (!name.libc.empty()) result += "-" + name.libc;
    if (!name.architecture.empty()) result += "-" + name.architecture;
    return result;
}

std::string bundle_file_name(const BundleName &name) {
    return bundle_folder_name(name) + std::string(suffix);
}

Result<void> check_bundle_name(const BundleName &name) {
    TRY(check_name("package", name.name));
    if (!is_semantic_version(name.version))
        return fail(ErrorCode::invalid_argument,
                    "\"" + name.version + "\" is not a semantic version",
                    "The versions of bundles have three numbers, and may have a suffix: 1.2.3, "
                    "1.2.3-beta.1.");
    if (const std::size_t hyphen = name.version.find('-'); hyphen != std::string::npos &&
                                                           name.version[hyphen + 1] >= '0' &&
                                                           name.version[hyphen + 1] <= '9')
        return fail(
            ErrorCode::invalid_argument, "version \"" + name.version + "\" means two things",
            "It is before " + name.version.substr(0, hyphen) +
                " by Semantic Versioning, and after it by Debian's rule, which servers order "
                "by.",
            "A pre-release begins with a letter: " + name.version.substr(0, hyphen) + "-rc." +
                name.version.substr(hyphen + 1) + ".");
    if (const char *reason = flaw(name))
        return fail(ErrorCode::invalid_argument,
                    "a bundle cannot be named \"" + bundle_file_name(name) + "\"", reason);
    const auto parsed = parse_bundle_folder_name(bundle_folder_name(name));
    if (!parsed || *parsed != name)
        return fail(ErrorCode::invalid_name,
                    "a bundle cannot have the package name \"" + name.name + "\"",
                    "The file name of a bundle could not be taken apart into name and version.",
                    "Choose a name in which no \"-\" is followed by a number with a dot.");
    return {};
}

Result<void> check_platform(const BundleName &name, const Platform &platform) {
    const auto wrong = [&](std::string detail) {
        return fail(ErrorCode::wrong_platform,
                    "bundle \"" + bundle_file_name(name) + "\" is not for this server",
                    std::move(detail));
    };
    if (name.postgres_major != platform.postgres_major)
        return wrong("It was built for PostgreSQL " + std::to_string(name.postgres_major) +
                     ", this server is PostgreSQL " + std::to_string(platform.postgres_major) +
                     ".");
    if (name.os == "any") return {};
    const std::string here = os_of(platform) +
                             (platform.libc_version.empty() ? "" : " " + platform.libc_version) +
                             " on " + platform.architecture;
    // RFC-2's own examples say "linux" for what was built with glibc.
    const bool same_system =
        name.os == os_of(platform) || (name.os == "linux" && platform.libc == "glibc");
    // The version of a libc that does not tell its own cannot be compared.
    const bool old_enough = name.libc.empty() || platform.libc_version.empty() ||
                            compare_debian_versions(name.libc, platform.libc_version) <= 0;
    if (!same_system || name.architecture != platform.architecture || !old_enough)
        return wrong("It needs " + words(name) + ", this server has " + here + ".");
    return {};
}

Platform platform_of(const BundleName &name) {
    Platform platform = host_platform();
    platform.postgres_major = name.postgres_major;
    if (name.os == "any") return platform;
    platform.libc = name.os == "musllinux" ? "musl" : "glibc";
    platform.libc_version = name.libc;
    platform.architecture = name.architecture;
    return platform;
}

}  // namespace pgx
