#include "extension/door.h"

#include "extension/plan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/base/package_universe.h"
#include "extension/plan_source.h"

namespace pgx {

namespace {

bool has_extension(const Receipt &receipt, const std::string &name) {
    return std::ranges::any_of(receipt.extensions, [&](const ReceiptExtension &extension) {
        return extension.name == name;
    });
}

// What is required goes first, so that an extension is never visible before what it needs. Depth
// first; a cycle is cut where it closes, as all of it is installed in one transaction anyway.
std::vector<PlannedPackage> sorted_by_requirement(std::vector<PlannedPackage> packages) {
    std::vector<PlannedPackage> sorted;
    std::vector<int> state(packages.size(), 0);  // 0 new, 1 entered
    auto visit = [&](auto &self, std::size_t index) -> void {
        if (std::exchange(state[index], 1) != 0) return;
        for (const ReceiptExtension &extension : packages[index].receipt.extensions)
            for (const std::string &name : extension.requires_)
                for (std::size_t other = 0; other < packages.size(); other++)
                    if (state[other] == 0 && has_extension(packages[other].receipt, name))
                        self(self, other);
        sorted.push_back(std::move(packages[index]));
    };
    for (std::size_t index = 0; index < packages.size(); index++) visit(visit, index);
    return sorted;
}

// Of what is installed apply.h knows the files.
Result<void> check_files(const std::vector<PlannedPackage> &packages) {
    std::map<std::string, std::string> owners;
    for (const PlannedPackage &package : packages)
        for (const ReceiptFile &file : package.receipt.files) {
            const auto [owner, is_new] = owners.emplace(file.path, package.release.package);
            if (is_new) continue;
            return fail(ErrorCode::file_conflict,
                        "packages \"" + owner->second + "\" and \"" + package.release.package +
                            "\" both contain \"" + file.path + "\"",
                        "Both would be installed.", "Install only one of them.");
        }
    return {};
}

}  // namespace

Result<Plan> make_plan(const std::vector<Wish> &wishes, const DirectoryLayout &layout,
                       ProgressSlot &progress, Policy &policy) {
    StagingDirectory staging = TRY(StagingDirectory::create(layout));
    PlanSource source(layout, progress, staging.path(), policy);
    for (const Wish &wish : wishes) TRY(source.consider(wish));
    std::vector<ChosenOffer> chosen = TRY(choose_offers(source));
    while (TRY(source.consider_requirements(chosen))) chosen = TRY(choose_offers(source));
    source.tell_older(chosen);
    TRY(source.tell_lacking(chosen));
    std::vector<PlannedPackage> packages = TRY(source.take_planned(chosen));
    TRY(check_files(packages));
    return Plan{std::move(staging), source.take_satisfied(),
                sorted_by_requirement(std::move(packages)), source.unfit_packages()};
}

}  // namespace pgx
