// Runs the cases in test/resolver: one file each, in this form.
//
//     # what it is about
//     registry debian                        registries, with "priority N" behind the name (500)
//         a 2.0; depends: b (>= 2) | c       releases; the parts after the version are optional:
//             depends, recommends, breaks    as in Packages
//             holds: x, y                    extensions, as the registry tells
//                                            (default: the name of the package)
//             hides: z                       extensions that it does not tell
//             requires: e                    what these require,
//                                            known after a look into the package
//             uses: l                        libraries that scripts name
//             ships: l                       libraries in the package
//             usual                          it is called as those with its extension are
//             alike                          or nearly so
//             unfit: why                     what is wrong with it, seen after a look into it
//     installed
//         b 1.0 from debian; pinned          also depends, recommends, breaks and uses; "from" a
//                                            registry
//     server: cube                           extensions of the server; its package is "server" 18.1
//     wish a@2.0                             what pgx.install() is given; more lines, more names
//     update a                               what pgx.update() is given
//     expect                                 what would be installed, and for whom
//         a 2.0
//         b 2.1 for a
//     downloads a 2.0, b 2.1                 what was looked into, in this order; optional
//     expect error dependency_missing        or: the error's code, and its DETAIL (a message first,
//         Because a 2.0 ...                  if it is not the resolver's own)
//     hint ...                               its HINT; optional
#include "core/base/package_universe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "core/base/debian_version.h"
#include "core/base/names.h"

namespace pgx {
namespace {

using Fields = std::map<std::string, std::string>;

std::string trimmed(const std::string &text) {
    const std::size_t begin = text.find_first_not_of(' ');
    return begin == std::string::npos ? ""
                                      : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

std::vector<std::string> split(const std::string &text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, separator);)
        if (!trimmed(part).empty()) parts.push_back(trimmed(part));
    return parts;
}

// "a 2.0; depends: b; pinned" as {"": "a 2.0", "depends": "b", "pinned": ""}
Fields fields(const std::string &line) {
    Fields result;
    for (const std::string &part : split(line, ';')) {
        if (result.empty()) {
            result[""] = part;
            continue;
        }
        const std::size_t colon = part.find(':');
        result[part.substr(0, colon)] =
            colon == std::string::npos ? "" : trimmed(part.substr(colon + 1));
    }
    return result;
}

struct Listed : Offer {
    std::vector<std::string> holds, hides, requires_, uses, ships;
    std::string unfit;
    bool has(const std::string &extension) const {
        return std::ranges::find(holds, extension) != holds.end() ||
               std::ranges::find(hides, extension) != hides.end();
    }
};

struct Case : PackageSource {
    std::map<std::string, int> priorities;
    std::vector<Listed> listed;
    std::vector<InstalledOffer> present;
    std::map<std::string, std::vector<std::string>> used;  // by what is installed
    std::vector<std::string> server, wishes, updates;
    std::map<std::size_t, OfferContents> known;
    std::map<std::size_t, Error> spoilt;
    std::string expected, expected_downloads, expected_hint, downloads;
    bool has_downloads = false, has_hint = false, is_good = true;

    void add_release(const std::string &registry, const std::string &line);
    void add_installed(const std::string &line);
    void read(const std::filesystem::path &path);
    std::string run();

    Result<std::vector<PackageRequest>> requests() override;
    Result<std::vector<InstalledOffer>> installed() override { return present; }
    std::optional<std::string> server_version(const std::string &package) const override {
        return package == "server" ? std::optional<std::string>("18.1") : std::nullopt;
    }
    Result<std::vector<Offer>> offers_of(const std::string &package) override;
    Result<ExtensionMeaning> meaning_of(const std::string &extension, const std::string &) override;
    const OfferContents *contents_of(const Offer &offer) const override {
        const auto found = known.find(offer.id);
        return found == known.end() ? nullptr : &found->second;
    }
    const Error *unfit(const Offer &offer) const override {
        const auto found = spoilt.find(offer.id);
        return found == spoilt.end() ? nullptr : &found->second;
    }
    std::vector<Offer> holders_of(const std::string &extension) const override;
    Result<void> inspect(const std::vector<Offer> &offers) override;
    Result<std::vector<LackingLibrary>> lacking_libraries(
        const std::vector<Offer> &offers) override;
    Result<std::vector<Offer>> likely_holders(const LackingLibrary &lacking) override;

