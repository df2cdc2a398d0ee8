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
#include "mb/pg_wchar.h"
#include "miscadmin.h"
}

namespace pgx {

namespace {

// By the caller's own roles and those whose rights he has without SET ROLE.
constexpr const char *allowances_query = R"(
SELECT a.packages, a.registries IS NOT NULL, pg_catalog.array_to_json(a.registries)::pg_catalog.text,
       a.trusted, a.preload, a.libraries
  FROM pgx.allowances AS a
  JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) a.role::pg_catalog.oid
 WHERE pg_catalog.pg_has_role($1::pg_catalog.oid, r.oid, 'USAGE')
 ORDER BY a.packages)";

// All that require_installed() finds it by.
std::vector<std::string> names_of(const InstalledPackage &installed) {
    std::vector<std::string> names = installed.extensions;
    names.push_back(installed.package);
    for (const pg::Row &row : pg::query_latest(
             "SELECT DISTINCT r.name, r.module_path FROM pgx.releases AS r WHERE r.registry "
             "OPERATOR(pg_catalog.=) $1 AND r.package OPERATOR(pg_catalog.=) $2",
             {installed.registry, installed.package}))
        for (const pg::Value &name : row)
            if (name && !name->empty()) names.push_back(*name);
    return names;
}

// What was asked for may be the name of a package, of which the rules say an extension's.
std::vector<std::string> names_of(const std::string &name) {
    std::vector<std::string> names{name};
    if (const std::optional<InstalledPackage> installed = find_installed(name))
        for (std::string &other : names_of(*installed)) names.push_back(std::move(other));
    return names;
}

// By which a package of a plan may be allowed for its own sake.
std::vector<std::string> names_of(const PlannedPackage &package) {
    std::vector<std::string> names = package.asked_for_as;
    names.push_back(package.release.package);
    for (const ReceiptExtension &extension : package.receipt.extensions)
        names.push_back(extension.name);
    return names;
}

// What a package of a plan came along with in the end, by its names: a package that was asked for,
// or one that is installed and was relied upon.
std::vector<std::string> names_of_what_needs(const PlannedPackage &package, const Plan &plan) {
    const PlannedPackage *one = &package;
    // As many steps as there are packages, in case they require each other.
    for (std::size_t i = 0; i < plan.packages.size() && !one->required_by.empty(); i++) {
        const auto requires_it = std::ranges::find_if(plan.packages, [&](const auto &other) {
            return other.release.package == one->required_by ||
                   std::ranges::any_of(other.receipt.extensions, [&](const auto &extension) {
                       return extension.name == one->required_by;
                   });
        });
        if (requires_it == plan.packages.end()) return names_of(one->required_by);
        one = &*requires_it;
    }
    return names_of(*one);
}

// The record outlives the transaction that the error ends.
void record(const char *function, const std::string &what, const std::string &role) {
    const std::string action = "refused: " + std::string(function).substr(4);
    // It may be any text: nobody has looked at it yet.
    constexpr std::size_t longest = 200;
    const char *text = what.c_str();
    const int length = pg::call(
        [text, &what] { return pg_mbcliplen(text, static_cast<int>(what.size()), longest); });
    if (Result<void> recorded =
            record_refusal(action, what.substr(0, static_cast<std::size_t>(length)), role);
        !recorded)
        pg::warning("could not record the refusal", recorded.error().message);
}

}  // namespace

bool Policy::Allowance::allows_registry(const std::string &name) const {
    return !registries || std::ranges::find(*registries, name) != registries->end();
}

Policy::Policy(const pg::OwnerRights &rights, const char *function)
    : function_(function), caller_(rights.caller()) {
    limited_ =
        caller_ != GetUserId() && !pg::call([role = caller_] { return superuser_arg(role); });
    if (!limited_) return;
    role_ = pg::call([role = caller_] { return GetUserNameFromId(role, false); });
    read();
}

