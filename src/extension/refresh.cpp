#include "extension/door.h"

#include "extension/refresh.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "core/base/json.h"
#include "core/base/names.h"
#include "core/base/platform.h"
#include "core/base/protocol.h"
#include "extension/bundle_registry.h"
#include "extension/helper_process.h"
#include "extension/policy.h"
#include "extension/query.h"
#include "extension/registry_headers.h"
#include "extension/settings.h"
#include "extension/subtransaction.h"

namespace pgx {

namespace {

// The package's name without what all packages of an apt repository for this major share.
constexpr const char *insert_statement = R"(
INSERT INTO pgx.releases (registry, name, package, version, repository, architecture, extensions, summary, description,
                          homepage, depends, recommends, breaks, url, size, sha256, signer, module_path, part)
SELECT $1,
       pg_catalog.regexp_replace(r.package, '^postgresql-(?:' || $3 || '-)?(.+?)(?:-' || $3 || ')?$', '\1'),
       r.package, r.version, coalesce(r.repository, ''), coalesce(r.architecture, ''), r.extensions,
       coalesce(r.summary, ''), coalesce(r.description, ''), coalesce(r.homepage, ''), coalesce(r.depends, ''), coalesce(r.recommends, ''), coalesce(r.breaks, ''),
       r.url, r.size, r.sha256, coalesce(r.signer, ''), coalesce(r.module_path, ''),
       coalesce(($2::pg_catalog.jsonb) ->> 'part', '')
  FROM pg_catalog.jsonb_to_recordset(($2::pg_catalog.jsonb) -> 'rows')
    AS r(package text, version text, repository text, architecture text, extensions text[], summary text, description text,
         homepage text, depends text, recommends text, breaks text, url text, size bigint, sha256 text, signer text, module_path text)
    ON CONFLICT DO NOTHING)";

std::uint64_t milliseconds_since(std::chrono::steady_clock::time_point start) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::steady_clock::now() - start)
                                          .count());
}

std::string plural(std::uint64_t count, const char *one, const char *many) {
    return std::to_string(count) + " " + (count == 1 ? one : many);
}

// The parts of a registry's catalog that pgx.releases holds, with their digests.
Json known_parts(const std::string &registry) {
    Json parts = Json::object();
    for (const pg::Row &row : pg::query("SELECT part, digest FROM pgx.registry_parts WHERE "
                                        "registry OPERATOR(pg_catalog.=) $1",
                                        {registry}))
        parts[row[0].value_or("")] = row[1].value_or("");
    return parts;
}

struct KnownRegistry {
    std::string name, kind, source, root;
    Json parts;
};

// `state` is that of the rows at hand.
Json refresh_request(const KnownRegistry &registry, const std::string &state, bool extension_names,
                     const DirectoryLayout &layout) {
    Platform platform = host_platform();
    platform.postgres_major = layout.postgres_major;
    return {{"op", "refresh"},
            {"platform", to_json(platform)},
            {"cache", layout.cache()},
            {"host", layout.host()},
            {"trust", layout.trust()},
            {"extension_names", extension_names ? "always" : "auto"},
            {"registry",
             {{"name", registry.name},
              {"kind", registry.kind},
              {"source", registry.source},
              {"root", registry.root},
              {"headers", registry_headers(registry.name)},
              {"parts", registry.parts},
              {"state", state}}}};
}

// New rows in the place of old ones: all at once, or part by part for kinds whose catalog has
// parts, so that a change in a large registry touches few rows.
class Replacement {
   public:
    explicit Replacement(std::string registry) : registry_(std::move(registry)) {}

    Result<void> take(const std::string &line) {
        const Json message = TRY(parse_json(line, {.bytes = protocol_line_limit}));
        const std::string part = TRY(json_string(message, "part", ""));
        if (begun_.insert(part).second) clear(part);
        added_ += insert_releases(registry_, line);
        return {};
    }

