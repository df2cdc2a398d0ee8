#include "core/registry/apt_registry.h"

#include <algorithm>

#include "core/base/names.h"
#include "core/library/private_libraries.h"
#include "core/registry/apt_libraries.h"
#include "core/registry/apt_listing.h"
#include "core/registry/apt_suite.h"
#include "core/registry/artifact_cache.h"
#include "core/registry/unpack.h"

namespace pgx {

namespace {

constexpr std::size_t rows_at_once = 500;
constexpr const char *how_to_add =
    "Add one: SELECT pgx.add_registry('example', 'deb [signed-by=/usr/share/keyrings/example.gpg] "
    "https://example.org/debian stable main').";

Result<AptSources> find_sources(const RefreshRequest &request, const AptHost &host, const AptConfig &config,
                                FileSystem &fs) {
    AptSources sources;
    if (!request.source.empty()) {
        sources = TRY(parse_apt_sources(request.source, SourceSyntax::detect,
                                        "registry \"" + request.registry + "\"", request.platform.architecture));
    } else if (host.apt_config.empty()) {
        return fail(ErrorCode::no_registry, "this host has no apt configuration to follow",
                    "The program \"apt-config\" was not found.", how_to_add);
    } else {
        sources = TRY(read_host_apt_sources(config, request.platform.architecture, fs));
    }
    // Trusted=yes lets unsigned content pass, and =no none. Neither is what pgx means by a source that it can rely on.
    std::erase_if(sources.sources, [&](const AptSource &source) {
        if (!source.trusted) return false;
        sources.notices.push_back({"skipping repository \"" + source.name() + "\"",
                                   std::string("Its source at ") + source.origin + " says trusted=" +
                                       (*source.trusted ? "yes, so that its signature does not count."
                                                        : "no, so that its signature is not believed."),
                                   "pgx uses signed repositories only: name the keyring with signed-by instead."});
        return true;
    });
    return sources;
}

Error no_usable_source(const RefreshRequest &request, const AptSources &sources) {
    std::string detail, hint = how_to_add;
    ErrorCode code = ErrorCode::no_registry;
    for (const SourceNotice &notice : sources.notices) {
        if (!detail.empty()) detail += " ";
        detail += "There was this one: " + notice.message + ". " + notice.detail;
        if (notice.message.starts_with("skipping repository")) {
            code = ErrorCode::signature_missing;
            hint = notice.hint;
        }
    }
    if (request.source.empty()) {
        if (detail.empty())
            detail = "It names no repository of packages for architecture \"" + request.platform.architecture + "\".";
        return Error{code, "this host's apt configuration has no source that can be used", detail, hint};
    }
    if (code == ErrorCode::no_registry) code = ErrorCode::invalid_argument;
    if (detail.empty())
        detail = "Its source names no repository of packages for architecture \"" + request.platform.architecture + "\".";
    return Error{code, "registry \"" + request.registry + "\" has no source that can be used", detail, hint};
}

// The part of the state token that stands for everything but extension names.
Result<std::string> state_digest(const RefreshRequest &request, const std::vector<AptSuite> &suites) {
    std::string text = "apt 1\n" + std::to_string(request.platform.postgres_major) + "\n" +
                       request.platform.architecture + "\n" + TRY(sha256_of(request.source)) + "\n";
    for (const AptSuite &suite : suites) {
        text += suite.source.uri + "\n" + suite.source.suite + "\n";
        for (const std::string &component : suite.source.components) text += component + " ";
        text += "\n" + suite.text_sha256 + "\n" + suite.signer + "\n";
    }
    return sha256_of(text);
}

// Whether `state` is of this content and its rows carry the extension names, if those are wanted.
bool is_current(const std::string &state, const std::string &digest, std::size_t suites, bool names_wanted) {
    if (state.size() != digest.size() + 1 + suites || !state.starts_with(digest + "-")) return false;
    std::string_view bits = std::string_view(state).substr(digest.size() + 1);
    return bits.find_first_not_of("01") == std::string_view::npos &&
           (!names_wanted || bits.find('0') == std::string_view::npos);
}

// Sends the rows of all listings in batches and counts them.
std::uint64_t send_rows(const std::vector<AptListing> &listings, Reporter &reporter) {
    std::uint64_t sent = 0;
    Json batch = Json::array();
    auto flush = [&] {
        if (!batch.empty()) reporter.releases(std::exchange(batch, Json::array()), "");
    };
    for (const AptListing &listing : listings) {
        for (const AptPackage &package : listing.packages) {
            batch.push_back(release_row(listing, package));
            ++sent;
            if (batch.size() == rows_at_once) flush();
        }
    }
    flush();
    return sent;
}

}  // namespace

Result<RefreshResult> AptRegistry::refresh(const RefreshRequest &request, Reporter &reporter) {
    AptCache cache = TRY(AptCache::open(request.cache, fs_));
    AptConfig config = TRY(load_apt_config(host_, fs_));
    AptSources sources = TRY(find_sources(request, host_, config, fs_));
    if (sources.sources.empty()) return fail(no_usable_source(request, sources));
    for (const SourceNotice &notice : sources.notices) reporter.notice(notice.message, notice.detail, notice.hint);

    Traffic traffic;
    SuiteContext context{host_, config, cache, fs_, reporter, traffic};
    // Only the host's own list is put up with when a part of it fails: nobody chose it for pgx.
    std::vector<AptSuite> suites = TRY(load_suites(sources.sources, request.source.empty(), context));

    RefreshResult result;
    std::string digest = TRY(state_digest(request, suites));
    result.repositories = suites.size();
    if (is_current(request.state, digest, suites.size(), request.extension_names)) {
        result.unchanged = true;
        result.state = request.state;
        result.extension_names = request.state.find('0', digest.size()) == std::string::npos;
        result.requests = traffic.requests;
        result.bytes = traffic.bytes;
        return result;
    }

    std::vector<AptListing> listings =
        TRY(load_listings(suites, request.platform, request.extension_names, context));
    TRY(store_library_list(listings, request.source, request.platform, cache));
    result.state = digest + "-";
    for (const AptSuite &suite : suites)
        result.state += std::any_of(listings.begin(), listings.end(),
                                    [&](const AptListing &l) { return l.suite == &suite && !l.missing.empty(); })
                            ? '0'
                            : '1';
    result.extension_names = result.state.find('0', digest.size()) == std::string::npos;
    result.packages = send_rows(listings, reporter);
    if (result.packages == 0)
        reporter.notice("no packages for PostgreSQL " + std::to_string(request.platform.postgres_major) +
                            " in registry \"" + request.registry + "\"",
                        "Its repositories hold packages for other major versions, or none.",
                        "Add a registry that has them, such as the repository that the server was installed from.");
    result.requests = traffic.requests;
    result.bytes = traffic.bytes;
    cache.sweep(host_.now());
    return result;
}

Result<std::vector<Receipt>> AptRegistry::fetch(const FetchRequest &request, Reporter &reporter) {
    AptCache cache = TRY(AptCache::open(request.cache, fs_));
    AptConfig config = TRY(load_apt_config(host_, fs_));
    Traffic traffic;
    const auto get = [&](const std::vector<Download> &downloads) -> Result<void> {
        TRY(download_from(host_, config, downloads, fs_, reporter, traffic));
        return {};
    };
    ArtifactFiles files(request.cache, artifact_directory(request.staging), host_.now(), fs_);
    TRY(files.provide(request.artifacts, get));

    std::optional<HostLibraries> host;
    // No package has such a name.
    const std::string scratch = join_path(request.staging, ".libraries");
    std::vector<Receipt> receipts;
    for (const Artifact &artifact : request.artifacts) {
        const std::string deb = files.path(artifact);
        const std::string directory = join_path(request.staging, artifact.package);
        Receipt receipt =
            TRY(unpack_deb(deb, artifact, request.platform, directory, fs_, reporter));
        if (receipt.modules.empty()) {
            receipts.push_back(std::move(receipt));
            continue;
        }
        if (!host) host = HostLibraries::of_this_host(request.server);
        RefreshRequest refresh;
        refresh.registry = artifact.registry;
        refresh.source = artifact.source;
        refresh.platform = request.platform;
        refresh.cache = request.cache;
        std::vector<AptSuite> suites;
        const auto reload = [&]() -> Result<std::vector<AptListing>> {
            AptSources sources = TRY(find_sources(refresh, host_, config, fs_));
            if (sources.sources.empty()) return fail(no_usable_source(refresh, sources));
            SuiteContext context{host_, config, cache, fs_, reporter, traffic};
            suites = TRY(load_suites(sources.sources, refresh.source.empty(), context));
            return load_listings(suites, refresh.platform, false, context);
        };
        AptLibrarySource source(artifact.registry, artifact.source, request, cache, files, get,
                                reload);
        PackageOnDisk package{directory, deb, [&] { return depends_of_deb(fs_, deb); },
                              artifact.libraries.value_or(std::vector<ReceiptLibrary>{}),
                              artifact.libraries.has_value()};
        TRY(fs_.make_directory(scratch, 0700));
        Result<void> added =
            add_private_libraries(receipt, package, *host, source, scratch, fs_, reporter);
        TRY(remove_tree(fs_, scratch));
        if (!added) return fail(std::move(added).error());
        receipts.push_back(std::move(receipt));
    }
    return receipts;
}

}  // namespace pgx
