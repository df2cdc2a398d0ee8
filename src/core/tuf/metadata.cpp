// metadata.cpp - reading: from bytes to values, everything checked.
//
// Reader carries what the checks have in common, so that each function below reads like the
// format's own description. An error is told where it is noticed; the entry points put the kind of
// metadata in front of it.
#include "core/tuf/metadata.h"

#include <sodium.h>

#include <algorithm>
#include <set>

#include "core/base/json.h"
#include "core/tuf/canonical_json.h"

namespace pgx::tuf {

namespace {

// The client's own limits (client.h) are what is fetched; this only bounds a caller that has none.
constexpr JsonLimits json_limits{64 * 1024 * 1024, 32};
constexpr std::size_t role_name_limit = 200;     // bytes: encoded, it still is a file name
constexpr std::size_t target_path_limit = 4096;  // bytes
constexpr std::size_t hash_prefix_limit = 64;    // digits of a SHA-256
constexpr unsigned succinct_bits_limit = 32;

std::unexpected<Error> malformed(std::string message) {
    return fail(ErrorCode::registry_malformed, std::move(message));
}

// A failure of typed access (json.h) as one of metadata.
template <typename T>
Result<T> of_metadata(Result<T> result) {
    if (!result && result.error().code == ErrorCode::invalid_argument)
        return malformed(std::move(result).error().message);
    return result;
}

Result<std::string> string_member(const Json &json, const char *member) {
    return of_metadata(json_string(json, member));
}
Result<std::uint64_t> unsigned_member(const Json &json, const char *member) {
    return of_metadata(json_unsigned(json, member));
}

Result<const Json *> object_member(const Json &json, const char *member) {
    const auto found = json.find(member);
    if (found == json.end()) return malformed("member \"" + std::string(member) + "\" is missing");
    if (!found->is_object())
        return malformed("member \"" + std::string(member) + "\" must be an object");
    return &*found;
}

// null when it is absent; null itself is not allowed.
Result<const Json *> optional_member(const Json &json, const char *member, Json::value_t type) {
    const auto found = json.find(member);
    if (found == json.end()) return nullptr;
    if (found->type() != type)
        return malformed("member \"" + std::string(member) + "\" has the wrong type");
    return &*found;
}

Result<std::uint64_t> version_member(const Json &json) {
    const std::uint64_t version = TRY(unsigned_member(json, "version"));
    // Beyond that JSON parsers, and what comes after this version, disagree.
    if (version < 1 || version >= std::uint64_t{1} << 53)
        return malformed("member \"version\" must be 1 or more");
    return version;
}

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
}

std::string lower_case(std::string text) {
    for (char &c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

// The number of digits of a known algorithm, 0 for others.
std::size_t digits_of(std::string_view algorithm) {
    if (algorithm == "sha256") return 64;
    if (algorithm == "sha512") return 128;
    return 0;
}

Result<Hashes> read_hashes(const Json &json) {
    Hashes hashes;
    bool known = false;
    for (const auto &[algorithm, value] : json.items()) {
        const auto *text = value.get_ptr<const std::string *>();
        const std::size_t digits = digits_of(algorithm);
        if (text == nullptr || text->empty() || !is_hex(*text) ||
            (digits != 0 && text->size() != digits))
            return malformed("a digest is malformed");
        known = known || digits != 0;
        hashes.emplace(algorithm, lower_case(*text));
    }
    if (!known) return malformed("there is no SHA-256 or SHA-512 digest where one is needed");
    return hashes;
}

Result<MetadataFile> read_metadata_file(const Json &json) {
    if (!json.is_object()) return malformed("the description of a file must be an object");
    MetadataFile file;
    file.version = TRY(version_member(json));
    if (json.contains("length")) file.length = TRY(unsigned_member(json, "length"));
    if (const Json *hashes = TRY(optional_member(json, "hashes", Json::value_t::object)))
        file.hashes = TRY(read_hashes(*hashes));
    return file;
}

Result<std::vector<std::string>> read_strings(const Json &json, const char *member) {
    return of_metadata(json_strings(json, member));
}

Result<Role> read_role(const Json &json) {
    Role role;
    if (!json.contains("keyids")) return malformed("a role has no member \"keyids\"");
    role.key_ids = TRY(read_strings(json, "keyids"));
    role.threshold = TRY(unsigned_member(json, "threshold"));
    if (role.threshold < 1) return malformed("the threshold of a role must be 1 or more");
    const std::set<std::string> different(role.key_ids.begin(), role.key_ids.end());
    if (different.size() != role.key_ids.size())
        return malformed("a role names the same key twice");
    return role;
}

Result<Keys> read_keys(const Json &json, Profile profile) {
    Keys keys;
    for (const auto &[id, value] : json.items()) {
        if (!value.is_object()) return malformed("a public key must be an object");
        const bool strict = profile == Profile::strict;
        PublicKey key =
            TRY(strict ? PublicKey::from_json(value) : PublicKey::from_foreign_json(value));
        if (strict && !key.has_id(id))
            return malformed("the id of a public key is not the digest of the key");
        keys.emplace(id, std::move(key));
    }
    return keys;
}

bool is_plain_component(std::string_view text) {
    if (text.empty() || text == "." || text == "..") return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '+' || c == '-' || c == '@';
    });
}

Result<void> check_role_name(std::string_view name, Profile profile) {
    if (name.empty() || name.size() > role_name_limit)
        return malformed("the name of a role is empty or longer than 200 bytes");
    if (profile == Profile::strict && !is_plain_component(name))
        return malformed("the name of a role has characters that are not allowed");
    return {};
}

Result<void> check_target_name(std::string_view path, Profile profile) {
    if (path.empty() || path.size() > target_path_limit)
        return malformed("the path of a target is empty or longer than 4096 bytes");
    if (profile != Profile::strict) return {};
    for (std::size_t at = 0; at <= path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        if (!is_plain_component(path.substr(at, end - at)))
            return malformed("the path of a target has components that are not allowed");
        at = end + 1;
    }
    return {};
}

bool is_top_level(std::string_view role) {
    return role == "root" || role == "timestamp" || role == "snapshot" || role == "targets";
}

Result<Delegation> read_delegation(const Json &json, Profile profile) {
    if (!json.is_object()) return malformed("a delegated role must be an object");
    Delegation delegation;
    delegation.name = TRY(string_member(json, "name"));
    TRY(check_role_name(delegation.name, profile));
    if (is_top_level(delegation.name))
        return malformed("a delegated role has the name of a top-level role");
    delegation.role = TRY(read_role(json));
    const Json *terminating = TRY(optional_member(json, "terminating", Json::value_t::boolean));
    delegation.terminating = terminating != nullptr && terminating->get<bool>();
    const bool by_paths = json.contains("paths");
    if (by_paths == json.contains("path_hash_prefixes"))
        return malformed("a delegated role needs either \"paths\" or \"path_hash_prefixes\"");
    if (by_paths) {
        delegation.paths = TRY(read_strings(json, "paths"));
        for (const std::string &pattern : delegation.paths)
            if (pattern.empty() || pattern.size() > target_path_limit)
                return malformed("a pattern of paths is empty or longer than 4096 bytes");
    } else {
        delegation.path_hash_prefixes = TRY(read_strings(json, "path_hash_prefixes"));
        for (std::string &prefix : delegation.path_hash_prefixes) {
            if (prefix.empty() || prefix.size() > hash_prefix_limit || !is_hex(prefix))
                return malformed("the beginning of a path's digest is malformed");
            prefix = lower_case(std::move(prefix));
        }
    }
    return delegation;
}

Result<SuccinctRoles> read_succinct(const Json &json, Profile profile) {
    SuccinctRoles roles;
    roles.role = TRY(read_role(json));
    const std::uint64_t bits = TRY(unsigned_member(json, "bit_length"));
    if (bits < 1 || bits > succinct_bits_limit)
        return malformed("member \"bit_length\" must be 1 to 32");
    roles.bit_length = static_cast<unsigned>(bits);
    roles.name_prefix = TRY(string_member(json, "name_prefix"));
    TRY(check_role_name(roles.name_prefix + "-00000000", profile));
    return roles;
}

Result<Delegations> read_delegations(const Json &json, Profile profile) {
    Delegations delegations;
    delegations.keys = TRY(read_keys(*TRY(object_member(json, "keys")), profile));
    const Json *roles = TRY(optional_member(json, "roles", Json::value_t::array));
    const Json *succinct = TRY(optional_member(json, "succinct_roles", Json::value_t::object));
    if ((roles == nullptr) == (succinct == nullptr))
        return malformed("delegations need either \"roles\" or \"succinct_roles\"");
    if (succinct != nullptr) {
        delegations.succinct = TRY(read_succinct(*succinct, profile));
        return delegations;
    }
    std::set<std::string> names;
    for (const Json &role : *roles) {
        delegations.roles.push_back(TRY(read_delegation(role, profile)));
        if (!names.insert(delegations.roles.back().name).second)
            return malformed("a role is delegated to twice");
    }
    return delegations;
}

Result<TargetFile> read_target(const Json &json) {
    if (!json.is_object()) return malformed("the description of a target must be an object");
    TargetFile target;
    target.length = TRY(unsigned_member(json, "length"));
    target.hashes = TRY(read_hashes(*TRY(object_member(json, "hashes"))));
    if (const Json *custom = TRY(optional_member(json, "custom", Json::value_t::object)))
        target.custom = *custom;
    return target;
}

// "1.0.34": the major version decides.
bool is_known_specification(const std::string &version) {
    return version.starts_with("1.") && version.size() > 2 && version.size() <= 32 &&
           version.find_first_not_of("0123456789.") == std::string::npos &&
           version.find("..") == std::string::npos && version.back() != '.';
}

Result<std::vector<Signature>> read_signatures(const Json &json) {
    const auto found = json.find("signatures");
    if (found == json.end() || !found->is_array())
        return malformed("member \"signatures\" must be an array");
    std::vector<Signature> signatures;
    std::set<std::string> ids;
    for (const Json &element : *found) {
        if (!element.is_object()) return malformed("a signature must be an object");
        Signature signature;
        signature.key_id = TRY(string_member(element, "keyid"));
        if (!ids.insert(signature.key_id).second)
            return malformed("there are two signatures of the same key");
        signature.bytes = bytes_from_hex(TRY(string_member(element, "sig"))).value_or("");
        signatures.push_back(std::move(signature));
    }
    return signatures;
}

// What the four kinds have in common; `read` fills in the rest.
template <typename T, typename Read>
Result<Signed<T>> read_signed(std::string_view bytes, std::string_view type, Read read) {
    const Json json = TRY(of_metadata(parse_json(bytes, json_limits)));
    if (!json.is_object()) return malformed("metadata must be an object");
    const Json &part = *TRY(object_member(json, "signed"));
    if (TRY(string_member(part, "_type")) != type)
        return malformed("member \"_type\" is not \"" + std::string(type) + "\"");
    if (!is_known_specification(TRY(string_member(part, "spec_version"))))
        return malformed("member \"spec_version\" is not a version 1 of the specification");
    Signed<T> metadata;
    metadata.value.version = TRY(version_member(part));
    metadata.value.expires = TRY(parse_time(TRY(string_member(part, "expires"))));
    TRY(read(part, metadata.value));
    metadata.signed_bytes = TRY(of_metadata(canonical_json(part)));
    metadata.signatures = TRY(read_signatures(json));
    return metadata;
}

template <typename T>
Result<T> named(Result<T> result, std::string_view what) {
    if (!result) return fail(std::move(result).error().prefixed("invalid " + std::string(what)));
    return result;
}

}  // namespace

