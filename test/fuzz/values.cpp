// values.cpp - small languages: JSON, versions, names, addresses, receipts.
#include <compare>

#include "core/base/debian_version.h"
#include "core/base/json.h"
#include "core/base/library_list.h"
#include "core/base/names.h"
#include "core/base/platform.h"
#include "core/base/preload_facts.h"
#include "core/base/receipt.h"
#include "core/base/trigrams.h"
#include "core/base/version_key.h"
#include "core/bundle/semantic_version.h"
#include "core/registry/address.h"
#include "core/registry/apt_index.h"
#include "core/registry/links.h"
#include "core/tuf/metadata.h"
#include "target.h"

namespace pgx::fuzz {

namespace {

int sign(std::strong_ordering order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }
int sign(int order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }

}  // namespace

void json(std::string_view input) {
    const auto parsed = parse_json(input, {.bytes = 1 << 20, .depth = 8});
    if (!parsed) return;
    const std::string text = dump_json(*parsed);
    require(text.find('\n') == std::string::npos, "it is one line");
    const auto again = parse_json(text, {.bytes = 1 << 24, .depth = 8});
    require(again.has_value(), "what was written can be read");
    require(dump_json(*again) == text, "and is the same");
    for (const char *member : {"a", "b"}) {
        (void)json_string(*parsed, member).has_value();
        (void)json_unsigned(*parsed, member).has_value();
        (void)json_bool(*parsed, member, false).has_value();
        (void)json_strings(*parsed, member).has_value();
    }
}

Seeds json_seeds() {
    return {R"({"a": [1, 2.5, -3e10, "x"], "b": {"a": null}})", "[[[[[[[[]]]]]]]]",
            R"({"a": "\ud83d\ude00", "b": 18446744073709551616})", "true"};
}

void versions(std::string_view input) {
    const std::vector<std::string_view> parts = split_at_nul(input);
    const std::string_view a = parts[0], b = parts.size() > 1 ? parts[1] : "1.0-1",
                           c = parts.size() > 2 ? parts[2] : "";
    const int ab = sign(compare_debian_versions(a, b)), bc = sign(compare_debian_versions(b, c)),
              ac = sign(compare_debian_versions(a, c));
    require(ab == -sign(compare_debian_versions(b, a)), "the order has two directions");
    require(ab < 0 || bc < 0 || ac >= 0, "the order is one");
    require(ab != 0 || bc != 0 || ac == 0, "equality as well");
    require(sign(debian_version_key(a).compare(debian_version_key(b))) == ab,
            "keys have the same order");
    (void)upstream_version(a);
    (void)prerelease_hyphen(a);
    for (const std::string_view one : {a, b})
        if (const auto semantic = to_semantic_version(one)) {
            require(is_semantic_version(*semantic), "what was made is a semantic version");
            require(to_semantic_version(*semantic) == *semantic, "and stays one");
        }
    if (is_semantic_version(a) && is_semantic_version(b)) {
        require(sign(compare_semantic_versions(a, b)) == -sign(compare_semantic_versions(b, a)),
                "their order has two directions");
        require((compare_semantic_versions(a, a)) == 0, "each is itself");
    }
}

Seeds versions_seeds() {
    return {join_with_nul({"1:2.3~rc1-4+b2", "1:2.3-4", "0"}),
            join_with_nul({"1.2.3-beta.1", "1.2.3", "1.2.3-beta.11"}), "2024.01",
            join_with_nul({"1.0-1", "1.0-1", "1.00-01"})};
}

void names(std::string_view input) {
    if (is_valid_name(input)) {
        require(check_name("extension", input).has_value(), "both say the same");
        require(
            stays_inside(input) && input.find('/') == std::string_view::npos && input.size() <= 63,
            "a name is one component");
    } else {
        const auto why = check_name("extension", input);
        require(!why && !why.error().message.empty(), "what is wrong is said");
    }
    (void)near_names(input, {"vector", "semver", "postgis"});
    if (const auto clean = clean_archive_path(input))
        require(clean->empty() || stays_inside(*clean), "clean paths stay inside");
    const std::string shown = shown_path(input);
    require(shown.find('\n') == std::string::npos && shown.find('\0') == std::string::npos,
            "what is shown is one line");
    if (is_clean_install_path(input)) {
        require(stays_inside(input), "paths of files stay inside");
        require(input.starts_with("share/") || input.starts_with("lib/"), "in one of two places");
    }
    const std::vector<std::string_view> parts = split_at_nul(input);
    LinkMap links;
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2)
        links.emplace(std::string(parts[i]), std::string(parts[i + 1]));
    if (parts.size() > 2)
        if (const auto target = resolve_link(parts.back(), links))
            require(target->empty() || stays_inside(*target), "links lead nowhere else");
    for (const std::string_view part : parts) {
        (void)library_of_element(part);
        (void)tuf::matches_pattern("packages/*-?.json", part);
        (void)tuf::matches_pattern(part, "packages/a-b.json");
        if (tuf::check_target_path(part)) require(stays_inside(part), "target paths stay inside");
        const std::string role = tuf::encode_role_name(part);
        require(role.find('/') == std::string::npos, "roles are one component");
    }
}

