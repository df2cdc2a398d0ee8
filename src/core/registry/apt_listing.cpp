#include "core/registry/apt_listing.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "core/base/names.h"

namespace pgx {

namespace {

constexpr std::uint64_t small_contents = 2 * 1024 * 1024;  // compressed bytes
constexpr std::uint64_t index_limit = 1024ull * 1024 * 1024;

// An index that is wanted, with the places where the answer goes.
struct Wanted {
    const AptSuite *suite;
    IndexFile index;
    std::string record;  // in the cache, for what is kept of it
};

bool use_by_hash(const AptSuite &suite, const AptConfig &config) {
    switch (suite.source.by_hash.value_or(config.flag("Acquire::By-Hash", true) ? ByHash::yes : ByHash::no)) {
        case ByHash::no:
            return false;
        case ByHash::force:
            return true;
        case ByHash::yes:
            break;
    }
    return suite.release.acquire_by_hash;
}

Download request_for(const Wanted &wanted, const std::string &path, std::string to) {
    Download request;
    request.item = wanted.suite->source.name() + " " + wanted.index.path;
    request.url = url_below(wanted.suite->source.release_directory(), path);
    request.path = std::move(to);
    request.limit = std::min(wanted.index.file.size, index_limit);
    request.size = wanted.index.file.size;
    request.sha256 = wanted.index.file.sha256;
    return request;
}

// Files that are removed at the end of the scope, whatever happened.
class TemporaryFiles {
   public:
    explicit TemporaryFiles(FileSystem &fs) : fs_(fs) {}
    TemporaryFiles(const TemporaryFiles &) = delete;
    TemporaryFiles &operator=(const TemporaryFiles &) = delete;
    ~TemporaryFiles() {
        for (const std::string &path : paths_) (void)fs_.unlink(path).has_value();
    }
    std::string add(std::string path) {
        paths_.push_back(path);
        return path;
    }

