// bundles.cpp - the files in a bundle that describe it, its name, and minisign's files.
#include "core/bundle/bundle_name.h"
#include "core/bundle/digests.h"
#include "core/bundle/meta.h"
#include "core/bundle/minisign.h"
#include "core/bundle/signed_comment.h"
#include "core/bundle/trunk_json.h"
#include "target.h"

namespace pgx::fuzz {

namespace {

constexpr const char *content = "content";

const MinisignSecretKey &signing_key() {
    static const MinisignSecretKey key = [] {
        auto made = MinisignSecretKey::generate();
        require(made.has_value(), "a key can be made");
        return std::move(*made);
    }();
    return key;
}

}  // namespace

void trunk_json(std::string_view input) {
    const auto manifest = parse_trunk_json(input);
    if (!manifest) return;
    const std::string text = write_trunk_json(*manifest);
    const auto again = parse_trunk_json(text);
    require(again.has_value(), "what was written can be read");
    require(again->name == manifest->name && write_trunk_json(*again) == text, "and is the same");
}

Seeds trunk_json_seeds() {
    TrunkManifest manifest;
    manifest.name = {"thing", "1.0.0", 18, "gnulinux", "2.36", "amd64"};
    manifest.language = "c";
    manifest.license = "MIT OR Apache-2.0";
    Seeds seeds{write_trunk_json(manifest)};
    manifest.name = {"thing", "1.0.0-beta.1", 18, "any", "", ""};
    seeds.push_back(write_trunk_json(manifest));
    return seeds;
}

void meta_json(std::string_view input) {
    const auto meta = parse_meta(input);
    if (!meta) return;
    const std::string text = write_meta(*meta);
    const auto again = parse_meta(text);
    require(again.has_value(), "what was written can be read");
    require(write_meta(*again) == text, "and is the same");
}

Seeds meta_json_seeds() {
    return {
        R"({"name": "thing", "version": "1.0.0", "abstract": "A thing", "license": "MIT",
            "maintainers": [{"name": "A", "email": "a@example.org"}, {"name": "B", "url": "https://example.org/"}],
            "contents": {"extensions": {"thing": {"control": "thing.control", "sql": "thing--1.0.sql", "doc": "x.md"}},
                         "modules": {"m": {"type": "hook", "lib": "lib/m", "preload": "server"}}},
            "dependencies": {"postgres": {"version": ">= 18"}, "packages": {"run": {"requires": {"pkg:pgxn/x": "1.0"}}}},
            "resources": {"homepage": "https://example.org/", "repository": "https://example.org/thing.git"},
            "meta-spec": {"version": "2.0.0"}, "x_system_libraries": ["libz.so.1"]})",
        R"({"name": "thing", "version": "1.0.0", "abstract": "A thing", "maintainer": ["A <a@example.org>", "B"],
            "license": {"PostgreSQL": "https://www.postgresql.org/about/licence"},
            "provides": {"thing": {"file": "sql/thing.sql", "version": "1.0.0", "docfile": "doc/thing.md"}},
            "prereqs": {"runtime": {"requires": {"PostgreSQL": "9.0.0", "plpgsql": 0}}},
            "resources": {"repository": {"url": "git://example.org/thing.git", "type": "git"}},
            "meta-spec": {"version": "1.0.0", "url": "https://pgxn.org/meta/spec.txt"}})"};
}

void digests(std::string_view input) {
    const auto parsed = parse_digests(input);
    if (!parsed) return;
    for (const auto &[path, digest] : *parsed) require(stays_inside(path), "paths stay inside");
    const auto again = parse_digests(write_digests(*parsed));
    require(again.has_value() && *again == *parsed, "what was written reads the same");
}

Seeds digests_seeds() {
    Digests digests;
    digests["META.json"] = {DigestAlgorithm::sha256, std::string(64, 'a')};
    digests["pgsql/share/extension/x.control"] = {DigestAlgorithm::sha384, std::string(96, 'b')};
    digests["pgsql/pkglib/x y.so"] = {DigestAlgorithm::sha512, std::string(128, '0')};
    return {write_digests(digests)};
}

void minisign(std::string_view input) {
    if (const auto key = parse_minisign_public_key(input)) {
        require(parse_minisign_public_key(minisign_public_key_text(*key)) == *key,
                "the line reads the same");
        require(parse_minisign_public_key(minisign_public_key_file(*key)) == *key,
                "the file reads the same");
    }
    // Without a password: with one, a file decides how long it takes.
    (void)MinisignSecretKey::parse(input).has_value();
    const auto verified = minisign_verify_bytes(content, input, {signing_key().public_key()});
    if (verified) require(verified->key == signing_key().public_key(), "by that key");
    const BundleName name{"thing", "1.0.0", 18, "any", "", ""};
    (void)check_signed_comment(input, name).has_value();
}

Seeds minisign_seeds() {
    OneFile fs(content);
    const BundleName name{"thing", "1.0.0", 18, "any", "", ""};
    const auto signature = minisign_sign(fs, input_path, signing_key(), signed_comment(name));
    const auto secret = signing_key().file();
    require(signature && secret, "a key can sign");
    return {*signature, *secret, minisign_public_key_file(signing_key().public_key()),
            minisign_public_key_text(signing_key().public_key()), signed_comment(name)};
}

void bundle_name(std::string_view input) {
    if (const auto name = parse_bundle_file_name(input)) {
        require(bundle_file_name(*name) == input, "the file name comes out as it was");
        // What is not to be made any more can still be read.
        const auto named = check_bundle_name(*name);
        require(named || named.error().message.ends_with("means two things"),
                "a bundle could be named so");
        require(stays_inside(input) && input.find('/') == std::string_view::npos,
                "it is one component");
        (void)check_platform(*name, platform_of(*name)).has_value();
    }
    if (const auto name = parse_bundle_folder_name(input))
        require(bundle_folder_name(*name) == input, "the folder's name comes out as it was");
}

Seeds bundle_name_seeds() {
    return {"thing-1.0.0+pg18-any.trunk", "thing-1.0.0-beta.1+pg18-gnulinux-2.36-amd64.trunk",
            "a-b_c-10.2.3+pg18-musllinux-arm64.trunk", "thing-1.0.0+pg18-any"};
}

}  // namespace pgx::fuzz
