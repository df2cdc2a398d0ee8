#include "extension/door.h"

#include "extension/plan_source.h"

#include <algorithm>

#include "core/base/debian_relation.h"
#include "core/base/debian_version.h"
#include "extension/inventory.h"
#include "extension/refresh.h"

namespace pgx {

namespace {

// What an extension of a package requires, and what that requires in turn, as far as pgx has not
// installed it: name, and who requires it.
constexpr const char *missing_requirements_query = R"(
WITH RECURSIVE needed(name, required_by) AS (
    SELECT r.name, e.extension
      FROM pgx.installed_extensions AS e CROSS JOIN LATERAL pg_catalog.unnest(e.requires) AS r(name)
     WHERE e.package OPERATOR(pg_catalog.=) $1 AND e.extension OPERATOR(pg_catalog.=) $2
    UNION
    SELECT r.name, e.extension
      FROM needed AS n
      JOIN pgx.installed_extensions AS e ON e.extension OPERATOR(pg_catalog.=) n.name
     CROSS JOIN LATERAL pg_catalog.unnest(e.requires) AS r(name))
SELECT n.name, pg_catalog.min(n.required_by) FROM needed AS n
 WHERE NOT EXISTS (SELECT FROM pgx.installed_extensions AS e WHERE e.extension OPERATOR(pg_catalog.=) n.name)
 GROUP BY n.name ORDER BY n.name)";

// Of a version that the registry does not list any more, what the newest one says of companions is
// better than nothing.
constexpr const char *installed_query = R"(
SELECT i.package, i.version, i.registry, i.sha256, i.pinned, g.name IS NOT NULL, r.depends, r.breaks,
       pg_catalog.concat_ws(', ', nullif(c.depends, ''), nullif(c.recommends, ''))
  FROM pgx.installed AS i
  LEFT JOIN pgx.registries AS g ON g.name OPERATOR(pg_catalog.=) i.registry
  LEFT JOIN LATERAL (SELECT o.depends, o.breaks FROM pgx.releases AS o
                      WHERE o.registry OPERATOR(pg_catalog.=) i.registry AND o.package OPERATOR(pg_catalog.=) i.package
                        AND o.version OPERATOR(pg_catalog.=) i.version LIMIT 1) AS r ON true
  LEFT JOIN LATERAL (SELECT o.depends, o.recommends FROM pgx.releases AS o
                      WHERE o.registry OPERATOR(pg_catalog.=) i.registry AND o.package OPERATOR(pg_catalog.=) i.package
                      ORDER BY o.version OPERATOR(pg_catalog.=) i.version DESC, pgx.version_key(o.version) DESC LIMIT 1) AS c ON true
 ORDER BY i.package)";

// What two registries offer under one name are two things. One that is installed is not taken for
// the other,
Result<void> check_same_registry(const Wish &wish, const InstalledPackage &installed) {
    if (!wish.registry || wish.version || *wish.registry == installed.registry) return {};
    return fail(ErrorCode::ambiguous_package,
                "\"" + wish.name + "\" is installed from another registry",
                "What is installed is " + installed.origin() + ".",
                "Remove it first: SELECT * FROM pgx.remove('" + installed.package + "').");
}

std::string clause(const Wish &wish) {
    if (!wish.required_by.empty())
        return "extension \"" + wish.required_by + "\" is installed and requires \"" + wish.name +
               "\"";
    std::string text = (wish.update ? "you asked for an update of " : "you asked for ") + wish.name;
    if (wish.update) return text;
    if (wish.release)
        text += " " + wish.release->version;
    else if (wish.version)
        text += " " + *wish.version;
    return wish.registry ? text + " from registry \"" + *wish.registry + "\"" : text;
}

}  // namespace

Release PlanSource::numbered(Release release) {
    const auto known = std::ranges::find_if(releases_, [&](const Release &other) {
        return other.package == release.package && other.version == release.version &&
               other.registry == release.registry && other.sha256 == release.sha256;
    });
    release.id = static_cast<std::size_t>(known - releases_.begin());
    if (known != releases_.end()) return release;
    releases_.push_back(release);
    for (const std::string *const field : {&release.depends, &release.recommends, &release.breaks})
        for (const DebianAlternatives &alternatives : parse_debian_relations(*field))
            for (const DebianRelation &relation : alternatives) mentioned_.insert(relation.package);
    return release;
}