// In a snapshot of this moment.
void Policy::read() {
    allowances_.clear();
    for (const pg::Row &row : pg::query_latest(allowances_query, {std::to_string(caller_)})) {
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

Error Policy::refusal(const std::string &what, const std::string &detail) const {
    record(function_, what, role_);
    return Error{ErrorCode::permission_denied,
                 "permission denied to run " + std::string(function_) + " for \"" + what + "\"",
                 detail,
                 "A superuser can allow it: SELECT pgx.allow(role, packages => '...'). What is "
                 "allowed is in pgx.allowances."};
}

Result<void> Policy::require(const std::vector<std::string> &names, const std::string &what) {
    read();
    asked_for_.push_back(names);
    if (!matching(names).empty()) return {};
    std::vector<std::string> patterns;
    for (const Allowance &allowance : allowances_) patterns.push_back(allowance.packages);
    return fail(refusal(what, patterns.empty() ? "Nothing is allowed to role \"" + role_ + "\"."
                                               : "Role \"" + role_ + "\" is allowed packages " +
                                                     quoted_list(patterns) + "."));
}

Result<void> Policy::check_wishes(const std::vector<Wish> &wishes) {
    if (!limited_) return {};
    for (const Wish &wish : wishes) {
        const std::vector<std::string> names = names_of(wish.name);
        TRY(require(names, wish.name));
        if (wish.registry && std::ranges::none_of(matching(names), [&](const Allowance *allowance) {
                return allowance->allows_registry(*wish.registry);
            }))
            return fail(refusal(wish.name, "Registry \"" + *wish.registry +
                                               "\" is not allowed to role \"" + role_ + "\"."));
    }
    return {};
}

bool Policy::allows(const InstalledPackage &installed, const std::string &registry) {
    if (!limited_) return true;
    read();
    return std::ranges::any_of(matching(names_of(installed)), [&](const Allowance *allowance) {
        return allowance->allows_registry(registry);
    });
}

Result<void> Policy::check_installed(const InstalledPackage &installed) {
    if (!limited_) return {};
    return require(names_of(installed), installed.package);
}

Result<void> Policy::check_source(const InstalledPackage &installed, const std::string &registry) {
    if (allows(installed, registry)) return {};
    return fail(refusal(installed.package,
                        "Registry \"" + registry + "\" is not allowed to role \"" + role_ + "\"."));
}

Result<void> Policy::check_force(const std::string &name) {
    if (!limited_) return {};
    return fail(refusal(name, "What force => true passes over protects others, and role \"" +
                                  role_ + "\" is limited by what it is allowed."));
}

Result<void> Policy::check_preload(const std::string &name) {
    if (!limited_) return {};
    const std::vector<std::string> names = names_of(name);
    TRY(require(names, name));
    for (const Allowance *allowance : matching(names))
        if (allowance->preload) return {};
    return fail(
        refusal(name, "Role \"" + role_ + "\" is not allowed to have libraries preloaded."));
}

bool Policy::reaches(const std::string &registry) const {
    return !limited_ || std::ranges::any_of(asked_for_, [&](const auto &names) {
        return std::ranges::any_of(matching(names), [&](const Allowance *allowance) {
            return allowance->allows_registry(registry);
        });
    });
}

Result<void> Policy::check_release(const Release &release) {
    if (reaches(release.registry)) return {};
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
    read();
    for (const PlannedPackage &package : plan.packages) {
        const std::string &name = package.release.package;
        std::vector<std::string> names = names_of(package);
        std::vector<std::string> others;
        if (package.previous_version) {
            // What is there is changed for its own sake only.
            const InstalledPackage installed = TRY(require_installed(name));
            TRY(check_installed(installed));
            others = names_of(installed);
        } else {
            others = names_of_what_needs(package, plan);
        }
        for (std::string &other : others) names.push_back(std::move(other));
        std::string reason = "is not covered by what was asked for";
        const bool covered = std::ranges::any_of(matching(names), [&](const Allowance *allowance) {
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

Result<void> check_superuser(const pg::OwnerRights &rights, const char *function,
                             const std::string &what, const std::string &doing,
                             const std::string &why) {
    const Oid caller = rights.caller();
    if (pg::call([caller] { return superuser_arg(caller); })) return {};
    record(function, what, pg::call([caller] { return GetUserNameFromId(caller, false); }));
    return fail(ErrorCode::permission_denied, "permission denied to " + doing, why,
                "Ask a superuser.");
}

}  // namespace pgx
