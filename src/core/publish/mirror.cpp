#include "core/publish/mirror.h"

#include <algorithm>
#include <map>

#include "core/base/names.h"
#include "core/publish/generation.h"
#include "core/publish/new_files.h"
#include "core/publish/tidy.h"
#include "core/tuf/client.h"

namespace pgx {

namespace {

constexpr std::size_t batch = 64;
constexpr std::uint64_t root_limit = 512'000;

// The copy as the place where a client keeps what it trusts. What is new stays in memory until all
// that it names is there too.
class MirrorStore : public tuf::Store {
   public:
    MirrorStore(FileSystem &fs, const RegistryFolder &folder) : fs_(fs), folder_(folder) {}

    // Finds the newest root; none in a new copy.
    Result<bool> open(std::uint64_t first_version) {
        for (std::uint64_t version = first_version;; ++version) {
            const std::string path = folder_.role_file("root", version);
            if (!TRY(fs_.info(path))) break;
            root_version_ = version;
        }
        return root_version_ != 0;
    }

    Result<std::optional<std::string>> load(const std::string &role) override {
        if (const auto found = new_.find(role); found != new_.end()) return found->second;
        if (role == "root")
            return root_version_ == 0 ? std::optional<std::string>()
                                      : TRY(read(folder_.role_file("root", root_version_)));
        if (role == "timestamp") return read(folder_.timestamp_file());
        if (role == "snapshot") {
            if (old_snapshot_) return old_snapshot_;
            const auto bytes = TRY(load("timestamp"));
            if (!bytes) return std::optional<std::string>();
            const auto timestamp = tuf::parse_timestamp(*bytes);
            if (!timestamp) return std::optional<std::string>();
            return read(folder_.role_file("snapshot", timestamp->value.snapshot.version));
        }
        const auto bytes = TRY(load("snapshot"));
        if (!bytes) return std::optional<std::string>();
        const auto snapshot = tuf::parse_snapshot(*bytes);
        if (!snapshot) return std::optional<std::string>();
        const auto meta = snapshot->value.meta.find(role);
        if (meta == snapshot->value.meta.end()) return std::optional<std::string>();
        return read(folder_.role_file(role, meta->second.version));
    }

    Result<void> save(const std::string &role, const std::string &bytes) override {
        // The old timestamp tells which snapshot the new one is to be compared with.
        if (role == "timestamp" && !new_.contains("snapshot"))
            old_snapshot_ = TRY(load("snapshot"));
        new_[role] = bytes;
        if (role == "root") roots_.push_back(bytes);
        return {};
    }

    Result<void> remove(const std::string &role) override {
        new_[role] = std::nullopt;
        return {};
    }

    // All that came in, under the names that it is published under; the timestamp, which has to be
    // last, apart.
    Result<std::string> put_new(NewFiles &files) const {
        std::string timestamp;
        for (const std::string &bytes : roots_) {
            const auto root = TRY(tuf::parse_root(bytes));
            files.add(folder_.role_file("root", root.value.version), bytes);
        }
        for (const auto &[role, bytes] : new_) {
            if (!bytes || role == "root") continue;
            if (role == "timestamp")
                timestamp = *bytes;
            else if (role == "snapshot")
                files.add(folder_.role_file(role, TRY(tuf::parse_snapshot(*bytes)).value.version),
                          *bytes);
            else
                files.add(folder_.role_file(role, TRY(tuf::parse_targets(*bytes)).value.version),
                          *bytes);
        }
        return timestamp;
    }

   private:
    Result<std::optional<std::string>> read(const std::string &path) {
        if (!TRY(fs_.info(path))) return std::optional<std::string>();
        return std::optional<std::string>(TRY(fs_.read(path, metadata_limit)));
    }

    FileSystem &fs_;
    const RegistryFolder &folder_;
    std::uint64_t root_version_ = 0;
    std::map<std::string, std::optional<std::string>> new_;  // nullopt: removed
    std::optional<std::string> old_snapshot_;
    std::vector<std::string> roots_;
};

class Mirror {
   public:
    Mirror(FileSystem &fs, tuf::Transport &transport, const FetchBundles &fetch_bundles,
           const RegistryFolder &folder, const MirrorRequest &request)
        : fs_(fs),
          transport_(transport),
          fetch_bundles_(fetch_bundles),
          folder_(folder),
          request_(request),
          store_(fs, folder) {}

    Result<MirrorResult> run(tuf::Time now) {
        TRY(make_public_directory(fs_, folder_.root));
        tuf::Client client = TRY(open_client(now));
        TRY(client.refresh());
        const tuf::Listing listing = TRY(client.list());
        TRY(note_roles(client.trusted(), listing));
        const std::vector<WantedBundle> wanted = TRY(copy_catalog(client, listing));
        TRY(copy_bundles(wanted));
        TRY(copy_metadata());
        TRY(delete_withdrawn());
        (void)TRY(delete_superseded(fs_, folder_, now, std::chrono::hours(24)));
        return std::move(result_);
    }