void PlanSource::number(std::vector<Release> &releases) {
    for (Release &release : releases) release = numbered(std::move(release));
}

// Another version of what is installed comes from where it came from, unless a person says
// otherwise.
Result<Wish> PlanSource::bound(const Wish &wish) {
    if (wish.registry || wish.release) return wish;
    const std::optional<InstalledPackage> installed = find_installed(wish.name);
    if (!installed) return wish;
    const std::vector<pg::Row> rows =
        pg::query("SELECT enabled FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1",
                  {installed->registry});
    if (rows.empty()) return wish;
    if (rows[0][0] != "t")
        return fail(ErrorCode::wrong_state,
                    "registry \"" + installed->registry + "\", which \"" + wish.name +
                        "\" is from, is disabled",
                    "",
                    "Enable it with pgx.alter_registry(), or name another one: registry => '...'.");
    Wish result = wish;
    result.registry = installed->registry;
    return result;
}

Result<std::vector<Release>> PlanSource::releases_for(const Wish &wish, const Wish &its_bound) {
    Result<std::vector<Release>> releases = find_releases(its_bound, progress_, policy_);
    if (releases) {
        number(*releases);
        return releases;
    }
    Error error = std::move(releases).error();
    if (its_bound.registry && !wish.registry)
        if (const Result<std::vector<Release>> other = find_releases(wish, progress_, policy_))
            error.hint = "What is installed is from registry \"" + *its_bound.registry +
                         "\"; another one has it: pgx.install('" + wish.name +
                         (wish.version ? "', version => '" + *wish.version : "") +
                         "', registry => '" + other->front().registry + "').";
    if (!wish.required_by.empty() && error.code == ErrorCode::unknown_package) {
        error.code = ErrorCode::dependency_missing;
        error.detail = "Extension \"" + wish.required_by + "\" requires \"" + wish.name +
                       "\", which the server does not have either.";
        error.hint.clear();
    }
    return fail(std::move(error));
}

// With a version asked for, only that version satisfies.
Result<std::optional<Satisfied>> PlanSource::is_satisfied(const Wish &wish) {
    if (wish.release) return std::nullopt;
    if (std::optional<InstalledPackage> installed = find_installed(wish.name)) {
        TRY(check_same_registry(wish, *installed));
        if (wish.version && *wish.version != installed->version &&
            *wish.version != upstream_version(installed->version)) {
            TRY(check_not_pinned(*installed));
            return std::nullopt;
        }
        const std::string extension =
            std::ranges::find(installed->extensions, wish.name) != installed->extensions.end() ||
                    installed->extensions.empty()
                ? wish.name
                : installed->extensions.front();
        return Satisfied{Satisfied::By::installed, extension,
                         installed->package,       installed_default_version(extension),
                         installed->origin(),      wish.required_by};
    }
    std::optional<std::string> directory = TRY(server_extension_directory(wish.name));
    if (!directory) return std::nullopt;
    if (wish.version)
        return fail(
            ErrorCode::file_conflict,
            "extension \"" + wish.name + "\" is part of the server already",
            "Its control file is in \"" + *directory +
                "\", and pgx does not shadow what the server has.",
            "Call pgx.install() without a version, or have it removed from the server first.");
    return Satisfied{
        Satisfied::By::server, wish.name, "", server_default_version(wish.name), *directory,
        wish.required_by};
}

// Those that are updates of what is installed, the newest one first.
std::vector<Release> PlanSource::newer_releases(const Wish &wish) {
    const std::optional<InstalledPackage> installed = find_installed(wish.name);
    if (!installed) return {};
    const auto is_prerelease = [](const std::string &version) {
        return prerelease_hyphen(version) != std::string::npos;
    };
    std::vector<Release> releases = releases_of({wish.name});
    std::erase_if(releases, [&](const Release &release) {
        return (wish.registry && release.registry != *wish.registry) ||
               (is_prerelease(release.version) && !is_prerelease(installed->version)) ||
               compare_debian_versions(release.version, installed->version) <= 0;
    });
    std::ranges::stable_sort(releases, [](const Release &a, const Release &b) {
        return compare_debian_versions(a.version, b.version) > 0;
    });
    number(releases);
    return releases;
}

