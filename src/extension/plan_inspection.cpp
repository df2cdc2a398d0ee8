// plan_inspection.cpp - what is learnt by looking into packages, for PlanSource: what they hold and
// require, whether they can be used here, and which libraries their scripts name.
#include "extension/door.h"

#include <algorithm>

#include "core/base/debian_relation.h"
#include "core/base/debian_version.h"
#include "core/base/names.h"
#include "extension/fetch.h"
#include "extension/inventory.h"
#include "extension/plan_source.h"

namespace pgx {

namespace {

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

}  // namespace pgx
