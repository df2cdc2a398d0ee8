#include "core/publish/take_in.h"

#include <set>

#include "core/publish/bundle_claims.h"

namespace pgx {

namespace {

// A release as text, to find the ones that have changed.
std::string text_of(const CatalogRelease &release) {
    CatalogPackage package;
    package.releases.push_back(release);
    return write_catalog({{"package", std::move(package)}});
}

// A bundle that readers have seen may have been lost since.
Result<void> check_bundle_is_there(Generation &generation, const CatalogArtifact &artifact) {
    const std::string path = generation.folder().bundle_file(bundle_path(artifact));
    const auto found = TRY(generation.fs().info(path));
    if (found && found->type == FileType::regular && found->size == artifact.size) return {};
    return fail(ErrorCode::digest_mismatch,
                "there is no bundle \"" + path + "\" of the size that was signed", {},
                "Let the publisher copy all files, bundles too, and run this again.");
}

}  // namespace

Result<void> PublisherInspection::check(const std::string &role) {
    const tuf::Targets targets = *TRY(generation_.role(role));
    const auto published = TRY(generation_.published(role));
    for (const auto &[path, file] : targets.targets) {
        const auto check_target = [&]() -> Result<void> {
            // The path comes first: it is what the file is read by.
            const std::string name =
                TRY(check_publisher_path(TRY(generation_.delegations()), role, path));
            const Catalog catalog = TRY(generation_.read_target(path, file));
            TRY(check_publisher_target(TRY(generation_.delegations()), role, path, catalog));
            CatalogPackage before;
            if (published && published->targets.contains(path)) {
                Catalog old = TRY(generation_.read_target(path, published->targets.at(path)));
                if (old.contains(name)) before = std::move(old.at(name));
            }
            return check_package(name, catalog.at(name), before);
        };
        auto checked = check_target();
        if (!checked) return fail(std::move(checked.error()).prefixed("\"" + path + "\""));
    }
    return {};
}

Result<void> PublisherInspection::check_package(const std::string &name,
                                                const CatalogPackage &package,
                                                const CatalogPackage &before) {
    TRY(check_files_unchanged(before, package));
    if (!package.module_path.empty() && package.module_path != before.module_path) {
        if (!module_paths_) module_paths_ = TRY(read_module_paths(generation_));
        TRY(module_paths_->check(name, package.module_path));
        module_paths_->add(name, package.module_path);
    }
    std::set<std::string> known;
    for (const CatalogRelease &release : before.releases) known.insert(text_of(release));
    for (const CatalogRelease &release : package.releases)
        TRY(check_bundles(name, release, !known.contains(text_of(release))));
    return {};
}

Result<void> PublisherInspection::check_bundles(const std::string &package,
                                                const CatalogRelease &release, bool look_inside) {
    CatalogRelease held;
    for (const CatalogArtifact &artifact : release.artifacts) {
        TRY(check_bundle_is_there(generation_, artifact));
        if (!look_inside) continue;
        const std::string path = generation_.folder().bundle_file(bundle_path(artifact));
        TRY(merge_claims(held, TRY(read_claims(generation_.fs(), path, artifact, scratch_))));
    }
    if (!look_inside) return {};
    return compare_claims(package, release, held, true);
}

}  // namespace pgx
