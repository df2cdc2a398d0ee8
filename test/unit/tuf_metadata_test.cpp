// tuf_metadata_test.cpp - what is metadata and what is not, signatures and thresholds, digests,
// dates; writing and reading back.
#include <gtest/gtest.h>

#include <span>

#include "tuf_repository.h"

namespace pgx::tuf {
namespace {

const std::string digest(64, 'a');

Json valid_root() { return to_json(TufRepository().root); }

Json valid_targets() {
    Targets targets;
    targets.expires = days_from_now(1);
    targets.targets["a/b"] = target_of("content");
    targets.delegations.emplace();
    targets.delegations->keys = keys_of({5});
    targets.delegations->roles.push_back({"role", role_of({5}), true, {"x/*"}, {}});
    return to_json(targets);
}

Json valid_snapshot() {
    Snapshot snapshot;
    snapshot.expires = days_from_now(1);
    snapshot.meta["targets"] = {3, 100, {{"sha256", digest}}};
    return to_json(snapshot);
}

Json valid_timestamp() {
    Timestamp timestamp;
    timestamp.expires = days_from_now(1);
    timestamp.snapshot = {2, {}, {}};
    return to_json(timestamp);
}

std::string file_of(const Json &part) { return sign_metadata(part, {&test_key(1)}).value(); }

// A change of a document at a JSON pointer; `removed` as the value removes what is there.
struct Change {
    const char *pointer;
    Json value;
};

const Json removed(Json::value_t::discarded);

Json changed(Json json, const Change &change) {
    const Json::json_pointer pointer(change.pointer);
    if (change.value.is_discarded())
        json[pointer.parent_pointer()].erase(pointer.back());
    else
        json[pointer] = change.value;
    return json;
}

template <typename Parse>
void expect_malformed(const Json &valid, std::span<const Change> changes, Parse parse) {
    ASSERT_TRUE(parse(file_of(valid))) << parse(file_of(valid)).error().message;
    for (const Change &change : changes) {
        const Json part = changed(valid, change);
        // What cannot be signed is put there without a signature.
        const auto signed_file = sign_metadata(part, {&test_key(1)});
        const std::string file = signed_file
                                     ? *signed_file
                                     : Json{{"signatures", Json::array()}, {"signed", part}}.dump();
        const auto parsed = parse(file);
        const std::string what = std::string(change.pointer) + " " + change.value.dump();
        ASSERT_FALSE(parsed) << what;
        EXPECT_EQ(parsed.error().code, ErrorCode::registry_malformed) << what;
        EXPECT_TRUE(parsed.error().message.starts_with("invalid ")) << parsed.error().message;
    }
}

// Wrong in each of the four kinds.
const Change common_changes[] = {
    {"/_type", removed},
    {"/_type", "other"},
    {"/_type", 1},
    {"/spec_version", removed},
    {"/spec_version", "2.0.0"},
    {"/spec_version", "1"},
    {"/spec_version", "1."},
    {"/spec_version", "1..0"},
    {"/spec_version", "1.x"},
    {"/spec_version", 1.0},
    {"/version", removed},
    {"/version", nullptr},
    {"/version", 0},
    {"/version", -1},
    {"/version", 1.5},
    {"/version", "1"},
    {"/version", std::uint64_t{1} << 60},
    {"/expires", removed},
    {"/expires", "2026-11-20"},
    {"/expires", 1795168800},
    {"/x-extra", 0.5},
};

TEST(TufMetadata, RootIsChecked) {
    const std::string id = test_key(1).id();
    const std::string key = "/keys/" + id;
    const std::string material = key + "/keyval/public";
    const Change own[] = {
        {"/consistent_snapshot", "yes"},
        {"/keys", removed},
        {"/keys", Json::array()},
        {"/keys", nullptr},
        {key.c_str(), nullptr},
        {key.c_str(), Json::array()},
        {material.c_str(), nullptr},
        {material.c_str(), "00"},
        {material.c_str(), std::string(64, '0').replace(0, 1, "g")},
        // another key under this id
        {material.c_str(), test_key(2).public_key().json()["keyval"]["public"]},
        {"/roles", nullptr},
        {"/roles/root", removed},
        {"/roles/timestamp", removed},
        {"/roles/snapshot", removed},
        {"/roles/targets", removed},
        {"/roles/root/keyids", removed},
        {"/roles/root/keyids", "x"},
        {"/roles/root/keyids", Json::array({1})},
        {"/roles/root/keyids", Json::array({id, id})},
        {"/roles/root/threshold", removed},
        {"/roles/root/threshold", 0},
        {"/roles/root/threshold", -1},
        {"/roles/root/threshold", nullptr},
        {"/roles/root/threshold", "1"},
    };
    const auto parse = [](const std::string &file) { return parse_root(file); };
    expect_malformed(valid_root(), common_changes, parse);
    expect_malformed(valid_root(), own, parse);
}

TEST(TufMetadata, TimestampIsChecked) {
    const Change own[] = {
        {"/meta", removed},
        {"/meta", Json::array()},
        {"/meta/snapshot.json", removed},
        {"/meta/snapshot.json", 1},
        {"/meta/snapshot.json/version", removed},
        {"/meta/snapshot.json/version", 0},
        {"/meta/snapshot.json/length", "1"},
        {"/meta/snapshot.json/length", -1},
        {"/meta/snapshot.json/hashes", Json::object()},
        {"/meta/snapshot.json/hashes", nullptr},
        {"/meta/snapshot.json/hashes", Json{{"sha256", "aa"}}},
    };
    const auto parse = [](const std::string &file) { return parse_timestamp(file); };
    expect_malformed(valid_timestamp(), common_changes, parse);
    expect_malformed(valid_timestamp(), own, parse);
}

TEST(TufMetadata, SnapshotIsChecked) {
    const Change own[] = {
        {"/meta", removed},
        {"/meta", 1},
        {"/meta/targets.json", nullptr},
        {"/meta/targets.json/version", "1"},
        {"/meta/targets.json/hashes/sha256", 5},
        {"/meta/other", Json{{"version", 1}}},
        {"/meta/.json", Json{{"version", 1}}},
        {"/meta/..~1x.json", Json{{"version", 1}}},
        {"/meta/...json", Json{{"version", 1}}},
        {"/meta/a b.json", Json{{"version", 1}}},
    };
    const auto parse = [](const std::string &file) { return parse_snapshot(file); };
    expect_malformed(valid_snapshot(), common_changes, parse);
    expect_malformed(valid_snapshot(), own, parse);
}

TEST(TufMetadata, TargetsAreChecked) {
    const Json target = {{"length", 1}, {"hashes", {{"sha256", digest}}}};
    const std::string long_path = "/targets/" + std::string(5000, 'x');
    const Json succinct = {
        {"keyids", Json::array()}, {"threshold", 1}, {"bit_length", 2}, {"name_prefix", "bin"}};
    const auto without_roles = [&](Json roles) {
        return Json{{"keys", Json::object()}, {"succinct_roles", std::move(roles)}};
    };
    const auto succinct_with = [&](const char *member, const Json &value) {
        Json json = succinct;
        json[member] = value;
        return without_roles(json);
    };
    const Change own[] = {
        {"/targets", removed},
        {"/targets", nullptr},
        {"/targets/a~1b", nullptr},
        {"/targets/a~1b/length", removed},
        {"/targets/a~1b/length", -1},
        {"/targets/a~1b/length", "1"},
        {"/targets/a~1b/hashes", removed},
        {"/targets/a~1b/hashes", Json::object()},
        {"/targets/a~1b/hashes", Json{{"md5", "00"}}},
        {"/targets/a~1b/hashes", Json{{"sha256", ""}}},
        {"/targets/a~1b/hashes", Json{{"sha256", nullptr}}},
        {"/targets/a~1b/hashes", Json{{"sha256", std::string(64, 'x')}}},
        {"/targets/a~1b/hashes", Json{{"sha512", digest}}},
        {"/targets/a~1b/custom", "text"},
        {"/targets/", target},
        {"/targets/..", target},
        {"/targets/..~1x", target},
        {"/targets/x~1..~1y", target},
        {"/targets/~1etc~1passwd", target},
        {"/targets/x~1~1y", target},
        {"/targets/x~1", target},
        {"/targets/x y", target},
        {"/targets/x\\y", target},
        {"/targets/x%2e", target},
        {long_path.c_str(), target},
        {"/custom", Json::array()},
        {"/delegations", nullptr},
        {"/delegations/keys", removed},
        {"/delegations/roles", removed},
        {"/delegations/roles", Json::object()},
        {"/delegations/roles/0", nullptr},
        {"/delegations/roles/0/name", removed},
        {"/delegations/roles/0/name", ""},
        {"/delegations/roles/0/name", "root"},
        {"/delegations/roles/0/name", "targets"},
        {"/delegations/roles/0/name", "../targets"},
        {"/delegations/roles/0/name", "a/b"},
        {"/delegations/roles/0/name", std::string(201, 'x')},
        {"/delegations/roles/0/keyids", removed},
        {"/delegations/roles/0/threshold", 0},
        {"/delegations/roles/0/terminating", 1},
        {"/delegations/roles/0/paths", removed},
        {"/delegations/roles/0/paths", "x"},
        {"/delegations/roles/0/paths", Json::array({""})},
        {"/delegations/roles/0/path_hash_prefixes", Json::array({"a"})},  // beside paths
        {"/delegations/roles/1", valid_targets()["delegations"]["roles"][0]},
        {"/delegations/succinct_roles", succinct},  // beside roles
        {"/delegations", succinct_with("bit_length", 0)},
        {"/delegations", succinct_with("bit_length", 33)},
        {"/delegations", succinct_with("name_prefix", "../x")},
        {"/delegations", succinct_with("name_prefix", nullptr)},
        {"/delegations", succinct_with("threshold", 0)},
    };
    const auto parse = [](const std::string &file) { return parse_targets(file); };
    expect_malformed(valid_targets(), common_changes, parse);
    expect_malformed(valid_targets(), own, parse);

    Json by_hash = valid_targets();
    Json &role = by_hash["delegations"]["roles"][0];
    role.erase("paths");
    for (const Json &prefixes : {Json::array({""}), Json::array({"xy"}), Json::array({7}),
                                 Json::array({std::string(65, 'a')})}) {
        role["path_hash_prefixes"] = prefixes;
        EXPECT_FALSE(parse_targets(file_of(by_hash))) << prefixes;
    }
    role["path_hash_prefixes"] = {"0A", "b"};
    EXPECT_EQ(parse_targets(file_of(by_hash))->value.delegations->roles[0].path_hash_prefixes,
              (std::vector<std::string>{"0a", "b"}));
}

TEST(TufMetadata, InteroperableProfileTakesAnyNameAndKeyId) {
    Json part = valid_targets();
    part["targets"]["../x y"] = {{"length", 1}, {"hashes", {{"sha256", digest}}}};
    part["delegations"]["roles"][0]["name"] = "../?#";
    EXPECT_FALSE(parse_targets(file_of(part)));
    EXPECT_TRUE(parse_targets(file_of(part), Profile::interoperable));
    part["delegations"]["roles"][0]["name"] = "snapshot";
    EXPECT_FALSE(parse_targets(file_of(part), Profile::interoperable));

    Json root = valid_root();
    root["keys"]["some id"] = test_key(1).public_key().json();
    EXPECT_FALSE(parse_root(file_of(root)));
    EXPECT_TRUE(parse_root(file_of(root), Profile::interoperable));
    root["keys"]["some id"]["keyval"]["public"] = "00";
    EXPECT_TRUE(parse_root(file_of(root), Profile::interoperable));
    root["keys"]["some id"].erase("keyval");
    EXPECT_FALSE(parse_root(file_of(root), Profile::interoperable));
}

TEST(TufMetadata, TheEnvelopeIsChecked) {
    const Json part = valid_timestamp();
    const Json signature = {{"keyid", "a"}, {"sig", "00"}};
    const std::string id_twice =
        Json{{"signatures", {signature, signature}}, {"signed", part}}.dump();
    const std::string valid = file_of(part);
    std::string key_twice = valid;
    key_twice.insert(1, R"("signed":{},)");
    const std::string cases[] = {
        "",
        "null",
        "[]",
        "{}",
        valid.substr(0, valid.size() / 2),
        valid.substr(1),
        valid + "x",
        valid + valid,
        key_twice,
        std::string(1000000, '['),
        std::string(1000000, '{'),
        "{\"signatures\":[],\"signed\":null}",
        Json{{"signed", part}}.dump(),
        Json{{"signatures", nullptr}, {"signed", part}}.dump(),
        Json{{"signatures", Json::object()}, {"signed", part}}.dump(),
        Json{{"signatures", Json::array({nullptr})}, {"signed", part}}.dump(),
        Json{{"signatures", Json::array({Json{{"keyid", "a"}}})}, {"signed", part}}.dump(),
        Json{{"signatures", Json::array({Json{{"sig", "00"}}})}, {"signed", part}}.dump(),
        Json{{"signatures", Json::array({Json{{"keyid", 1}, {"sig", "00"}}})}, {"signed", part}}
            .dump(),
        id_twice,
        "\xff\xfe",
    };
    for (const std::string &file : cases) {
        const auto parsed = parse_timestamp(file);
        ASSERT_FALSE(parsed) << file.substr(0, 200);
        EXPECT_EQ(parsed.error().code, ErrorCode::registry_malformed);
    }
    // A signature that is no hexadecimal number is just not valid; members that nobody knows are
    // ignored.
    Json odd = parse_json(valid).value();
    odd["signatures"].push_back({{"keyid", "b"}, {"sig", ""}, {"x", 1}});
    odd["signatures"].push_back({{"keyid", "c"}, {"sig", "zz"}});
    odd["x"] = "y";
    EXPECT_EQ(parse_timestamp(odd.dump())->signatures.size(), 3u);
}

TEST(TufMetadata, EveryTruncationAndEditIsNoticed) {
    const TufRepository repository;
    const std::string &file = repository.files.at("metadata/timestamp.json");
    const auto accepted = [&](const std::string &bytes) {
        const auto parsed = parse_timestamp(bytes);
        return parsed &&
               check_signatures("timestamp", repository.root.roles.at("timestamp"),
                                repository.root.keys, parsed->signed_bytes, parsed->signatures);
    };
    ASSERT_TRUE(accepted(file));
    for (std::size_t size = 0; size + 1 < file.size(); ++size)
        EXPECT_FALSE(accepted(file.substr(0, size))) << size;
    // The line break at the end is not signed, nor are names of members that mean nothing.
    const Timestamp original = parse_timestamp(file)->value;
    for (std::size_t at = 0; at < file.size(); ++at) {
        std::string edited = file;
        edited[at] = static_cast<char>(edited[at] ^ 1);
        if (!accepted(edited)) continue;
        const Timestamp value = parse_timestamp(edited)->value;
        EXPECT_EQ(value.version, original.version) << at;
        EXPECT_EQ(value.expires, original.expires) << at;
        EXPECT_EQ(value.snapshot.version, original.snapshot.version) << at;
    }
}

TEST(TufMetadata, WhatIsWrittenIsReadBack) {
    TufRepository repository;
    repository.root.consistent_snapshot = false;
    const auto root = parse_root(file_of(to_json(repository.root)));
    EXPECT_FALSE(root->value.consistent_snapshot);
    EXPECT_EQ(to_json(root->value), to_json(repository.root));

    const auto snapshot = parse_snapshot(file_of(valid_snapshot()));
    EXPECT_EQ(snapshot->value.meta.at("targets").length, 100u);
    EXPECT_EQ(to_json(snapshot->value), valid_snapshot());
    EXPECT_EQ(to_json(parse_timestamp(file_of(valid_timestamp()))->value), valid_timestamp());

    Targets targets = parse_targets(file_of(valid_targets()))->value;
    targets.custom = {{"pgx", {{"format", 1}, {"shard_bits", 6}}}};
    targets.targets["a/b"].custom = {{"x", 1}};
    targets.delegations->roles.push_back({"bins", role_of({5}, 2), false, {}, {"0", "1f"}});
    EXPECT_EQ(to_json(parse_targets(file_of(to_json(targets)))->value), to_json(targets));
    targets.delegations->roles.clear();
    targets.delegations->succinct = {role_of({5}), 9, "bin"};
    EXPECT_EQ(to_json(parse_targets(file_of(to_json(targets)))->value), to_json(targets));
    // an absent consistent_snapshot is false
    Json old_root = valid_root();
    old_root.erase("consistent_snapshot");
    EXPECT_FALSE(parse_root(file_of(old_root))->value.consistent_snapshot);
}

TEST(TufMetadata, SigningIsDeterministicAndOneByOne) {
    const Json part = valid_root();
    const std::string both = sign_metadata(part, {&test_key(1), &test_key(2)}).value();
    EXPECT_EQ(sign_metadata(part, {&test_key(2), &test_key(1)}).value(), both);
    const std::string first = sign_metadata(part, {&test_key(1)}).value();
    EXPECT_EQ(add_signature(first, test_key(2)).value(), both);
    // signing again changes nothing
    EXPECT_EQ(add_signature(both, test_key(1)).value(), both);
    for (const char *text :
         {"", "[]", "{}", R"({"signed":{},"signatures":{}})", R"({"signed":1,"signatures":[]})",
          R"({"signed":{},"signatures":[{}]})"})
        EXPECT_FALSE(add_signature(text, test_key(1))) << text;
    EXPECT_FALSE(sign_metadata({{"x", 0.5}}, {&test_key(1)}));
}

TEST(TufMetadata, Thresholds) {
    const std::string message = "message";
    const auto signature = [&](unsigned key) {
        return Signature{test_key(key).id(), test_key(key).sign(message).value()};
    };
    const auto count = [&](const Role &role, const Keys &keys,
                           const std::vector<Signature> &signatures) {
        return check_signatures("it", role, keys, message, signatures).has_value();
    };
    const Keys keys = keys_of({1, 2, 3});
    EXPECT_TRUE(count(role_of({1, 2, 3}, 2), keys, {signature(1), signature(3)}));
    EXPECT_FALSE(count(role_of({1, 2, 3}, 3), keys, {signature(1), signature(3)}));
    // by a key that is not the role's, or that nobody has
    EXPECT_FALSE(count(role_of({1, 2}, 2), keys, {signature(1), signature(3)}));
    EXPECT_FALSE(count(role_of({1, 4}, 2), keys, {signature(1), signature(4)}));
    // not valid, beside others that are
    Signature bad = signature(2);
    bad.bytes[0] = static_cast<char>(bad.bytes[0] ^ 1);
    EXPECT_FALSE(count(role_of({1, 2, 3}, 2), keys, {signature(1), bad}));
    EXPECT_TRUE(count(role_of({1, 2, 3}, 2), keys, {bad, signature(1), signature(3)}));
    EXPECT_TRUE(count(role_of({1, 2, 3}, 1), keys, {{test_key(2).id(), ""}, signature(1)}));
    EXPECT_FALSE(count(role_of({1}, 1), keys, {}));
    // the same signature several times
    EXPECT_FALSE(count(role_of({1, 2}, 2), keys, {signature(1), signature(1)}));
    // more than there are keys
    EXPECT_FALSE(count(role_of({1, 2}, 3), keys, {signature(1), signature(2)}));

    const auto failure =
        check_signatures("snapshot metadata", role_of({1, 2, 3}, 2), keys, message, {signature(1)});
    EXPECT_EQ(failure.error().code, ErrorCode::signature_invalid);
    EXPECT_EQ(failure.error().message, "snapshot metadata is not signed by enough trusted keys");
    EXPECT_EQ(failure.error().detail, "2 of 3 trusted keys must have signed it; 1 have.");
}

TEST(TufMetadata, TheSameKeyUnderTwoIdsCountsOnce) {
    Json other_form = test_key(1).public_key().json();
    other_form["x-name"] = "another";
    const PublicKey same = PublicKey::from_json(other_form).value();
    const std::string other_id = "other";
    Keys keys = keys_of({1});
    keys.emplace(other_id, same);
    const std::string signature = test_key(1).sign("m").value();
    const Role role{{test_key(1).id(), other_id}, 2};
    const auto result = check_signatures("it", role, keys, "m",
                                         {{test_key(1).id(), signature}, {other_id, signature}});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::signature_invalid);
}

TEST(TufMetadata, Files) {
    const std::string sha512 =
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3"
        "feebbd454d4423643ce80e2a9ac94fa54ca49f";
    const std::string sha256 = sha256_hex("abc").value();
    EXPECT_TRUE(check_file("it", "abc", {}, {}));
    EXPECT_TRUE(check_file("it", "abc", 3, {{"sha256", sha256}, {"sha512", sha512}}));
    EXPECT_TRUE(check_file("it", "abc", {}, {{"sha256", sha256}, {"blake9", "00"}}));
    const std::pair<std::optional<std::uint64_t>, Hashes> wrong[] = {
        {2, {}},
        {4, {{"sha256", sha256}}},
        {3, {{"sha256", digest}}},
        {3, {{"sha256", sha256}, {"sha512", digest + digest}}},
        {3, {{"sha256", digest}, {"sha512", sha512}}},
    };
    for (const auto &[length, hashes] : wrong) {
        const auto result = check_file("it", "abc", length, hashes);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::digest_mismatch);
    }
}

TEST(TufMetadata, Times) {
    EXPECT_EQ(parse_time("1970-01-01T00:00:00Z")->time_since_epoch().count(), 0);
    EXPECT_EQ(parse_time("2026-11-20T10:00:00Z")->time_since_epoch().count(), 1795168800);
    for (const char *text : {"2026-11-20T10:00:00Z", "2024-02-29T23:59:59Z", "0001-01-01T00:00:00Z",
                             "9999-12-31T23:59:59Z"})
        EXPECT_EQ(format_time(parse_time(text).value()), text);
    for (const char *text :
         {"", "2026-11-20", "2026-11-20T10:00:00", "2026-11-20T10:00:00z", "2026-11-20 10:00:00Z",
          "2026-11-20T10:00:00+00:00", "2026-11-20T10:00:00.5Z", "2026-02-29T10:00:00Z",
          "2026-13-01T10:00:00Z", "2026-00-10T10:00:00Z", "2026-11-20T24:00:00Z",
          "2026-11-20T10:60:00Z", "2026-11-20T10:00:60Z", "-026-11-20T10:00:00Z",
          "2026-1a-20T10:00:00Z"})
        EXPECT_FALSE(parse_time(text)) << text;
}

}  // namespace
}  // namespace pgx::tuf