   private:
    Result<tuf::Client> open_client(tuf::Time now) {
        if (TRY(store_.open(request_.root.version))) {
            const std::string first =
                TRY(fs_.read(folder_.role_file("root", request_.root.version), metadata_limit));
            if (TRY(tuf::sha256_hex(first)) != request_.root.sha256)
                return fail(ErrorCode::wrong_state,
                            "\"" + folder_.root + "\" is a copy of another registry", {},
                            "Name another folder.");
            return tuf::Client::open(transport_, store_, now);
        }
        if (TRY(fs_.info(folder_.timestamp_file())))
            return fail(ErrorCode::wrong_state,
                        "\"" + folder_.root + "\" is a copy of another registry", {},
                        "Name another folder.");
        const std::string root = TRY(tuf::fetch_root(transport_, request_.root));
        TRY(copy_earlier_roots(root));
        return tuf::Client::open(transport_, store_, root, now);
    }

    // Others may hold the fingerprint of a root from before the one that trust begins with here.
    // The chain from there to it is copied where it is whole.
    Result<void> copy_earlier_roots(const std::string &root) {
        if (request_.root.version == 1) return {};
        std::vector<tuf::FileRequest> requests;
        for (std::uint64_t version = 1; version < request_.root.version && version <= 256;
             ++version)
            requests.push_back({tuf::FileRequest::Kind::metadata,
                                std::to_string(version) + ".root.json", root_limit, true});
        std::vector<std::string> roots;
        for (auto &answer : TRY(transport_.fetch(requests))) {
            if (!answer) return {};
            roots.push_back(*std::move(answer));
        }
        auto chain = tuf::TrustedMetadata::open(roots[0], tuf::Time{}, tuf::Profile::strict);
        for (std::size_t i = 1; chain && i < roots.size(); ++i)
            if (!chain->update_root(roots[i])) return {};
        if (!chain || !chain->update_root(root)) return {};
        for (std::size_t i = 0; i < roots.size(); ++i)
            earlier_roots_.emplace(i + 1, std::move(roots[i]));
        return {};
    }

    Result<void> note_roles(const tuf::TrustedMetadata &trusted, const tuf::Listing &listing) {
        result_.expires = std::min(
            {trusted.root().expires, trusted.timestamp().expires, trusted.snapshot().expires});
        for (const tuf::Listing::ListedRole &role : listing.roles) {
            if (!role.error) {
                if (const tuf::Targets *targets = trusted.targets(role.name);
                    targets && publisher_of_role(role.name).empty())
                    result_.expires = std::min(result_.expires, targets->expires);
                continue;
            }
            const std::string publisher = publisher_of_role(role.name);
            if (publisher.empty()) return fail(*role.error);
            // One who has not published yet lacks nothing.
            if (trusted.snapshot().meta.contains(role.name))
                result_.missing_roles.push_back(publisher);
        }
        return {};
    }

    bool is_chosen(const std::string &package) {
        if (request_.packages.empty()) return true;
        bool chosen = false;
        for (const std::string &pattern : request_.packages)
            if (tuf::matches_pattern(pattern, package)) {
                chosen = true;
                matched_.insert(pattern);
            }
        return chosen;
    }

    Result<std::vector<WantedBundle>> copy_catalog(tuf::Client &client,
                                                   const tuf::Listing &listing) {
        std::vector<WantedBundle> wanted;
        std::vector<tuf::Target> missing;
        const auto fetch = [&]() -> Result<void> {
            NewFiles files(fs_);
            const std::vector<std::string> contents = TRY(client.download(missing));
            for (std::size_t i = 0; i < missing.size(); ++i) {
                TRY(choose(missing[i].path, contents[i], wanted));
                files.add(folder_.target_file(missing[i].path,
                                              TRY(target_sha256(missing[i].file, missing[i].path))),
                          contents[i]);
            }
            result_.catalog_files += missing.size();
            missing.clear();
            return files.write();
        };
        for (const tuf::Target &target : listing.targets) {
            const std::string path =
                folder_.target_file(target.path, TRY(target_sha256(target.file, target.path)));
            const auto bytes = TRY(read_copy(path, target));
            if (bytes) {
                TRY(choose(target.path, *bytes, wanted));
                continue;
            }
            missing.push_back(target);
            if (missing.size() == batch) TRY(fetch());
        }
        if (!missing.empty()) TRY(fetch());
        for (const std::string &pattern : request_.packages)
            if (!matched_.contains(pattern))
                return fail(ErrorCode::unknown_package,
                            "the registry has no package \"" + pattern + "\"", {},
                            "Give names of packages that it has, or patterns with \"*\".");
        return wanted;
    }

