// listing.cpp - every target of a repository, as find() would find it.
//
// First all roles that can be reached are loaded, level by level, those of a level side by side.
// Then every target path that any of them lists is searched for in memory: a role may list more
// than it is entitled to, and only the search knows which role has the last word. Where the search
// meets a role that could not be had it ends without result: a publisher whose metadata is withheld
// must not be replaced by the role after it.
#include <algorithm>
#include <set>

#include "core/tuf/client.h"

namespace pgx::tuf {

namespace {

// Bounds the memory of answers that wait to be read.
constexpr std::size_t batch = 64;

// A failure of the file, not of the network or of this machine: it concerns one role only.
bool is_of_one_file(ErrorCode code) {
    return code == ErrorCode::registry_refused || code == ErrorCode::limit_exceeded ||
           code == ErrorCode::digest_mismatch;
}

bool is_of_metadata(ErrorCode code) {
    return is_of_one_file(code) || code == ErrorCode::registry_malformed ||
           code == ErrorCode::signature_invalid || code == ErrorCode::metadata_expired ||
           code == ErrorCode::metadata_rolled_back;
}

}  // namespace

Result<std::vector<Result<std::string>>> Client::fetch_each(
    const std::vector<FileRequest> &requests) {
    std::vector<Result<std::string>> results;
    auto answers = transport_->fetch(requests);
    if (!answers && !is_of_one_file(answers.error().code)) return fail(std::move(answers).error());
    for (std::size_t i = 0; i < requests.size(); ++i) {
        if (!answers) {
            // One of them failed and ended all; which one is found out by asking for each.
            auto one = fetch_one(requests[i]);
            if (!one && !is_of_one_file(one.error().code)) return fail(std::move(one).error());
            results.push_back(std::move(one));
        } else if (i < answers->size() && (*answers)[i]) {
            results.push_back(*std::move((*answers)[i]));
        } else {
            results.push_back(fail(ErrorCode::registry_refused,
                                   "the registry has no file \"" + requests[i].path + "\""));
        }
    }
    return results;
}

// All delegations of a role, whatever the path.
std::vector<Client::Delegated> Client::all_delegated(const std::string &role) const {
    std::vector<Delegated> result;
    const Targets *targets = trusted_.targets(role);
    if (targets == nullptr || !targets->delegations) return result;
    for (const Delegation &delegation : targets->delegations->roles)
        result.push_back({delegation.name, role});
    if (const auto &succinct = targets->delegations->succinct) {
        // One more than can be listed is enough to be noticed.
        const std::uint64_t count = std::min(std::uint64_t{1} << succinct->bit_length,
                                             std::uint64_t{options_.limits.listed_roles} + 1);
        for (std::uint64_t i = 0; i < count; ++i)
            result.push_back({succinct_role_name(*succinct, static_cast<std::uint32_t>(i)), role});
    }
    return result;
}

Result<void> Client::load_level(const std::vector<Delegated> &level, Failures &failures,
                                Listing &listing) {
    std::vector<const Delegated *> missing;
    std::vector<FileRequest> requests;
    const auto note = [&](const Delegated &delegated, bool received, Result<void> outcome) {
        Listing::ListedRole listed{delegated.role, 0, received, {}};
        if (const auto file = trusted_.targets_file(delegated.role)) listed.version = file->version;
        if (!outcome) {
            listed.error = std::move(outcome).error();
            failures.insert({delegated.role, delegated.delegator});
        }
        listing.roles.push_back(std::move(listed));
    };
    for (const Delegated &delegated : level) {
        auto kept = load_kept_targets(delegated);
        if (!kept && !is_of_metadata(kept.error().code)) return fail(std::move(kept).error());
        if (!kept) {
            note(delegated, false, fail(std::move(kept).error()));
        } else if (*kept) {
            note(delegated, false, {});
        } else if (auto request = targets_request(delegated.role)) {
            missing.push_back(&delegated);
            requests.push_back(*std::move(request));
        } else {
            note(delegated, false, fail(std::move(request).error()));
        }
    }
    for (std::size_t from = 0; from < requests.size(); from += batch) {
        const std::size_t to = std::min(from + batch, requests.size());
        const std::vector<FileRequest> some(requests.begin() + static_cast<std::ptrdiff_t>(from),
                                            requests.begin() + static_cast<std::ptrdiff_t>(to));
        std::vector<Result<std::string>> answers = TRY(fetch_each(some));
        for (std::size_t i = from; i < to; ++i) {
            Result<std::string> &answer = answers[i - from];
            Result<void> outcome;
            if (!answer)
                outcome = fail(std::move(answer).error());
            else
                outcome = take_targets(*answer, *missing[i]);
            if (!outcome && !is_of_metadata(outcome.error().code)) return outcome;
            const bool received = outcome.has_value();
            note(*missing[i], received, std::move(outcome));
        }
    }
    return {};
}

Result<Listing> Client::list() {
    TRY(check_refreshed());
    Listing listing;
    Failures failures;
    std::set<std::pair<std::string, std::string>> known{{"targets", "root"}};
    std::set<std::string> roles{"targets"}, expanded;
    std::vector<Delegated> level{{"targets", "root"}};
    while (!level.empty()) {
        TRY(load_level(level, failures, listing));
        std::vector<Delegated> next;
        for (const Delegated &delegated : level) {
            if (trusted_.targets(delegated.role) == nullptr ||
                !expanded.insert(delegated.role).second)
                continue;
            for (Delegated &child : all_delegated(delegated.role)) {
                if (!known.insert({child.role, child.delegator}).second) continue;
                roles.insert(child.role);
                if (roles.size() > options_.limits.listed_roles)
                    return fail(
                        ErrorCode::limit_exceeded, "the registry has too many roles",
                        "The limit is " + std::to_string(options_.limits.listed_roles) + ".");
                next.push_back(std::move(child));
            }
        }
        level = std::move(next);
    }
    listing.targets = TRY(authoritative_targets(roles, failures));
    return listing;
}

Result<std::vector<Target>> Client::authoritative_targets(const std::set<std::string> &roles,
                                                          const Failures &failures) const {
    std::set<std::string> paths;
    for (const std::string &role : roles)
        if (const Targets *targets = trusted_.targets(role))
            for (const auto &[path, file] : targets->targets) paths.insert(path);
    const auto is_there = [&](const Delegated &delegated) -> Result<void> {
        if (trusted_.targets(delegated.role) != nullptr &&
            !failures.contains({delegated.role, delegated.delegator}))
            return {};
        return fail(ErrorCode::registry_refused, "the role could not be loaded");
    };
    std::vector<Target> targets;
    for (const std::string &path : paths) {
        auto found = search(path, options_.limits.listed_roles, is_there);
        if (found && *found) targets.push_back(**std::move(found));
        if (!found && found.error().code != ErrorCode::registry_refused)
            return fail(std::move(found).error());
    }
    return targets;
}

}  // namespace pgx::tuf