Result<void> PlanSource::consider(const Wish &wish) {
    if (!considered_.insert(wish.name).second) return {};
    TRY(check_registry(wish));
    if (wish.update) {
        wanted_.push_back({wish, newer_releases(wish)});
        return {};
    }
    if (std::optional<Satisfied> satisfied = TRY(is_satisfied(wish))) {
        satisfied_.push_back(*satisfied);
        if (satisfied->by != Satisfied::By::installed) return {};
        relied_upon_.emplace_back(*satisfied, clause(wish));
        return consider_installed(*satisfied);
    }
    std::vector<Release> releases = TRY(releases_for(wish, TRY(bound(wish))));
    wanted_.push_back({wish, std::move(releases)});
    return {};
}

// What is installed may have lost what it requires: remove(force => true) warns, and does it.
Result<void> PlanSource::consider_installed(const Satisfied &satisfied) {
    for (const pg::Row &row :
         pg::query_latest(missing_requirements_query, {satisfied.package, satisfied.extension})) {
        if (TRY(server_extension_directory(*row[0]))) continue;
        TRY(ensure_refreshed(progress_, policy_));
        TRY(consider({.name = *row[0], .required_by = row[1].value_or("")}));
    }
    if (!TRY(lost_libraries(satisfied)).empty()) TRY(ensure_refreshed(progress_, policy_));
    return {};
}

Result<bool> PlanSource::consider_requirements(const std::vector<ChosenOffer> &chosen) {
    const auto is_planned = [&](const std::string &extension) {
        return std::ranges::any_of(
            chosen, [&](const ChosenOffer &one) { return has_extension(one.offer.id, extension); });
    };
    const std::size_t before = wanted_.size();
    bool is_lacking = false;
    for (const std::size_t id : fetched_in_order_) {
        if (std::ranges::none_of(chosen,
                                 [&](const ChosenOffer &one) { return one.offer.id == id; }))
            continue;
        for (const ReceiptExtension &extension : fetched_.at(id).receipt.extensions)
            for (const std::string &name : extension.requires_) {
                if (is_planned(name) || !considered_.insert(name).second) continue;
                const Wish wish{.name = name, .required_by = extension.name};
                const std::optional<Satisfied> satisfied = TRY(is_satisfied(wish));
                if (!satisfied) continue;
                satisfied_.push_back(*satisfied);
                if (satisfied->by != Satisfied::By::installed) continue;
                TRY(consider_installed(*satisfied));
                is_lacking = is_lacking || !TRY(lost_libraries(*satisfied)).empty();
            }
    }
    return is_lacking || wanted_.size() > before;
}

Result<std::vector<PlannedPackage>> PlanSource::take_planned(
    const std::vector<ChosenOffer> &chosen) {
    std::vector<PlannedPackage> planned;
    for (const std::size_t id : fetched_in_order_) {
        Fetched &fetched = fetched_.at(id);
        const auto one =
            std::ranges::find(chosen, id, [](const ChosenOffer &other) { return other.offer.id; });
        // Another choice was better after all.
        if (one == chosen.end()) {
            TRY(real_file_system().remove_tree(fetched.staged));
            continue;
        }
        std::erase_if(satisfied_, [&](const Satisfied &satisfied) {
            return satisfied.package == one->offer.package;
        });
        PlannedPackage package{.release = releases_[id],
                               .receipt = std::move(fetched.receipt),
                               .required_by = one->required_by,
                               .staged = fetched.staged};
        for (const Meant &meant : wanted_)
            if (meant.wish.required_by.empty() && !meant.releases.empty() &&
                meant.releases.front().package == one->offer.package)
                package.asked_for_as.push_back(meant.wish.name);
        const std::optional<InstalledPackage> installed = find_installed(one->offer.package);
        if (installed && installed->package == one->offer.package)
            package.previous_version = installed->version;
        planned.push_back(std::move(package));
    }
    // Another session may have installed since what was to be installed.
    for (const Meant &meant : wanted_) {
        if (meant.wish.update) continue;
        const std::string &name = meant.releases.front().package;
        const bool is_planned = std::ranges::any_of(
            chosen, [&](const ChosenOffer &one) { return one.offer.package == name; });
        const std::optional<InstalledPackage> installed = find_installed(name);
        if (is_planned || !installed) continue;
        const std::string extension =
            installed->extensions.empty() ? name : installed->extensions.front();
        satisfied_.push_back({Satisfied::By::installed, extension, installed->package,
                              installed_default_version(extension), installed->origin(),
                              meant.wish.required_by});
    }
    return planned;
}

