#include "core/publish/catalog_change.h"

#include <algorithm>
#include <map>

#include "core/bundle/semantic_version.h"
#include "core/catalog/catalog_limits.h"
#include "core/publish/bundle_claims.h"
#include "core/publish/publisher_rules.h"

namespace pgx {

namespace {

constexpr unsigned most_shard_bits = 12;

// A target of the catalog while it is being changed, by target path.
struct OpenTarget {
    std::string role;
    Catalog catalog;
};
using OpenTargets = std::map<std::string, OpenTarget>;

Result<Catalog *> open_target(Generation &generation, OpenTargets &open, const std::string &role,
                              const std::string &path) {
    const auto found = open.find(path);
    if (found != open.end()) return &found->second.catalog;
    Catalog catalog = TRY(generation.read_catalog(role, path));
    return &open.emplace(path, OpenTarget{role, std::move(catalog)}).first->second.catalog;
}

// The target that a package is, or will be, in.
Result<Catalog *> open_package(Generation &generation, OpenTargets &open,
                               const std::string &package, const std::string &publisher,
                               unsigned bits) {
    if (!publisher.empty()) return open_target(generation, open, publisher, package_path(package));
    const std::string path = TRY(shard_path(package, bits));
    return open_target(generation, open, bin_role(path), path);
}

Result<void> close_targets(Generation &generation, const OpenTargets &open) {
    for (const auto &[path, target] : open)
        TRY(generation.put_catalog(target.role, path, target.catalog));
    return {};
}

Result<std::uint64_t> packages_in(Generation &generation, const std::string &role,
                                  const std::string &path, const tuf::TargetFile &file) {
    if (file.custom.is_object() && file.custom.contains("packages"))
        return TRY(json_unsigned(file.custom, "packages"));
    return TRY(generation.read_catalog(role, path)).size();
}

// True when the release, with just this artifact, was there already.
Result<bool> is_published(const CatalogRelease &release, const CatalogArtifact &artifact) {
    for (const CatalogArtifact &other : release.artifacts) {
        if (other.name != artifact.name) continue;
        if (other.sha256 == artifact.sha256 && other.size == artifact.size) return true;
        return fail(ErrorCode::wrong_state,
                    "\"" + bundle_file_name(artifact.name) + "\" is published with other content",
                    "Its SHA-256 is " + other.sha256 + " there, and " + artifact.sha256 +
                        " in the new file.",
                    "A file that was published never changes: give the new content a new version.");
    }
    return false;
}

// The same file may come back, another one under its name may not.
Result<void> check_not_withdrawn(const CatalogPackage &package, const CatalogArtifact &artifact) {
    const auto found = package.withdrawn.find(bundle_file_name(artifact.name));
    if (found == package.withdrawn.end() || found->second == artifact.sha256) return {};
    return fail(
        ErrorCode::wrong_state,
        "\"" + found->first + "\" was published with other content, and withdrawn",
        "Its SHA-256 was " + found->second + ", that of the new file is " + artifact.sha256 + ".",
        "A file that was published never changes: give the new content a new version.");
}

Result<bool> add_release(CatalogPackage &package, const ReleaseToAdd &addition) {
    const CatalogRelease &release = addition.release;
    TRY(check_not_withdrawn(package, release.artifacts[0]));
    const auto same =
        std::find_if(package.releases.begin(), package.releases.end(),
                     [&](const CatalogRelease &other) { return other.version == release.version; });
    if (same == package.releases.end()) {
        const auto older = std::find_if(
            package.releases.begin(), package.releases.end(), [&](const CatalogRelease &other) {
                return compare_semantic_versions(other.version, release.version) < 0;
            });
        package.releases.insert(older, release);
    } else {
        if (TRY(is_published(*same, release.artifacts[0]))) return false;
        // Builds of one release for several platforms say the same but for modules, see
        // bundle_claims.h.
        CatalogRelease merged = *same;
        TRY(merge_claims(merged, release));
        merged.dependencies = release.dependencies;
        merged.artifacts.push_back(release.artifacts[0]);
        std::sort(merged.artifacts.begin(), merged.artifacts.end(),
                  [](const CatalogArtifact &a, const CatalogArtifact &b) {
                      return bundle_file_name(a.name) < bundle_file_name(b.name);
                  });
        *same = std::move(merged);
    }
    // An older release that comes later does not tell what the package is today.
    if (package.releases[0].version == release.version) {
        std::vector<CatalogRelease> releases = std::move(package.releases);
        std::map<std::string, std::string> withdrawn = std::move(package.withdrawn);
        package = addition.about;
        package.releases = std::move(releases);
        package.withdrawn = std::move(withdrawn);
    }
    package.withdrawn.erase(bundle_file_name(release.artifacts[0].name));
    return true;
}

// The number of bits that the shards are to have, given what `open` has become.
Result<unsigned> wanted_bits(Generation &generation, const OpenTargets &open, unsigned bits) {
    // While none of the shards that are changed is full, the average is not, or next time shows.
    const bool full = std::any_of(open.begin(), open.end(), [](const auto &entry) {
        return entry.second.catalog.size() > packages_per_shard;
    });
    if (!full) return bits;
    std::uint64_t total = 0;
    for (const auto &[path, target] : open)
        if (publisher_of_role(target.role).empty()) total += target.catalog.size();
    for (const std::string &name : bin_roles())
        for (const auto &[path, file] : TRY(generation.role(name))->targets)
            if (!open.contains(path)) total += TRY(packages_in(generation, name, path, file));
    while (bits < most_shard_bits && total > (packages_per_shard << bits)) ++bits;
    return bits;
}

// Distributes all packages to other shards.
Result<void> regroup(Generation &generation, OpenTargets &open, unsigned bits) {
    OpenTargets regrouped;
    for (const std::string &name : bin_roles()) {
        const std::map<std::string, tuf::TargetFile> listed = TRY(generation.role(name))->targets;
        for (const auto &[path, file] : listed) {
            TRY(open_target(generation, open, name, path));
            // taken off the list, unless a new one gets the same name
            regrouped.try_emplace(path, OpenTarget{name, {}});
        }
    }
    for (auto &[path, target] : open) {
        if (!publisher_of_role(target.role).empty()) {
            regrouped.insert_or_assign(path, std::move(target));
            continue;
        }
        for (auto &[name, package] : target.catalog) {
            const std::string other = TRY(shard_path(name, bits));
            const auto shard = regrouped.try_emplace(other, OpenTarget{bin_role(other), {}}).first;
            shard->second.catalog.emplace(name, std::move(package));
        }
    }
    open = std::move(regrouped);
    (*TRY(generation.change("targets"))).custom["pgx"]["shard_bits"] = bits;
    return {};
}

// Names that a publisher had once: files for them would keep all else that he signs from being
// taken in.
Result<void> drop_lost_names(Generation &generation, const std::string &role) {
    const std::vector<tuf::Delegation> delegations = TRY(generation.delegations());
    std::erase_if((*TRY(generation.change(role))).targets, [&](const auto &target) {
        return !check_publisher_path(delegations, role, target.first);
    });
    return {};
}

Result<void> check_publisher(Generation &generation, const std::string &package,
                             const CatalogRelease &release, const std::string &publisher) {
    const std::string owner = TRY(generation.publisher_of(package));
    if (owner == publisher) {
        if (publisher.empty()) return {};
        return check_extension_names(TRY(generation.delegations()), publisher, package, release);
    }
    if (owner.empty())
        return fail(
            ErrorCode::invalid_argument, "the name \"" + package + "\" is not the publisher's",
            "No pattern that was delegated to \"" + publisher_of_role(publisher) + "\" matches it.",
            "Publish it without --publisher, or delegate the name with \"pgx registry "
            "delegate\".");
    return fail(
        ErrorCode::invalid_argument,
        "the name \"" + package + "\" belongs to publisher \"" + publisher_of_role(owner) + "\"",
        {}, "Publish it with --publisher " + publisher_of_role(owner) + ".");
}

}  // namespace

Result<CatalogChange> add_releases(Generation &generation,
                                   const std::vector<ReleaseToAdd> &releases,
                                   const std::string &publisher) {
    const std::string role = publisher.empty() ? std::string() : publisher_role(publisher);
    if (!role.empty()) TRY(generation.signers(role));
    CatalogChange change;
    const unsigned bits = TRY(generation.shard_bits());
    change.shard_bits_before = change.shard_bits = bits;
    OpenTargets open;
    std::optional<ModulePaths> module_paths;
    for (const ReleaseToAdd &addition : releases) {
        const std::string &name = addition.package;
        TRY(check_publisher(generation, name, addition.release, role));
        Catalog &catalog = *TRY(open_package(generation, open, name, role, bits));
        CatalogPackage &package = catalog[name];
        const std::string module_path = package.module_path;
        change.added.push_back(TRY(add_release(package, addition)));
        auto within = check_catalog_package(name, package);
        if (!within)
            return fail(std::move(within.error()).prefixed("could not publish \"" + name + "\""));
        if (package.module_path.empty() || package.module_path == module_path) continue;
        // Every package is read for this, which a new version of one that is known needs not.
        if (!module_paths) module_paths = TRY(read_module_paths(generation));
        TRY(module_paths->check(name, package.module_path));
        module_paths->add(name, package.module_path);
    }
    if (std::find(change.added.begin(), change.added.end(), true) == change.added.end())
        return change;
    if (!role.empty()) TRY(drop_lost_names(generation, role));
    if (role.empty()) change.shard_bits = TRY(wanted_bits(generation, open, bits));
    if (change.shard_bits != bits) TRY(regroup(generation, open, change.shard_bits));
    TRY(close_targets(generation, open));
    return change;
}

Result<RemovedReleases> remove_releases(Generation &generation, const std::string &package,
                                        const std::string &version) {
    OpenTargets open;
    const std::string publisher = TRY(generation.publisher_of(package));
    Catalog &catalog =
        *TRY(open_package(generation, open, package, publisher, TRY(generation.shard_bits())));
    const auto found = catalog.find(package);
    if (found == catalog.end() || found->second.releases.empty())
        return fail(ErrorCode::unknown_package, "the registry has no package \"" + package + "\"",
                    {}, "See its packages with pgx.available(), or \"pgx registry check\".");
    RemovedReleases removed;
    std::map<std::string, std::string> &withdrawn = found->second.withdrawn;
    std::erase_if(found->second.releases, [&](const CatalogRelease &release) {
        if (!version.empty() && release.version != version) return false;
        removed.versions.push_back(release.version);
        for (const CatalogArtifact &artifact : release.artifacts) {
            removed.bundles.push_back(bundle_path(artifact));
            withdrawn[bundle_file_name(artifact.name)] = artifact.sha256;
        }
        return true;
    });
    if (removed.versions.empty())
        return fail(ErrorCode::unknown_version,
                    "package \"" + package + "\" has no version \"" + version + "\"",
                    "The newest is \"" + found->second.releases[0].version + "\".",
                    "Name a version that is published.");
    if (found->second.releases.empty()) {
        CatalogPackage nothing;
        nothing.withdrawn = std::move(withdrawn);
        found->second = std::move(nothing);
    }
    TRY(close_targets(generation, open));
    return removed;
}

Result<Catalog> read_packages(Generation &generation, const std::string &role) {
    Catalog packages;
    for (const auto &[path, file] : TRY(generation.role(role))->targets)
        packages.merge(TRY(generation.read_catalog(role, path)));
    return packages;
}

Result<ModulePaths> read_module_paths(Generation &generation) {
    ModulePaths paths;
    const auto take = [&](const Catalog &catalog) {
        for (const auto &[name, package] : catalog) paths.add(name, package.module_path);
    };
    for (const std::string &name : bin_roles())
        for (const auto &[path, file] : TRY(generation.role(name))->targets)
            take(TRY(generation.read_target(path, file)));
    for (const tuf::Delegation &delegation : TRY(generation.delegations())) {
        if (publisher_of_role(delegation.name).empty()) continue;
        const auto published = TRY(generation.published(delegation.name));
        if (!published) continue;
        for (const auto &[path, file] : published->targets) {
            // What a publisher has spoilt is his loss, and told by "pgx registry check".
            const auto catalog = generation.read_target(path, file);
            if (catalog && check_publisher_target(TRY(generation.delegations()), delegation.name,
                                                  path, *catalog))
                take(*catalog);
        }
    }
    return paths;
}

Result<std::uint64_t> count_packages(Generation &generation) {
    std::uint64_t total = 0;
    for (const std::string &name : bin_roles())
        for (const auto &[path, file] : TRY(generation.role(name))->targets)
            total += TRY(packages_in(generation, name, path, file));
    return total;
}

}  // namespace pgx
