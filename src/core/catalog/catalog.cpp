#include "core/catalog/catalog.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/base/names.h"
#include "core/bundle/semantic_version.h"
#include "core/catalog/catalog_limits.h"

namespace pgx {

namespace {

constexpr unsigned most_shard_bits = 12;
constexpr std::string_view shard_directory = "catalog/", shard_suffix = ".json.zst";
constexpr std::string_view package_directory = "packages/", package_suffix = ".json";

// Where in a catalog something is, for messages.
Error malformed(const std::string &where, Error error) {
    error.code = ErrorCode::registry_malformed;
    return std::move(error).prefixed(where);
}

Result<Json> member(const Json &object, const char *name, Json::value_t type) {
    const auto found = object.find(name);
    if (found == object.end()) return Json(type);
    if (found->type() != type)
        return fail(ErrorCode::registry_malformed,
                    "member \"" + std::string(name) + "\" has the wrong type");
    return *found;
}

bool is_digest(std::string_view text) {
    return text.size() == 64 &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<CatalogArtifact> read_artifact(const Json &json, const std::string &package,
                                      const std::string &version) {
    CatalogArtifact artifact;
    artifact.name = TRY(parse_bundle_file_name(TRY(json_string(json, "file"))));
    artifact.size = TRY(json_unsigned(json, "size"));
    artifact.sha256 = TRY(json_string(json, "sha256"));
    if (!is_digest(artifact.sha256) || artifact.size == 0)
        return fail(ErrorCode::registry_malformed, "an artifact has no valid size and digest");
    const bool agrees = artifact.name.name == package && artifact.name.version == version &&
                        artifact.name.postgres_major == TRY(json_unsigned(json, "postgres")) &&
                        artifact.name.os == TRY(json_string(json, "os")) &&
                        artifact.name.libc == TRY(json_string(json, "libc", "")) &&
                        artifact.name.architecture == TRY(json_string(json, "architecture", ""));
    if (!agrees)
        return fail(ErrorCode::registry_malformed,
                    "artifact \"" + bundle_file_name(artifact.name) +
                        "\" is listed with another name, version or platform");
    return artifact;
}

Result<CatalogExtension> read_extension(const Json &json) {
    CatalogExtension extension;
    extension.name = TRY(json_string(json, "name"));
    TRY(check_name("extension", extension.name));
    extension.version = TRY(json_string(json, "version", ""));
    extension.requires_ = TRY(json_strings(json, "requires"));
    for (const std::string &name : extension.requires_) TRY(check_name("extension", name));
    return extension;
}

Result<CatalogRelease> read_release(const Json &json, const std::string &package) {
    CatalogRelease release;
    release.version = TRY(json_string(json, "version"));
    if (!is_semantic_version(release.version))
        return fail(ErrorCode::registry_malformed,
                    "\"" + release.version + "\" is not a semantic version");
    release.date = TRY(json_string(json, "date", ""));
    for (const Json &extension : TRY(member(json, "extensions", Json::value_t::array)))
        release.extensions.push_back(TRY(read_extension(extension)));
    release.modules = TRY(json_strings(json, "modules"));
    release.preload = TRY(json_strings(json, "preload"));
    for (const auto &[url, range] :
         TRY(member(json, "dependencies", Json::value_t::object)).items()) {
        if (!range.is_string())
            return fail(ErrorCode::registry_malformed, "a dependency's range is not a string");
        release.dependencies[url] = range.get<std::string>();
    }
    for (const Json &artifact : TRY(member(json, "artifacts", Json::value_t::array)))
        release.artifacts.push_back(TRY(read_artifact(artifact, package, release.version)));
    return release;
}

Result<CatalogPackage> read_package(const Json &json, const std::string &name) {
    TRY(check_name("package", name));
    CatalogPackage package;
    package.summary = TRY(json_string(json, "summary", ""));
    package.description = TRY(json_string(json, "description", ""));
    package.homepage = TRY(json_string(json, "homepage", ""));
    package.license = TRY(json_string(json, "license", ""));
    package.module_path = TRY(json_string(json, "module_path", ""));
    for (const Json &entry : TRY(member(json, "releases", Json::value_t::array))) {
        Result<CatalogRelease> release = read_release(entry, name);
        if (!release) return fail(std::move(release).error());
        package.releases.push_back(std::move(*release));
    }
    for (const auto &[file, sha256] :
         TRY(member(json, "withdrawn", Json::value_t::object)).items()) {
        const std::string digest = sha256.is_string() ? sha256.get<std::string>() : std::string();
        if (TRY(parse_bundle_file_name(file)).name != name || !is_digest(digest))
            return fail(ErrorCode::registry_malformed,
                        "a withdrawn file has another name than it should, or no valid digest");
        package.withdrawn.emplace(file, digest);
    }
    TRY(check_catalog_package(name, package));
    return package;
}

// The leading `bits` bits of sha256(package), the others of the first 16 being zero.
unsigned shard_number(std::string_view package, unsigned bits) {
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
    crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char *>(package.data()),
                       package.size());
    const unsigned leading = (static_cast<unsigned>(digest[0]) << 8) | digest[1];
    return leading & ~(0xffffU >> bits) & 0xffffU;
}

// "2.36" as numbers, to be compared.
std::vector<unsigned> numbers_of(std::string_view version) {
    std::vector<unsigned> numbers;
    while (!version.empty()) {
        const std::size_t dot = std::min(version.find('.'), version.size());
        unsigned number = 0;
        std::from_chars(version.data(), version.data() + dot, number);
        numbers.push_back(number);
        version.remove_prefix(std::min(dot + 1, version.size()));
    }
    return numbers;
}

}  // namespace

Result<Catalog> parse_catalog(std::string_view text, std::string_view what) {
    const std::string where = "could not read \"" + std::string(what) + "\"";
    Result<Json> json = parse_json(text, {.bytes = catalog_limit});
    if (!json) return fail(malformed(where, std::move(json).error()));
    const Result<std::uint64_t> format = json_unsigned(*json, "format");
    if (!format) return fail(malformed(where, format.error()));
    if (*format != 1)
        return fail(ErrorCode::feature_not_supported,
                    "the catalog is of format " + std::to_string(*format),
                    "This pgx reads format 1.", "Update pgx.");
    Catalog catalog;
    const Result<Json> packages = member(*json, "packages", Json::value_t::object);
    if (!packages) return fail(malformed(where, packages.error()));
    for (const auto &[name, entry] : packages->items()) {
        Result<CatalogPackage> package =
            entry.is_object() ? read_package(entry, name)
                              : fail(ErrorCode::registry_malformed, "it is not an object");
        if (!package)
            return fail(
                malformed(where + ": package \"" + name + "\"", std::move(package).error()));
        catalog.emplace(name, std::move(*package));
    }
    return catalog;
}

std::string write_catalog(const Catalog &catalog) {
    Json packages = Json::object();
    for (const auto &[name, package] : catalog) {
        Json releases = Json::array();
        for (const CatalogRelease &release : package.releases) {
            Json extensions = Json::array(), artifacts = Json::array();
            for (const CatalogExtension &extension : release.extensions)
                extensions.push_back({{"name", extension.name},
                                      {"version", extension.version},
                                      {"requires", extension.requires_}});
            for (const CatalogArtifact &artifact : release.artifacts)
                artifacts.push_back({{"file", bundle_file_name(artifact.name)},
                                     {"postgres", artifact.name.postgres_major},
                                     {"os", artifact.name.os},
                                     {"libc", artifact.name.libc},
                                     {"architecture", artifact.name.architecture},
                                     {"size", artifact.size},
                                     {"sha256", artifact.sha256}});
            releases.push_back({{"version", release.version},
                                {"date", release.date},
                                {"extensions", std::move(extensions)},
                                {"modules", release.modules},
                                {"preload", release.preload},
                                {"dependencies", release.dependencies},
                                {"artifacts", std::move(artifacts)}});
        }
        Json &written = packages[name] = {
            {"summary", package.summary},         {"description", package.description},
            {"homepage", package.homepage},       {"license", package.license},
            {"module_path", package.module_path}, {"releases", std::move(releases)}};
        if (!package.withdrawn.empty()) written["withdrawn"] = package.withdrawn;
    }
    return dump_json({{"format", 1}, {"packages", std::move(packages)}});
}

Result<std::string> shard_path(std::string_view package, unsigned bits) {
    if (bits > most_shard_bits)
        return fail(ErrorCode::registry_malformed, "the registry has more shards than there may be",
                    "It says 2^" + std::to_string(bits) + ", and 2^" +
                        std::to_string(most_shard_bits) + " are allowed.");
    constexpr char digits[] = "0123456789abcdef";
    const unsigned number = shard_number(package, bits);
    std::string path(shard_directory);
    for (int shift = 12; shift >= 0; shift -= 4) path += digits[(number >> shift) & 15];
    return path + std::string(shard_suffix);
}

std::string bin_role(std::string_view path) {
    return std::string("bin-") + path[shard_directory.size()];
}

std::string package_path(std::string_view package) {
    return std::string(package_directory) + std::string(package) + std::string(package_suffix);
}

std::string package_of_path(std::string_view path) {
    if (!path.starts_with(package_directory) || !path.ends_with(package_suffix) ||
        path.size() <= package_directory.size() + package_suffix.size())
        return {};
    path.remove_prefix(package_directory.size());
    path.remove_suffix(package_suffix.size());
    return std::string(path);
}

std::string bundle_path(const CatalogArtifact &artifact) {
    return "bundles/" + artifact.name.name + "/" + bundle_file_name(artifact.name);
}

std::string bundle_location(const CatalogArtifact &artifact) {
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    constexpr char digits[] = "0123456789ABCDEF";
    std::string location;
    for (const char character : bundle_path(artifact)) {
        if (plain.find(character) != std::string_view::npos) {
            location += character;
            continue;
        }
        const auto byte = static_cast<unsigned char>(character);
        location += {'%', digits[byte >> 4], digits[byte & 15]};
    }
    return location;
}

const CatalogArtifact *best_artifact(const CatalogRelease &release, const Platform &platform) {
    const CatalogArtifact *best = nullptr;
    for (const CatalogArtifact &artifact : release.artifacts) {
        if (!check_platform(artifact.name, platform)) continue;
        if (best == nullptr || numbers_of(artifact.name.libc) > numbers_of(best->name.libc))
            best = &artifact;
    }
    return best;
}

}  // namespace pgx
