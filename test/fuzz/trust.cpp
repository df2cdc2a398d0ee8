// trust.cpp - TUF's metadata, keys, canonical JSON, and the catalog that they vouch for.
#include "core/catalog/catalog.h"
#include "core/tuf/canonical_json.h"
#include "core/tuf/fingerprint.h"
#include "core/tuf/key.h"
#include "core/tuf/metadata.h"
#include "core/tuf/secret_key.h"
#include "target.h"

namespace pgx::fuzz {

namespace {

const tuf::SecretKey &key() {
    static const tuf::SecretKey made = [] {
        auto secret = tuf::SecretKey::from_seed(std::string(32, 'k'));
        require(secret.has_value(), "a key can be made");
        return std::move(*secret);
    }();
    return made;
}

std::string signed_file(const Json &part) {
    auto text = tuf::sign_metadata(part, {&key()});
    require(text.has_value(), "metadata can be signed");
    return std::move(*text);
}

tuf::Role role() { return {{key().id()}, 1}; }

// What was read, signed anew by us, reads as the same.
template <typename T>
void check(const T &value, Result<tuf::Signed<T>> (*parse)(std::string_view)) {
    const Json part = tuf::to_json(value);
    const auto again = parse(signed_file(part));
    require(again.has_value(), "what was written can be read");
    require(tuf::to_json(again->value) == part, "and is the same");
    require(tuf::check_signatures("it", role(), {{key().id(), key().public_key()}},
                                  again->signed_bytes, again->signatures)
                .has_value(),
            "and its signature holds");
}

template <typename T, typename Parse>
void both(std::string_view input, Parse parse) {
    const auto strict = parse(input, tuf::Profile::strict);
    const auto lax = parse(input, tuf::Profile::interoperable);
    require(!strict || lax, "the strict profile takes nothing that the other one refuses");
    if (!lax) return;
    tuf::Keys keys{{key().id(), key().public_key()}};
    (void)tuf::check_signatures("it", role(), keys, lax->signed_bytes, lax->signatures).has_value();
}

constexpr tuf::Time later{std::chrono::seconds(1'900'000'000)};

tuf::Root a_root() {
    tuf::Root root;
    root.expires = later;
    root.keys = {{key().id(), key().public_key()}};
    for (const char *name : {"root", "timestamp", "snapshot", "targets"}) root.roles[name] = role();
    return root;
}

}  // namespace

void tuf_root(std::string_view input) {
    both<tuf::Root>(input, tuf::parse_root);
    if (const auto root = tuf::parse_root(input)) {
        for (const auto &[name, one] : root->value.roles)
            require(one.threshold >= 1, "thresholds are at least 1");
        check<tuf::Root>(root->value, [](std::string_view text) { return tuf::parse_root(text); });
    }
    if (const auto fingerprint = tuf::parse_fingerprint(input)) {
        const auto again = tuf::parse_fingerprint(tuf::format_fingerprint(*fingerprint));
        require(
            again && again->sha256 == fingerprint->sha256 && again->version == fingerprint->version,
            "the fingerprint reads the same");
    }
    (void)tuf::fingerprint_of_root(input).has_value();
}

Seeds tuf_root_seeds() {
    const std::string text = signed_file(tuf::to_json(a_root()));
    const auto fingerprint = tuf::fingerprint_of_root(text);
    require(fingerprint.has_value(), "a root has a fingerprint");
    return {text, tuf::format_fingerprint(*fingerprint)};
}

void tuf_timestamp(std::string_view input) {
    if (const auto read = tuf::parse_timestamp(input))
        check<tuf::Timestamp>(read->value, tuf::parse_timestamp);
    if (const auto time = tuf::parse_time(input))
        require(tuf::parse_time(tuf::format_time(*time)) == *time, "the time reads the same");
}

Seeds tuf_timestamp_seeds() {
    tuf::Timestamp timestamp;
    timestamp.expires = later;
    timestamp.snapshot = {7, 100, {{"sha256", std::string(64, 'a')}}};
    return {signed_file(tuf::to_json(timestamp)), "2026-11-20T10:00:00Z"};
}

void tuf_snapshot(std::string_view input) {
    both<tuf::Snapshot>(input, tuf::parse_snapshot);
    if (const auto read = tuf::parse_snapshot(input))
        check<tuf::Snapshot>(read->value,
                             [](std::string_view text) { return tuf::parse_snapshot(text); });
}

Seeds tuf_snapshot_seeds() {
    tuf::Snapshot snapshot;
    snapshot.expires = later;
    snapshot.meta["targets"] = {3, {}, {}};
    snapshot.meta["acme"] = {1, 10, {{"sha512", std::string(128, 'a')}}};
    return {signed_file(tuf::to_json(snapshot))};
}

void tuf_targets(std::string_view input) {
    both<tuf::Targets>(input, tuf::parse_targets);
    const auto lax = tuf::parse_targets(input, tuf::Profile::interoperable);
    if (lax && lax->value.delegations) {
        for (const tuf::Delegation &delegation : lax->value.delegations->roles)
            for (const char *path : {"packages/x.json", "catalog/0.json.zst", ""})
                (void)tuf::covers(delegation, path).has_value();
        if (lax->value.delegations->succinct)
            (void)tuf::succinct_role(*lax->value.delegations->succinct, "x").has_value();
    }
    const auto read = tuf::parse_targets(input);
    if (!read) return;
    for (const auto &[path, target] : read->value.targets) {
        require(stays_inside(path), "target paths stay inside");
        require(tuf::encode_target_path(path).find("..") == std::string::npos ||
                    path.find("..") != std::string::npos,
                "and encoded too");
    }
    check<tuf::Targets>(read->value,
                        [](std::string_view text) { return tuf::parse_targets(text); });
}

Seeds tuf_targets_seeds() {
    tuf::Targets targets;
    targets.expires = later;
    targets.targets["packages/thing.json"] = {5, {{"sha256", std::string(64, 'a')}}, nullptr};
    targets.targets["catalog/3f00.json.zst"] = {
        5, {{"sha256", std::string(64, 'b')}}, Json{{"x", 1}}};
    Seeds seeds{signed_file(tuf::to_json(targets))};
    tuf::Delegations delegations;
    delegations.keys = {{key().id(), key().public_key()}};
    delegations.roles.push_back({"acme", role(), true, {"packages/acme-*.json"}, {}});
    delegations.roles.push_back({"bins", role(), false, {}, {"00", "ff"}});
    targets.delegations = delegations;
    seeds.push_back(signed_file(tuf::to_json(targets)));
    delegations.roles.clear();
    delegations.succinct = tuf::SuccinctRoles{role(), 4, "bin"};
    targets.delegations = delegations;
    seeds.push_back(signed_file(tuf::to_json(targets)));
    return seeds;
}

void tuf_keys(std::string_view input) {
    if (const auto parsed = parse_json(input)) {
        const auto strict = tuf::PublicKey::from_json(*parsed);
        const auto foreign = tuf::PublicKey::from_foreign_json(*parsed);
        require(!strict || foreign, "a key that can be read is one");
        if (foreign) {
            require(!foreign->verifies("message", std::string(64, 's')), "and no forger");
            require(foreign->id().size() == 64, "with an id");
        }
    }
    if (const auto read = tuf::parse_public_key(input)) {
        const auto again = tuf::parse_public_key(tuf::public_key_text(*read));
        require(again && again->id() == read->id(), "the file reads the same");
    }
}

Seeds tuf_keys_seeds() {
    return {
        key().public_key().json().dump(), tuf::public_key_text(key().public_key()),
        R"({"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"}})",
        R"({"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": {"public": ""}})"};
}

void canonical_json(std::string_view input) {
    const auto parsed = parse_json(input);
    if (!parsed) return;
    const auto text = tuf::canonical_json(*parsed);
    if (!text) return;
    // The same for the same value, however it was written. (Not every canonical text is JSON: line
    // breaks in strings stand for themselves in it.)
    const auto again = parse_json(dump_json(*parsed));
    if (again && *again == *parsed)
        require(tuf::canonical_json(*again) == *text, "it depends on the value only");
    if (const auto direct = parse_json(*text))
        require(*direct == *parsed, "where it is JSON, it is the same value");
}

Seeds canonical_json_seeds() {
    return {R"({"b": [1, -2, true, null, "x\n\"\\\u00e9"], "a": {"z": {}, "y": []}})",
            R"("\u0000")", "18446744073709551615"};
}

