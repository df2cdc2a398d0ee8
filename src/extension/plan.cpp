#include "extension/door.h"

#include "extension/plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/base/debian_version.h"
#include "extension/fetch.h"
#include "extension/inventory.h"
#include "extension/package_relations.h"
#include "extension/refresh.h"

namespace pgx {

namespace {

// Chains of `requires` are short in practice; a registry must not be able to keep us busy.
constexpr int rounds_limit = 32;

// What a package's extensions require, and what that requires in turn, as far as pgx has not
// installed it: name, and who requires it.
constexpr const char *missing_requirements_query = R"(
WITH RECURSIVE needed(name, required_by) AS (
    SELECT r.name, e.extension
      FROM pgx.installed_extensions AS e CROSS JOIN LATERAL pg_catalog.unnest(e.requires) AS r(name)
     WHERE e.package OPERATOR(pg_catalog.=) $1
    UNION
    SELECT r.name, e.extension
      FROM needed AS n
      JOIN pgx.installed_extensions AS e ON e.extension OPERATOR(pg_catalog.=) n.name
     CROSS JOIN LATERAL pg_catalog.unnest(e.requires) AS r(name))
SELECT n.name, pg_catalog.min(n.required_by) FROM needed AS n
 WHERE NOT EXISTS (SELECT FROM pgx.installed_extensions AS e WHERE e.extension OPERATOR(pg_catalog.=) n.name)
 GROUP BY n.name ORDER BY n.name)";

class Planner {
   public:
    Planner(const DirectoryLayout &layout, ProgressSlot &progress, StagingDirectory staging)
        : layout_(layout), progress_(progress), plan_{std::move(staging), {}, {}} {}

    Result<Plan> run(std::vector<Wish> wishes);

   private:
    struct Chosen {
        Wish wish;
        Release release;
    };

    Result<void> consider(const Wish &wish, std::vector<Chosen> &chosen);
    Result<std::optional<Satisfied>> is_satisfied(const Wish &wish);
    Result<void> consider_requirements(const std::string &package, std::vector<Chosen> &chosen);
    Result<void> fetch(std::vector<Chosen> chosen);
    void take_receipt(const Chosen &chosen, Receipt receipt, const std::string &staging);
    std::vector<Wish> requirements();
    bool provides(const std::string &extension) const;
    void sort_by_requirement();

