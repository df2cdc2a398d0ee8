#include "extension/door.h"

#include "extension/plan_source.h"

#include <algorithm>

#include "core/base/debian_relation.h"
#include "core/base/debian_version.h"
#include "core/base/names.h"
#include "extension/fetch.h"
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

// An extension, and what it requires in turn, with the libraries that their scripts name.
constexpr const char *libraries_query = R"(
WITH RECURSIVE needed(extension) AS (
    SELECT e.extension FROM pgx.installed_extensions AS e
     WHERE e.package OPERATOR(pg_catalog.=) $1 AND e.extension OPERATOR(pg_catalog.=) $2
    UNION
    SELECT r.name
      FROM needed AS n
      JOIN pgx.installed_extensions AS e ON e.extension OPERATOR(pg_catalog.=) n.extension
     CROSS JOIN LATERAL pg_catalog.unnest(e.requires) AS r(name))
SELECT e.extension, l.name, i.package, i.version, i.registry, i.sha256
  FROM needed AS n
  JOIN pgx.installed_extensions AS e ON e.extension OPERATOR(pg_catalog.=) n.extension
  JOIN pgx.installed AS i ON i.package OPERATOR(pg_catalog.=) e.package
 CROSS JOIN LATERAL pg_catalog.unnest(e.libraries) AS l(name)
 ORDER BY 1, 2)";

// What depends on a package, as far as can be told by looking for its name. That of a package with
// an extension's library usually begins as that of the package with its scripts does.
constexpr const char *dependents_query = R"(
SELECT DISTINCT r.package, pg_catalog.strpos($2, r.package) OPERATOR(pg_catalog.=) 1
  FROM pgx.releases AS r
 WHERE r.registry OPERATOR(pg_catalog.=) $1 AND r.package OPERATOR(pg_catalog.<>) $2
   AND pg_catalog.strpos(r.depends, $2) OPERATOR(pg_catalog.>) 0
 ORDER BY 2 DESC, 1)";

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

// What a release cannot help, and another one may do better.
bool is_of_content(ErrorCode code) {
    constexpr ErrorCode codes[] = {ErrorCode::dependency_missing, ErrorCode::wrong_platform,
                                   ErrorCode::artifact_malformed, ErrorCode::artifact_unsafe,
                                   ErrorCode::control_file_invalid};
    return std::ranges::find(codes, code) != std::end(codes);
}

std::string sentences(const Error &error) {
    std::string text = error.message + "." + (error.detail.empty() ? "" : " ") + error.detail;
    if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
}

