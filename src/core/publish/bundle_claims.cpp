#include "core/publish/bundle_claims.h"

#include <algorithm>
#include <set>

#include "core/base/names.h"
#include "core/catalog/catalog_limits.h"

namespace pgx {

namespace {

// Looking into a bundle that is not being published has nothing to tell but errors.
class SilentReporter : public Reporter {
   public:
    void progress(std::string_view, std::string_view, std::uint64_t, std::uint64_t) override {}
    void notice(std::string_view, std::string_view, std::string_view) override {}
    void releases(Json, std::string_view) override {}
};

std::string file_name(const std::string &path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

// "lib/semver.so" is "semver".
std::string module_name(const std::string &path) {
    std::string name = file_name(path);
    const std::size_t dot = name.find('.');
    return dot == std::string::npos ? name : name.substr(0, dot);
}

void merge_names(std::vector<std::string> &names, const std::vector<std::string> &more) {
    for (const std::string &name : more)
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// The differences of two lists of names; `complete`: what is only in `said` is one too.
Result<void> compare_names(const std::string &what, const std::vector<std::string> &said,
                           const std::vector<std::string> &held, bool complete) {
    const std::set<std::string> says(said.begin(), said.end()), holds(held.begin(), held.end());
    for (const std::string &name : holds)
        if (!says.contains(name))
            return fail(ErrorCode::registry_malformed,
                        "the catalog does not name " + what + " \"" + name + "\" of its bundles");
    if (!complete) return {};
    for (const std::string &name : says)
        if (!holds.contains(name))
            return fail(ErrorCode::registry_malformed, "the catalog names " + what + " \"" + name +
                                                           "\", and its bundles have none");
    return {};
}

std::vector<std::string> names_of(const std::vector<CatalogExtension> &extensions) {
    std::vector<std::string> names;
    for (const CatalogExtension &extension : extensions) names.push_back(extension.name);
    return names;
}

Result<void> compare(const CatalogRelease &release, const CatalogRelease &held, bool complete) {
    TRY(compare_names("extension", names_of(release.extensions), names_of(held.extensions),
                      complete));
    for (const CatalogExtension &said : release.extensions)
        for (const CatalogExtension &found : held.extensions) {
            if (said.name != found.name) continue;
            if (said.version != found.version)
                return fail(ErrorCode::registry_malformed,
                            "the catalog gives extension \"" + said.name + "\" version \"" +
                                said.version + "\", its bundles \"" + found.version + "\"");
            TRY(compare_names("the requirement of extension \"" + said.name + "\"", said.requires_,
                              found.requires_, complete));
        }
    TRY(compare_names("module", release.modules, held.modules, complete));
    return compare_names("the module to preload", release.preload, held.preload, complete);
}

}  // namespace

ReleaseToAdd describe_bundle(const InspectedBundle &inspected, tuf::Time now) {
    const Bundle &bundle = inspected.bundle;
    ReleaseToAdd addition;
    addition.package = bundle.name.name;
    CatalogRelease &release = addition.release;
    release.version = bundle.name.version;
    release.date = tuf::format_time(now);
    for (const ReceiptExtension &extension : inspected.receipt.extensions)
        release.extensions.push_back(
            {extension.name, extension.default_version, extension.requires_});
    std::set<std::string> modules, preload;
    for (const ReceiptModule &module : inspected.receipt.modules) {
        modules.insert(module_name(module.path));
        if (module.preload) preload.insert(module_name(module.path));
    }
    CatalogPackage &about = addition.about;
    about.license = bundle.manifest.license;
    if (bundle.meta) {
        const Meta &meta = *bundle.meta;
        for (const auto &[name, module] : meta.modules)
            if (module.preload == "server") preload.insert(file_name(module.library));
        release.dependencies = meta.run_requires;
        about.summary = meta.abstract;
        about.description = meta.description;
        about.homepage = meta.homepage.empty() ? meta.repository : meta.homepage;
        about.module_path = meta.module_path;
        if (!meta.license.empty()) about.license = meta.license;
    }
    if (about.summary.empty() && !inspected.receipt.extensions.empty())
        about.summary = inspected.receipt.extensions[0].comment;
    for (std::string *text : {&about.summary, &about.homepage, &about.license, &about.module_path})
        *text = without_control_characters(*text);
    about.description = without_control_characters(about.description, true);
    release.modules.assign(modules.begin(), modules.end());
    release.preload.assign(preload.begin(), preload.end());
    release.artifacts.push_back({bundle.name, inspected.size, inspected.sha256});
    return addition;
}

Result<void> merge_claims(CatalogRelease &release, const CatalogRelease &more) {
    for (const CatalogExtension &extension : more.extensions) {
        const auto same = std::find_if(
            release.extensions.begin(), release.extensions.end(),
            [&](const CatalogExtension &other) { return other.name == extension.name; });
        if (same == release.extensions.end()) {
            release.extensions.push_back(extension);
            continue;
        }
        if (same->version != extension.version)
            return fail(ErrorCode::wrong_state,
                        "extension \"" + extension.name + "\" has version \"" + extension.version +
                            "\", and \"" + same->version + "\" in another build of release \"" +
                            release.version + "\"",
                        {}, "Give the bundle a version of its own.");
        merge_names(same->requires_, extension.requires_);
    }
    merge_names(release.modules, more.modules);
    merge_names(release.preload, more.preload);
    return {};
}

Result<void> compare_claims(const std::string &package, const CatalogRelease &release,
                            const CatalogRelease &held, bool complete) {
    auto compared = compare(release, held, complete);
    if (compared) return {};
    Error error = std::move(compared.error());
    error.detail = "What a catalog says of a bundle is worked out from it by \"pgx registry add\".";
    error.hint = "Take the release out with \"pgx registry remove\", and add its bundles anew.";
    return fail(std::move(error).prefixed("package \"" + package + "\" version \"" +
                                          release.version + "\""));
}

Result<CatalogRelease> read_claims(FileSystem &fs, const std::string &path,
                                   const CatalogArtifact &artifact, const std::string &scratch) {
    SilentReporter reporter;
    const InspectedBundle inspected = TRY(inspect_bundle(path, scratch, fs, reporter));
    if (inspected.sha256 != artifact.sha256 || inspected.size != artifact.size)
        return fail(ErrorCode::digest_mismatch, "\"" + path + "\" is not what was published",
                    "It should have " + std::to_string(artifact.size) + " bytes with SHA-256 " +
                        artifact.sha256 + ".");
    return describe_bundle(inspected, tuf::Time{}).release;
}

}  // namespace pgx
