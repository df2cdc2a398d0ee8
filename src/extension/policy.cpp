#include "extension/door.h"

#include "extension/policy.h"

#include <fnmatch.h>

#include <algorithm>

#include "core/base/names.h"
#include "extension/database_session.h"
#include "extension/history.h"
#include "extension/preload.h"
#include "extension/query.h"

extern "C" {
#include "miscadmin.h"
}

namespace pgx {

namespace {

// By the caller's own roles and those whose rights he has without SET ROLE.
constexpr const char *allowances_query = R"(
SELECT a.packages, a.registries IS NOT NULL, pg_catalog.array_to_json(a.registries)::pg_catalog.text,
       a.trusted, a.preload, a.libraries
  FROM pgx.allowances AS a
  JOIN pg_catalog.pg_roles AS r ON r.rolname OPERATOR(pg_catalog.=) a.role
 WHERE pg_catalog.pg_has_role($1::pg_catalog.oid, r.oid, 'USAGE')
 ORDER BY a.packages)";

std::vector<std::string> names_of(const InstalledPackage &installed) {
    std::vector<std::string> names = installed.extensions;
    names.push_back(installed.package);
    return names;
}

// What was asked for may be the name of a package, of which the rules say an extension's.
std::vector<std::string> names_of(const std::string &name) {
    std::vector<std::string> names{name};
    if (const std::optional<InstalledPackage> installed = find_installed(name))
        for (std::string &other : names_of(*installed)) names.push_back(std::move(other));
    return names;
}

}  // namespace

bool Policy::Allowance::allows_registry(const std::string &name) const {
    return !registries || std::ranges::find(*registries, name) != registries->end();
}

Policy::Policy(const pg::OwnerRights &rights, const char *function) : function_(function) {
    const Oid role = rights.caller();
    limited_ = role != GetUserId() && !pg::call([role] { return superuser_arg(role); });
    if (!limited_) return;
    role_ = pg::call([role] { return GetUserNameFromId(role, false); });
    for (const pg::Row &row : pg::query(allowances_query, {std::to_string(role)})) {
        Allowance allowance{.packages = row[0].value_or("")};
        if (row[1] == "t") allowance.registries = pg::strings_from_json_array(row[2]);
        allowance.trusted = row[3] == "t";
        allowance.preload = row[4] == "t";
        allowance.libraries = row[5] == "t";
        allowances_.push_back(std::move(allowance));
    }
}

std::vector<const Policy::Allowance *> Policy::matching(
    const std::vector<std::string> &names) const {
    std::vector<const Allowance *> found;
    for (const Allowance &allowance : allowances_)
        if (std::ranges::any_of(names, [&](const std::string &name) {
                return ::fnmatch(allowance.packages.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
            }))
            found.push_back(&allowance);
    return found;
}

// The record outlives the transaction that the error ends.
Error Policy::refusal(const std::string &what, const std::string &detail) const {
    const std::string action = "refused: " + std::string(function_).substr(4);
    if (Result<void> recorded = record_refusal(action, what, role_); !recorded)
        pg::warning("could not record the refusal", recorded.error().message);
    return Error{ErrorCode::permission_denied,
                 "permission denied to run " + std::string(function_) + " for \"" + what + "\"",
                 detail,
                 "A superuser can allow it: SELECT pgx.allow(role, packages => '...'). What is "
                 "allowed is in pgx.allowances."};
}

Result<void> Policy::require(const std::vector<std::string> &names, const std::string &what) {
    const std::vector<const Allowance *> found = matching(names);
    in_use_.insert(in_use_.end(), found.begin(), found.end());
    if (!found.empty()) return {};
    std::vector<std::string> patterns;
    for (const Allowance &allowance : allowances_) patterns.push_back(allowance.packages);
    return fail(refusal(what, patterns.empty() ? "Nothing is allowed to role \"" + role_ + "\"."
                                               : "Role \"" + role_ + "\" is allowed packages " +
                                                     quoted_list(patterns) + "."));
}

Result<void> Policy::check_wishes(const std::vector<Wish> &wishes) {
    if (!limited_) return {};
    for (const Wish &wish : wishes) {
        TRY(require(names_of(wish.name), wish.name));
        if (wish.registry && std::ranges::none_of(in_use_, [&](const Allowance *allowance) {
                return allowance->allows_registry(*wish.registry);
            }))
            return fail(refusal(wish.name, "Registry \"" + *wish.registry +
                                               "\" is not allowed to role \"" + role_ + "\"."));
    }
    return {};
}

bool Policy::allows(const InstalledPackage &installed) const {
    return !limited_ || !matching(names_of(installed)).empty();
}

Result<void> Policy::check_installed(const InstalledPackage &installed) {
    if (!limited_) return {};
    return require(names_of(installed), installed.package);
}

Result<void> Policy::check_preload(const std::string &name) {
    if (!limited_) return {};
    TRY(require(names_of(name), name));
    for (const Allowance *allowance : matching(names_of(name)))
        if (allowance->preload) return {};
    return fail(
        refusal(name, "Role \"" + role_ + "\" is not allowed to have libraries preloaded."));
}

Result<void> Policy::check_release(const Release &release) {
    if (!limited_) return {};
    if (std::ranges::any_of(in_use_, [&](const Allowance *allowance) {
            return allowance->allows_registry(release.registry);
        }))
        return {};
    return fail(refusal(release.package, "It would come from registry \"" + release.registry +
                                             "\", which is not allowed to role \"" + role_ +
                                             "\"."));
}

// Why an allowance does not cover this package, nullopt when it does.
std::optional<std::string> Policy::flaw(const PlannedPackage &package,
                                        const Allowance &allowance) const {
    if (!allowance.allows_registry(package.release.registry))
        return "comes from registry \"" + package.release.registry + "\"";
    if (!allowance.libraries && !package.receipt.modules.empty()) return "holds a library";
    if (!allowance.trusted)
        for (const ReceiptExtension &extension : package.receipt.extensions)
            if (extension.trusted)
                return "has \"" + extension.name +
                       "\", which is marked trusted: whoever may create objects in a database can "
                       "have its script run as a superuser";
    if (!allowance.preload &&
        !preload_libraries(package.receipt, {}, preload_facts_or_none()).empty())
        return "has to be preloaded";
    return std::nullopt;
}

Result<void> Policy::check_plan(const Plan &plan) {
    if (!limited_) return {};
    for (const PlannedPackage &package : plan.packages) {
        const std::string &name = package.release.package;
        if (package.previous_version) TRY(check_installed(TRY(require_installed(name))));
        std::string reason = "is not covered by what was asked for";
        const bool covered = std::ranges::any_of(in_use_, [&](const Allowance *allowance) {
            const std::optional<std::string> found = flaw(package, *allowance);
            if (found) reason = *found;
            return !found;
        });
        if (!covered)
            return fail(refusal(name, "Package \"" + name + "\" " + reason +
                                          ". That is not allowed to role \"" + role_ + "\"."));
    }
    return {};
}

}  // namespace pgx