    Result<std::optional<std::string>> read_copy(const std::string &path,
                                                 const tuf::Target &target) {
        const auto found = TRY(fs_.info(path));
        if (!found || found->size != target.file.length) return std::optional<std::string>();
        std::string bytes = TRY(fs_.read(path, target.file.length));
        if (!tuf::check_file(target.path, bytes, target.file.length, target.file.hashes))
            return std::optional<std::string>();
        return std::optional<std::string>(std::move(bytes));
    }

    Result<void> choose(const std::string &path, std::string bytes,
                        std::vector<WantedBundle> &wanted) {
        if (path.ends_with(".zst")) bytes = TRY(decompress_shard(bytes, path));
        for (const auto &[name, package] : TRY(parse_catalog(bytes, path))) {
            const bool chosen = is_chosen(name);
            if (package.releases.empty()) continue;  // all was withdrawn
            ++result_.packages;
            bool any = false;
            for (const CatalogRelease &release : package.releases)
                for (const CatalogArtifact &artifact : release.artifacts) {
                    const std::string file = folder_.bundle_file(bundle_path(artifact));
                    published_.insert(file);
                    if (!chosen || (!request_.postgres.empty() &&
                                    !request_.postgres.contains(artifact.name.postgres_major)))
                        continue;
                    any = true;
                    wanted.push_back({artifact, file});
                }
            result_.packages_chosen += any ? 1 : 0;
        }
        return {};
    }

    Result<void> copy_bundles(const std::vector<WantedBundle> &wanted) {
        std::vector<WantedBundle> missing;
        const auto fetch = [&]() -> Result<void> {
            std::vector<std::string> paths;
            std::set<std::string> directories{folder_.bundles()};
            for (const WantedBundle &bundle : missing) {
                directories.insert(parent_path(bundle.path));
                TRY(remove_entry(fs_, bundle.path));
                paths.push_back(bundle.path);
            }
            for (const std::string &directory : directories)
                TRY(make_public_directory(fs_, directory));
            TRY(fetch_bundles_(missing));
            TRY(sync_files(fs_, paths));
            for (const std::string &directory : directories) TRY(fs_.sync_directory(directory));
            for (const WantedBundle &bundle : missing) {
                ++result_.bundles_fetched;
                result_.bytes_fetched += bundle.artifact.size;
            }
            missing.clear();
            return {};
        };
        for (const WantedBundle &bundle : wanted) {
            ++result_.bundles;
            const auto found = TRY(fs_.info(bundle.path));
            // Complete files only get this name, so that the size tells enough.
            if (found && found->type == FileType::regular && found->size == bundle.artifact.size)
                continue;
            missing.push_back(bundle);
            if (missing.size() == batch) TRY(fetch());
        }
        return missing.empty() ? Result<void>() : fetch();
    }

    Result<void> copy_metadata() {
        NewFiles files(fs_);
        for (const auto &[version, bytes] : earlier_roots_)
            files.add(folder_.role_file("root", version), bytes);
        const std::string timestamp = TRY(store_.put_new(files));
        TRY(files.write());
        if (timestamp.empty()) return {};
        result_.newer = true;
        return write_file_durably(fs_, folder_.timestamp_file(), timestamp, 0644);
    }

    // What the registry has taken back is not to be had here either.
    Result<void> delete_withdrawn() {
        for (const std::string &package : TRY(fs_.list(folder_.bundles()))) {
            const std::string directory = join_path(folder_.bundles(), package);
            bool kept = false;
            for (const std::string &name : TRY(fs_.list(directory))) {
                const std::string path = join_path(directory, name);
                if (published_.contains(path)) {
                    kept = true;
                    continue;
                }
                TRY(remove_entry(fs_, path));
                ++result_.bundles_deleted;
            }
            if (!kept) TRY(fs_.remove_directory(directory));
        }
        return {};
    }

    FileSystem &fs_;
    tuf::Transport &transport_;
    const FetchBundles &fetch_bundles_;
    const RegistryFolder &folder_;
    const MirrorRequest &request_;
    MirrorStore store_;
    std::map<std::uint64_t, std::string> earlier_roots_;
    std::set<std::string> matched_;    // patterns
    std::set<std::string> published_;  // paths of bundles
    MirrorResult result_;
};

}  // namespace

Result<MirrorResult> mirror_registry(FileSystem &fs, tuf::Transport &transport,
                                     const FetchBundles &fetch_bundles,
                                     const RegistryFolder &folder, const MirrorRequest &request,
                                     tuf::Time now) {
    return Mirror(fs, transport, fetch_bundles, folder, request).run(now);
}

}  // namespace pgx
