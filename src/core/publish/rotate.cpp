#include "core/publish/rotate.h"

#include <set>

namespace pgx {

Result<tuf::Root> rotate_keys(const tuf::Root &root, const KeyRotation &rotation,
                              const Lifetimes &lifetimes, tuf::Time now) {
    tuf::Root next = root;
    const auto found = next.roles.find(rotation.role);
    if (found == next.roles.end())
        return fail(ErrorCode::invalid_argument, "there is no role \"" + rotation.role + "\"", {},
                    "Name root, targets, snapshot or timestamp. The keys of publishers are changed "
                    "with \"pgx registry delegate\".");
    tuf::Role role;
    role.threshold = rotation.threshold.value_or(found->second.threshold);
    std::set<std::string> ids;
    for (const tuf::PublicKey &key : rotation.keys) {
        if (!ids.insert(key.id()).second) continue;
        role.key_ids.push_back(key.id());
        next.keys.insert_or_assign(key.id(), key);
    }
    if (role.threshold < 1 || role.threshold > role.key_ids.size())
        return fail(ErrorCode::invalid_argument,
                    "role \"" + rotation.role + "\" cannot have a threshold of " +
                        std::to_string(role.threshold) + " with " +
                        std::to_string(role.key_ids.size()) + " keys",
                    {},
                    "Give all keys that the role is to have, each with --new-key, and "
                    "--threshold.");
    found->second = std::move(role);
    std::set<std::string> used;
    for (const auto &[name, any] : next.roles) used.insert(any.key_ids.begin(), any.key_ids.end());
    std::erase_if(next.keys, [&](const auto &key) { return !used.contains(key.first); });
    ++next.version;
    next.expires = lifetimes.expiry("root", now);
    return next;
}

Result<std::string> sign_root(const tuf::Root &root, const tuf::Root &next, KeyFolder &keys) {
    std::set<std::string> ids;
    for (const tuf::Root *each : {&root, &next})
        for (const std::string &id : each->roles.at("root").key_ids)
            if (keys.has(id)) ids.insert(id);
    std::vector<const tuf::SecretKey *> signers;
    for (const std::string &id : ids) signers.push_back(TRY(keys.key(id)));
    return tuf::sign_metadata(tuf::to_json(next), signers);
}

Result<tuf::Root> check_next_root(const tuf::Root &root, const std::string &bytes) {
    const auto next = TRY(tuf::parse_root(bytes, tuf::Profile::strict));
    if (next.value.version != root.version + 1)
        return fail(ErrorCode::wrong_state,
                    "the new root has version " + std::to_string(next.value.version) +
                        ", and the registry is at version " + std::to_string(root.version),
                    {}, "Begin anew with \"pgx registry rotate\" on the registry as it is now.");
    for (const auto &[what, signers] :
         {std::pair<const char *, const tuf::Root *>{"of the present root's keys", &root},
          {"of its own keys", &next.value}}) {
        auto good = tuf::check_signatures("the new root", signers->roles.at("root"), signers->keys,
                                          next.signed_bytes, next.signatures);
        if (good) continue;
        Error error = std::move(good.error());
        error.message = std::string("the new root is not signed by enough ") + what;
        error.hint =
            "Write it to a file with --out, and have those who have the keys sign it with \"pgx "
            "registry sign-root FILE --key KEY\"; the last gives --into DIR too.";
        return fail(std::move(error));
    }
    return next.value;
}

Result<Publication> install_root(Generation &generation, const std::string &bytes, KeyFolder &keys,
                                 const Lifetimes &lifetimes, tuf::Time now) {
    const tuf::Root next = TRY(check_next_root(generation.root(), bytes));
    PublishOptions options;
    options.renew_timestamp = false;
    options.next_root = NextRoot{next, bytes};
    return generation.publish(keys, lifetimes, now, options);
}

}  // namespace pgx