Result<Time> parse_time(std::string_view text) {
    constexpr std::string_view shape = "0000-00-00T00:00:00Z";
    bool fits = text.size() == shape.size();
    for (std::size_t i = 0; fits && i < shape.size(); ++i)
        fits = shape[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == shape[i];
    if (!fits) return malformed("a date is not of the form YYYY-MM-DDTHH:MM:SSZ");
    const auto number = [&](std::size_t at, std::size_t length) {
        int value = 0;
        for (const char c : text.substr(at, length)) value = value * 10 + (c - '0');
        return value;
    };
    const std::chrono::year_month_day date{std::chrono::year(number(0, 4)),
                                           std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                           std::chrono::day(static_cast<unsigned>(number(8, 2)))};
    const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
    if (!date.ok() || hour > 23 || minute > 59 || second > 59)
        return malformed("a date does not exist");
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second);
}

Result<Signed<Root>> parse_root(std::string_view bytes, Profile profile) {
    const auto read = [&](const Json &part, Root &root) -> Result<void> {
        const Json *consistent =
            TRY(optional_member(part, "consistent_snapshot", Json::value_t::boolean));
        root.consistent_snapshot = consistent != nullptr && consistent->get<bool>();
        root.keys = TRY(read_keys(*TRY(object_member(part, "keys")), profile));
        const Json &roles = *TRY(object_member(part, "roles"));
        for (const char *name : {"root", "timestamp", "snapshot", "targets"})
            root.roles.emplace(name, TRY(read_role(*TRY(object_member(roles, name)))));
        return {};
    };
    return named(read_signed<Root>(bytes, "root", read), "root metadata");
}

