#include "core/publish/renew.h"

#include "core/publish/rotate.h"
#include "core/publish/take_in.h"
#include "core/publish/tidy.h"

namespace pgx {

namespace {

class Renewer {
   public:
    Renewer(Generation &generation, const std::string &scratch, KeyFolder &keys,
            const Lifetimes &lifetimes, tuf::Time now)
        : generation_(generation),
          inspection_(generation, scratch),
          keys_(keys),
          lifetimes_(lifetimes),
          now_(now) {}

    Result<Renewal> run() {
        const tuf::Root &root = generation_.root();
        const bool timestamp_due =
            due("timestamp", generation_.timestamp().expires, root.roles.at("timestamp"));
        const bool snapshot_due =
            due("snapshot", generation_.snapshot().expires, root.roles.at("snapshot"));
        TRY(renew_root());
        for (const std::string &name : TRY(roles())) TRY(renew_role(name));
        // Whatever changes comes to readers through the timestamp.
        options_.renew_snapshot = snapshot_due;
        options_.renew_timestamp = timestamp_due;
        const bool work = changed_ || snapshot_due || timestamp_due || options_.next_root;
        if (work) {
            renewal_.publication = TRY(generation_.publish(keys_, lifetimes_, now_, options_));
            if (!renewal_.publication.pending)
                for (const std::string &name : pending_)
                    renewal_.taken_in.push_back(publisher_of_role(name));
        }
        return std::move(renewal_);
    }

   private:
    void leave(const std::string &role, tuf::Time expires, std::string reason) {
        renewal_.left.push_back({role, expires, expires <= now_,
                                 lifetimes_.is_late(role, expires, now_), std::move(reason)});
    }

    // Whether the role is to be renewed, and can be.
    bool due(const std::string &name, tuf::Time expires, const tuf::Role &role) {
        const bool keys_changed = name != "root" && generation_.changes_keys(name);
        if (!keys_changed && !lifetimes_.is_due(name, expires, now_)) return false;
        return usable(name, expires, role);
    }

    bool usable(const std::string &name, tuf::Time expires, const tuf::Role &role) {
        const std::vector<Error> errors = keys_.drop_unreadable(role);
        if (keys_.can_sign(role)) return true;
        leave(name, expires,
              errors.empty() ? "Its key is not in \"" + keys_.directory() + "\"."
                             : "Its key cannot be used: " + errors[0].message + ".");
        return false;
    }

    bool online() const {
        const auto &roles = generation_.root().roles;
        return keys_.can_sign(roles.at("snapshot")) && keys_.can_sign(roles.at("timestamp"));
    }

    Result<void> renew_root() {
        const tuf::Root &root = generation_.root();
        if (!due("root", root.expires, root.roles.at("root"))) return {};
        tuf::Root next = root;
        ++next.version;
        next.expires = lifetimes_.expiry("root", now_);
        options_.next_root = NextRoot{next, TRY(sign_root(root, next, keys_))};
        return {};
    }

    Result<std::vector<std::string>> roles() {
        std::vector<std::string> names{"targets"};
        for (const tuf::Delegation &delegation : TRY(generation_.delegations()))
            names.push_back(delegation.name);
        return names;
    }

    Result<void> renew_role(const std::string &name) {
        const tuf::Targets &targets = *TRY(generation_.role(name));
        const bool publisher = !publisher_of_role(name).empty();
        if (publisher) {
            for (const Error &error : generation_.unusable_files(name))
                renewal_.refused.emplace_back(publisher_of_role(name), error);
            if (targets.version == 0) return {};  // has not signed anything yet
            // There is nothing to renew: what former keys have signed counts no more.
            if (generation_.signed_by(name).empty()) {
                renewal_.waiting.push_back(publisher_of_role(name));
                return {};
            }
        }
        if (generation_.is_pending(name)) {
            auto good = inspection_.check(name);
            if (!good) {
                renewal_.refused.emplace_back(publisher_of_role(name), std::move(good.error()));
                generation_.postpone(name);
                return {};
            }
            if (online()) {
                pending_.push_back(name);
                changed_ = true;
            }
        }
        const tuf::Role role = TRY(generation_.signers(name));
        bool wanted = generation_.changes(name);  // its keys were changed
        if (publisher)
            for (const std::string &id : role.key_ids)
                wanted = wanted || (keys_.has(id) && !generation_.signed_by(name).contains(id));
        if (!wanted && !lifetimes_.is_due(name, targets.expires, now_)) return {};
        if (!usable(name, targets.expires, role)) return {};
        if (!publisher && !online()) {
            leave(name, targets.expires, "The keys of snapshot and timestamp are needed too.");
            return {};
        }
        TRY(generation_.change(name));
        changed_ = true;
        return {};
    }

    Generation &generation_;
    PublisherInspection inspection_;
    KeyFolder &keys_;
    const Lifetimes &lifetimes_;
    tuf::Time now_;
    Renewal renewal_;
    PublishOptions options_;
    std::vector<std::string> pending_;
    bool changed_ = false;
};

}  // namespace

Result<Renewal> renew_registry(Generation &generation, const std::string &scratch, KeyFolder &keys,
                               const Lifetimes &lifetimes, tuf::Time now,
                               std::chrono::seconds deleted_after) {
    Renewal renewal = TRY(Renewer(generation, scratch, keys, lifetimes, now).run());
    renewal.files_deleted =
        TRY(delete_superseded(generation.fs(), generation.folder(), now, deleted_after));
    return renewal;
}

}  // namespace pgx
