// publish.cpp - writing: from values to signed files.
//
// The signed part is written by the same rules as all JSON here, compact and sorted, not in
// canonical form: what is canonical is made anew by whoever verifies, and canonical JSON with a
// control character in it would not be JSON.
#include <algorithm>

#include "core/base/json.h"
#include "core/tuf/canonical_json.h"
#include "core/tuf/metadata.h"

namespace pgx::tuf {

namespace {

constexpr const char *specification_version = "1.0.34";

Json base(const char *type, std::uint64_t version, Time expires) {
    return {{"_type", type},
            {"spec_version", specification_version},
            {"version", version},
            {"expires", format_time(expires)}};
}

Json role_json(const Role &role) {
    return {{"keyids", role.key_ids}, {"threshold", role.threshold}};
}

Json keys_json(const Keys &keys) {
    Json json = Json::object();
    for (const auto &[id, key] : keys) json[id] = key.json();
    return json;
}

Json file_json(const MetadataFile &file) {
    Json json = {{"version", file.version}};
    if (file.length) json["length"] = *file.length;
    if (!file.hashes.empty()) json["hashes"] = file.hashes;
    return json;
}

Json delegations_json(const Delegations &delegations) {
    Json json = {{"keys", keys_json(delegations.keys)}};
    if (delegations.succinct) {
        Json succinct = role_json(delegations.succinct->role);
        succinct["bit_length"] = delegations.succinct->bit_length;
        succinct["name_prefix"] = delegations.succinct->name_prefix;
        json["succinct_roles"] = std::move(succinct);
        return json;
    }
    json["roles"] = Json::array();
    for (const Delegation &delegation : delegations.roles) {
        Json role = role_json(delegation.role);
        role["name"] = delegation.name;
        role["terminating"] = delegation.terminating;
        if (delegation.path_hash_prefixes.empty())
            role["paths"] = delegation.paths;
        else
            role["path_hash_prefixes"] = delegation.path_hash_prefixes;
        json["roles"].push_back(std::move(role));
    }
    return json;
}

Json signature_json(const SecretKey &key, const std::string &signature) {
    return {{"keyid", key.id()}, {"sig", hex_from_bytes(signature)}};
}

std::string metadata_text(Json signed_part, Json signatures) {
    std::sort(signatures.begin(), signatures.end(), [](const Json &a, const Json &b) {
        return a["keyid"].get_ref<const std::string &>() <
               b["keyid"].get_ref<const std::string &>();
    });
    return dump_json({{"signatures", std::move(signatures)}, {"signed", std::move(signed_part)}}) +
           "\n";
}

}  // namespace

std::string format_time(Time time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    const auto digits = [](long number, std::size_t width) {
        std::string text = std::to_string(number);
        return std::string(width - std::min(width, text.size()), '0') + text;
    };
    return digits(static_cast<int>(date.year()), 4) + "-" +
           digits(static_cast<unsigned>(date.month()), 2) + "-" +
           digits(static_cast<unsigned>(date.day()), 2) + "T" + digits(clock.hours().count(), 2) +
           ":" + digits(clock.minutes().count(), 2) + ":" + digits(clock.seconds().count(), 2) +
           "Z";
}

Json to_json(const Root &root) {
    Json json = base("root", root.version, root.expires);
    json["consistent_snapshot"] = root.consistent_snapshot;
    json["keys"] = keys_json(root.keys);
    json["roles"] = Json::object();
    for (const auto &[name, role] : root.roles) json["roles"][name] = role_json(role);
    return json;
}

Json to_json(const Timestamp &timestamp) {
    Json json = base("timestamp", timestamp.version, timestamp.expires);
    json["meta"] = {{"snapshot.json", file_json(timestamp.snapshot)}};
    return json;
}

Json to_json(const Snapshot &snapshot) {
    Json json = base("snapshot", snapshot.version, snapshot.expires);
    json["meta"] = Json::object();
    for (const auto &[role, file] : snapshot.meta) json["meta"][role + ".json"] = file_json(file);
    return json;
}

Json to_json(const Targets &targets) {
    Json json = base("targets", targets.version, targets.expires);
    json["targets"] = Json::object();
    for (const auto &[path, target] : targets.targets) {
        Json description = {{"length", target.length}, {"hashes", target.hashes}};
        if (!target.custom.is_null()) description["custom"] = target.custom;
        json["targets"][path] = std::move(description);
    }
    if (targets.delegations) json["delegations"] = delegations_json(*targets.delegations);
    if (!targets.custom.is_null()) json["custom"] = targets.custom;
    return json;
}

Result<std::string> sign_metadata(const Json &signed_part,
                                  const std::vector<const SecretKey *> &keys) {
    const std::string bytes = TRY(canonical_json(signed_part));
    Json signatures = Json::array();
    for (const SecretKey *key : keys)
        signatures.push_back(signature_json(*key, TRY(key->sign(bytes))));
    return metadata_text(signed_part, std::move(signatures));
}

Result<std::string> add_signature(std::string_view metadata, const SecretKey &key) {
    const auto no_metadata = [] {
        return fail(ErrorCode::registry_malformed, "could not sign: not a file of TUF metadata");
    };
    const auto json = parse_json(metadata);
    if (!json || !json->is_object()) return no_metadata();
    const auto part = json->find("signed");
    const auto given = json->find("signatures");
    if (part == json->end() || !part->is_object() || given == json->end() || !given->is_array())
        return no_metadata();
    Json signatures = Json::array();
    for (const Json &signature : *given) {
        const auto id = json_string(signature, "keyid");
        if (!id) return no_metadata();
        if (*id != key.id()) signatures.push_back(signature);
    }
    signatures.push_back(signature_json(key, TRY(key.sign(TRY(canonical_json(*part))))));
    return metadata_text(*part, std::move(signatures));
}

}  // namespace pgx::tuf