Result<std::vector<PackageRequest>> PlanSource::requests() {
    std::vector<PackageRequest> requests;
    for (const Meant &meant : wanted_) {
        requests.push_back(
            {.offers = {meant.releases.begin(), meant.releases.end()},
             .installed = "",
             .is_exact = meant.wish.version.has_value() || meant.wish.release.has_value(),
             .text = clause(meant.wish),
             .required_by = meant.wish.required_by});
        if (&meant == only_newest_) {
            requests.back().offers = {meant.releases.front()};
            requests.back().text =
                "you asked for " + meant.wish.name + " " + meant.releases.front().version;
        } else if (meant.wish.update) {
            requests.back().offers.clear();
            requests.back().installed = meant.wish.name;
            requests.back().is_update = true;
        }
    }
    for (const auto &[satisfied, text] : relied_upon_)
        requests.push_back({.offers = {},
                            .installed = satisfied.package,
                            .is_exact = false,
                            .text = text,
                            .required_by = satisfied.required_by});
    return requests;
}

Result<std::vector<InstalledOffer>> PlanSource::installed() {
    std::vector<InstalledOffer> all;
    std::vector<std::string> packages;
    // A lock file says what there is to be, and what is not in it goes; a rollback is meant as it
    // is said. Then it does not matter what else depends on the version that is there.
    const bool is_exact = std::ranges::all_of(
        wanted_, [](const Meant &meant) { return meant.wish.release.has_value(); });
    for (const pg::Row &row : pg::query_latest(installed_query)) {
        all.push_back({row[0].value_or(""), row[1].value_or(""), row[2].value_or(""),
                       row[3].value_or(""), row[5] == "t", row[4] == "t",
                       is_exact ? "" : row[6].value_or(""), row[7].value_or(""),
                       row[8].value_or("")});
        packages.push_back(all.back().package);
        offers_[all.back().package];
    }
    // All of them in one query, as the resolver will ask for each.
    if (!packages.empty())
        for (Release &release : releases_of(packages))
            offers_[release.package].push_back(numbered(std::move(release)));
    return all;
}

std::optional<std::string> PlanSource::server_version(const std::string &package) const {
    if (package != "postgresql-" + std::to_string(PG_VERSION_NUM / 10000)) return std::nullopt;
    // "18beta2" is "18~beta2" to Debian.
    std::string version = PG_VERSION;
    version.resize(std::min(version.find(' '), version.size()));  // "18.6 (Debian 18.6-3)"
    const std::size_t letter = version.find_first_not_of("0123456789.");
    if (letter != std::string::npos) version.insert(letter, "~");
    return version;
}

Result<std::vector<Offer>> PlanSource::offers_of(const std::string &package) {
    if (const auto known = offers_.find(package); known != offers_.end()) return known->second;
    pg::check_for_interrupts();
    std::vector<Offer> &offers = offers_[package];
    for (Release &release : releases_of({package})) offers.push_back(numbered(std::move(release)));
    return offers;
}

Result<ExtensionMeaning> PlanSource::meaning_of(const std::string &extension,
                                                const std::string &required_by) {
    if (const auto known = meanings_.find(extension); known != meanings_.end())
        return known->second;
    ExtensionMeaning meaning;
    if (const std::optional<InstalledPackage> installed = find_installed(extension);
        installed &&
        std::ranges::find(installed->extensions, extension) != installed->extensions.end()) {
        meaning.installed = installed->package;
    } else if (TRY(server_extension_directory(extension))) {
        meaning.is_on_server = true;
    } else {
        Wish wish{.name = extension, .required_by = required_by};
        // What comes anyway has it: that is no reason for a large download.
        const bool may_learn = holders_of(extension).empty();
        Result<std::vector<Release>> releases = find_releases(wish, progress_, policy_, may_learn);
        if (!releases && releases.error().code != ErrorCode::unknown_package)
            return fail(std::move(releases).error());
        if (releases) {
            number(*releases);
            meaning.offers.assign(releases->begin(), releases->end());
            Meant &meant = required_[extension];
            meant.wish = std::move(wish);
            meant.releases = std::move(*releases);
        }
    }
    return meanings_.emplace(extension, std::move(meaning)).first->second;
}

}  // namespace pgx
