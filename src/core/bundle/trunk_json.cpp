#include "core/bundle/trunk_json.h"

#include <algorithm>
#include <charconv>

#include "core/base/json.h"

namespace pgx {

namespace {

constexpr unsigned newest_major = 1;

std::unexpected<Error> malformed(std::string detail) {
    return fail(ErrorCode::artifact_malformed, "invalid manifest \"trunk.json\"",
                std::move(detail));
}

// An object of the document; the error of everything in it is a sentence about the manifest.
Result<const Json *> object(const Json &document, const char *member) {
    const auto found = document.find(member);
    if (found == document.end() || !found->is_object())
        return malformed("Member \"" + std::string(member) + "\" is not an object.");
    return &*found;
}

Result<std::string> string(const Json &json, const char *member) {
    auto value = json_string(json, member);
    if (!value) return malformed("The manifest's " + value.error().message + ".");
    return value;
}

Result<std::string> optional_string(const Json &json, const char *member) {
    auto value = json_string(json, member, "");
    if (!value) return malformed("The manifest's " + value.error().message + ".");
    return value;
}

Result<unsigned> number(std::string_view text, const char *what) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        return malformed(std::string(what) + " \"" + std::string(text) + "\" is not a number.");
    return value;
}

}  // namespace

Result<TrunkManifest> parse_trunk_json(std::string_view text) {
    const auto document = parse_json(text);
    if (!document) return malformed("It is not JSON: " + document.error().message + ".");
    if (!document->is_object()) return malformed("It is not an object.");

    TrunkManifest manifest;
    manifest.format = TRY(string(*document, "trunk"));
    const std::string format_major = manifest.format.substr(0, manifest.format.find('.'));
    if (TRY(number(format_major, "The format version")) > newest_major)
        return fail(
            ErrorCode::feature_not_supported,
            "bundle has format " + manifest.format + ", which this version of pgx cannot read", {},
            "Install a newer version of pgx.");

    const Json &package = *TRY(object(*document, "package"));
    manifest.name.name = TRY(string(package, "name"));
    manifest.name.version = TRY(string(package, "version"));
    manifest.language = TRY(optional_string(package, "language"));
    manifest.license = TRY(optional_string(package, "license"));

    const Json &postgres = *TRY(object(*document, "postgres"));
    manifest.name.postgres_major =
        TRY(number(TRY(string(postgres, "major")), "The PostgreSQL version"));

    const Json &platform = *TRY(object(*document, "platform"));
    manifest.name.os = TRY(string(platform, "os"));
    manifest.name.libc = TRY(optional_string(platform, "version"));
    manifest.name.architecture = TRY(optional_string(platform, "arch"));
    return manifest;
}

std::string write_trunk_json(const TrunkManifest &manifest) {
    Json platform{{"os", manifest.name.os}};
    if (!manifest.name.libc.empty()) platform["version"] = manifest.name.libc;
    if (!manifest.name.architecture.empty()) platform["arch"] = manifest.name.architecture;
    Json package{{"name", manifest.name.name}, {"version", manifest.name.version}};
    if (!manifest.language.empty()) package["language"] = manifest.language;
    if (!manifest.license.empty()) package["license"] = manifest.license;
    const Json document{
        {"trunk", manifest.format},
        {"package", std::move(package)},
        {"postgres", {{"major", std::to_string(manifest.name.postgres_major)}}},
        {"platform", std::move(platform)},
    };
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pgx