Result<Signed<Timestamp>> parse_timestamp(std::string_view bytes) {
    const auto read = [](const Json &part, Timestamp &timestamp) -> Result<void> {
        const Json &meta = *TRY(object_member(part, "meta"));
        timestamp.snapshot = TRY(read_metadata_file(*TRY(object_member(meta, "snapshot.json"))));
        return {};
    };
    return named(read_signed<Timestamp>(bytes, "timestamp", read), "timestamp metadata");
}

Result<Signed<Snapshot>> parse_snapshot(std::string_view bytes, Profile profile) {
    const auto read = [&](const Json &part, Snapshot &snapshot) -> Result<void> {
        for (const auto &[file, description] : TRY(object_member(part, "meta"))->items()) {
            if (!file.ends_with(".json"))
                return malformed("a file of metadata has no name that ends in \".json\"");
            const std::string role = file.substr(0, file.size() - 5);
            TRY(check_role_name(role, profile));
            snapshot.meta.emplace(role, TRY(read_metadata_file(description)));
        }
        return {};
    };
    return named(read_signed<Snapshot>(bytes, "snapshot", read), "snapshot metadata");
}

Result<Signed<Targets>> parse_targets(std::string_view bytes, Profile profile) {
    const auto read = [&](const Json &part, Targets &targets) -> Result<void> {
        for (const auto &[path, description] : TRY(object_member(part, "targets"))->items()) {
            TRY(check_target_name(path, profile));
            targets.targets.emplace(path, TRY(read_target(description)));
        }
        if (const Json *given = TRY(optional_member(part, "delegations", Json::value_t::object)))
            targets.delegations = TRY(read_delegations(*given, profile));
        if (const Json *custom = TRY(optional_member(part, "custom", Json::value_t::object)))
            targets.custom = *custom;
        return {};
    };
    return named(read_signed<Targets>(bytes, "targets", read), "targets metadata");
}