    Result<std::vector<Offer>> look_up(const std::string &name, const std::string &registry);
};

void Case::add_release(const std::string &registry, const std::string &line) {
    Fields parts = fields(line);
    const std::vector<std::string> words = split(parts[""], ' ');
    Listed release;
    release.id = listed.size();
    release.registry = registry;
    release.priority = priorities[registry];
    release.package = words.at(0);
    release.version = words.at(1);
    release.sha256 = registry + words[0] + words[1];
    release.depends = parts["depends"];
    release.recommends = parts["recommends"];
    release.breaks = parts["breaks"];
    release.holds = parts.contains("holds") ? split(parts["holds"], ',') : std::vector{words[0]};
    release.hides = split(parts["hides"], ',');
    release.requires_ = split(parts["requires"], ',');
    release.uses = split(parts["uses"], ',');
    release.ships = split(parts["ships"], ',');
    release.unfit = parts["unfit"];
    release.likeness = parts.contains("usual") ? 2 : parts.contains("alike") ? 1 : 0;
    listed.push_back(std::move(release));
}

void Case::add_installed(const std::string &line) {
    Fields parts = fields(line);
    const std::vector<std::string> words = split(parts[""], ' ');
    InstalledOffer installed{.package = words.at(0),
                             .version = words.at(1),
                             .registry = words.at(3),
                             .sha256 = words[3] + words[0] + words[1],
                             .has_registry = priorities.contains(words[3]),
                             .pinned = parts.contains("pinned"),
                             .depends = parts["depends"],
                             .breaks = parts["breaks"],
                             .companions = parts["recommends"]};
    used[words[0]] = split(parts["uses"], ',');
    present.push_back(std::move(installed));
}

void Case::read(const std::filesystem::path &path) {
    std::ifstream file(path);
    std::string section, name;
    for (std::string line; std::getline(file, line);) {
        if (trimmed(line).empty() || line[0] == '#') continue;
        if (line[0] == ' ') {
            if (section == "registry")
                add_release(name, line);
            else if (section == "installed")
                add_installed(line);
            else if (section == "expect")
                expected += trimmed(line) + "\n";
            else
                is_good = false;
            continue;
        }
        std::istringstream words(line);
        words >> section;
        std::string rest;
        if (section == "registry") {
            std::string word;
            int priority = 500;
            words >> name >> word >> priority;
            priorities[name] = word == "priority" ? priority : 500;
            continue;
        }
        std::getline(words, rest);
        rest = trimmed(rest);
        if (section == "update")
            updates.push_back(rest), wishes.push_back(rest);
        else if (section == "wish")
            wishes.push_back(rest);
        else if (section == "server:")
            server = split(rest, ',');
        else if (section == "expect")
            expected += rest.empty() ? "" : rest + "\n";
        else if (section == "hint")
            has_hint = true, expected_hint = rest;
        else if (section == "downloads")
            has_downloads = true, expected_downloads = rest;
        else
            is_good = is_good && section == "installed";
    }
    is_good = is_good && !wishes.empty() && (!expected.empty() || has_downloads);
}

Result<std::vector<Offer>> Case::look_up(const std::string &name, const std::string &registry) {
    std::vector<Offer> offers;
    for (const Listed &release : listed) {
        if (!registry.empty() && release.registry != registry) continue;
        Offer offer = release;
        const bool holds = std::ranges::find(release.holds, name) != release.holds.end();
        offer.rank = holds ? 1 : release.package == name ? 2 : 0;
        if (offer.rank > 0) offers.push_back(std::move(offer));
    }
    std::ranges::stable_sort(offers, [](const Offer &a, const Offer &b) {
        if (a.priority != b.priority) return a.priority > b.priority;
        if (a.rank != b.rank) return a.rank < b.rank;
        return compare_debian_versions(a.version, b.version) > 0;
    });
    return meant_offers(name, offers);
}

Result<std::vector<PackageRequest>> Case::requests() {
    std::vector<PackageRequest> requests;
    for (std::string name : wishes) {
        PackageRequest request;
        request.text = "you asked for " + name;
        std::string registry, version;
        if (const std::size_t colon = name.find(':'); colon != std::string::npos) {
            registry = name.substr(0, colon);
            name.erase(0, colon + 1);
        }
        if (const std::size_t at = name.find('@'); at != std::string::npos) {
            version = name.substr(at + 1);
            name.resize(at);
        }
        request.is_exact = !version.empty();
        for (const InstalledOffer &installed : present)
            if (installed.package == name && version.empty()) request.installed = name;
        request.is_update = std::ranges::find(updates, name) != updates.end();
        if (request.installed.empty()) {
            request.offers = TRY(look_up(name, registry));
            if (!version.empty())
                std::erase_if(request.offers,
                              [&](const Offer &offer) { return offer.version != version; });
        }
        requests.push_back(std::move(request));
    }
    return requests;
}

Result<std::vector<Offer>> Case::offers_of(const std::string &package) {
    std::vector<Offer> offers;
    for (const Listed &release : listed)
        if (release.package == package) offers.push_back(release);
    return offers;
}

Result<ExtensionMeaning> Case::meaning_of(const std::string &extension, const std::string &) {
    ExtensionMeaning meaning;
    meaning.is_on_server = std::ranges::find(server, extension) != server.end();
    for (const InstalledOffer &installed : present)
        if (installed.package == extension) meaning.installed = extension;
    if (!meaning.is_on_server && meaning.installed.empty())
        meaning.offers = TRY(look_up(extension, ""));
    return meaning;
}

std::vector<Offer> Case::holders_of(const std::string &extension) const {
    std::vector<Offer> holders;
    for (const Listed &release : listed)
        if (known.contains(release.id) && release.has(extension)) holders.push_back(release);
    return holders;
}

Result<void> Case::inspect(const std::vector<Offer> &offers) {
    for (const Offer &offer : offers) {
        downloads += (downloads.empty() ? "" : ", ") + offer.package + " " + offer.version;
        OfferContents contents;
        const Listed &release = listed[offer.id];
        if (!release.unfit.empty()) {
            spoilt[offer.id] = Error{ErrorCode::wrong_platform, release.unfit, "A reason."};
            continue;
        }
        for (const auto *names : {&release.holds, &release.hides})
            for (const std::string &name : *names)
                contents.extensions.emplace_back(name, release.requires_);
        contents.modules = release.ships;
        known[offer.id] = std::move(contents);
    }
    return {};
}

Result<std::vector<LackingLibrary>> Case::lacking_libraries(const std::vector<Offer> &offers) {
    std::vector<LackingLibrary> lacking;
    const auto is_shipped = [&](const std::string &library) {
        return std::ranges::any_of(offers, [&](const Offer &other) {
            const std::vector<std::string> &ships = listed[other.id].ships;
            return std::ranges::find(ships, library) != ships.end();
        });
    };
    for (const Offer &offer : offers)
        for (const std::string &library : listed[offer.id].uses)
            if (!is_shipped(library)) lacking.push_back({offer, false, offer.package, library});
    for (const InstalledOffer &installed : present) {
        if (std::ranges::find(wishes, installed.package) == wishes.end()) continue;
        Offer offer;
        offer.registry = installed.registry;
        offer.package = installed.package;
        offer.version = installed.version;
        offer.sha256 = installed.sha256;
        for (const std::string &library : used[installed.package])
            if (!is_shipped(library)) lacking.push_back({offer, true, offer.package, library});
    }
    return lacking;
}

Result<std::vector<Offer>> Case::likely_holders(const LackingLibrary &lacking) {
    std::vector<Offer> holders;
    for (const Listed &release : listed)
        if (release.registry == lacking.offer.registry &&
            (" " + release.depends + " ").find(" " + lacking.offer.package + " ") !=
                std::string::npos)
            holders.push_back(release);
    return holders;
}

// The result as the file says it.
std::string Case::run() {
    const Result<std::vector<ChosenOffer>> chosen = choose_offers(*this);
    std::string text;
    if (!chosen) {
        const Error &error = chosen.error();
        text = std::string("error ") + error_info(error.code).name + "\n";
        if (error.message != "could not find versions that fit together")
            text += error.message + "\n";
        if (has_hint) {
            EXPECT_EQ(error.hint, expected_hint);
        }
        return text + error.detail + "\n";
    }
    std::vector<std::string> lines;
    for (const auto &[offer, required_by] : *chosen) {
        const bool is_twofold = std::ranges::any_of(listed, [&](const Listed &other) {
            return other.package == offer.package && other.registry != offer.registry;
        });
        lines.push_back((is_twofold ? offer.registry + ":" : "") + offer.package + " " +
                        offer.version + (required_by.empty() ? "" : " for " + required_by));
    }
    std::ranges::sort(lines);
    for (const std::string &line : lines) text += line + "\n";
    return text.empty() ? "nothing\n" : text;
}

class ResolverCases : public testing::TestWithParam<std::string> {};

TEST_P(ResolverCases, Holds) {
    Case one;
    one.read(std::filesystem::path(PGX_TEST_DIR) / "resolver" / (GetParam() + ".case"));
    ASSERT_TRUE(one.is_good) << "the case cannot be read";
    EXPECT_EQ(one.run(), one.expected);
    if (one.has_downloads) {
        EXPECT_EQ(one.downloads, one.expected_downloads);
    }
}

std::vector<std::string> case_names() {
    std::vector<std::string> names;
    for (const auto &entry :
         std::filesystem::directory_iterator(std::filesystem::path(PGX_TEST_DIR) / "resolver"))
        if (entry.path().extension() == ".case") names.push_back(entry.path().stem());
    std::ranges::sort(names);
    return names;
}

INSTANTIATE_TEST_SUITE_P(Files, ResolverCases, testing::ValuesIn(case_names()),
                         [](const auto &given) {
                             std::string name = given.param;
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

}  // namespace
}  // namespace pgx
