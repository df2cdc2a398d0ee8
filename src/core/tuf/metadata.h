// metadata.h - the four kinds of TUF metadata as values.
//
// What is read is checked completely and before anything else looks at it: types, versions,
// thresholds, lengths, digests, dates, names; members that the specification does not know are
// ignored but stay in the signed bytes. What is published is built from the same structs and comes
// out the same for the same values.
//
// The model is the specification 1.0 (theupdateframework.github.io/specification), with succinct
// roles (TAP 15). Snapshots with `hashes` and `length` are read, but not needed by pgx's own
// registries.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/tuf/key.h"
#include "core/tuf/secret_key.h"

namespace pgx::tuf {

using Time = std::chrono::sys_seconds;

// "2026-11-20T10:00:00Z" and nothing else; registry_malformed.
Result<Time> parse_time(std::string_view text);
std::string format_time(Time time);

// Algorithm ("sha256", "sha512", or one that is not known here) to lower-case hex.
using Hashes = std::map<std::string, std::string>;

struct Role {
    std::vector<std::string> key_ids;  // no repetitions
    std::uint64_t threshold =
        1;  // >= 1; may be more than there are keys, then nothing satisfies it
};

using Keys = std::map<std::string, PublicKey>;  // by id

// What snapshot and timestamp say of a metadata file.
struct MetadataFile {
    std::uint64_t version = 1;
    std::optional<std::uint64_t> length;  // bytes
    Hashes hashes;                        // may be empty
};

struct TargetFile {
    std::uint64_t length = 0;  // bytes
    Hashes hashes;             // at least one of a known algorithm
    Json custom = nullptr;     // null or an object
};

struct Delegation {
    std::string name;
    Role role;
    bool terminating = false;
    std::vector<std::string> paths;               // patterns; either these
    std::vector<std::string> path_hash_prefixes;  // or these
};

// TAP 15: 2^bit_length roles "<name_prefix>-<hex>", chosen by the leading bits of sha256(target
// path).
struct SuccinctRoles {
    Role role;
    unsigned bit_length = 1;  // 1 to 32
    std::string name_prefix;
};

struct Delegations {
    Keys keys;
    std::vector<Delegation> roles;  // in order of precedence
    std::optional<SuccinctRoles> succinct;
};

struct Root {
    std::uint64_t version = 1;
    Time expires;
    bool consistent_snapshot = true;
    Keys keys;
    std::map<std::string, Role> roles;  // "root", "timestamp", "snapshot", "targets": all four
};

struct Timestamp {
    std::uint64_t version = 1;
    Time expires;
    MetadataFile snapshot;
};

struct Snapshot {
    std::uint64_t version = 1;
    Time expires;
    std::map<std::string, MetadataFile> meta;  // by role name, without ".json"
};

struct Targets {
    std::uint64_t version = 1;
    Time expires;
    std::map<std::string, TargetFile> targets;  // by target path
    std::optional<Delegations> delegations;
    Json custom = nullptr;  // null or an object; an extension that the specification allows
};

struct Signature {
    std::string key_id;
    std::string bytes;  // empty when what stood there was not hexadecimal: such a signature is just
                        // not valid
};

// Metadata as it was read: the value, what was signed, and by whom that is claimed.
template <typename T>
struct Signed {
    T value;
    std::string signed_bytes;  // canonical
    std::vector<Signature> signatures;
};

// How strictly metadata is read where the specification and what is in the field differ.
enum class Profile {
    // As TUF's conformance suite wants it: any role and target name (they are encoded wherever they
    // become a part of a URL or path; roles up to 200 bytes), and keys under any id (sigstore's
    // root has one whose id is the digest of an earlier form of it). Thresholds are safe
    // nevertheless, because they count key material.
    interoperable,
    // pgx's own registries: names out of A-Z a-z 0-9 . _ + - @ (targets also /) without components
    // "", "." and "..", and the id of a key is the digest of its canonical form.
    strict,
};

// registry_malformed tells what is wrong; the message begins with what `T` is ("root metadata:
// ...").
Result<Signed<Root>> parse_root(std::string_view bytes, Profile profile = Profile::strict);
Result<Signed<Timestamp>> parse_timestamp(std::string_view bytes);
Result<Signed<Snapshot>> parse_snapshot(std::string_view bytes, Profile profile = Profile::strict);
Result<Signed<Targets>> parse_targets(std::string_view bytes, Profile profile = Profile::strict);

// Whether at least `threshold` different keys of `role` have signed; signature_invalid when not,
// with how many did. `what` names the metadata in the message ("snapshot metadata").
Result<void> check_signatures(std::string_view what, const Role &role, const Keys &keys,
                              std::string_view signed_bytes,
                              const std::vector<Signature> &signatures);

// Length and all digests of known algorithms. digest_mismatch.
Result<void> check_file(std::string_view what, std::string_view bytes,
                        std::optional<std::uint64_t> length, const Hashes &hashes);

// Whether a delegation covers a target path: one of the patterns, where "*" and "?" stop at "/", or
// the digest's beginning.
Result<bool> covers(const Delegation &delegation, std::string_view target_path);
// The one role of succinct roles that is responsible for a target path.
Result<std::string> succinct_role(const SuccinctRoles &roles, std::string_view target_path);
// The name of one of them; `number` below 2^bit_length.
std::string succinct_role_name(const SuccinctRoles &roles, std::uint32_t number);
// One component-wise pattern, as used in `paths`.
bool matches_pattern(std::string_view pattern, std::string_view target_path);

// For publishing: the "signed" object of each kind.
Json to_json(const Root &root);
Json to_json(const Timestamp &timestamp);
Json to_json(const Snapshot &snapshot);
Json to_json(const Targets &targets);

// A complete metadata file, compact, sorted, signed by each key.
Result<std::string> sign_metadata(const Json &signed_part,
                                  const std::vector<const SecretKey *> &keys);
// The same file with one more signature (or that key's renewed), for thresholds that several people
// reach one after the other. The signed part is left as it is.
Result<std::string> add_signature(std::string_view metadata, const SecretKey &key);

// A role name as a part of a URL or a file name: all but A-Z a-z 0-9 . _ - ~ becomes %XX, also "/".
std::string encode_role_name(std::string_view name);
// The same for each component between the slashes of a target path.
std::string encode_target_path(std::string_view path);
// invalid_name unless it is relative and has no component "", "." or ".." and no control character.
Result<void> check_target_path(std::string_view path);

}  // namespace pgx::tuf