    const DirectoryLayout &layout_;
    ProgressSlot &progress_;
    Plan plan_;
    std::set<std::string> considered_;  // extension names
    unsigned fetches_ = 0;
};

bool has_extension(const Receipt &receipt, const std::string &name) {
    return std::ranges::any_of(receipt.extensions, [&](const ReceiptExtension &extension) {
        return extension.name == name;
    });
}

// What two registries offer under one name are two things. One that is installed is not taken for
// the other,
Result<void> check_same_registry(const Wish &wish, const InstalledPackage &installed) {
    if (!wish.registry || wish.version || *wish.registry == installed.registry) return {};
    return fail(ErrorCode::ambiguous_package,
                "\"" + wish.name + "\" is installed from another registry",
                "What is installed is " + installed.origin() + ".",
                "Remove it first: SELECT * FROM pgx.remove('" + installed.package + "').");
}

// and another version of it comes from where it came from, unless a person says otherwise.
Wish from_same_registry(Wish wish) {
    if (wish.registry || wish.release) return wish;
    if (const std::optional<InstalledPackage> installed = find_installed(wish.name);
        installed && !pg::query("SELECT FROM pgx.registries WHERE name OPERATOR(pg_catalog.=) $1",
                                {installed->registry})
                          .empty())
        wish.registry = installed->registry;
    return wish;
}

Result<Plan> Planner::run(std::vector<Wish> wishes) {
    for (int round = 0; !wishes.empty(); round++) {
        if (round == rounds_limit)
            return fail(ErrorCode::limit_exceeded, "the chain of required extensions is too long",
                        "More than " + std::to_string(rounds_limit) + " steps were needed; \"" +
                            wishes[0].name + "\" came next.");
        std::vector<Chosen> chosen;
        for (const Wish &wish : wishes) TRY(consider(wish, chosen));
        if (!chosen.empty()) TRY(fetch(std::move(chosen)));
        wishes = requirements();
    }
    TRY(check_package_conflicts(plan_));
    sort_by_requirement();
    return std::move(plan_);
}

Result<void> Planner::consider(const Wish &wish, std::vector<Chosen> &chosen) {
    if (!considered_.insert(wish.name).second || provides(wish.name)) return {};
    TRY(check_registry(wish));
    if (std::optional<Satisfied> satisfied = TRY(is_satisfied(wish))) {
        plan_.satisfied.push_back(*satisfied);
        if (satisfied->by != Satisfied::By::installed) return {};
        return consider_requirements(satisfied->package, chosen);
    }
    const Wish bound = from_same_registry(wish);
    if (bound.registry && !wish.registry &&
        pg::query("SELECT FROM pgx.registries WHERE enabled AND name OPERATOR(pg_catalog.=) $1",
                  {*bound.registry})
            .empty())
        return fail(ErrorCode::wrong_state,
                    "registry \"" + *bound.registry + "\", which \"" + wish.name +
                        "\" is from, is disabled",
                    "",
                    "Enable it with pgx.alter_registry(), or name another one: registry => '...'.");
    Result<Release> release = find_release(bound, progress_);
    if (!release) {
        Error error = std::move(release).error();
        if (bound.registry && !wish.registry)
            if (const Result<Release> other = find_release(wish, progress_))
                error.hint = "What is installed is from registry \"" + *bound.registry +
                             "\"; another one has it: pgx.install('" + wish.name +
                             (wish.version ? "', version => '" + *wish.version : "") +
                             "', registry => '" + other->registry + "').";
        if (!wish.required_by.empty() && error.code == ErrorCode::unknown_package) {
            error.code = ErrorCode::dependency_missing;
            error.detail = "Extension \"" + wish.required_by + "\" requires \"" + wish.name +
                           "\", which the server does not have either.";
            error.hint.clear();
        }
        return fail(std::move(error));
    }
    // Two names of one package.
    for (const Chosen &other : chosen)
        if (other.release.package == release->package) return {};
    for (const PlannedPackage &other : plan_.packages)
        if (other.release.package == release->package) return {};
    chosen.push_back({wish, std::move(*release)});
    return {};
}

// With a version asked for, only that version satisfies.
Result<std::optional<Satisfied>> Planner::is_satisfied(const Wish &wish) {
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

// What is installed may have lost what it requires: remove(force => true) warns, and does it.
Result<void> Planner::consider_requirements(const std::string &package,
                                            std::vector<Chosen> &chosen) {
    for (const pg::Row &row : pg::query_latest(missing_requirements_query, {package})) {
        if (TRY(server_extension_directory(*row[0]))) continue;
        TRY(ensure_refreshed(progress_));
        TRY(consider({.name = *row[0], .required_by = row[1].value_or("")}, chosen));
    }
    return {};
}

Result<void> Planner::fetch(std::vector<Chosen> chosen) {
    std::vector<Release> releases;
    for (const Chosen &choice : chosen) releases.push_back(choice.release);
    // A directory a round: the helper wants an empty one.
    const std::string staging = join_path(plan_.staging.path(), std::to_string(++fetches_));
    TRY(real_file_system().make_directory(staging, 0700));
    std::vector<Receipt> receipts = TRY(fetch_releases(releases, staging, layout_, progress_));

    std::vector<Chosen> wrong_guesses;
    for (std::size_t i = 0; i < chosen.size(); i++) {
        if (chosen[i].release.is_claim && !has_extension(receipts[i], chosen[i].wish.name))
            return fail(ErrorCode::registry_malformed,
                        "package \"" + chosen[i].release.package + "\" does not hold extension \"" +
                            chosen[i].wish.name + "\"",
                        "Registry \"" + chosen[i].release.registry + "\" says that it does.",
                        "Tell those who run the registry.");
        if (chosen[i].release.is_guess && !has_extension(receipts[i], chosen[i].wish.name))
            wrong_guesses.push_back(std::move(chosen[i]));
        else
            take_receipt(chosen[i], std::move(receipts[i]), staging);
    }
    // What the registries know of all packages' contents decides then. They answer with a package
    // that is known to hold the extension, so this ends.
    for (Chosen &guess : wrong_guesses) {
        (void)TRY(learn_extension_names(guess.wish, progress_));
        guess.release = TRY(find_release(guess.wish, progress_));
        guess.release.is_guess = false;
    }
    if (!wrong_guesses.empty()) TRY(fetch(std::move(wrong_guesses)));
    return {};
}

void Planner::take_receipt(const Chosen &chosen, Receipt receipt, const std::string &staging) {
    const Release &release = chosen.release;
    PlannedPackage package{release, std::move(receipt), chosen.wish.required_by,
                           join_path(staging, release.package), std::nullopt};
    std::optional<InstalledPackage> installed = find_installed(release.package);
    if (installed && installed->package == release.package)
        package.previous_version = installed->version;
    plan_.packages.push_back(std::move(package));
}

std::vector<Wish> Planner::requirements() {
    std::vector<Wish> wishes;
    for (const PlannedPackage &package : plan_.packages)
        for (const ReceiptExtension &extension : package.receipt.extensions)
            for (const std::string &name : extension.requires_)
                if (!considered_.contains(name) && !provides(name))
                    wishes.push_back({.name = name, .required_by = extension.name});
    for (Wish &wish : package_requirements(plan_))
        if (!considered_.contains(wish.name)) wishes.push_back(std::move(wish));
    return wishes;
}

bool Planner::provides(const std::string &extension) const {
    return std::ranges::any_of(plan_.packages, [&](const PlannedPackage &package) {
        return has_extension(package.receipt, extension);
    });
}

// What is required goes first, so that an extension is never visible before what it needs. Depth
// first; a cycle is cut where it closes, as all of it is installed in one transaction anyway.
void Planner::sort_by_requirement() {
    std::vector<PlannedPackage> sorted;
    std::vector<int> state(plan_.packages.size(), 0);  // 0 new, 1 entered
    auto visit = [&](auto &self, std::size_t index) -> void {
        if (std::exchange(state[index], 1) != 0) return;
        for (const ReceiptExtension &extension : plan_.packages[index].receipt.extensions)
            for (const std::string &name : extension.requires_)
                for (std::size_t other = 0; other < plan_.packages.size(); other++)
                    if (state[other] == 0 && has_extension(plan_.packages[other].receipt, name))
                        self(self, other);
        sorted.push_back(std::move(plan_.packages[index]));
    };
    for (std::size_t index = 0; index < plan_.packages.size(); index++) visit(visit, index);
    plan_.packages = std::move(sorted);
}

}  // namespace

Result<Plan> make_plan(const std::vector<Wish> &wishes, const DirectoryLayout &layout,
                       ProgressSlot &progress) {
    StagingDirectory staging = TRY(StagingDirectory::create(layout));
    return Planner(layout, progress, std::move(staging)).run(wishes);
}

}  // namespace pgx
