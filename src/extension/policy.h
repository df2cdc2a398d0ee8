// policy.h - what a role may do that is not a superuser and was given EXECUTE on pgx's functions.
//
// EXECUTE says who may call, pgx.allow() for what: names of packages, registries, kinds of content.
// Without an allowance nothing is allowed, so that a GRANT alone opens nothing. Whoever calls is
// asked for, not whoever has logged in: a function of a superuser's with SECURITY DEFINER may
// install what it likes.
//
// Names are looked at before anything else is, so that nobody can make the server talk to
// registries by asking for what he may not have, and registries that no allowance for these names
// reaches are not asked. A package is judged by the allowances for its own names, and what comes
// along with it by these or by those for what requires it: several names in one call do not lend
// each other anything. No package that is installed already is changed for the sake of another.
//
// Every check reads the allowances anew, whatever the transaction's snapshot is: what is taken back
// is in force for calls that have begun before, too.
//
// Refusals are recorded in pgx.history, by a transaction of their own.
#pragma once

#include "extension/definer.h"

#include <optional>
#include <string>
#include <vector>

#include "extension/inventory.h"
#include "extension/plan.h"
#include "extension/release.h"

namespace pgx {

class Policy {
   public:
    // Of the caller; `function` is its name for messages: "pgx.install()".
    Policy(const pg::OwnerRights &rights, const char *function);

    // Superusers and the owner of pgx are not limited.
    bool is_limited() const { return limited_; }

    // permission_denied, recorded, when a wish names what is not allowed.
    Result<void> check_wishes(const std::vector<Wish> &wishes);

    // The same for a package that is there, by any of its names,
    Result<void> check_installed(const InstalledPackage &installed);
    // and for reading it from a registry.
    Result<void> check_source(const InstalledPackage &installed, const std::string &registry);
    bool allows(const InstalledPackage &installed, const std::string &registry);

    // The same for force => true: it passes over checks that protect others.
    Result<void> check_force(const std::string &name);

    // The same for libraries of a package, or of the server, that are to be preloaded.
    Result<void> check_preload(const std::string &name);

    // Whether an allowance for something that was asked for reaches this registry.
    bool reaches(const std::string &registry) const;

    // The same for a release that was chosen, before it is fetched.
    Result<void> check_release(const Release &release);

    // The same for everything that would be installed, after it was looked into.
    Result<void> check_plan(const Plan &plan);

   private:
    struct Allowance {
        std::string packages;                                // a pattern
        std::optional<std::vector<std::string>> registries;  // nullopt: all
        bool trusted = false, preload = false, libraries = false;
        bool allows_registry(const std::string &name) const;
    };

    void read();
    std::vector<const Allowance *> matching(const std::vector<std::string> &names) const;
    Result<void> require(const std::vector<std::string> &names, const std::string &what);
    std::optional<std::string> flaw(const PlannedPackage &package,
                                    const Allowance &allowance) const;
    Error refusal(const std::string &what, const std::string &detail) const;

    const char *function_;
    bool limited_ = false;
    Oid caller_ = InvalidOid;
    std::string role_;
    std::vector<Allowance> allowances_;
    std::vector<std::vector<std::string>> asked_for_;  // names, by which it may be allowed
};

// For functions that ask for a superuser besides EXECUTE: permission_denied, recorded as well.
// `doing` and `why` are for people, `what` is what it is about.
Result<void> check_superuser(const pg::OwnerRights &rights, const char *function,
                             const std::string &what, const std::string &doing,
                             const std::string &why);

}  // namespace pgx
