#include "extension/door.h"

#include "extension/dependents.h"

#include <algorithm>

#include "core/base/names.h"
#include "extension/query.h"
#include "extension/result_set.h"

namespace pgx {

namespace {

bool contains(const std::vector<std::string> &list, const std::string &one) {
    return std::ranges::find(list, one) != list.end();
}

constexpr const char *packages_query = R"(
SELECT i.package, i.version, i.requested,
       (SELECT r.depends FROM pgx.releases AS r
         WHERE r.registry OPERATOR(pg_catalog.=) i.registry AND r.package OPERATOR(pg_catalog.=) i.package
           AND r.version OPERATOR(pg_catalog.=) i.version LIMIT 1)
  FROM pgx.installed AS i)";

constexpr const char *extensions_query = R"(
SELECT e.package, e.extension, pg_catalog.array_to_json(e.requires)::pg_catalog.text,
       pg_catalog.array_to_json(e.libraries)::pg_catalog.text
  FROM pgx.installed_extensions AS e ORDER BY e.extension)";

// Deeper down are libraries that modules need, and nobody loads by name.
constexpr const char *libraries_query = R"(
SELECT f.package, pg_catalog.substr(f.path, 5, pg_catalog.length(f.path) OPERATOR(pg_catalog.-) 7)
  FROM pgx.files AS f
 WHERE f.kind OPERATOR(pg_catalog.=) 'library' AND f.path OPERATOR(pg_catalog.~) '^lib/[^/]+[.]so$')";

}  // namespace

std::string Dependents::text() const {
    std::string text;
    if (!extensions.empty()) text += "It is required by " + quoted_list(extensions) + ". ";
    for (const auto &[library, users] : libraries)
        text += "Its library \"" + library + "\" is used by " + quoted_list(users) + ". ";
    if (!packages.empty())
        text += std::string(packages.size() == 1 ? "Package " : "Packages ") +
                quoted_list(packages) + (packages.size() == 1 ? " depends" : " depend") +
                " on it. ";
    return text;
}

InstalledPackages InstalledPackages::load() {
    InstalledPackages all;
    for (const pg::Row &row : pg::query_latest(packages_query)) {
        Package &package = all.packages_[row[0].value_or("")];
        package.version = row[1].value_or("");
        package.requested = row[2] == "t";
        package.depends = parse_debian_relations(row[3].value_or(""));
    }
    // What another session commits between two of the queries belongs to no package here.
    const auto of = [&](const pg::Row &row) -> Package * {
        const auto found = all.packages_.find(row[0].value_or(""));
        return found == all.packages_.end() ? nullptr : &found->second;
    };
    for (const pg::Row &row : pg::query_latest(extensions_query))
        if (Package *package = of(row))
            package->extensions.push_back({row[1].value_or(""), pg::strings_from_json_array(row[2]),
                                           pg::strings_from_json_array(row[3])});
    for (const pg::Row &row : pg::query_latest(libraries_query))
        if (Package *package = of(row)) package->libraries.push_back(row[1].value_or(""));
    return all;
}

Dependents InstalledPackages::dependents_of(const std::string &name,
                                            const std::vector<std::string> &leaving) const {
    Dependents result;
    const auto found = packages_.find(name);
    if (found == packages_.end()) return result;
    const Package &package = found->second;
    const auto stays = [&](const std::string &other) {
        return other != name && !contains(leaving, other);
    };
    const auto is_met_otherwise = [&](const DebianAlternatives &alternatives) {
        return std::ranges::any_of(alternatives, [&](const DebianRelation &relation) {
            const auto other = packages_.find(relation.package);
            return other != packages_.end() && stays(other->first) &&
                   relation.holds_for(other->second.version);
        });
    };
    const auto is_met_by_it = [&](const DebianAlternatives &alternatives) {
        return std::ranges::any_of(alternatives, [&](const DebianRelation &relation) {
            return relation.package == name && relation.holds_for(package.version);
        });
    };
    for (const auto &[other_name, other] : packages_) {
        if (!stays(other_name)) continue;
        for (const Extension &extension : other.extensions) {
            if (std::ranges::any_of(package.extensions, [&](const Extension &own) {
                    return contains(extension.requires_, own.name);
                }))
                result.extensions.push_back(extension.name);
            for (const std::string &library : package.libraries)
                if (contains(extension.libraries, library))
                    result.libraries[library].push_back(extension.name);
        }
        if ((other.requested || !other.extensions.empty()) &&
            std::ranges::any_of(other.depends, [&](const DebianAlternatives &alternatives) {
                return is_met_by_it(alternatives) && !is_met_otherwise(alternatives);
            }))
            result.packages.push_back(other_name);
    }
    std::ranges::sort(result.extensions);
    return result;
}

std::vector<std::string> InstalledPackages::unneeded() const {
    std::vector<std::string> names;
    for (const auto &[name, package] : packages_)
        if (!package.requested && dependents_of(name, {}).empty()) names.push_back(name);
    return names;
}

}  // namespace pgx