    // `result` is the helper's; of a kind with parts it lists all that there are. `known` are those
    // that there were.
    Result<void> finish(const Json &result, const Json &known) {
        const auto parts = result.find("parts");
        if (parts == result.end()) {
            if (begun_.empty()) clear("");
            return {};
        }
        if (!parts->is_object())
            return fail(ErrorCode::helper_failed,
                        "could not refresh registry \"" + registry_ + "\"",
                        "The helper program did not say what it has read.");
        std::vector<std::string> gone;
        for (const auto &[part, digest] : known.items())
            if (!parts->contains(part)) gone.push_back(part);
        for (const std::string &part : gone) clear(part);
        pg::execute(
            "DELETE FROM pgx.registry_parts WHERE registry OPERATOR(pg_catalog.=) $1 AND part "
            "OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.text[])",
            {registry_, pg::array_literal(gone)});
        Json changed = Json::object();
        for (const auto &[part, digest] : parts->items())
            if (const auto before = known.find(part); before == known.end() || *before != digest)
                changed[part] = digest;
        pg::execute(
            "INSERT INTO pgx.registry_parts SELECT $1, key, value FROM "
            "pg_catalog.jsonb_each_text($2::pg_catalog.jsonb) ON CONFLICT (registry, part) DO "
            "UPDATE SET digest = excluded.digest",
            {registry_, dump_json(changed)});
        return {};
    }

    // By how many rows there are more or fewer now.
    std::uint64_t added() const { return added_; }
    std::uint64_t removed() const { return removed_; }

   private:
    void clear(const std::string &part) {
        removed_ += pg::execute(
            "DELETE FROM pgx.releases WHERE registry OPERATOR(pg_catalog.=) $1 AND part "
            "OPERATOR(pg_catalog.=) $2",
            {registry_, part});
    }

    std::string registry_;
    std::set<std::string> begun_;
    std::uint64_t added_ = 0, removed_ = 0;
};

void tell(const RefreshReport &report) {
    std::string seconds = std::to_string(report.milliseconds / 1000) + "." +
                          std::to_string(report.milliseconds % 1000 / 100);
    // A package has a row for each of its releases.
    const std::uint64_t packages = std::stoull(
        pg::query("SELECT pg_catalog.count(DISTINCT package) FROM pgx.releases WHERE registry "
                  "OPERATOR(pg_catalog.=) $1",
                  {report.registry})
            .at(0)[0]
            .value_or("0"));
    pg::notice("registry \"" + report.registry + "\" offers " +
               plural(packages, "package", "packages") + " (" + format_bytes(report.bytes) +
               " read in " + seconds + " s)");
}

}  // namespace

std::uint64_t insert_releases(const std::string &registry, const std::string &rows) {
    return pg::execute(insert_statement, {registry, rows, std::to_string(PG_VERSION_NUM / 10000)});
}

Result<RefreshReport> refresh_registry(const std::string &name, bool extension_names,
                                       ProgressSlot &progress) {
    const auto start = std::chrono::steady_clock::now();
    // The lock keeps two sessions from working on one registry's rows and cache; the second finds
    // the work done.
    std::vector<pg::Row> rows = pg::query(
        "SELECT kind, source, state, packages, root FROM pgx.registries WHERE name "
        "OPERATOR(pg_catalog.=) $1 FOR UPDATE",
        {name});
    if (rows.empty())
        return fail(ErrorCode::unknown_registry, "registry \"" + name + "\" does not exist");

    const std::string kind = rows[0][0].value_or("");
    const DirectoryLayout layout = directory_layout();
    if (kind == bundle_kind) {
        RefreshReport report{name};
        report.packages = refresh_bundles(name);
        report.milliseconds = milliseconds_since(start);
        return report;
    }
    // After a restore the registry is known and what it offers is not: then nothing that was read
    // before counts.
    const bool has_rows =
        rows[0][3] &&
        !pg::query("SELECT FROM pgx.releases WHERE registry OPERATOR(pg_catalog.=) $1 LIMIT 1",
                   {name})
             .empty();
    if (!has_rows) {
        pg::execute("DELETE FROM pgx.releases WHERE registry OPERATOR(pg_catalog.=) $1", {name});
        pg::execute("DELETE FROM pgx.registry_parts WHERE registry OPERATOR(pg_catalog.=) $1",
                    {name});
    }
    TRY(make_directories(real_file_system(), layout));
    const Json known = known_parts(name);
    const Json request =
        refresh_request({name, kind, rows[0][1].value_or(""), rows[0][4].value_or(""), known},
                        has_rows ? rows[0][2].value_or("") : "", extension_names, layout);

    Replacement replacement(name);
    Result<Json> result =
        run_helper(request, progress,
                   [&](const std::string &line) -> Result<void> { return replacement.take(line); });
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
    if (!report.unchanged) TRY(replacement.finish(*result, known));
    // Of a catalog in parts, only those that have changed were read. To count all rows would take
    // longer than the rest.
    if (result->contains("parts")) {
        report.packages = replacement.added() + (has_rows ? std::stoull(*rows[0][3]) : 0);
        report.packages -= std::min(report.packages, replacement.removed());
    }
    const std::uint64_t expires = TRY(json_unsigned(*result, "expires", 0));
    // Of an unchanged registry the helper does not count the packages again.
    rows = pg::query(
        "UPDATE pgx.registries SET refreshed_at = pg_catalog.clock_timestamp(), state = $2, "
        "expires_at = pg_catalog.to_timestamp($4::pg_catalog.float8), "
        "packages = coalesce($3::pg_catalog.int4, packages) WHERE name OPERATOR(pg_catalog.=) $1 "
        "RETURNING packages",
        {name, TRY(json_string(*result, "state", "")),
         report.unchanged ? pg::Value{} : std::to_string(report.packages),
         expires == 0 ? pg::Value{} : std::to_string(expires)});
    report.packages = std::stoull(rows.at(0)[0].value_or("0"));
    report.milliseconds = milliseconds_since(start);
    return report;
}

