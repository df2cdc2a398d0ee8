#include "extension/door.h"

#include "extension/refresh.h"

#include <chrono>
#include <utility>

#include "core/base/json.h"
#include "core/base/names.h"
#include "core/base/platform.h"
#include "extension/helper_process.h"
#include "extension/query.h"
#include "extension/settings.h"

namespace pgx {

namespace {

// The package's name without what all packages of an apt repository for this major share.
constexpr const char *insert_releases = R"(
INSERT INTO pgx.releases (registry, name, package, version, repository, architecture, extensions, summary, description,
                          homepage, depends, url, size, sha256, signer)
SELECT $1,
       pg_catalog.regexp_replace(r.package, '^postgresql-(?:' || $3 || '-)?(.+?)(?:-' || $3 || ')?$', '\1'),
       r.package, r.version, coalesce(r.repository, ''), coalesce(r.architecture, ''), r.extensions,
       coalesce(r.summary, ''), coalesce(r.description, ''), coalesce(r.homepage, ''), coalesce(r.depends, ''),
       r.url, r.size, r.sha256, coalesce(r.signer, '')
  FROM pg_catalog.jsonb_to_recordset(($2::pg_catalog.jsonb) -> 'rows')
    AS r(package text, version text, repository text, architecture text, extensions text[], summary text, description text,
         homepage text, depends text, url text, size bigint, sha256 text, signer text)
    ON CONFLICT DO NOTHING)";

std::uint64_t milliseconds_since(std::chrono::steady_clock::time_point start) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::steady_clock::now() - start)
                                          .count());
}

std::string plural(std::uint64_t count, const char *one, const char *many) {
    return std::to_string(count) + " " + (count == 1 ? one : many);
}

void tell(const RefreshReport &report) {
    std::string seconds = std::to_string(report.milliseconds / 1000) + "." +
                          std::to_string(report.milliseconds % 1000 / 100);
    pg::notice("registry \"" + report.registry + "\" offers " +
               plural(report.packages, "package", "packages") + " (" + format_bytes(report.bytes) +
               " read in " + seconds + " s)");
}

}  // namespace

Result<RefreshReport> refresh_registry(const std::string &name, bool extension_names,
                                       ProgressSlot &progress) {
    const auto start = std::chrono::steady_clock::now();
    // The lock keeps two sessions from working on one registry's rows and cache; the second finds
    // the work done.
    std::vector<pg::Row> rows = pg::query(
        "SELECT kind, source, state, packages FROM pgx.registries WHERE name "
        "OPERATOR(pg_catalog.=) $1 FOR UPDATE",
        {name});
    if (rows.empty())
        return fail(ErrorCode::unknown_registry, "registry \"" + name + "\" does not exist");

    // After a restore the registry is known and what it offers is not: then nothing that was read
    // before counts.
    const bool has_rows =
        !pg::query("SELECT FROM pgx.releases WHERE registry OPERATOR(pg_catalog.=) $1 LIMIT 1",
                   {name})
             .empty();
    const std::string state = has_rows ? rows[0][2].value_or("") : "";
    const DirectoryLayout layout = directory_layout();
    TRY(make_directories(real_file_system(), layout));
    Platform platform = host_platform();
    platform.postgres_major = layout.postgres_major;
    const Json request = {{"op", "refresh"},
                          {"platform", to_json(platform)},
                          {"cache", layout.cache()},
                          {"extension_names", extension_names ? "always" : "auto"},
                          {"registry",
                           {{"name", name},
                            {"kind", rows[0][0].value_or("")},
                            {"source", rows[0][1].value_or("")},
                            {"state", state}}}};

    bool replaced = false;
    auto replace_rows = [&] {
        if (!std::exchange(replaced, true))
            pg::execute("DELETE FROM pgx.releases WHERE registry OPERATOR(pg_catalog.=) $1",
                        {name});
    };
    Result<Json> result =
        run_helper(request, progress, [&](const std::string &line) -> Result<void> {
            replace_rows();
            pg::execute(insert_releases, {name, line, std::to_string(layout.postgres_major)});
            return {};
        });
    // The table's remedy for a refusal is a refresh.
    if (!result && result.error().code == ErrorCode::registry_refused &&
        result.error().hint.empty())
        result.error().hint =
            "Check the registry's address in pgx.registries, and whether it asks for credentials.";
    if (!result)
        return fail(
            std::move(result).error().prefixed("could not refresh registry \"" + name + "\""));

    // What is missing would read as "nothing is offered any more".
    if (!result->is_object() || !result->contains("unchanged") || !result->contains("state"))
        return fail(ErrorCode::helper_failed, "could not refresh registry \"" + name + "\"",
                    "The helper program did not say what it has read.");
    RefreshReport report{name};
    report.unchanged = TRY(json_bool(*result, "unchanged", false));
    // Nobody has counted again what has not changed.
    report.packages = report.unchanged && rows[0][3] ? std::stoull(*rows[0][3])
                                                     : TRY(json_unsigned(*result, "packages", 0));
    report.repositories = TRY(json_unsigned(*result, "repositories", 0));
    report.requests = TRY(json_unsigned(*result, "requests", 0));
    report.bytes = TRY(json_unsigned(*result, "bytes", 0));
    if (!report.unchanged) replace_rows();
    // Of an unchanged registry the helper does not count the packages again.
    rows = pg::query(
        "UPDATE pgx.registries SET refreshed_at = pg_catalog.clock_timestamp(), state = $2, "
        "packages = coalesce($3::pg_catalog.int4, packages) WHERE name OPERATOR(pg_catalog.=) $1 "
        "RETURNING packages",
        {name, TRY(json_string(*result, "state", "")),
         report.unchanged ? pg::Value{} : std::to_string(report.packages)});
    report.packages = std::stoull(rows.at(0)[0].value_or("0"));
    report.milliseconds = milliseconds_since(start);
    return report;
}

Result<std::vector<std::string>> enabled_registries() {
    auto enabled = [] {
        return pg::query("SELECT name, enabled FROM pgx.registries ORDER BY priority DESC, name");
    };
    std::vector<pg::Row> rows = enabled();
    if (rows.empty()) {
        if (pg::execute("INSERT INTO pgx.registries (name, kind) VALUES ('system', 'apt') ON "
                        "CONFLICT DO NOTHING") > 0)
            pg::notice(
                "registry \"system\" was added: the package repositories that this host's apt is "
                "configured for");
        rows = enabled();
    }
    std::vector<std::string> names;
    for (const pg::Row &row : rows)
        if (row[1] == "t") names.push_back(row[0].value_or(""));
    if (names.empty())
        return fail(ErrorCode::no_registry, "no registry is enabled", "",
                    "Enable one with pgx.alter_registry(name, enabled => true), or add one with "
                    "pgx.add_registry(name, source).");
    return names;
}

Result<void> ensure_refreshed(ProgressSlot &progress) {
    for (const std::string &name : TRY(enabled_registries())) {
        std::vector<pg::Row> rows = pg::query(
            "SELECT refreshed_at IS NULL OR (packages OPERATOR(pg_catalog.>) 0 AND NOT EXISTS"
            "       (SELECT FROM pgx.releases AS r WHERE r.registry OPERATOR(pg_catalog.=) g.name))"
            "  FROM pgx.registries AS g WHERE name OPERATOR(pg_catalog.=) $1",
            {name});
        if (rows.empty() || rows[0][0] != "t") continue;
        tell(TRY(refresh_registry(name, false, progress)));
    }
    return {};
}

}  // namespace pgx