// By the names that scripts have for them.
std::vector<std::string> modules_of(const Receipt &receipt) {
    std::vector<std::string> modules;
    for (const ReceiptModule &module : receipt.modules)
        if (module.path.starts_with("lib/") && module.path.ends_with(".so"))
            modules.push_back(module.path.substr(4, module.path.size() - 7));
    return modules;
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

// Those that scripts of an installed extension, or of one that it requires, name and that are gone.
Result<std::vector<LackingLibrary>> PlanSource::lost_libraries(const Satisfied &satisfied) {
    std::vector<LackingLibrary> lost;
    if (satisfied.by != Satisfied::By::installed) return lost;
    for (const pg::Row &row :
         pg::query_latest(libraries_query, {satisfied.package, satisfied.extension})) {
        if (TRY(is_library_present(row[1].value_or("")))) continue;
        LackingLibrary one{{}, true, row[0].value_or(""), row[1].value_or("")};
        one.offer.package = row[2].value_or("");
        one.offer.version = row[3].value_or("");
        one.offer.registry = row[4].value_or("");
        one.offer.sha256 = row[5].value_or("");
        lost.push_back(std::move(one));
    }
    return lost;
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

void PlanSource::tell_older(const std::vector<ChosenOffer> &chosen) {
    std::set<std::string> told;
    for (const std::size_t id : unfit_in_order_) {
        const Release &release = releases_[id];
        const auto one = std::ranges::find(
            chosen, release.package, [](const ChosenOffer &other) { return other.offer.package; });
        const bool stays = one == chosen.end() && find_installed(release.package);
        if ((one == chosen.end() && !stays) || !told.insert(release.package).second) continue;
        pg::notice(
            (stays ? "\"" + release.package + "\" is not updated"
                   : "version " + one->offer.version + " of \"" + release.package + "\" is taken") +
                ", since version " + release.version + " cannot be used here",
            sentences(unfit_.at(id)));
    }
    for (const Meant &meant : wanted_) {
        if (meant.releases.empty() || told.contains(meant.releases.front().package)) continue;
        const Release &newest = meant.releases.front();
        const auto one = std::ranges::find(
            chosen, newest.package, [](const ChosenOffer &other) { return other.offer.package; });
        const bool stays = one == chosen.end() && meant.wish.update;
        if (meant.wish.version || (one == chosen.end() && !stays) ||
            (!stays && compare_debian_versions(one->offer.version, newest.version) >= 0))
            continue;
        only_newest_ = &meant;
        const Result<std::vector<ChosenOffer>> without = choose_offers(*this);
        only_newest_ = nullptr;
        pg::notice(
            (stays ? "\"" + meant.wish.name + "\" is not updated"
                   : "version " + one->offer.version + " of \"" + meant.wish.name + "\" is taken") +
                ", since the newest version, " + newest.version +
                ", does not fit together with the rest",
            without || without.error().code == ErrorCode::internal ? "" : without.error().detail);
    }
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

const OfferContents *PlanSource::contents_of(const Offer &offer) const {
    const auto found = fetched_.find(offer.id);
    return found == fetched_.end() ? nullptr : &found->second.contents;
}

bool PlanSource::has_extension(std::size_t id, const std::string &extension) const {
    const auto found = fetched_.find(id);
    return found != fetched_.end() &&
           std::ranges::any_of(found->second.contents.extensions,
                               [&](const auto &one) { return one.first == extension; });
}

std::vector<Offer> PlanSource::holders_of(const std::string &extension) const {
    std::vector<Offer> holders;
    for (const std::size_t id : fetched_in_order_)
        if (has_extension(id, extension)) holders.push_back(releases_[id]);
    return holders;
}

Result<void> PlanSource::inspect(const std::vector<Offer> &offers) {
    if (only_newest_ != nullptr) return fail(ErrorCode::internal, "this is not fetched");
    std::vector<Release> releases;
    for (const Offer &offer : offers) {
        releases.push_back(releases_[offer.id]);
        TRY(policy_.check_release(releases.back()));
    }
    Result<void> fetched = fetch(releases);
    if (!fetched && !is_of_content(fetched.error().code)) return fetched;
    if (!fetched) TRY(try_each(releases));
    std::erase_if(releases, [&](const Release &release) { return unfit_.contains(release.id); });
    for (const Release &release : releases) TRY(check_names(release.id));
    for (const Release &release : releases) TRY(leave_out_requirements(release.id));
    return {};
}

// Whose content it was. What was downloaded is in the cache.
Result<void> PlanSource::try_each(const std::vector<Release> &releases) {
    for (const Release &release : releases) {
        Result<void> fetched = fetch({release});
        if (fetched) continue;
        if (!is_of_content(fetched.error().code) || is_named_exactly(release.id)) return fetched;
        unfit_.emplace(release.id, std::move(fetched).error());
        unfit_in_order_.push_back(release.id);
    }
    return {};
}

bool PlanSource::is_named_exactly(std::size_t id) const {
    return std::ranges::any_of(wanted_, [&](const Meant &meant) {
        return (meant.wish.version || meant.wish.release) &&
               std::ranges::find(meant.releases, id, &Release::id) != meant.releases.end();
    });
}

const Error *PlanSource::unfit(const Offer &offer) const {
    const auto found = unfit_.find(offer.id);
    return found == unfit_.end() ? nullptr : &found->second;
}

std::map<std::string, std::string> PlanSource::unfit_packages() const {
    std::map<std::string, std::string> packages;
    for (const std::size_t id : unfit_in_order_)
        packages.emplace(releases_[id].package, unfit_.at(id).message);
    return packages;
}

Result<void> PlanSource::fetch(const std::vector<Release> &releases) {
    // A directory a round: the helper wants an empty one.
    const std::string staging = join_path(staging_, std::to_string(++fetches_));
    TRY(real_file_system().make_directory(staging, 0700));
    Result<std::vector<Receipt>> answer = fetch_releases(releases, staging, layout_, progress_);
    if (!answer) {
        (void)real_file_system().remove_tree(staging).has_value();
        return fail(std::move(answer).error());
    }
    std::vector<Receipt> &receipts = *answer;
    for (std::size_t i = 0; i < releases.size(); i++) {
        Fetched fetched{std::move(receipts[i]), join_path(staging, releases[i].package), {}};
        for (const ReceiptExtension &extension : fetched.receipt.extensions)
            fetched.contents.extensions.emplace_back(extension.name, extension.requires_);
        fetched.contents.modules = modules_of(fetched.receipt);
        fetched_.emplace(releases[i].id, std::move(fetched));
        fetched_in_order_.push_back(releases[i].id);
    }
    return {};
}

bool PlanSource::is_asked_for(const std::string &extension) const {
    return required_.contains(extension) || std::ranges::any_of(wanted_, [&](const Meant &meant) {
               return meant.wish.name == extension;
           });
}

Result<bool> PlanSource::is_nowhere(const std::string &extension, const std::string &required_by) {
    if (!holders_of(extension).empty()) return false;
    const ExtensionMeaning meaning = TRY(meaning_of(extension, required_by));
    return meaning.installed.empty() && !meaning.is_on_server && meaning.offers.empty();
}

// A package may hold an extension more, for those who have something that nobody offers:
// documentdb_distributed requires Citus. That is no reason to refuse the others.
Result<void> PlanSource::leave_out_requirements(std::size_t id) {
    auto &extensions = fetched_.at(id).contents.extensions;
    std::set<std::string> needed;
    for (const auto &[name, requires_] : extensions)
        if (is_asked_for(name)) needed.insert(name);
    for (bool more = true; std::exchange(more, false);)
        for (const auto &[name, requires_] : extensions)
            if (needed.contains(name))
                for (const std::string &required : requires_)
                    more = needed.insert(required).second || more;
    std::vector<std::pair<std::size_t, std::string>> left_out;
    for (std::size_t i = 0; i < extensions.size(); i++) {
        const auto &[name, requires_] = extensions[i];
        if (needed.contains(name)) continue;
        for (const std::string &required : requires_)
            if (TRY(is_nowhere(required, name))) {
                left_out.emplace_back(i, required);
                break;
            }
    }
    if (left_out.size() == extensions.size()) return {};
    for (const auto &[index, required] : left_out) {
        pg::notice(
            "extension \"" + extensions[index].first + "\" of package \"" + releases_[id].package +
                "\" cannot be created here",
            "It requires \"" + required + "\", which neither the server nor a registry has.");
        extensions[index].second.clear();
    }
    return {};
}

// Whether what was taken for the sake of a name has it.
Result<void> PlanSource::check_names(std::size_t id) {
    std::vector<Meant *> all;
    for (Meant &meant : wanted_) all.push_back(&meant);
    for (auto &[extension, meant] : required_) all.push_back(&meant);
    for (Meant *const meant : all) {
        const Wish &wish = meant->wish;
        const auto release = std::ranges::find(meant->releases, id, &Release::id);
        if (release == meant->releases.end() || has_extension(id, wish.name)) continue;
        if (release->is_claim)
            return fail(ErrorCode::registry_malformed,
                        "package \"" + release->package + "\" does not hold extension \"" +
                            wish.name + "\"",
                        "Registry \"" + release->registry + "\" says that it does.",
                        "Tell those who run the registry.");
        if (!release->is_guess || meant->is_certain) continue;
        // What the registries know of all packages' contents decides then. They answer with a
        // package that is known to hold the extension, so this ends.
        meant->is_certain = true;
        (void)TRY(learn_extension_names(wish, progress_, policy_));
        offers_.clear();
        meanings_.clear();
        if (required_.contains(wish.name) && meant == &required_.at(wish.name))
            meant->releases.clear();  // it is looked up again when it is asked for
        else
            meant->releases = TRY(releases_for(wish, TRY(bound(wish))));
    }
    return {};
}

Result<std::vector<LackingLibrary>> PlanSource::lacking_libraries(
    const std::vector<Offer> &offers) {
    std::vector<LackingLibrary> lacking;
    const auto is_brought = [&](const std::string &library) {
        return std::ranges::any_of(offers, [&](const Offer &offer) {
            const std::vector<std::string> &modules = fetched_.at(offer.id).contents.modules;
            return std::ranges::find(modules, library) != modules.end();
        });
    };
    for (const Offer &offer : offers)
        for (const ReceiptExtension &extension : fetched_.at(offer.id).receipt.extensions)
            for (const std::string &library : extension.libraries)
                if (!is_brought(library) && !TRY(is_library_present(library)))
                    lacking.push_back({offer, false, extension.name, library});
    for (const Satisfied &satisfied : satisfied_)
        for (LackingLibrary &one : TRY(lost_libraries(satisfied)))
            if (!is_brought(one.library)) lacking.push_back(std::move(one));
    // The extension that somebody needs is the one for whose sake a package comes along.
    std::ranges::stable_partition(
        lacking, [&](const LackingLibrary &one) { return is_asked_for(one.extension); });
    return lacking;
}

Result<std::vector<Offer>> PlanSource::likely_holders(const LackingLibrary &lacking) {
    std::vector<Offer> holders;
    for (const pg::Row &row :
         pg::query(dependents_query, {lacking.offer.registry, lacking.offer.package}))
        for (Offer &offer : TRY(offers_of(row[0].value_or("")))) {
            const std::vector<DebianAlternatives> depends = parse_debian_relations(offer.depends);
            const bool is_dependent =
                std::ranges::any_of(depends, [&](const DebianAlternatives &alternatives) {
                    return alternatives.size() == 1 &&
                           alternatives.front().package == lacking.offer.package &&
                           alternatives.front().holds_for(lacking.offer.version);
                });
            if (is_dependent && offer.registry == lacking.offer.registry)
                holders.push_back(std::move(offer));
        }
    return holders;
}

Result<void> PlanSource::tell_lacking(const std::vector<ChosenOffer> &chosen) {
    std::vector<Offer> offers;
    for (const ChosenOffer &one : chosen) offers.push_back(one.offer);
    // An extension's libraries in one sentence.
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> lacking;
    for (const LackingLibrary &one : TRY(lacking_libraries(offers))) {
        std::vector<std::string> &libraries = lacking[{one.extension, one.offer.origin()}];
        if (std::ranges::find(libraries, one.library) == libraries.end())
            libraries.push_back(one.library);
    }
    for (const auto &[extension, libraries] : lacking)
        pg::notice("extension \"" + extension.first + "\" lacks " +
                       (libraries.size() == 1 ? "a library" : "libraries") + " and may not work",
                   "Its scripts name " + quoted_list(libraries) +
                       ", which neither the server has nor any package that goes with \"" +
                       extension.second + "\".",
                   "If another package has it, install that one, too.");
    return {};
}

}  // namespace pgx