Result<void> check_signatures(std::string_view what, const Role &role, const Keys &keys,
                              std::string_view signed_bytes,
                              const std::vector<Signature> &signatures) {
    std::set<std::string> signers;  // key material, not ids
    for (const Signature &signature : signatures) {
        if (std::find(role.key_ids.begin(), role.key_ids.end(), signature.key_id) ==
            role.key_ids.end())
            continue;
        const auto key = keys.find(signature.key_id);
        if (key == keys.end() || signers.contains(key->second.identity())) continue;
        if (key->second.verifies(signed_bytes, signature.bytes))
            signers.insert(key->second.identity());
    }
    if (signers.size() >= role.threshold) return {};
    return fail(
        ErrorCode::signature_invalid, std::string(what) + " is not signed by enough trusted keys",
        std::to_string(role.threshold) + " of " + std::to_string(role.key_ids.size()) +
            " trusted keys must have signed it; " + std::to_string(signers.size()) + " have.",
        "Do not trust this server until those who run the registry explain it.");
}

Result<void> check_file(std::string_view what, std::string_view bytes,
                        std::optional<std::uint64_t> length, const Hashes &hashes) {
    if (length && bytes.size() != *length)
        return fail(ErrorCode::digest_mismatch,
                    std::string(what) + " does not have the signed size",
                    "It has " + std::to_string(bytes.size()) + " bytes, signed are " +
                        std::to_string(*length) + ".");
    for (const auto &[algorithm, wanted] : hashes) {
        std::string found;
        if (algorithm == "sha256") {
            found = TRY(sha256_hex(bytes));
        } else if (algorithm == "sha512") {
            std::string digest(crypto_hash_sha512_BYTES, '\0');
            crypto_hash_sha512(reinterpret_cast<unsigned char *>(digest.data()),
                               reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size());
            found = hex_from_bytes(digest);
        } else {
            continue;
        }
        if (found != wanted)
            return fail(ErrorCode::digest_mismatch,
                        std::string(what) + " does not have the signed digest",
                        "Its " + algorithm + " digest is " + found + ", signed is " + wanted + ".");
    }
    return {};
}

}  // namespace pgx::tuf
