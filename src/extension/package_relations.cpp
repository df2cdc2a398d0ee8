#include "extension/door.h"

#include "extension/package_relations.h"

#include <algorithm>
#include <optional>

#include "core/base/debian_relation.h"
#include "core/base/debian_version.h"
#include "extension/inventory.h"
#include "extension/query.h"

namespace pgx {

namespace {

struct NamedVersion {
    std::string package, version;
};

// A package as something to be held against relations.
struct RelatedPackage : NamedVersion {
    std::string breaks;
    bool planned = false;
};

const PlannedPackage *find_planned(const Plan &plan, const std::string &package) {
    const auto found = std::ranges::find_if(plan.packages, [&](const PlannedPackage &planned) {
        return planned.release.package == package;
    });
    return found == plan.packages.end() ? nullptr : &*found;
}

std::optional<std::string> installed_version(const std::string &package) {
    const std::vector<pg::Row> rows = pg::query_latest(
        "SELECT version FROM pgx.installed WHERE package OPERATOR(pg_catalog.=) $1", {package});
    if (rows.empty()) return std::nullopt;
    return rows[0][0];
}

// The newest version that the registry offers and the relation allows.
std::optional<std::string> offered_version(const std::string &registry,
                                           const DebianRelation &relation) {
    for (const pg::Row &row :
         pg::query("SELECT version FROM pgx.releases WHERE registry OPERATOR(pg_catalog.=) $1 AND "
                   "package "
                   "OPERATOR(pg_catalog.=) $2 ORDER BY pgx.version_key(version) DESC",
                   {registry, relation.package}))
        if (relation.holds_for(row[0].value_or(""))) return row[0];
    return std::nullopt;
}

std::string who(const PlannedPackage &planned) {
    return planned.receipt.extensions.empty() ? planned.release.package
                                              : planned.receipt.extensions.front().name;
}

// The first alternative that is on offer, unless one of them is there already.
std::optional<Wish> missing_alternative(const PlannedPackage &planned,
                                        const DebianAlternatives &alternatives, const Plan &plan) {
    std::optional<Wish> wish;
    for (const DebianRelation &relation : alternatives) {
        if (const PlannedPackage *other = find_planned(plan, relation.package);
            other != nullptr && relation.holds_for(other->release.version))
            return std::nullopt;
        if (const std::optional<std::string> version = installed_version(relation.package);
            version && relation.holds_for(*version))
            return std::nullopt;
        if (wish) continue;
        if (const auto version = offered_version(planned.release.registry, relation))
            wish = Wish{.name = relation.package,
                        .version = version,
                        .registry = planned.release.registry,
                        .required_by = who(planned)};
    }
    return wish;
}

bool has_module(const Receipt &receipt, const std::string &library) {
    return std::ranges::any_of(receipt.modules, [&](const ReceiptModule &module) {
        return module.path == "lib/" + library + ".so";
    });
}

// Whether a script of the package names a library that is nowhere.
bool lacks_library(const PlannedPackage &planned, const Plan &plan) {
    for (const ReceiptExtension &extension : planned.receipt.extensions)
        for (const std::string &library : extension.libraries) {
            if (std::ranges::any_of(plan.packages, [&](const PlannedPackage &other) {
                    return has_module(other.receipt, library);
                }))
                continue;
            if (!pg::query_latest("SELECT FROM pgx.files WHERE path OPERATOR(pg_catalog.=) $1",
                                  {"lib/" + library + ".so"})
                     .empty())
                continue;
            const auto directory = server_library_directory(library + ".so");
            if (!directory || !*directory) return true;
        }
    return false;
}

std::vector<RelatedPackage> all_packages(const Plan &plan) {
    std::vector<RelatedPackage> all;
    for (const PlannedPackage &planned : plan.packages)
        all.push_back(
            {{planned.release.package, planned.release.version}, planned.release.breaks, true});
    for (const pg::Row &row : pg::query_latest(
             "SELECT i.package, i.version, coalesce(r.breaks, '') FROM pgx.installed AS i"
             "  LEFT JOIN pgx.releases AS r ON r.registry OPERATOR(pg_catalog.=) i.registry AND "
             "r.package OPERATOR(pg_catalog.=) i.package AND r.version OPERATOR(pg_catalog.=) "
             "i.version"))
        if (find_planned(plan, *row[0]) == nullptr)
            all.push_back({{*row[0], row[1].value_or("")}, row[2].value_or(""), false});
    return all;
}

Error conflict(const RelatedPackage &breaker, const RelatedPackage &broken,
               const DebianRelation &relation) {
    const auto state = [](const RelatedPackage &package) {
        return package.package + " " + package.version +
               (package.planned ? " would be installed" : " is installed");
    };
    return Error{
        ErrorCode::package_conflict,
        "\"" + breaker.package + "\" and \"" + broken.package + "\" cannot be installed together",
        "Because " + breaker.package + " " + breaker.version + " breaks " + relation.text() + ", " +
            state(breaker) + ", and " + state(broken) + "."};
}

}  // namespace

std::vector<Wish> package_requirements(const Plan &plan) {
    std::vector<Wish> wishes;
    for (const PlannedPackage &planned : plan.packages) {
        std::string fields = planned.release.depends;
        if (lacks_library(planned, plan)) fields += ", " + planned.release.recommends;
        for (const DebianAlternatives &alternatives : parse_debian_relations(fields))
            if (std::optional<Wish> wish = missing_alternative(planned, alternatives, plan))
                wishes.push_back(std::move(*wish));
    }
    return wishes;
}

Result<void> check_package_conflicts(const Plan &plan) {
    const std::vector<RelatedPackage> all = all_packages(plan);
    for (const RelatedPackage &breaker : all)
        for (const DebianAlternatives &alternatives : parse_debian_relations(breaker.breaks))
            for (const DebianRelation &relation : alternatives)
                for (const RelatedPackage &broken : all)
                    if ((breaker.planned || broken.planned) && broken.package != breaker.package &&
                        broken.package == relation.package && relation.holds_for(broken.version))
                        return fail(conflict(breaker, broken, relation));
    return {};
}

}  // namespace pgx
