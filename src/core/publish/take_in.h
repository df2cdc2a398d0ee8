// take_in.h - a publisher's newer metadata, looked at before readers get it.
//
// The publisher is believed as far as his names go and no further (publisher_rules.h), and what he
// says of his bundles is compared with them (bundle_claims.h). What readers have of him already was
// looked at when it was taken in, so of a package only what is new is.
#pragma once

#include <optional>
#include <string>

#include "core/publish/catalog_change.h"

namespace pgx {

class PublisherInspection {
   public:
    // `scratch`: must not exist.
    PublisherInspection(Generation &generation, std::string scratch)
        : generation_(generation), scratch_(std::move(scratch)) {}

    // The error says what is not right with the pending version of a publisher's role, and in which
    // of its targets. Those that pass count for the ones that come later: of two who claim the same
    // module path, the first gets it.
    Result<void> check(const std::string &role);

   private:
    Result<void> check_package(const std::string &name, const CatalogPackage &package,
                               const CatalogPackage &before);
    Result<void> check_bundles(const std::string &package, const CatalogRelease &release,
                               bool look_inside);

    Generation &generation_;
    std::string scratch_;
    std::optional<ModulePaths> module_paths_;
};

}  // namespace pgx
