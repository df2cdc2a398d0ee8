#include "core/bundle/unpack_bundle.h"

#include "core/base/debian_version.h"
#include "core/registry/layout.h"
#include "core/registry/unpack.h"

namespace pgx {

namespace {

std::string file_name(const std::string &path) { return path.substr(path.rfind('/') + 1); }

std::unexpected<Error> disagreement(const std::string &what, const std::string &expected,
                                    const std::string &found) {
    return fail(ErrorCode::artifact_malformed, "bundle is not the one that was asked for",
                "Its " + what + " should be \"" + expected + "\" and is \"" + found + "\".");
}

Result<void> check_identity(const Bundle &bundle, const Artifact &artifact) {
    const std::string name = bundle_file_name(bundle.name);
    if (!artifact.file.empty() && artifact.file != name)
        return disagreement("file name", artifact.file, name);
    if (bundle.name.name != artifact.package)
        return disagreement("package name", artifact.package, bundle.name.name);
    if (bundle.name.version != artifact.version)
        return disagreement("version", artifact.version, bundle.name.version);
    return {};
}

// The file name says for which C library the bundle is, and everything is chosen by it.
Result<void> check_libraries(const BundleName &name, const Receipt &receipt) {
    for (const ReceiptModule &module : receipt.modules) {
        const std::string library = file_name(module.path);
        if (name.os == "any")
            return fail(
                ErrorCode::artifact_malformed,
                "bundle \"" + bundle_file_name(name) + "\" says that it is for any platform",
                "It holds library \"" + library + "\".");
        if (module.glibc.empty() || name.libc.empty()) continue;
        if (name.os == "gnulinux" && compare_debian_versions(module.glibc, name.libc) > 0)
            return fail(
                ErrorCode::artifact_malformed,
                "bundle \"" + bundle_file_name(name) + "\" says that it needs glibc " + name.libc,
                "Its library \"" + library + "\" needs glibc " + module.glibc + ".");
    }
    return {};
}

Result<Receipt> unpack_checked(const std::string &path, const Bundle &bundle,
                               const Artifact &artifact, const Platform &platform,
                               const std::string &directory, FileSystem &fs, Reporter &reporter,
                               const ArchiveLimits &limits) {
    UnpackSource source;
    if (const std::optional<FileInfo> file = TRY(fs.info(path))) source.size = file->size;
    source.open = [&] { return read_bundle(fs, path, bundle, limits); };
    source.place = [&](std::string_view entry, const std::vector<std::string> &directories) {
        Placement placement = place_private_file(entry, bundle.name.name);
        return placement.path.empty() ? place_bundle_file(entry, directories) : placement;
    };
    source.major_of = [&](std::string_view entry) -> std::optional<unsigned> {
        if (!entry.starts_with("pgsql/")) return std::nullopt;
        return bundle.name.postgres_major;
    };
    Receipt receipt = TRY(unpack(source, artifact, platform, directory, fs, reporter));
    // How the bundle describes itself is nothing that could have been installed.
    receipt.left_out.erase("manifest");
    if (auto checked = check_libraries(bundle.name, receipt); !checked) {
        (void)remove_tree(fs, directory);
        return fail(std::move(checked.error()));
    }
    return receipt;
}

}  // namespace

Result<Receipt> unpack_bundle(const std::string &path, const Artifact &artifact,
                              const Platform &platform, const std::string &directory,
                              FileSystem &fs, Reporter &reporter, const ArchiveLimits &limits) {
    const auto refused = [&](Error error) {
        return fail(
            std::move(error).prefixed("could not unpack package \"" + artifact.package + "\""));
    };
    const auto bundle = open_bundle(fs, path, limits);
    if (!bundle) return refused(bundle.error());
    if (auto checked = check_identity(*bundle, artifact); !checked)
        return refused(std::move(checked.error()));
    if (auto checked = check_platform(bundle->name, platform); !checked)
        return refused(std::move(checked.error()));
    return unpack_checked(path, *bundle, artifact, platform, directory, fs, reporter, limits);
}

Result<InspectedBundle> inspect_bundle(const std::string &path, const std::string &scratch,
                                       FileSystem &fs, Reporter &reporter,
                                       const ArchiveLimits &limits) {
    InspectedBundle result;
    const BundleName name = TRY(parse_bundle_file_name(file_name(path)));
    const std::optional<FileInfo> file = TRY(fs.info(path));
    if (file) result.size = file->size;
    result.sha256 = TRY(sha256_of_file(fs, path));
    Artifact artifact;
    artifact.package = name.name;
    artifact.version = name.version;
    artifact.file = bundle_file_name(name);
    artifact.sha256 = result.sha256;
    artifact.size = result.size;
    result.bundle = TRY(open_bundle(fs, path, limits));
    TRY(check_identity(result.bundle, artifact));
    result.receipt = TRY(unpack_checked(path, result.bundle, artifact, platform_of(name), scratch,
                                        fs, reporter, limits));
    TRY(remove_tree(fs, scratch));
    return result;
}

}  // namespace pgx
