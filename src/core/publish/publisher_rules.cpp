#include "core/publish/publisher_rules.h"

#include "core/base/names.h"
#include "core/publish/generation.h"

namespace pgx {

namespace {

std::string lower_case(std::string text) {
    for (char &character : text)
        if (character >= 'A' && character <= 'Z')
            character = static_cast<char>(character - 'A' + 'a');
    return text;
}

Result<void> check_digest(const std::map<std::string, std::string> &published,
                          const std::string &file, const std::string &sha256) {
    const auto found = published.find(file);
    if (found == published.end() || found->second == sha256) return {};
    return fail(ErrorCode::wrong_state, "\"" + file + "\" was published with other content",
                "Its SHA-256 was " + found->second + ", and is " + sha256 + " now.",
                "A file that was published never changes: give the new content a new version.");
}

}  // namespace

Result<std::string> owner_of_name(const std::vector<tuf::Delegation> &delegations,
                                  std::string_view name) {
    for (const tuf::Delegation &delegation : delegations)
        if (!publisher_of_role(delegation.name).empty() &&
            TRY(tuf::covers(delegation, package_path(name))))
            return delegation.name;
    return std::string();
}

Result<void> check_extension_names(const std::vector<tuf::Delegation> &delegations,
                                   const std::string &role, const std::string &package,
                                   const CatalogRelease &release) {
    for (const CatalogExtension &extension : release.extensions) {
        if (extension.name == package || TRY(owner_of_name(delegations, extension.name)) == role)
            continue;
        return fail(ErrorCode::invalid_argument,
                    "package \"" + package + "\" claims the extension \"" + extension.name +
                        "\", whose name is not publisher \"" + publisher_of_role(role) + "\"'s",
                    "A publisher's package may have extensions with names that were delegated to "
                    "him, and with its own name.",
                    "Delegate the name too, with one more --packages, or take the extension out.");
    }
    return {};
}

Result<std::string> check_publisher_path(const std::vector<tuf::Delegation> &delegations,
                                         const std::string &role, const std::string &path) {
    std::string package = package_of_path(path);
    if (is_valid_name(package) && TRY(owner_of_name(delegations, package)) == role) return package;
    return fail(
        ErrorCode::registry_malformed,
        "\"" + path + "\" is not for publisher \"" + publisher_of_role(role) + "\" to publish",
        "What he signs are files \"packages/NAME.json\", each with a name that was "
        "delegated to him.");
}

Result<void> check_publisher_target(const std::vector<tuf::Delegation> &delegations,
                                    const std::string &role, const std::string &path,
                                    const Catalog &catalog) {
    const std::string name = TRY(check_publisher_path(delegations, role, path));
    for (const auto &[package, content] : catalog)
        if (package != name)
            return fail(ErrorCode::registry_malformed,
                        "package \"" + package + "\" is in \"" + path + "\"",
                        "That file is for package \"" + name + "\" alone.");
    if (catalog.empty())
        return fail(ErrorCode::registry_malformed,
                    "package \"" + name + "\" is not in \"" + path + "\"");
    for (const CatalogRelease &release : catalog.at(name).releases)
        TRY(check_extension_names(delegations, role, name, release));
    return {};
}

Result<void> check_files_unchanged(const CatalogPackage &before, const CatalogPackage &after) {
    std::map<std::string, std::string> published = before.withdrawn;
    for (const CatalogRelease &release : before.releases)
        for (const CatalogArtifact &artifact : release.artifacts)
            published.insert_or_assign(bundle_file_name(artifact.name), artifact.sha256);
    for (const CatalogRelease &release : after.releases)
        for (const CatalogArtifact &artifact : release.artifacts)
            TRY(check_digest(published, bundle_file_name(artifact.name), artifact.sha256));
    for (const auto &[file, sha256] : after.withdrawn) TRY(check_digest(published, file, sha256));
    return {};
}

void ModulePaths::add(const std::string &package, const std::string &module_path) {
    if (!module_path.empty()) packages_.try_emplace(lower_case(module_path), package);
}

Result<void> ModulePaths::check(const std::string &package, const std::string &module_path) const {
    const auto found = packages_.find(lower_case(module_path));
    if (module_path.empty() || found == packages_.end() || found->second == package) return {};
    return fail(ErrorCode::invalid_argument,
                "the module path \"" + module_path + "\" of package \"" + package +
                    "\" belongs to package \"" + found->second + "\"",
                "A module path names one package, as its own name does.",
                "Give the package another with \"x_module_path\" in META.json, or publish under "
                "the name \"" +
                    found->second + "\".");
}

}  // namespace pgx
