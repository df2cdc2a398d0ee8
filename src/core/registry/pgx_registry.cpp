#include "core/registry/pgx_registry.h"

#include <algorithm>
#include <set>

#include "core/base/names.h"
#include "core/bundle/unpack_bundle.h"
#include "core/catalog/catalog.h"
#include "core/library/private_libraries.h"
#include "core/registry/apt_cache.h"
#include "core/registry/artifact_cache.h"
#include "core/registry/pgx_transport.h"
#include "core/tuf/client.h"
#include "core/tuf/fingerprint.h"

namespace pgx {

namespace {

// Parts that are downloaded at a time: enough to keep the connections busy, and little memory.
constexpr std::size_t parts_at_once = 32;
constexpr std::uint64_t bytes_at_once = 16 * 1024 * 1024;

// Begins with the root that the fingerprint is of, and goes on with what was trusted since.
Result<tuf::Client> open_client(const RefreshRequest &request, tuf::Transport &transport,
                                tuf::Store &store, const tuf::Fingerprint &fingerprint,
                                const std::string &directory, tuf::Time now) {
    Result<std::optional<tuf::Client>> kept =
        tuf::Client::resume(transport, store, fingerprint, now);
    if (!kept) {
        Error error = std::move(kept).error().prefixed(
            "could not go on with what is trusted of registry \"" + request.registry + "\"");
        if (error.code != ErrorCode::io && error.code != ErrorCode::permission_denied)
            error.hint = "Somebody else has written there, or the disk is damaged. Remove \"" +
                         directory +
                         "\" and run pgx.refresh() again: trust then begins with the registry's "
                         "fingerprint.";
        return fail(std::move(error));
    }
    if (*kept) return **std::move(kept);
    Result<std::string> root = tuf::fetch_root(transport, fingerprint);
    if (!root && root.error().code == ErrorCode::registry_refused)
        return fail(
            ErrorCode::registry_refused,
            "could not find a registry at \"" + request.source + "\": " + root.error().message,
            root.error().detail,
            "Check the address: it is of the folder that holds \"metadata\". A private "
            "registry wants headers => '...'.");
    return tuf::Client::open(transport, store, TRY(std::move(root)), now);
}

// Names that only a publisher's own role may speak for.
class DelegatedNames {
   public:
    explicit DelegatedNames(const tuf::Targets &targets) {
        if (!targets.delegations) return;
        for (const tuf::Delegation &delegation : targets.delegations->roles)
            if (std::ranges::any_of(delegation.paths, [](const std::string &path) {
                    return path.starts_with("packages/");
                }))
                delegations_.push_back(&delegation);
    }

    Result<bool> contain(const std::string &package) const {
        for (const tuf::Delegation *delegation : delegations_)
            if (TRY(tuf::covers(*delegation, package_path(package)))) return true;
        return false;
    }

    // All patterns in one text.
    std::string text() const {
        std::string all;
        for (const tuf::Delegation *delegation : delegations_)
            for (const std::string &path : delegation->paths) all += path + "\n";
        return all;
    }

   private:
    std::vector<const tuf::Delegation *> delegations_;
};

// Besides a part's content, its rows depend on this.
Result<std::string> rows_context(const Platform &platform, const DelegatedNames &delegated) {
    return TRY(sha256_of("pgx 1\n" + dump_json(to_json(platform)) + "\n" + delegated.text()))
        .substr(0, 16);
}

std::string digest_of(const tuf::Target &target) {
    const tuf::Hashes &hashes = target.file.hashes;
    const auto sha256 = hashes.find("sha256");
    return sha256 != hashes.end() ? sha256->second : hashes.begin()->second;
}

struct Part {
    tuf::Target target;
    std::string digest;
};

struct RowMaker {
    const RefreshRequest &request;
    const DelegatedNames &delegated;

