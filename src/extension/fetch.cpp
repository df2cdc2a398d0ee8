#include "extension/door.h"

#include "extension/fetch.h"

#include <algorithm>
#include <utility>

#include "core/base/json.h"
#include "core/base/platform.h"
#include "extension/bundle_registry.h"
#include "extension/helper_process.h"
#include "extension/query.h"
#include "extension/registry_headers.h"

extern "C" {
#include "miscadmin.h"
}

namespace pgx {

namespace {

// As server processes can open it, which run in the data directory: a relative path is the same on
// a standby and in a restored backup.
std::string destination_of(const DirectoryLayout &layout) {
    const std::string path = join_path(layout.root, layout.version_directory());
    const std::string inside = std::string(DataDir) + "/";
    return path.starts_with(inside) ? path.substr(inside.size()) : path;
}

}  // namespace

Result<std::vector<Receipt>> fetch_releases(const std::vector<Release> &releases,
                                            const std::string &staging,
                                            const DirectoryLayout &layout, ProgressSlot &progress) {
    Platform platform = host_platform();
    platform.postgres_major = layout.postgres_major;
    Json artifacts = Json::array(), headers = Json::object();
    for (const Release &release : releases) {
        if (release.kind == bundle_kind) TRY(provide_bundle(release, layout));
        artifacts.push_back(release.artifact());
        if (headers.contains(release.registry)) continue;
        if (Json own = registry_headers(release.registry); !own.empty())
            headers[release.registry] = std::move(own);
    }
    Json others = Json::object();
    for (const pg::Row &row : pg::query("SELECT name, source FROM pgx.registries WHERE enabled AND "
                                        "kind OPERATOR(pg_catalog.=) 'apt'"))
        others[row[0].value_or("")] = row[1].value_or("");
    const Json request = {{"op", "fetch"},
                          {"platform", to_json(platform)},
                          {"cache", layout.cache()},
                          {"host", layout.host()},
                          {"staging", staging},
                          {"server", std::string(my_exec_path)},
                          {"destination", destination_of(layout)},
                          {"artifacts", std::move(artifacts)},
                          {"headers", std::move(headers)},
                          {"others", std::move(others)}};
    const Json result = TRY(run_helper(request, progress));
    const auto answers = result.find("receipts");
    if (answers == result.end() || !answers->is_array() || answers->size() != releases.size())
        return fail(ErrorCode::helper_failed, "the helper program did not say what it unpacked");

    std::vector<Receipt> receipts;
    for (std::size_t i = 0; i < releases.size(); i++) {
        Receipt receipt = TRY(receipt_from_json((*answers)[i]));
        if (receipt.package != releases[i].package || receipt.version != releases[i].version ||
            receipt.artifact_sha256 != releases[i].sha256)
            return fail(ErrorCode::helper_failed,
                        "the helper program unpacked something else than it was told to");
        receipt.registry = releases[i].registry;
        receipts.push_back(std::move(receipt));
    }
    return receipts;
}

}  // namespace pgx