   private:
    FileSystem &fs_;
    std::vector<std::string> paths_;
};

// Downloads all of `wanted` side by side and hands each file to `use`, then removes it.
Result<void> fetch_indexes(const std::vector<Wanted> &wanted,
                           const std::function<Result<void>(const Wanted &, const std::string &path)> &use,
                           const SuiteContext &c) {
    if (wanted.empty()) return {};
    TemporaryFiles files(c.fs);
    std::vector<Download> requests, again;
    for (const Wanted &one : wanted) {
        if (one.index.file.size > index_limit)
            return fail(ErrorCode::limit_exceeded,
                        "file \"" + one.index.path + "\" of repository \"" + one.suite->source.name() +
                            "\" is larger than " + format_bytes(index_limit));
        bool by_hash = use_by_hash(*one.suite, c.config);
        requests.push_back(request_for(one, by_hash ? by_hash_path(one.index) : one.index.path,
                                       files.add(c.cache.temporary_path("index"))));
        requests.back().may_be_missing = by_hash;
    }
    std::vector<Downloaded> answers =
        TRY(download_from(c.host, c.config, requests, c.fs, c.reporter, c.traffic));
    // Some mirrors announce by-hash and lack the files.
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (answers[i].outcome == Downloaded::Outcome::missing)
            again.push_back(request_for(wanted[i], wanted[i].index.path, requests[i].path));
    if (!again.empty()) {
        auto second = download_from(c.host, c.config, again, c.fs, c.reporter, c.traffic);
        if (!second) return fail(std::move(second).error());
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        auto used = use(wanted[i], requests[i].path);
        if (!used)
            return fail(std::move(used).error().prefixed("could not read file \"" + wanted[i].index.path +
                                                         "\" of repository \"" +
                                                         wanted[i].suite->source.name() + "\""));
    }
    return {};
}

// The records' names hold all that decides about their content, and a number for their form.
std::string packages_record(const IndexFile &index, const Platform &platform) {
    return "packages-1-" + index.file.sha256 + "-" + std::to_string(platform.postgres_major) + "-" +
           platform.architecture;
}

std::string libraries_record(const IndexFile &index, const Platform &platform) {
    return "libraries-1-" + index.file.sha256 + "-" + platform.architecture;
}

std::string contents_record(const IndexFile &index, const Platform &platform) {
    return "contents-2-" + index.file.sha256 + "-" + std::to_string(platform.postgres_major);
}

// --- Packages ----------------------------------------------------------------------------------------------------

std::vector<IndexFile> packages_indexes(const AptSuite &suite, const std::string &component,
                                        const Platform &platform) {
    std::vector<std::string> paths;
    if (suite.source.flat()) {
        paths = {"Packages"};
    } else {
        paths = {component + "/binary-" + platform.architecture + "/Packages"};
        if (suite.release.all_is_separate) paths.push_back(component + "/binary-all/Packages");
    }
    std::vector<IndexFile> found;
    for (const std::string &path : paths)
        if (std::optional<IndexFile> index = find_index(suite.release, path)) found.push_back(std::move(*index));
    return found;
}

std::string repository_name(const AptSource &source, const std::string &component) {
    if (!source.flat()) return source.suite + "/" + component;
    std::string suite = source.suite;
    while (suite.size() > 1 && suite.ends_with('/')) suite.pop_back();
    return suite;
}

using PackagesByRecord = std::map<std::string, FilteredPackages>;

// What is wanted and not in the cache goes to `wanted`, the rest to `known`; each only once.
void want_packages(const AptSuite &suite, const std::vector<IndexFile> &indexes, const Platform &platform,
                   AptCache &cache, PackagesByRecord &known, std::vector<Wanted> &wanted) {
    for (const IndexFile &index : indexes) {
        std::string record = packages_record(index, platform);
        if (known.contains(record) || std::any_of(wanted.begin(), wanted.end(),
                                                  [&](const Wanted &w) { return w.record == record; }))
            continue;
        // The libraries are not needed here, but have to be there, and to be kept.
        std::optional<Json> json = cache.load_json(record);
        if (json && cache.load(libraries_record(index, platform))) {
            if (auto packages = filtered_packages_from_json(*json)) {
                known.emplace(record, std::move(*packages));
                continue;
            }
        }
        wanted.push_back({&suite, index, record});
    }
}

// --- Contents ----------------------------------------------------------------------------------------------------

std::optional<IndexFile> contents_index(const AptSuite &suite, const std::string &component,
                                        const std::string &architecture) {
    if (!component.empty())
        if (auto index = find_index(suite.release, component + "/Contents-" + architecture)) return index;
    return find_index(suite.release, "Contents-" + architecture);
}

struct ContentsOf {
    std::optional<IndexFile> own, all;  // those that would tell something about the listing's packages
};

ContentsOf wanted_contents(AptListing &listing, const std::string &component, const Platform &platform) {
    ContentsOf contents;
    std::optional<IndexFile> all = contents_index(*listing.suite, component, "all");
    listing.all_apart = all.has_value();
    bool has_all = false, has_own = false;
    for (const AptPackage &package : listing.packages)
        (package.architecture == "all" ? has_all : has_own) = true;
    if (has_own || (has_all && !all)) contents.own = contents_index(*listing.suite, component, platform.architecture);
    if (has_all) contents.all = std::move(all);
    return contents;
}

}  // namespace

Result<std::vector<AptListing>> load_listings(const std::vector<AptSuite> &suites, const Platform &platform,
                                              bool extension_names, const SuiteContext &c) {
    // Packages first: they tell which Contents would say anything at all.
    PackagesByRecord packages;
    std::vector<Wanted> wanted;
    std::vector<AptListing> listings;
    std::vector<std::string> components;
    std::vector<std::vector<IndexFile>> indexes;
    for (const AptSuite &suite : suites) {
        std::vector<std::string> names = suite.source.components;
        if (suite.source.flat()) names = {""};
        for (const std::string &component : names) {
            AptListing listing;
            listing.suite = &suite;
            listing.repository = repository_name(suite.source, component);
            indexes.push_back(packages_indexes(suite, component, platform));
            if (indexes.back().empty())
                c.reporter.notice("repository \"" + suite.source.name() + "\" has no packages in \"" +
                                      listing.repository + "\" for architecture \"" + platform.architecture + "\"",
                                  "Its Release file lists no such index.", "");
            want_packages(suite, indexes.back(), platform, c.cache, packages, wanted);
            listings.push_back(std::move(listing));
            components.push_back(component);
        }
    }
    auto use_packages = [&](const Wanted &one, const std::string &path) -> Result<void> {
        FilteredPackages filtered = TRY(filter_packages(path, one.index.compression, platform.postgres_major,
                                                        platform.architecture));
        for (const std::string &sentence : filtered.left_out)
            c.reporter.notice("repository \"" + one.suite->source.name() + "\" has a package that cannot be used",
                              sentence, "");
        TRY(c.cache.store(one.record, dump_json(to_json(filtered))));
        TRY(c.cache.store(libraries_record(one.index, platform), std::exchange(filtered.libraries, {})));
        packages.emplace(one.record, std::move(filtered));
        return {};
    };
    TRY(fetch_indexes(wanted, use_packages, c));
    for (std::size_t i = 0; i < listings.size(); ++i) {
        for (const IndexFile &index : indexes[i])
            listings[i].libraries.push_back(libraries_record(index, platform));
        for (const IndexFile &index : indexes[i])
            for (const AptPackage &package : packages.at(packages_record(index, platform)).packages)
                listings[i].packages.push_back(package);
        keep_versions(listings[i].packages);
    }

    std::map<std::string, ExtensionNames> names;  // by record
    std::vector<ContentsOf> contents;
    std::vector<Wanted> own, all;
    std::uint64_t lacking = 0;
    for (std::size_t i = 0; i < listings.size(); ++i) {
        contents.push_back(wanted_contents(listings[i], components[i], platform));
        for (auto [index, list] : {std::pair{&contents.back().own, &own}, std::pair{&contents.back().all, &all}}) {
            if (!*index) continue;
            std::string record = contents_record(**index, platform);
            auto same = [&](const Wanted &w) { return w.record == record; };
            if (names.contains(record) || std::any_of(own.begin(), own.end(), same) ||
                std::any_of(all.begin(), all.end(), same))
                continue;
            if (std::optional<Json> json = c.cache.load_json(record)) {
                if (auto known = extension_names_from_json(*json)) {
                    names.emplace(record, std::move(*known));
                    continue;
                }
            }
            list->push_back({listings[i].suite, **index, record});
            lacking += (*index)->file.size;
        }
    }
    if (extension_names || lacking <= small_contents) {
        auto use_contents = [&](const Wanted &one, const std::string &path) -> Result<void> {
            ExtensionNames found = TRY(filter_contents(path, one.index.compression, platform.postgres_major));
            TRY(c.cache.store(one.record, dump_json(to_json(found))));
            names.emplace(one.record, std::move(found));
            return {};
        };
        // The architecture's own first: they are smaller and name most extensions, and what has been read stays in the
        // cache when the larger ones cannot be had.
        TRY(fetch_indexes(own, use_contents, c));
        TRY(fetch_indexes(all, use_contents, c));
    }
    for (std::size_t i = 0; i < listings.size(); ++i) {
        for (auto [index, to] : {std::pair{&contents[i].own, &listings[i].names},
                                 std::pair{&contents[i].all, &listings[i].names_all}}) {
            if (!*index) continue;
            auto found = names.find(contents_record(**index, platform));
            if (found != names.end())
                *to = found->second;
            else
                listings[i].missing.push_back(**index);
        }
    }
    return listings;
}

Json release_row(const AptListing &listing, const AptPackage &p) {
    // A package's files are in the Contents of its own architecture, or in the one file there is.
    const std::optional<ExtensionNames> &source =
        p.architecture == "all" && listing.all_apart ? listing.names_all : listing.names;
    Json extensions = nullptr;
    if (source) {
        auto found = source->find(p.package);
        extensions = found == source->end() ? Json::array() : Json(found->second);
    }
    return {{"package", p.package},
            {"version", p.version},
            {"architecture", p.architecture},
            {"summary", p.summary},
            {"description", p.description},
            {"homepage", p.homepage},
            {"depends", p.depends},
            {"recommends", p.recommends},
            {"breaks", p.breaks},
            {"repository", listing.repository},
            {"url", url_below(listing.suite->source.uri, p.filename)},
            {"size", p.size},
            {"sha256", p.sha256},
            {"signer", listing.suite->signer},
            {"extensions", std::move(extensions)}};
}

}  // namespace pgx