void catalog(std::string_view input) {
    const auto parsed = parse_catalog(input, "input");
    if (!parsed) return;
    const std::string text = write_catalog(*parsed);
    const auto again = parse_catalog(text, "input");
    require(again.has_value(), "what was written can be read");
    require(write_catalog(*again) == text, "and is the same");
    Platform platform;
    platform.postgres_major = 18;
    platform.libc = "glibc";
    platform.libc_version = "2.41";
    platform.architecture = "amd64";
    for (const auto &[name, package] : *parsed) {
        require(package_of_path(package_path(name)) == name, "names and paths agree");
        require(stays_inside(shard_path(name, 12).value()), "shards are inside");
        for (const CatalogRelease &release : package.releases) {
            (void)best_artifact(release, platform);
            for (const CatalogArtifact &artifact : release.artifacts)
                require(stays_inside(bundle_path(artifact)), "bundles are inside");
        }
    }
}

Seeds catalog_seeds() {
    CatalogPackage package;
    package.summary = "A thing";
    package.homepage = "https://example.org/";
    package.module_path = "example.org/thing";
    CatalogRelease release;
    release.version = "1.0.0";
    release.date = "2026-11-20T10:00:00Z";
    release.extensions = {{"thing", "1.0", {"plpgsql"}}};
    release.modules = release.preload = {"thing"};
    release.dependencies = {{"pkg:postgres/plpgsql", "0"}};
    for (const BundleName &name : {BundleName{"thing", "1.0.0", 18, "any", "", ""},
                                   BundleName{"thing", "1.0.0", 18, "gnulinux", "2.36", "amd64"}})
        release.artifacts.push_back({name, 100, std::string(64, 'a')});
    package.releases.push_back(release);
    package.withdrawn["thing-0.9.0+pg18-any.trunk"] = std::string(64, 'b');
    return {write_catalog({{"thing", package}}), write_catalog({})};
}

void catalog_shard(std::string_view input) {
    const auto text = decompress_shard(input, "input");
    if (text) require(text->size() <= catalog_limit, "no more than the limit");
}

Seeds catalog_shard_seeds() {
    Seeds seeds;
    for (const std::string &text : {std::string("{}"), std::string(100'000, ' ')}) {
        auto compressed = compress_shard(text);
        require(compressed.has_value(), "it can be compressed");
        seeds.push_back(std::move(*compressed));
    }
    return seeds;
}

}  // namespace pgx::fuzz
