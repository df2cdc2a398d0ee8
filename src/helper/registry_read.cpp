// registry_read.cpp - looking through a registry, and copying one.
#include <algorithm>
#include <charconv>
#include <cstdio>

#include "core/base/names.h"
#include "helper/registry_command.h"
#include "helper/registry_session.h"

namespace pgx {

namespace {

std::string number(std::uint64_t count) { return std::to_string(count); }

std::string counted(std::uint64_t count, const char *what) {
    return number(count) + " " + what + (count == 1 ? "" : "s");
}

// The sixteen lists of shards are told as one, by the one that expires first.
void print_roles(const RegistryCheck &result, tuf::Time now) {
    std::vector<CheckedRole> roles;
    std::size_t bins = 0;
    for (const CheckedRole &role : result.roles) {
        if (!role.name.starts_with("bin-")) {
            roles.push_back(role);
        } else if (++bins == 1) {
            roles.push_back(role);
        } else {
            CheckedRole &all = roles.back();
            all.name = "bin-0 to bin-f";
            all.version = std::max(all.version, role.version);
            all.expires = std::min(all.expires, role.expires);
        }
    }
    std::printf("\n%-24s  %7s  %7s  %s\n", "role", "version", "signers", "valid until");
    for (const CheckedRole &role : roles)
        std::printf(
            "%-24s  %7s  %7s  %s\n", role.name.c_str(),
            role.signed_yet ? number(role.version).c_str() : "",
            (number(role.threshold) + " of " + number(role.keys)).c_str(),
            role.signed_yet ? describe_expiry(role.expires, now).c_str() : "nothing published yet");
}

Result<int> check(const ParsedArguments &given) {
    std::optional<tuf::Fingerprint> root;
    if (given.has("--root")) root = TRY(tuf::parse_fingerprint(given.value("--root")));
    const RegistrySource source =
        TRY(RegistrySource::open(given.operands[0], given.value("--headers")));
    const ScratchDirectory scratch = TRY(ScratchDirectory::make());
    const BundleCheck bundles =
        given.has("--no-bundles") ? BundleCheck() : source.bundle_check(scratch.path());
    const tuf::Time now = time_now();
    const RegistryCheck result =
        TRY(check_registry(source.transport(), root, bundles, TRY(read_lifetimes(given)), now));
    std::printf("fingerprint  %s\n", tuf::format_fingerprint(result.fingerprint).c_str());
    std::printf("packages     %s in %s, %s, %s of %s%s\n", number(result.packages).c_str(),
                counted(result.shards, "shard").c_str(),
                counted(result.releases, "release").c_str(),
                counted(result.bundles, "bundle").c_str(), format_bytes(result.bytes).c_str(),
                bundles ? "" : " (not looked at)");
    print_roles(result, now);
    std::size_t defects = 0;
    for (const CheckFinding &finding : result.findings) {
        defects += finding.defect ? 1 : 0;
        std::printf("\n%s: %s\n", finding.defect ? "DEFECT" : "WARNING", finding.message.c_str());
        if (!finding.detail.empty()) std::printf("  %s\n", finding.detail.c_str());
        if (!finding.hint.empty()) std::printf("  %s\n", finding.hint.c_str());
    }
    if (result.findings.empty())
        std::printf("\nAll is well.\n");
    else
        std::printf("\n%s, %s\n", counted(defects, "defect").c_str(),
                    counted(result.findings.size() - defects, "warning").c_str());
    if (const int output = printed(); output != 0) return output;
    return result.sound() ? 0 : 1;
}

Result<unsigned> read_major(const std::string &text) {
    unsigned major = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), major);
    if (error == std::errc{} && end == text.data() + text.size() && major > 0 && major < 1000)
        return major;
    return fail(ErrorCode::invalid_argument, "invalid version of PostgreSQL \"" + text + "\"", {},
                "Give a major version: --postgres 18.");
}

Result<int> mirror(const ParsedArguments &given) {
    if (!given.has("--root"))
        return complain(
            "\"pgx registry mirror\" needs --root, the registry's fingerprint (sha256:...)");
    FileSystem &fs = real_file_system();
    MirrorRequest request{
        TRY(tuf::parse_fingerprint(given.value("--root"))), given.values("--packages"), {}};
    for (const std::string &text : given.values("--postgres"))
        request.postgres.insert(TRY(read_major(text)));
    const RegistryFolder folder{given.operands[1]};
    const RegistrySource source =
        TRY(RegistrySource::open(given.operands[0], given.value("--headers")));
    TRY(make_public_directory(fs, folder.root));
    const RegistryLock lock = TRY(RegistryLock::take(folder.root));
    const tuf::Time now = time_now();
    const MirrorResult result =
        TRY(mirror_registry(fs, source.transport(), source.fetch_bundles(), folder, request, now));
    for (const std::string &publisher : result.missing_roles)
        std::fprintf(stderr,
                     "NOTICE: the metadata of publisher \"%s\" cannot be had or is not "
                     "valid\n",
                     publisher.c_str());
    std::printf(
        "packages     %s of %s\n"
        "bundles      %s, of which %s (%s) were fetched%s\n"
        "catalog      %s files fetched%s\n"
        "valid until  %s\n"
        "\n"
        "Run this again before then. On the servers:\n"
        "  SELECT pgx.add_registry('NAME', 'file:///PATH', root => '%s');\n",
        number(result.packages_chosen).c_str(), number(result.packages).c_str(),
        number(result.bundles).c_str(), number(result.bundles_fetched).c_str(),
        format_bytes(result.bytes_fetched).c_str(),
        result.bundles_deleted == 0
            ? ""
            : (", " + number(result.bundles_deleted) + " were deleted").c_str(),
        number(result.catalog_files).c_str(), result.newer ? "" : ", nothing new",
        describe_expiry(result.expires, now).c_str(),
        tuf::format_fingerprint(request.root).c_str());
    return printed();
}

}  // namespace

std::vector<RegistryAction> reading_actions() {
    return {
        {"check",
         "check DIR|URL [--root FINGERPRINT]",
         "Looks through a registry as its clients do: signatures, catalog, every bundle, dates.\n\n"
         "Exit status 1 when something is wrong. What expires soon is a warning.",
         1,
         1,
         {{"--root", "FINGERPRINT", "that the registry has to have (default: what it begins with)"},
          {"--no-bundles", nullptr, "leave the bundles out"},
          headers_option,
          expires_option},
         check},
        {"mirror",
         "mirror URL|DIR DIR --root FINGERPRINT [--packages PATTERN]...",
         "Makes or updates a verified copy with the bundles of some packages.\n\n"
         "The copy has the same fingerprint and is signed by the same keys.",
         2,
         2,
         {{"--root", "FINGERPRINT", "the registry's fingerprint"},
          {"--packages", "PATTERN", "packages to copy the bundles of (default: all)", true},
          {"--postgres", "MAJOR", "major versions of PostgreSQL to copy for (default: all)", true},
          headers_option},
         mirror},
    };
}

}  // namespace pgx
