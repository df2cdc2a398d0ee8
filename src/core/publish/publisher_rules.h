// publisher_rules.h - what a publisher may say.
//
// A publisher is somebody to whom the registry's owner has given names, and nothing else. What he
// signs is looked at when it is taken in, and again by whoever checks the registry:
//
//  - a target "packages/NAME.json" holds the package NAME and no other, NAME being his;
//  - a package claims extensions with names that are his too, or its own name: else the package
//    "acme_tools" could say that it is where "postgis" comes from;
//  - a file that he has published does not change;
//  - a module path ("github.com/theory/pg-semver"), which is a name as well, has one package.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalog/catalog.h"
#include "core/tuf/metadata.h"

namespace pgx {

// The role of the publisher that a name belongs to: of those whose patterns cover it the first;
// empty where there is none.
Result<std::string> owner_of_name(const std::vector<tuf::Delegation> &delegations,
                                  std::string_view name);

// invalid_argument, naming the extension: the package claims a name that is not `role`'s.
Result<void> check_extension_names(const std::vector<tuf::Delegation> &delegations,
                                   const std::string &role, const std::string &package,
                                   const CatalogRelease &release);

// The name of the package of a publisher's target; registry_malformed: there can be none, or it is
// not `role`'s.
Result<std::string> check_publisher_path(const std::vector<tuf::Delegation> &delegations,
                                         const std::string &role, const std::string &path);

// A whole target: its path, that it has just this package, and the names of its extensions.
Result<void> check_publisher_target(const std::vector<tuf::Delegation> &delegations,
                                    const std::string &role, const std::string &path,
                                    const Catalog &catalog);

// wrong_state: a file that is or was in `before` is in `after` with other bytes.
Result<void> check_files_unchanged(const CatalogPackage &before, const CatalogPackage &after);

// Which package has a module path. Upper and lower case are the same, as they are to those who
// host repositories.
class ModulePaths {
   public:
    void add(const std::string &package, const std::string &module_path);
    // invalid_argument: another package has it.
    Result<void> check(const std::string &package, const std::string &module_path) const;

   private:
    std::map<std::string, std::string> packages_;
};

}  // namespace pgx
