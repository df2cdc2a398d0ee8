#include "core/catalog/catalog_limits.h"

#include <algorithm>
#include <limits>

#include "core/base/names.h"

namespace pgx {

namespace {

// The bytes of the control character at the beginning of `text`, 0 where there is none. Those of
// ISO 6429, which have two bytes in UTF-8 (c2 80 to c2 9f), move a terminal's cursor as well.
std::size_t control_character(std::string_view text, bool several_lines) {
    const auto first = static_cast<unsigned char>(text[0]);
    if (several_lines && (first == '\n' || first == '\t')) return 0;
    if (first < 0x20 || first == 0x7f) return 1;
    if (first != 0xc2 || text.size() < 2) return 0;
    const auto second = static_cast<unsigned char>(text[1]);
    return second >= 0x80 && second <= 0x9f ? 2 : 0;
}

Result<void> check_text(const char *what, std::string_view text, std::size_t most,
                        bool several_lines = false) {
    if (text.size() > most)
        return fail(ErrorCode::limit_exceeded,
                    std::string("the ") + what + " has " + std::to_string(text.size()) +
                        " bytes, and " + std::to_string(most) + " are allowed",
                    {}, "Shorten it in META.json or the control file, and pack anew.");
    for (std::size_t i = 0; i < text.size(); ++i)
        if (control_character(text.substr(i), several_lines) > 0)
            return fail(ErrorCode::registry_malformed,
                        std::string("the ") + what + " has control characters in it");
    return {};
}

Result<void> check_count(const char *what, std::size_t count, std::size_t most) {
    if (count <= most) return {};
    return fail(ErrorCode::limit_exceeded, "there are " + std::to_string(count) + " " + what +
                                               ", and " + std::to_string(most) + " are allowed");
}

Result<void> check_modules(const char *what, const std::vector<std::string> &modules) {
    TRY(check_count(what, modules.size(), most_modules));
    for (const std::string &module : modules)
        TRY(check_text("name of a module", module, most_module_name));
    return {};
}

Result<void> check_release(const CatalogRelease &release) {
    TRY(check_text("version", release.version, most_version));
    TRY(check_text("date", release.date, most_version));
    TRY(check_count("extensions", release.extensions.size(), most_extensions));
    for (const CatalogExtension &extension : release.extensions) {
        TRY(check_name("extension", extension.name));
        TRY(check_text("version of an extension", extension.version, most_version));
        TRY(check_count("required extensions", extension.requires_.size(), most_requires));
        for (const std::string &name : extension.requires_) TRY(check_name("extension", name));
    }
    TRY(check_modules("modules", release.modules));
    TRY(check_modules("modules to preload", release.preload));
    TRY(check_count("dependencies", release.dependencies.size(), most_dependencies));
    for (const auto &[url, range] : release.dependencies) {
        TRY(check_text("name of a dependency", url, most_dependency));
        TRY(check_text("range of a dependency", range, most_dependency));
    }
    TRY(check_count("artifacts", release.artifacts.size(), most_artifacts));
    // Sizes are added up and become values of type bigint.
    constexpr auto most_size = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    for (const CatalogArtifact &artifact : release.artifacts)
        if (artifact.size > most_size)
            return fail(ErrorCode::limit_exceeded, "the size of artifact \"" +
                                                       bundle_file_name(artifact.name) +
                                                       "\" is more than any file has");
    return {};
}

}  // namespace

Result<void> check_catalog_package(const std::string &name, const CatalogPackage &package) {
    TRY(check_name("package", name));
    TRY(check_text("summary", package.summary, most_summary));
    TRY(check_text("description", package.description, most_description, true));
    TRY(check_text("homepage", package.homepage, most_homepage));
    TRY(check_text("license", package.license, most_license));
    TRY(check_text("module path", package.module_path, most_module_path));
    TRY(check_count("releases", package.releases.size(), most_releases));
    TRY(check_count("withdrawn files", package.withdrawn.size(), most_withdrawn));
    for (const CatalogRelease &release : package.releases) {
        auto checked = check_release(release);
        if (!checked)
            return fail(
                std::move(checked.error())
                    .prefixed("version \"" +
                              without_control_characters(release.version.substr(0, most_version)) +
                              "\""));
    }
    return {};
}

std::string without_control_characters(std::string_view text, bool several_lines) {
    std::string clean;
    clean.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = control_character(text, several_lines);
        clean += length > 0 ? ' ' : text[0];
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return clean;
}

}  // namespace pgx
