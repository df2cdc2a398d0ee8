#include "extension/door.h"

#include "extension/release.h"

#include <algorithm>

#include "core/base/names.h"
#include "extension/bundle_registry.h"
#include "extension/policy.h"
#include "extension/query.h"
#include "extension/refresh.h"

namespace pgx {

namespace {

// How well a row fits a name, best first. What one repository tells of a package's extensions holds
// for its releases in repositories that do not tell, or else an old release would win over a new
// one. The last rank is for packages named as such extensions usually are ("pg_cron" in
// postgresql-18-cron); it only counts while the registry has not told its extension names, and is
// verified after unpacking. Of a registry whose signed lists have expired nothing is taken.
constexpr const char *candidates_query = R"(
SELECT c.rank, c.priority, c.size, c.registry, c.kind, c.source, c.package, c.version, c.repository, c.url, c.sha256, c.signer, c.depends, c.recommends, c.breaks,
       CASE WHEN pg_catalog.translate(c.name, '-', '_') OPERATOR(pg_catalog.=) ANY (pgx.usual_names($1)) THEN 2
            WHEN pg_catalog.starts_with($1, pg_catalog.translate(c.name, '-', '_') OPERATOR(pg_catalog.||) '_') THEN 1
            ELSE 0 END
  FROM (SELECT CASE WHEN r.extensions OPERATOR(pg_catalog.@>) ARRAY[$1]
                      OR (r.extensions IS NULL AND EXISTS
                             (SELECT FROM pgx.releases AS known
                               WHERE known.package OPERATOR(pg_catalog.=) r.package
                                 AND known.extensions OPERATOR(pg_catalog.@>) ARRAY[$1])) THEN 1
                    WHEN $1 OPERATOR(pg_catalog.=) ANY (ARRAY[r.package, r.module_path]) THEN 2
                    WHEN r.name OPERATOR(pg_catalog.=) $1 THEN 3
                    WHEN r.extensions IS NULL AND pg_catalog.translate(r.name, '-', '_')
                         OPERATOR(pg_catalog.=) ANY (pgx.usual_names($1))
                         THEN 4 END AS rank,
               g.priority, r.size, r.registry, g.kind, g.source, r.package, r.version, r.repository, r.url, r.sha256, r.signer, r.depends, r.recommends, r.breaks, r.name
          FROM pgx.releases AS r
          JOIN pgx.registries AS g ON g.name OPERATOR(pg_catalog.=) r.registry
         WHERE g.enabled AND (g.expires_at IS NULL OR g.expires_at OPERATOR(pg_catalog.>=) pg_catalog.now())
           AND ($2 IS NULL OR r.registry OPERATOR(pg_catalog.=) $2)) AS c
 WHERE c.rank IS NOT NULL
   AND ($3 IS NULL OR c.version OPERATOR(pg_catalog.=) $3 OR pgx.upstream_version(c.version) OPERATOR(pg_catalog.=) $3)
 ORDER BY c.priority DESC, c.rank, c.version OPERATOR(pg_catalog.=) $3 DESC NULLS LAST,
          pgx.is_prerelease(c.version), pgx.version_key(c.version) DESC, c.registry, c.package, c.repository)";

constexpr const char *releases_query = R"(
SELECT 0, g.priority, r.size, r.registry, g.kind, g.source, r.package, r.version, r.repository, r.url, r.sha256, r.signer, r.depends, r.recommends, r.breaks, 0
  FROM pgx.releases AS r
  JOIN pgx.registries AS g ON g.name OPERATOR(pg_catalog.=) r.registry AND g.enabled
       AND (g.expires_at IS NULL OR g.expires_at OPERATOR(pg_catalog.>=) pg_catalog.now())
 WHERE r.package OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[])
 ORDER BY r.repository)";

Release release_from_row(const pg::Row &row) {
    Release release;
    release.rank = std::stoi(*row[0]);
    release.priority = std::stoi(*row[1]);
    release.size = std::stoull(*row[2]);
    std::string *const members[] = {&release.registry, &release.kind,       &release.source,
                                    &release.package,  &release.version,    &release.repository,
                                    &release.url,      &release.sha256,     &release.signer,
                                    &release.depends,  &release.recommends, &release.breaks};
    for (std::size_t i = 0; i < std::size(members); i++) *members[i] = row[i + 3].value_or("");
    release.likeness = std::stoi(*row[std::size(members) + 3]);
    release.is_guess = release.rank == 4;
    release.is_claim = release.rank == 1 && release.kind != "apt";
    return release;
}

std::vector<Release> candidates(const Wish &wish) {
    std::vector<Release> found;
    for (const pg::Row &row : pg::query(candidates_query, {wish.name, wish.registry, wish.version}))
        found.push_back(release_from_row(row));
    return found;
}

