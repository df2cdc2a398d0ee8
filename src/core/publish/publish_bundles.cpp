#include "core/publish/publish_bundles.h"

#include <algorithm>

namespace pgx {

namespace {

// Nothing may be left of bundles that were copied for a generation that never came about.
Result<void> copy_bundles(Generation &generation, const std::vector<ReleaseToAdd> &releases,
                          const std::vector<std::string> &paths, const std::vector<bool> &added,
                          std::vector<std::string> &copied) {
    FileSystem &fs = generation.fs();
    for (std::size_t i = 0; i < releases.size(); ++i) {
        if (!added[i]) continue;
        const CatalogArtifact &artifact = releases[i].release.artifacts[0];
        const std::string to = generation.folder().bundle_file(bundle_path(artifact));
        const bool new_package = !TRY(fs.info(parent_path(to)));
        TRY(make_public_directory(fs, generation.folder().bundles()));
        copied.push_back(to);
        TRY(copy_file_durably(fs, paths[i], to, artifact.sha256));
        if (new_package) TRY(fs.sync_directory(generation.folder().bundles()));
    }
    return {};
}

void delete_bundles(FileSystem &fs, const std::vector<std::string> &paths) {
    for (const std::string &path : paths) {
        (void)fs.unlink(path);
        (void)fs.remove_directory(parent_path(path));  // fails while there are others
    }
}

}  // namespace

Result<PublishedBundles> add_bundles(Generation &generation, const std::vector<std::string> &paths,
                                     const std::string &publisher, const std::string &scratch,
                                     KeyFolder &keys, const Lifetimes &lifetimes, tuf::Time now,
                                     Reporter &reporter) {
    PublishedBundles result;
    std::vector<ReleaseToAdd> releases;
    for (const std::string &path : paths) {
        auto inspected = inspect_bundle(path, scratch, generation.fs(), reporter);
        if (!inspected)
            return fail(
                std::move(inspected.error()).prefixed("could not publish \"" + path + "\""));
        releases.push_back(describe_bundle(*inspected, now));
        result.bundles.push_back({bundle_file_name(inspected->bundle.name),
                                  inspected->bundle.name.name, inspected->bundle.name.version,
                                  inspected->size});
    }
    result.change = TRY(add_releases(generation, releases, publisher));
    const std::vector<bool> &added = result.change.added;
    for (std::size_t i = 0; i < added.size(); ++i) result.bundles[i].added = added[i];
    if (std::find(added.begin(), added.end(), true) == added.end()) return result;

    std::vector<std::string> copied;
    const auto publish = [&]() -> Result<void> {
        TRY(copy_bundles(generation, releases, paths, added, copied));
        result.publication = TRY(generation.publish(keys, lifetimes, now));
        return {};
    };
    auto published = publish();
    if (published) return result;
    // The last step may have failed after it took effect. Then the new generation is there, and
    // its bundles are needed; a bundle too many does no harm.
    const auto visible = generation.is_published();
    if (visible && !*visible) delete_bundles(generation.fs(), copied);
    return fail(std::move(published.error()));
}

Result<RemovedPackage> remove_package(Generation &generation, const std::string &package,
                                      const std::string &version, KeyFolder &keys,
                                      const Lifetimes &lifetimes, tuf::Time now) {
    RemovedPackage removed;
    removed.releases = TRY(remove_releases(generation, package, version));
    removed.publication = TRY(generation.publish(keys, lifetimes, now));
    if (removed.publication.pending) return removed;
    std::vector<std::string> paths;
    for (const std::string &path : removed.releases.bundles)
        paths.push_back(generation.folder().bundle_file(path));
    delete_bundles(generation.fs(), paths);
    return removed;
}

}  // namespace pgx