Seeds names_seeds() {
    return {
        "vector",
        "pg_semver",
        "./usr/share/x",
        "share/extension/semver.control",
        join_with_nul({"a", "b", "b", "../c/d", "a"}),
        join_with_nul({"usr/lib/x.so", "/usr/lib/y.so", "usr/lib/y.so", "z/../w", "usr/lib/x.so"}),
        "packages/*.json",
        "*a*a*a*a*b"};
}

void addresses(std::string_view input) {
    const auto address = parse_address(std::string(input), "input");
    if (address) {
        require(address->scheme == "file" ? address->host.empty() : !address->host.empty(),
                "servers have names");
        require((address->scheme == "file") == (address->port == 0), "and ports");
        require(address->shown.find('@') == std::string::npos ||
                    input.substr(input.find('@') + 1).find('@') != std::string_view::npos ||
                    input.find('/') < input.find('@'),
                "credentials are not shown");
        require(address->shown.find_first_of("\r\n") == std::string::npos, "one line");
    }
    (void)proxy_port(std::string(input));
    const std::string url = url_below("http://example.org/debian/", input);
    if (!url.empty()) {
        require(url.starts_with("http://example.org/debian/"), "below the address");
        const auto below = parse_address(url, "input");
        require(below.has_value(), "which is still one");
        require(below->host == "example.org", "of the same server");
        require(below->shown.starts_with("http://example.org/debian/"), "and the same directory");
    }
}

Seeds addresses_seeds() {
    return {"https://user:secret@example.org:8443/a/b?c=d#e", "file:///some%20where/x",
            "http://[::1]:8080/", "pool/main/s/semver_1%2b2~b~1.deb", "dists/x/InRelease"};
}

void receipt(std::string_view input) {
    const auto parsed = parse_json(input);
    if (!parsed) return;
    const auto read = receipt_from_json(*parsed);
    if (read) {
        for (const ReceiptFile &file : read->files)
            require(is_clean_install_path(file.path), "paths are clean");
        const Json json = to_json(*read);
        const auto again = receipt_from_json(json);
        require(again.has_value() && to_json(*again) == json, "what was written reads the same");
    }
    if (const auto libraries = libraries_from_json(*parsed)) {
        const Json json = libraries_to_json(*libraries);
        const auto again = libraries_from_json(json);
        require(again.has_value() && libraries_to_json(*again) == json, "libraries, too");
    }
    if (const auto platform = platform_from_json(*parsed))
        require(platform_from_json(to_json(*platform)).has_value(), "platforms, too");
}

Seeds receipt_seeds() {
    Receipt receipt;
    receipt.package = "postgresql-18-thing";
    receipt.version = "1.0-1";
    receipt.registry = "system";
    receipt.artifact_url = "http://example.org/x.deb";
    receipt.artifact_sha256 = std::string(64, 'a');
    receipt.artifact_size = 100;
    receipt.files = {
        {"lib/thing.so", FileKind::library, 5, 0755, std::string(64, 'b'), std::string(64, 'c')},
        {"share/extension/thing--1.0.sql", FileKind::script, 5, 0644, std::string(64, 'd')},
        {"share/extension/thing.control", FileKind::control, 5, 0644, std::string(64, 'e')}};
    ReceiptExtension extension;
    extension.name = "thing";
    extension.default_version = "1.0";
    extension.requires_ = {"plpgsql"};
    extension.libraries = {"thing"};
    receipt.extensions = {extension};
    receipt.modules = {{"lib/thing.so", {"libc.so.6"}, true, ModulePlugin::output}};
    receipt.libraries = {{"libproj25",
                          "9.4.0-1",
                          "http://example.org/p.deb",
                          std::string(64, 'f'),
                          "ABC",
                          7,
                          {"libproj.so.25", "share/proj"}}};
    receipt.left_out["documentation"] = 3;
    return {
        dump_json(to_json(receipt)), dump_json(libraries_to_json(receipt.libraries)),
        R"({"postgres_major": 18, "os": "debian", "libc": "glibc", "libc_version": "2.41", "architecture": "amd64"})"};
}

void preload_facts(std::string_view input) {
    const auto facts = parse_preload_facts(input);
    if (facts) (void)override_facts(*facts, *facts);
}

Seeds preload_facts_seeds() {
    return {
        R"({"libraries": [{"library": "pg_cron", "preload": "shared_preload_libraries", "settings": [{"name": "cron.database_name", "value": "{database}", "default": "postgres"}], "source": "https://example.org/"}]})",
        R"({"libraries": [{"library": "x", "preload": "none", "optional": true, "settings": [{"name": "a.b", "add": "c"}], "source": "measured"}]})"};
}

}  // namespace pgx::fuzz