Result<std::vector<Release>> choose(const Wish &wish, const std::vector<Release> &found) {
    std::vector<Offer> offers(found.begin(), found.end());
    for (std::size_t i = 0; i < offers.size(); i++) offers[i].id = i;
    std::vector<Release> meant;
    for (const Offer &offer : TRY(meant_offers(wish.name, offers)))
        meant.push_back(found[offer.id]);
    // "1.0" is rather 1.0 than 1.0-2.
    if (std::ranges::find(meant, wish.version, &Release::version) != meant.end())
        std::erase_if(meant,
                      [&](const Release &release) { return release.version != wish.version; });
    return meant;
}

Error unknown_version(const Wish &wish) {
    Wish any = wish;
    any.version.reset();
    std::vector<std::string> versions;
    for (const Release &release : candidates(any))
        if (std::ranges::find(versions, release.version) == versions.end())
            versions.push_back(release.version);
    return Error{ErrorCode::unknown_version,
                 "there is no version \"" + *wish.version + "\" of \"" + wish.name + "\"",
                 "Versions on offer: " + quoted_list(versions) + "."};
}

Error unknown_package(const Wish &wish) {
    const std::string major = std::to_string(PG_VERSION_NUM / 10000);
    std::vector<std::string> names;
    for (const pg::Row &row :
         pg::query("SELECT DISTINCT name FROM (SELECT name FROM pgx.offers UNION ALL "
                   "SELECT package FROM pgx.offers UNION ALL SELECT name FROM pgx.releases) AS n"))
        names.push_back(row[0].value_or(""));
    const std::vector<std::string> near = near_names(wish.name, names);
    Error error{ErrorCode::unknown_package, "no registry offers \"" + wish.name + "\""};
    if (wish.registry)
        error.message = "registry \"" + *wish.registry + "\" does not offer \"" + wish.name + "\"";
    // "postgresql-17-vector"
    const std::string prefix = "postgresql-";
    const std::size_t digits = wish.name.find_first_not_of("0123456789", prefix.size());
    if (wish.name.starts_with(prefix) && digits != std::string::npos && digits > prefix.size() &&
        wish.name[digits] == '-' &&
        wish.name.substr(prefix.size(), digits - prefix.size()) != major)
        error.detail = "By its name it is a package for PostgreSQL " +
                       wish.name.substr(prefix.size(), digits - prefix.size()) +
                       ", and this server is PostgreSQL " + major + ".";
    else if (const std::vector<std::string> unread = unread_registries();
             !unread.empty() && !wish.registry)
        error.detail = "What " + quoted_list(unread) + (unread.size() == 1 ? " offers" : " offer") +
                       " is not known: " + (unread.size() == 1 ? "it" : "they") +
                       " could not be read.";
    if (!near.empty())
        error.hint = "Similar names: " + quoted_list(near) + ". See also pgx.search(text).";
    return error;
}

}  // namespace

Json Release::artifact() const {
    Json json{{"package", package}, {"version", version}, {"registry", registry},
              {"kind", kind},       {"source", source},   {"url", url},
              {"size", size},       {"sha256", sha256},   {"signer", signer}};
    if (libraries) json["libraries"] = libraries_to_json(*libraries);
    return json;
}

Result<Release> recorded_release(const std::string &package, const pg::Row &row) {
    if (!row[2] && row[1] == bundle_registry_name)
        return fail(ErrorCode::unknown_registry,
                    "the bundle of " + package + " " + row[0].value_or("") +
                        " is not in the catalog any more",
                    "", "Give it to pgx.install_bundle() again.");
    if (!row[2])
        return fail(
            ErrorCode::unknown_registry, "registry \"" + row[1].value_or("") + "\" does not exist",
            "Version " + row[0].value_or("") + " of package \"" + package + "\" came from it.",
            "Add the registry again with pgx.add_registry().");
    Release release;
    release.package = package;
    release.version = row[0].value_or("");
    release.registry = row[1].value_or("");
    release.kind = *row[2];
    release.source = row[3].value_or("");
    release.url = row[4].value_or("");
    release.size = std::stoull(row[5].value_or("0"));
    release.sha256 = row[6].value_or("");
    release.signer = row[7].value_or("");
    if (row[8]) release.libraries = TRY(libraries_from_json(TRY(parse_json(*row[8]))));
    return release;
}

// Whether the first of several elements looks like "github.com".
static bool names_a_host(const std::string &path) {
    const std::size_t slash = path.find('/'), dot = path.find('.');
    return slash != std::string::npos && dot != 0 && dot < slash;
}

