#include "extension/door.h"

#include "extension/adoption.h"

#include <set>

#include "core/base/names.h"
#include "core/base/receipt.h"
#include "extension/apply.h"
#include "extension/query.h"
#include "extension/refresh.h"

namespace pgx {

namespace {

constexpr std::string_view receipt_suffix = ".json";

// The first file that is missing or another one; empty when there is none.
Result<std::string> first_deviating(const Receipt &receipt, const DirectoryLayout &layout) {
    for (const ReceiptFile &file : receipt.files) {
        const std::string place = layout.installed(file.path);
        std::optional<FileInfo> info = TRY(real_file_system().info(place));
        if (!info || info->type != FileType::regular || info->size != file.size) return file.path;
        Result<std::string> sha256 = sha256_of_file(real_file_system(), place);
        if (!sha256 || *sha256 != file.sha256) return file.path;
    }
    return std::string();
}

}  // namespace

Result<std::vector<LostPackage>> lost_packages(const DirectoryLayout &layout) {
    std::vector<LostPackage> lost;
    const std::vector<std::string> names = TRY(real_file_system().list(layout.receipts()));
    if (names.empty()) return lost;
    std::set<std::string> known;
    // What was removed here is not lost: files of it that came back, with a base backup for
    // example, are nobody's.
    for (const pg::Row &row :
         pg::query_latest("SELECT package FROM pgx.installed UNION SELECT package FROM pgx.history "
                          "WHERE action OPERATOR(pg_catalog.=) 'remove'"))
        known.insert(*row[0]);
    for (const std::string &name : names) {
        if (!name.ends_with(receipt_suffix)) continue;
        const std::string package = name.substr(0, name.size() - receipt_suffix.size());
        if (known.contains(package)) continue;
        Result<Receipt> receipt =
            read_receipt(real_file_system(), join_path(layout.receipts(), name));
        // A receipt that cannot be believed is an orphan; doctor() reports those.
        if (!receipt || receipt->package != package) continue;
        std::string deviating = TRY(first_deviating(*receipt, layout));
        lost.push_back({std::move(*receipt), std::move(deviating)});
    }
    return lost;
}

Result<bool> adopt_packages(const DirectoryLayout &layout) {
    std::vector<std::string> adopted;
    for (const LostPackage &package : TRY(lost_packages(layout))) {
        if (!package.deviating.empty()) continue;
        record_adopted(package.receipt);
        adopted.push_back(package.receipt.package);
    }
    if (adopted.empty()) return false;
    // The registries are lost too; the host's own is the one that can be had again without asking
    // anybody.
    (void)TRY(enabled_registries());
    pg::notice("packages that were installed before pgx was dropped are known again: " +
               quoted_list(adopted));
    return true;
}

}  // namespace pgx
