// The solver by itself. What it is used for has its cases in test/resolver (package_universe_test).
#include "core/base/resolver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>
#include <set>
#include <utility>

namespace pgx {
namespace {

struct Packages : ResolverProvider {
    std::vector<Requirement> wanted;
    std::map<std::string, std::vector<std::string>> versions;
    std::map<std::pair<std::string, std::size_t>, Relations> related;
    std::function<Result<bool>(const Selection &)> look = [](const Selection &) { return false; };
    std::vector<std::pair<std::string, std::size_t>> asked;  // what relations() was called for
    bool is_broken = false;

    Result<std::vector<Requirement>> requirements() override { return wanted; }
    Result<std::vector<std::string>> candidates(const std::string &package) override {
        if (is_broken) return fail(ErrorCode::io, "the disk is gone");
        return versions[package];
    }
    Result<Relations> relations(const std::string &package, std::size_t candidate) override {
        asked.emplace_back(package, candidate);
        return related[{package, candidate}];
    }
    Result<bool> learn(const Selection &selection) override { return look(selection); }

    void want(const std::string &package) {
        wanted.push_back(all(package, "you asked for " + package));
    }
    Requirement all(const std::string &package, const std::string &text) {
        PackageChoice choice{package, {}};
        for (std::size_t i = 0; i < versions[package].size(); i++) choice.candidates.push_back(i);
        return {{choice}, text};
    }
};

// Whether a selection meets everything that is said of it, and holds nothing twice.
bool is_valid(Packages &packages, const Selection &selection) {
    const auto has = [&](const PackageChoice &choice) {
        const auto found = selection.find(choice.package);
        return found != selection.end() &&
               std::ranges::find(choice.candidates, found->second) != choice.candidates.end();
    };
    const auto is_met = [&](const Requirement &requirement) {
        return std::ranges::any_of(requirement.any_of, has);
    };
    if (!std::ranges::all_of(packages.wanted, is_met)) return false;
    for (const auto &[package, candidate] : selection) {
        const Relations &relations = packages.related[{package, candidate}];
        if (!std::ranges::all_of(relations.requirements, is_met)) return false;
        for (const Exclusion &exclusion : relations.exclusions)
            if (exclusion.with.package != package && has(exclusion.with)) return false;
    }
    return true;
}

// Whether there is any, by trying all.
bool has_solution(Packages &packages,
                  std::map<std::string, std::vector<std::string>>::iterator next,
                  Selection &selection) {
    if (next == packages.versions.end()) return is_valid(packages, selection);
    const auto after = std::next(next);
    selection.erase(next->first);
    if (has_solution(packages, after, selection)) return true;
    for (std::size_t i = 0; i < next->second.size(); i++) {
        selection[next->first] = i;
        if (has_solution(packages, after, selection)) return true;
    }
    selection.erase(next->first);
    return false;
}

Packages random_packages(std::mt19937 &random) {
    const auto up_to = [&](std::size_t most) { return random() % (most + 1); };
    Packages packages;
    const std::string names = "abcdef";
    for (const char name : names.substr(0, 2 + up_to(4)))
        for (std::size_t i = 0, count = up_to(3); i <= count; i++)
            packages.versions[std::string(1, name)].push_back(std::to_string(count - i + 1));
    const auto choice = [&] {
        auto package = packages.versions.begin();
        std::advance(package, up_to(packages.versions.size() - 1));
        PackageChoice result{package->first, {}};
        for (std::size_t i = 0; i < package->second.size(); i++)
            if (up_to(2) > 0) result.candidates.push_back(i);
        return result;
    };
    int number = 0;
    const auto text = [&](const char *word) { return word + std::to_string(number++); };
    for (auto &[package, versions] : packages.versions)
        for (std::size_t i = 0; i < versions.size(); i++) {
            Relations &relations = packages.related[{package, i}];
            for (std::size_t n = up_to(2); n > 0; n--) {
                Requirement requirement{{choice()}, text("depends on ")};
                if (up_to(2) == 0) requirement.any_of.push_back(choice());
                // some say the same in the same words
                if (i > 0 && up_to(1) == 0 &&
                    !packages.related[{package, i - 1}].requirements.empty())
                    requirement = packages.related[{package, i - 1}].requirements.front();
                relations.requirements.push_back(requirement);
            }
            if (up_to(2) == 0) relations.exclusions.push_back({choice(), text("breaks ")});
        }
    for (std::size_t n = up_to(2); n != static_cast<std::size_t>(-1); n--)
        packages.wanted.push_back({{choice()}, text("you asked for ")});
    return packages;
}

TEST(Resolver, AgreesWithBruteForce) {
    std::mt19937 random(18);
    int solved = 0, failed = 0;
    for (int i = 0; i < 4000; i++) {
        Packages packages = random_packages(random);
        Selection any;
        const bool expected = has_solution(packages, packages.versions.begin(), any);
        const Result<Selection> found = resolve(packages);
        ASSERT_EQ(found.has_value(), expected) << "universe " << i;
        if (found)
            ASSERT_TRUE(is_valid(packages, *found)) << "universe " << i;
        else
            ASSERT_FALSE(found.error().detail.empty());
        (found ? solved : failed)++;
    }
    // Both happen often enough to say something.
    EXPECT_GT(solved, 500);
    EXPECT_GT(failed, 500);
}

// A reason is never left out: without the statements that the explanation names, there would be an
// answer; so with only them, there is still none.
TEST(Resolver, ExplanationsAreSufficient) {
    std::mt19937 random(2026);
    int failed = 0;
    for (int i = 0; i < 2000; i++) {
        Packages packages = random_packages(random);
        const Result<Selection> found = resolve(packages);
        if (found) continue;
        failed++;
        const auto is_named = [&](const std::string &text) {
            const std::size_t at = found.error().detail.find(text);
            const std::string &all = found.error().detail;
            for (std::size_t p = at; p != std::string::npos; p = all.find(text, p + 1))
                if (p + text.size() == all.size() ||
                    !std::isdigit(static_cast<unsigned char>(all[p + text.size()])))
                    return true;
            // at the beginning of a sentence
            std::string capital = text;
            capital[0] = static_cast<char>(capital[0] - 'a' + 'A');
            return all.find(capital) != std::string::npos;
        };
        std::erase_if(packages.wanted, [&](const Requirement &r) { return !is_named(r.text); });
        for (auto &[candidate, relations] : packages.related) {
            std::erase_if(relations.requirements,
                          [&](const Requirement &r) { return !is_named(r.text); });
            std::erase_if(relations.exclusions,
                          [&](const Exclusion &e) { return !is_named(e.text); });
        }
        Selection any;
        ASSERT_FALSE(has_solution(packages, packages.versions.begin(), any))
            << i << "\n"
            << found.error().detail;
    }
    EXPECT_GT(failed, 200);
}

TEST(Resolver, LongChainsAreQuick) {
    // p0 depends on p1 and so on; each has ten versions, and the last one goes only with the
    // oldest.
    constexpr std::size_t length = 1000, count = 10;
    for (const bool is_solvable : {true, false}) {
        Packages packages;
        for (std::size_t i = 0; i < length; i++)
            for (std::size_t v = 0; v < count; v++)
                packages.versions["p" + std::to_string(i)].push_back(std::to_string(count - v));
        for (std::size_t i = 0; i + 1 < length; i++)
            for (std::size_t v = 0; v < count; v++)
                packages.related[{"p" + std::to_string(i), v}].requirements.push_back(packages.all(
                    "p" + std::to_string(i + 1), "depends on p" + std::to_string(i + 1)));
        for (std::size_t v = 0; v + (is_solvable ? 1 : 0) < count; v++)
            packages.related[{"p" + std::to_string(length - 1), v}].exclusions.push_back(
                {{"p0", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}, "breaks p0"});
        packages.want("p0");
        const auto start = std::chrono::steady_clock::now();
        const Result<Selection> found = resolve(packages);
        const auto taken = std::chrono::steady_clock::now() - start;
        EXPECT_EQ(found.has_value(), is_solvable);
        if (found) {
            EXPECT_EQ(found->size(), length);
            EXPECT_EQ(found->at("p999"), count - 1);
        }
        // generous: builds without optimization, and machines with other work
        EXPECT_LT(std::chrono::duration_cast<std::chrono::milliseconds>(taken).count(), 2000);
    }
}

TEST(Resolver, AsksOnlyForWhatIsChosen) {
    Packages packages;
    packages.versions = {{"a", {"2", "1"}}, {"b", {"2", "1"}}};
    packages.want("a");
    packages.related[{"a", 0}].requirements.push_back(packages.all("b", "depends on b"));
    ASSERT_TRUE(resolve(packages).has_value());
    EXPECT_EQ(packages.asked,
              (std::vector<std::pair<std::string, std::size_t>>{{"a", 0}, {"b", 0}}));
}

TEST(Resolver, GoesOnWithWhatWasLearnt) {
    Packages packages;
    packages.versions = {{"a", {"2", "1"}}, {"b", {"1"}}};
    packages.want("a");
    packages.look = [&](const Selection &selection) -> Result<bool> {
        if (selection.at("a") != 0) return false;
        packages.related[{"a", 0}].requirements.push_back({{}, "requires nothing that there is"});
        return true;
    };
    EXPECT_EQ(resolve(packages).value_or(Selection{}), (Selection{{"a", 1}}));
}

TEST(Resolver, Errors) {
    Packages packages;
    packages.versions = {{"a", {"1"}}};
    packages.want("a");
    packages.look = [](const Selection &) { return true; };
    EXPECT_EQ(resolve(packages).error().code, ErrorCode::limit_exceeded) << "rounds";
    packages.look = [](const Selection &) -> Result<bool> {
        return fail(ErrorCode::disk_full, "full");
    };
    EXPECT_EQ(resolve(packages).error().code, ErrorCode::disk_full);
    packages.is_broken = true;
    EXPECT_EQ(resolve(packages).error().code, ErrorCode::io);
    packages.is_broken = false;
    packages.wanted.push_back({{}, "you asked for b, which nobody has", "Ask for c."});
    const Error error = resolve(packages).error();
    EXPECT_EQ(error.code, ErrorCode::dependency_missing);
    EXPECT_EQ(error.message, "could not find versions that fit together");
    EXPECT_EQ(error.detail, "You asked for b, which nobody has.");
    EXPECT_EQ(error.hint, "Ask for c.");
}

// Pigeons and holes: no learning of this kind solves that quickly, so it has to be given up.
TEST(Resolver, GivesUp) {
    Packages packages;
    constexpr int pigeons = 12;
    for (int p = 0; p < pigeons; p++) {
        const std::string pigeon = "p" + std::to_string(p);
        for (int h = 0; h < pigeons - 1; h++)
            packages.versions[pigeon].push_back(std::to_string(h));
        packages.want(pigeon);
    }
    for (int p = 0; p < pigeons; p++)
        for (std::size_t h = 0; h < pigeons - 1; h++)
            for (int other = 0; other < pigeons; other++)
                if (other != p)
                    packages.related[{"p" + std::to_string(p), h}].exclusions.push_back(
                        {{"p" + std::to_string(other), {h}}, "breaks " + std::to_string(other)});
    EXPECT_EQ(resolve(packages).error().code, ErrorCode::limit_exceeded);
}

}  // namespace
}  // namespace pgx