// A path as Go writes the names of modules: elements of letters, digits and "-._~", the first one a
// host name.
static Result<void> check_module_path(const std::string &path) {
    constexpr std::string_view allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    bool good = path.size() <= 255 && path.find_first_not_of(allowed) == std::string::npos &&
                path.substr(0, path.find('/')).find('.') != std::string::npos;
    for (std::size_t begin = 0; good && begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        good = end > begin && path[begin] != '.';
        begin = end + 1;
    }
    if (good) return {};
    return fail(ErrorCode::invalid_name, "\"" + path + "\" is not the path of a source",
                "Such a path begins with a host name, as in \"github.com/theory/pg-semver\".");
}

Result<Wish> parse_wish(const std::string &text) {
    Wish wish{.name = text};
    if (const std::size_t scheme = text.find("://"); scheme != std::string::npos)
        return fail(ErrorCode::invalid_name, "\"" + text.substr(0, 255) + "\" is not a name",
                    "The path of a source is written without \"" +
                        text.substr(0, std::min<std::size_t>(scheme, 16)) + "://\".",
                    "As in pgx.install('github.com/theory/pg-semver').");
    // Neither character can be in a name.
    if (const std::size_t colon = wish.name.find(':'); colon != std::string::npos) {
        wish.registry = wish.name.substr(0, colon);
        TRY(check_name("registry", *wish.registry));
        wish.name.erase(0, colon + 1);
    }
    if (const std::size_t at = wish.name.find('@'); at != std::string::npos) {
        wish.version = wish.name.substr(at + 1);
        wish.name.resize(at);
        if (wish.version->empty())
            return fail(ErrorCode::invalid_argument,
                        "the version after \"@\" in \"" + text + "\" is empty", "",
                        "Name one, as in '" + wish.name +
                            "@1.0', or leave the \"@\" out to get the newest.");
    }
    if (names_a_host(wish.name))
        TRY(check_module_path(wish.name));
    else
        TRY(check_name("extension", wish.name));
    return wish;
}

Result<void> check_registry(const Wish &wish) {
    if (!wish.registry) return {};
    if (pg::query("SELECT FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1",
                  {*wish.registry})
            .empty())
        return fail(ErrorCode::unknown_registry,
                    "registry \"" + *wish.registry + "\" does not exist");
    return {};
}

// Also for those who name it: switching a registry off is what is done in an emergency.
static Result<void> check_enabled(const Wish &wish) {
    if (!wish.registry ||
        pg::query("SELECT FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1 AND NOT enabled",
                  {*wish.registry})
            .empty())
        return {};
    return fail(ErrorCode::wrong_state, "registry \"" + *wish.registry + "\" is disabled", "",
                "Enable it with pgx.alter_registry('" + *wish.registry + "', enabled => true).");
}

Result<bool> learn_extension_names(const Wish &wish, ProgressSlot &progress, const Policy &policy) {
    std::vector<pg::Row> rows = pg::query(
        "SELECT g.name FROM pgx.registries AS g WHERE ((g.enabled AND $1 IS NULL) OR g.name "
        "OPERATOR(pg_catalog.=) $1)"
        "   AND EXISTS (SELECT FROM pgx.releases AS r WHERE r.registry OPERATOR(pg_catalog.=) "
        "g.name AND r.extensions IS NULL)"
        // Its lists have said all that they say: one that has no list of contents, for example.
        "   AND NOT (g.kind OPERATOR(pg_catalog.=) 'apt' AND g.state OPERATOR(pg_catalog.~) '-1+$')"
        " ORDER BY g.priority DESC, g.name",
        {wish.registry});
    std::erase_if(rows, [&](const pg::Row &row) { return !policy.reaches(row[0].value_or("")); });
    for (const pg::Row &row : rows) {
        const std::string name = row[0].value_or("");
        pg::notice("looking for \"" + wish.name + "\" in the package contents of registry \"" +
                       name + "\"",
                   "This reads a large list once; later calls use what was learnt.");
        (void)TRY(refresh_registry(name, true, progress));
    }
    return !rows.empty();
}

Result<std::vector<Release>> find_releases(const Wish &wish, ProgressSlot &progress,
                                           const Policy &policy, bool may_learn) {
    if (wish.release) return std::vector{*wish.release};
    TRY(check_enabled(wish));
    std::vector<Release> found = candidates(wish);
    if (!found.empty()) return choose(wish, found);
    Wish any = wish;
    any.version.reset();
    if (candidates(any).empty()) {
        if (may_learn && TRY(learn_extension_names(wish, progress, policy))) {
            found = candidates(wish);
            if (!found.empty()) return choose(wish, found);
        }
        if (candidates(any).empty()) return fail(unknown_package(wish));
    }
    return fail(unknown_version(wish));
}

std::vector<Release> releases_of(const std::vector<std::string> &packages) {
    std::vector<Release> releases;
    for (const pg::Row &row : pg::query(releases_query, {pg::array_literal(packages)}))
        releases.push_back(release_from_row(row));
    return releases;
}

}  // namespace pgx