Result<void> check_registry_readable(const std::string &name, ProgressSlot &progress) {
    const std::vector<pg::Row> rows = pg::query(
        "SELECT kind, source, root, state FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1",
        {name});
    if (rows.empty())
        return fail(ErrorCode::unknown_registry, "registry \"" + name + "\" does not exist");
    (void)TRY(run_helper(refresh_request({name, rows[0][0].value_or(""), rows[0][1].value_or(""),
                                          rows[0][2].value_or(""), known_parts(name)},
                                         rows[0][3].value_or(""), false, directory_layout()),
                         progress));
    return {};
}

Result<std::vector<std::string>> enabled_registries(bool may_add) {
    auto enabled = [] {
        return pg::query(
            "SELECT name, enabled, kind FROM pgx.registries ORDER BY priority DESC, name");
    };
    std::vector<pg::Row> rows = enabled();
    // Bundles were put here by hand, and say nothing of where to look for others.
    if (may_add &&
        std::ranges::all_of(rows, [](const pg::Row &row) { return row[2] == bundle_kind; })) {
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

std::vector<std::string> unread_registries() {
    std::vector<std::string> names;
    for (const pg::Row &row : pg::query(
             "SELECT name FROM pgx.registries AS g WHERE enabled AND (refreshed_at IS NULL OR "
             "expires_at OPERATOR(pg_catalog.<) pg_catalog.now() OR (packages "
             "OPERATOR(pg_catalog.>) 0 AND NOT EXISTS"
             "       (SELECT FROM pgx.releases AS r WHERE r.registry OPERATOR(pg_catalog.=) "
             "g.name))) ORDER BY priority DESC, name"))
        names.push_back(row[0].value_or(""));
    return names;
}

Result<void> ensure_refreshed(ProgressSlot &progress, const Policy &policy,
                              const std::vector<std::string> &needed) {
    const auto is_out_of_reach = [&](const std::string &name) { return !policy.reaches(name); };
    std::vector<std::string> enabled = TRY(enabled_registries(!policy.is_limited()));
    std::vector<std::string> unread = unread_registries();
    std::erase_if(enabled, is_out_of_reach);
    std::erase_if(unread, is_out_of_reach);
    std::size_t failed = 0;
    for (const std::string &name : unread) {
        // A part of what was read must not be taken for all of it.
        pg::Subtransaction attempt;
        Result<RefreshReport> report = refresh_registry(name, false, progress);
        if (report) {
            attempt.commit();
            tell(*report);
            continue;
        }
        const bool is_needed = std::ranges::find(needed, name) != needed.end();
        if (report.error().code == ErrorCode::cancelled || is_needed || ++failed == enabled.size())
            return fail(std::move(report).error());
        const Error &error = report.error();
        pg::warning(error.message, error.detail,
                    "What other registries offer is used. Disable it with pgx.alter_registry('" +
                        name + "', enabled => false) if it is to stay so.");
    }
    return {};
}

}  // namespace pgx