    Result<Json> rows(const Part &part, const std::string &content) const;
    void add(Json &rows, const std::string &name, const CatalogPackage &package,
             const std::string &role) const;
};

void RowMaker::add(Json &rows, const std::string &name, const CatalogPackage &package,
                   const std::string &role) const {
    for (const CatalogRelease &release : package.releases) {
        const CatalogArtifact *artifact = best_artifact(release, request.platform);
        if (artifact == nullptr) continue;
        Json extensions = Json::array();
        std::string requirements;
        for (const CatalogExtension &extension : release.extensions) {
            extensions.push_back(extension.name);
            for (const std::string &required : extension.requires_)
                requirements += (requirements.empty() ? "" : ", ") + required;
        }
        rows.push_back({{"package", name},
                        {"version", release.version},
                        {"architecture", artifact->name.architecture},
                        {"summary", package.summary},
                        {"description", package.description},
                        {"homepage", package.homepage},
                        {"depends", requirements},
                        {"repository", ""},
                        {"url", below(request.source, bundle_path(*artifact))},
                        {"size", artifact->size},
                        {"sha256", artifact->sha256},
                        {"signer", role + " of " + request.root},
                        {"module_path", package.module_path},
                        {"extensions", std::move(extensions)}});
    }
}

Result<Json> RowMaker::rows(const Part &part, const std::string &content) const {
    Json rows = Json::array();
    const std::string &path = part.target.path, own = package_of_path(path);
    const Catalog catalog =
        TRY(parse_catalog(own.empty() ? TRY(decompress_shard(content, path)) : content, path));
    for (const auto &[name, package] : catalog) {
        if (own.empty() ? TRY(delegated.contain(name)) : name != own) continue;
        add(rows, name, package, part.target.role);
    }
    return rows;
}

Result<void> read_part(tuf::Client &client, const RowMaker &maker, const Part &part,
                       Reporter &reporter) {
    const std::vector<std::string> contents = TRY(client.download({part.target}));
    reporter.releases(TRY(maker.rows(part, contents.at(0))), part.target.path);
    return {};
}

// The parts of the catalog; other targets are not ours to understand.
Result<std::vector<Part>> parts_of(const tuf::Listing &listing, const std::string &context) {
    std::vector<Part> parts;
    for (const tuf::Target &target : listing.targets) {
        const bool shard =
            target.path.starts_with("catalog/") && target.path.ends_with(".json.zst");
        if (!shard && package_of_path(target.path).empty()) continue;
        if (target.file.length > catalog_limit)
            return fail(ErrorCode::registry_malformed, "\"" + target.path + "\" is too large",
                        "It has " + format_bytes(target.file.length) + ".");
        parts.push_back({target, digest_of(target) + "-" + context});
    }
    return parts;
}

// Unpacks a bundle, and finds out before anything is installed whether this host has what it needs.
Result<Receipt> unpack_for_host(const std::string &bundle, const Artifact &artifact,
                                const FetchRequest &request, std::optional<HostLibraries> &host,
                                FileSystem &fs, Reporter &reporter) {
    const std::string directory = join_path(request.staging, artifact.package);
    Receipt receipt =
        TRY(unpack_bundle(bundle, artifact, request.platform, directory, fs, reporter));
    if (receipt.modules.empty()) return receipt;
    if (!host) host = HostLibraries::of_this_host(request.server);
    // A bundle brings its libraries along in itself; there is nowhere else to look.
    LibrarySource nowhere;
    PackageOnDisk package;
    package.directory = directory;
    package.depends = [] { return Result<std::string>(std::string()); };
    package.recorded = artifact.libraries.value_or(std::vector<ReceiptLibrary>{});
    package.is_recorded = artifact.libraries.has_value();
    const std::string scratch = join_path(request.staging, ".libraries");
    TRY(fs.make_directory(scratch, 0700));
    const Result<void> added =
        add_private_libraries(receipt, package, *host, nowhere, scratch, fs, reporter);
    TRY(remove_tree(fs, scratch));
    if (!added) return fail(added.error());
    return receipt;
}

}  // namespace

// By the source too: a mirror has the same root and may be a little behind, which would be a
// rollback to whoever has seen the origin.
Result<std::string> trust_directory(const RefreshRequest &request) {
    const tuf::Fingerprint fingerprint = TRY(tuf::parse_fingerprint(request.root));
    return join_path(request.trust, std::to_string(fingerprint.version) + "-" + fingerprint.sha256 +
                                        "-" + TRY(sha256_of(request.source)).substr(0, 16));
}

Result<RefreshResult> PgxRegistry::refresh(const RefreshRequest &request, Reporter &reporter) {
    const tuf::Fingerprint fingerprint = TRY(tuf::parse_fingerprint(request.root));
    const tuf::Time now{std::chrono::seconds(host_.now())};
    const std::string trust = TRY(trust_directory(request));
    TRY(fs_.make_directories(trust, 0700));
    tuf::DirectoryStore store(fs_, trust);
    PgxTransport transport(request.source, request.headers, host_, fs_, reporter);
    tuf::Client client = TRY(open_client(request, transport, store, fingerprint, trust, now));
    TRY(client.refresh());

    const DelegatedNames delegated(*client.trusted().targets("targets"));
    const std::string context = TRY(rows_context(request.platform, delegated));
    RefreshResult result;
    result.repositories = 1;
    result.extension_names = true;
    // The number alone would not do: a thief of keys may have used up the next ones.
    result.state = TRY(sha256_of(TRY(store.load("snapshot")).value_or(""))) + "-" + context;
    result.expires = client.trusted().timestamp().expires.time_since_epoch().count();
    if (result.state == request.state) {
        result.unchanged = true;
        result.requests = transport.traffic().requests;
        result.bytes = transport.traffic().bytes;
        return result;
    }

    const tuf::Listing listing = TRY(client.list());
    bool complete = true;
    for (const tuf::Listing::ListedRole &role : listing.roles) {
        if (!role.error) continue;
        // A publisher who has published nothing yet.
        if (!client.trusted().snapshot().meta.contains(role.name)) continue;
        // A publisher's mistakes are his own; the registry's are everybody's, and a network that
        // fails is nobody's: what is there would look as if it were not offered any more.
        if (!role.name.starts_with("publisher-") ||
            role.error->code == ErrorCode::registry_unreachable)
            return fail(*role.error);
        complete = false;
        reporter.notice("leaving out what role \"" + role.name + "\" of registry \"" +
                            request.registry + "\" lists",
                        role.error->message + ".", "Its publisher has to mend that.");
    }
    // So that the next refresh looks again.
    if (!complete) result.state.clear();

    const std::vector<Part> parts = TRY(parts_of(listing, context));
    const RowMaker maker{request, delegated};
    result.parts.emplace();
    std::vector<Part> changed;
    for (const Part &part : parts) {
        (*result.parts)[part.target.path] = part.digest;
        const auto known = request.parts.find(part.target.path);
        if (known == request.parts.end() || known->second != part.digest) changed.push_back(part);
    }
    std::erase_if(changed, [&](const Part &part) {
        if (!part.target.role.starts_with("publisher-")) return false;
        if (Result<void> read = read_part(client, maker, part, reporter); !read) {
            reporter.notice(
                "leaving out \"" + part.target.path + "\" of registry \"" + request.registry + "\"",
                read.error().message + ".", "Its publisher has to mend that.");
            result.parts->erase(part.target.path);
            result.state.clear();
        }
        return true;
    });
    for (std::size_t begin = 0; begin < changed.size();) {
        std::vector<tuf::Target> targets;
        for (std::uint64_t bytes = 0;
             begin + targets.size() < changed.size() && targets.size() < parts_at_once;) {
            const tuf::Target &next = changed[begin + targets.size()].target;
            bytes += next.file.length;
            if (!targets.empty() && bytes > bytes_at_once) break;
            targets.push_back(next);
        }
        const std::vector<std::string> contents = TRY(client.download(targets));
        for (std::size_t i = 0; i < contents.size(); ++i) {
            const Part &part = changed[begin + i];
            Json rows = TRY(maker.rows(part, contents[i]));
            reporter.releases(std::move(rows), part.target.path);
        }
        begin += targets.size();
        reporter.progress("catalog", request.registry, begin, changed.size());
    }
    result.requests = transport.traffic().requests;
    result.bytes = transport.traffic().bytes;
    return result;
}

Result<std::vector<Receipt>> PgxRegistry::fetch(const FetchRequest &request, Reporter &reporter) {
    ArtifactFiles files(request.cache, artifact_directory(request.staging), host_.now(), fs_);
    TRY(files.provide(request.artifacts, [&](const std::vector<Download> &wanted) -> Result<void> {
        std::vector<Download> downloads = wanted;
        for (Download &one : downloads)
            for (const Artifact &artifact : request.artifacts)
                if (artifact.url == one.url)
                    if (const auto own = request.headers.find(artifact.registry);
                        own != request.headers.end() &&
                        one.url.starts_with(below(artifact.source, "")))
                        one.headers = own->second;
        TRY(download(downloads, fetch_options(host_, AptConfig(), downloads[0].url), fs_,
                     reporter));
        return {};
    }));
    std::optional<HostLibraries> host;
    std::vector<Receipt> receipts;
    for (const Artifact &artifact : request.artifacts) {
        Artifact expected = artifact;
        expected.file = artifact.url.substr(artifact.url.rfind('/') + 1);
        receipts.push_back(
            TRY(unpack_for_host(files.path(artifact), expected, request, host, fs_, reporter)));
    }
    return receipts;
}

Result<RefreshResult> BundleRegistry::refresh(const RefreshRequest &request, Reporter &) {
    return fail(ErrorCode::internal,
                "registry \"" + request.registry + "\" is in the server's catalog");
}

Result<std::vector<Receipt>> BundleRegistry::fetch(const FetchRequest &request,
                                                   Reporter &reporter) {
    ArtifactFiles files(request.cache, artifact_directory(request.staging), host_.now(), fs_);
    TRY(files.provide(request.artifacts, [](const std::vector<Download> &missing) -> Result<void> {
        return fail(ErrorCode::io,
                    "the bundle of package \"" + missing[0].item + "\" is not there");
    }));
    std::optional<HostLibraries> host;
    std::vector<Receipt> receipts;
    for (const Artifact &artifact : request.artifacts)
        receipts.push_back(
            TRY(unpack_for_host(files.path(artifact), artifact, request, host, fs_, reporter)));
    return receipts;
}

}  // namespace pgx
