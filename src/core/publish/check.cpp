#include "core/publish/check.h"

#include <algorithm>

#include "core/base/names.h"
#include "core/publish/bundle_claims.h"
#include "core/publish/generation.h"
#include "core/publish/publisher_rules.h"
#include "core/tuf/client.h"

namespace pgx {

namespace {

constexpr std::uint64_t root_limit = 512'000;
constexpr std::uint64_t most_pending = 100;
constexpr std::size_t batch = 64;  // shards in memory at once

class Checker {
   public:
    Checker(tuf::Transport &transport, const BundleCheck &check_bundle, const Lifetimes &lifetimes,
            tuf::Time now)
        : transport_(transport), check_bundle_(check_bundle), lifetimes_(lifetimes), now_(now) {}

    Result<RegistryCheck> run(const std::optional<tuf::Fingerprint> &wanted) {
        const std::string root = TRY(first_root(wanted));
        result_.fingerprint = TRY(tuf::fingerprint_of_root(root));
        tuf::MemoryStore store;
        // What has expired is looked at all the same; dates are judged below.
        auto client = tuf::Client::open(transport_, store, root, tuf::Time{});
        if (!client) {
            defect(std::move(client.error()));
            return std::move(result_);
        }
        if (auto refreshed = client->refresh(); !refreshed) {
            if (refreshed.error().code == ErrorCode::registry_unreachable)
                return fail(std::move(refreshed.error()));
            defect(std::move(refreshed.error()));
            return std::move(result_);
        }
        const tuf::Listing listing = TRY(client->list());
        roles(client->trusted(), listing);
        TRY(read_settings(*client->trusted().targets("targets")));
        for (const tuf::Delegation &publisher : publishers_)
            TRY(pending_files(client->trusted(), publisher));
        TRY(targets(*client, listing));
        return std::move(result_);
    }

   private:
    void defect(Error error) {
        result_.findings.push_back(
            {true, std::move(error.message), std::move(error.detail), std::move(error.hint)});
    }

    Result<std::string> first_root(const std::optional<tuf::Fingerprint> &wanted) {
        if (wanted) return tuf::fetch_root(transport_, *wanted);
        auto answers = TRY(transport_.fetch(
            {{tuf::FileRequest::Kind::metadata, "1.root.json", root_limit, true}}));
        if (answers.size() == 1 && answers[0]) return *std::move(answers[0]);
        return fail(ErrorCode::registry_refused, "there is no registry",
                    "It has no file \"metadata/1.root.json\".",
                    "Name the folder, or the address, that has the folder \"metadata\" in it.");
    }

    void role(const std::string &name, std::uint64_t version, tuf::Time expires,
              const tuf::Role &signers) {
        result_.roles.push_back(
            {name, version, signers.key_ids.size(), signers.threshold, expires, true});
        const std::string what = "the metadata of role \"" + name + "\"";
        const std::string until = "It is valid until " + describe_expiry(expires, now_) + ".";
        const char *remedy =
            "Renew it with \"pgx registry sign\", where the keys are; let cron do so every day.";
        if (expires <= now_)
            result_.findings.push_back({true, what + " has expired", until, remedy});
        else if (lifetimes_.is_late(name, expires, now_))
            result_.findings.push_back({false, what + " expires soon", until, remedy});
        if (signers.threshold > signers.key_ids.size())
            result_.findings.push_back(
                {true, what + " needs more signatures than it has keys", "",
                 "Give it more keys, or a lower threshold, with \"pgx registry rotate\"."});
    }

    void roles(const tuf::TrustedMetadata &trusted, const tuf::Listing &listing) {
        const tuf::Root &root = trusted.root();
        role("root", root.version, root.expires, root.roles.at("root"));
        role("timestamp", trusted.timestamp().version, trusted.timestamp().expires,
             root.roles.at("timestamp"));
        role("snapshot", trusted.snapshot().version, trusted.snapshot().expires,
             root.roles.at("snapshot"));
        const tuf::Targets &top = *trusted.targets("targets");
        role("targets", top.version, top.expires, root.roles.at("targets"));
        if (!top.delegations) return;
        publishers_.clear();
        keys_ = top.delegations->keys;
        for (const tuf::Delegation &delegation : top.delegations->roles) {
            if (!publisher_of_role(delegation.name).empty()) publishers_.push_back(delegation);
        }
        top_delegations_ = top.delegations->roles;
        for (const tuf::Delegation &delegation : top_delegations_) {
            delegated(trusted, listing, delegation);
        }
    }

    void delegated(const tuf::TrustedMetadata &trusted, const tuf::Listing &listing,
                   const tuf::Delegation &delegation) {
        const std::string &name = delegation.name;
        const auto listed =
            std::find_if(listing.roles.begin(), listing.roles.end(),
                         [&](const tuf::Listing::ListedRole &each) { return each.name == name; });
        if (listed != listing.roles.end() && listed->error) {
            if (!trusted.snapshot().meta.contains(name) && !publisher_of_role(name).empty()) {
                result_.roles.push_back({name,
                                         0,
                                         delegation.role.key_ids.size(),
                                         delegation.role.threshold,
                                         {},
                                         false});
                return;
            }
            Error error = *listed->error;
            if (error.code == ErrorCode::signature_invalid && !publisher_of_role(name).empty())
                error.hint =
                    "The publisher has to sign with his present keys: \"pgx registry add "
                    "--publisher " +
                    publisher_of_role(name) + "\".";
            defect(std::move(error).prefixed("role \"" + name + "\""));
            return;
        }
        const tuf::Targets *targets = trusted.targets(name);
        if (targets == nullptr) return;
        role(name, targets->version, targets->expires, delegation.role);
        if (publisher_of_role(name).empty()) return;
        for (const auto &[path, file] : targets->targets) {
            auto good = check_publisher_path(top_delegations_, name, path);
            if (good) continue;
            good.error().hint =
                "Clients do not read it. When the publisher publishes anew, it goes.";
            defect(std::move(good.error()));
        }
    }

    // What publishers have signed and nobody has taken in: no client reads it, but who looks after
    // the registry wants to know why not.
    Result<void> pending_files(const tuf::TrustedMetadata &trusted,
                               const tuf::Delegation &publisher) {
        const auto &meta = trusted.snapshot().meta;
        const auto known = meta.find(publisher.name);
        const std::uint64_t published = known == meta.end() ? 0 : known->second.version;
        for (std::uint64_t version = published + 1; version <= published + most_pending;
             ++version) {
            const std::string file =
                std::to_string(version) + "." + tuf::encode_role_name(publisher.name) + ".json";
            auto answers =
                transport_.fetch({{tuf::FileRequest::Kind::metadata, file, metadata_limit, true}});
            if (!answers && answers.error().code == ErrorCode::registry_unreachable)
                return fail(std::move(answers.error()));
            if (answers && (answers->size() != 1 || !(*answers)[0])) return {};
            const auto look = [&]() -> Result<void> {
                const auto contents = TRY(std::move(answers));
                const auto parsed = TRY(tuf::parse_targets(*contents[0], tuf::Profile::strict));
                return tuf::check_signatures("it", publisher.role, keys_, parsed.signed_bytes,
                                             parsed.signatures);
            };
            auto good = look();
            if (!good) {
                Error error = std::move(good.error());
                error.hint =
                    "Let the publisher sign with his present keys and copy all files, or "
                    "delete the file.";
                defect(std::move(error).prefixed("\"metadata/" + file + "\""));
                continue;
            }
            result_.findings.push_back(
                {false, "\"metadata/" + file + "\" has not been taken in yet", "",
                 "Run \"pgx registry sign\", which tells if something is wrong with it."});
        }
        return {};
    }

    Result<void> read_settings(const tuf::Targets &top) {
        const auto *custom =
            top.custom.is_object() && top.custom.contains("pgx") ? &top.custom["pgx"] : nullptr;
        const auto bits = custom ? json_unsigned(*custom, "shard_bits")
                                 : Result<std::uint64_t>(fail(ErrorCode::registry_malformed,
                                                              "the number of shards is not told"));
        if (bits && *bits <= 12)
            bits_ = static_cast<unsigned>(*bits);
        else
            defect({ErrorCode::registry_malformed, "the number of shards is not told",
                    "The targets metadata lacks \"custom\": {\"pgx\": {\"shard_bits\": ...}}.",
                    ""});
        return {};
    }

    Result<void> targets(tuf::Client &client, const tuf::Listing &listing) {
        for (std::size_t from = 0; from < listing.targets.size(); from += batch) {
            const std::size_t to = std::min(from + batch, listing.targets.size());
            const std::vector<tuf::Target> some(
                listing.targets.begin() + static_cast<std::ptrdiff_t>(from),
                listing.targets.begin() + static_cast<std::ptrdiff_t>(to));
            auto contents = client.download(some);
            for (std::size_t i = 0; i < some.size(); ++i) {
                if (contents) {
                    TRY(catalog(some[i], std::move((*contents)[i])));
                    continue;
                }
                // One of them failed and ended all: each for itself tells which.
                auto one = client.download({some[i]});
                if (one)
                    TRY(catalog(some[i], std::move((*one)[0])));
                else
                    defect(std::move(one.error()).prefixed("\"" + some[i].path + "\""));
            }
        }
        return {};
    }

    Result<void> catalog(const tuf::Target &target, std::string bytes) {
        const auto parse = [&]() -> Result<Catalog> {
            if (target.path.ends_with(".zst")) bytes = TRY(decompress_shard(bytes, target.path));
            return parse_catalog(bytes, target.path);
        };
        auto packages = parse();
        if (!packages) {
            defect(std::move(packages.error()));
            return {};
        }
        const bool shard = package_of_path(target.path).empty();
        result_.shards += shard ? 1 : 0;
        for (const auto &[name, package] : *packages) {
            const std::string wanted =
                shard ? (bits_ ? TRY(shard_path(name, *bits_)) : target.path) : package_path(name);
            if (wanted != target.path && publisher_of_role(target.role).empty())
                defect({ErrorCode::registry_malformed,
                        "package \"" + name + "\" is in \"" + target.path + "\"",
                        "Clients look for it in \"" + wanted + "\".", ""});
            const bool hidden = shard && TRY(check_not_hidden(name, package));
            if (hidden) continue;
            if (auto free = module_paths_.check(name, package.module_path); !free)
                defect(std::move(free.error()));
            module_paths_.add(name, package.module_path);
        }
        if (!publisher_of_role(target.role).empty())
            if (auto good =
                    check_publisher_target(top_delegations_, target.role, target.path, *packages);
                !good)
                defect(std::move(good.error()));
        for (const auto &[name, package] : *packages) releases(name, package);
        return {};
    }

    // Whether it is.
    Result<bool> check_not_hidden(const std::string &package, const CatalogPackage &content) {
        const std::string owner = TRY(owner_of_name(publishers_, package));
        if (owner.empty()) return false;
        if (!content.releases.empty())
            result_.findings.push_back({false,
                                        "package \"" + package +
                                            "\" is hidden: its name belongs to publisher \"" +
                                            publisher_of_role(owner) + "\"",
                                        "", "Let the publisher publish it."});
        return true;
    }

    void releases(const std::string &name, const CatalogPackage &package) {
        if (package.releases.empty()) return;  // all was withdrawn
        ++result_.packages;
        for (const CatalogRelease &release : package.releases) {
            ++result_.releases;
            CatalogRelease held;
            bool complete = true;
            for (const CatalogArtifact &artifact : release.artifacts) {
                ++result_.bundles;
                result_.bytes += artifact.size;
                if (!check_bundle_) continue;
                const auto look = [&]() -> Result<void> {
                    return merge_claims(held, TRY(check_bundle_(artifact)));
                };
                auto looked = look();
                if (looked) continue;
                defect(std::move(looked.error()));
                complete = false;
            }
            if (!check_bundle_) continue;
            if (auto same = compare_claims(name, release, held, complete); !same)
                defect(std::move(same.error()));
        }
    }

    tuf::Transport &transport_;
    const BundleCheck &check_bundle_;
    const Lifetimes &lifetimes_;
    tuf::Time now_;
    std::optional<unsigned> bits_;
    std::vector<tuf::Delegation> publishers_, top_delegations_;
    tuf::Keys keys_;
    ModulePaths module_paths_;
    RegistryCheck result_;
};

}  // namespace

bool RegistryCheck::sound() const {
    return std::none_of(findings.begin(), findings.end(),
                        [](const CheckFinding &finding) { return finding.defect; });
}

Result<RegistryCheck> check_registry(tuf::Transport &transport,
                                     const std::optional<tuf::Fingerprint> &root,
                                     const BundleCheck &check_bundle, const Lifetimes &lifetimes,
                                     tuf::Time now) {
    return Checker(transport, check_bundle, lifetimes, now).run(root);
}

Result<void> check_bundle_file(FileSystem &fs, const RegistryFolder &folder,
                               const CatalogArtifact &artifact) {
    const std::string path = folder.bundle_file(bundle_path(artifact));
    const auto found = TRY(fs.info(path));
    if (!found)
        return fail(ErrorCode::registry_refused, "there is no bundle \"" + path + "\"", {},
                    "Copy it there again, or take the release out with \"pgx registry remove\".");
    if (found->size == artifact.size && TRY(sha256_of_file(fs, path)) == artifact.sha256) return {};
    return fail(ErrorCode::digest_mismatch, "\"" + path + "\" is not what was published",
                "It should have " + std::to_string(artifact.size) + " bytes with SHA-256 " +
                    artifact.sha256 + ".",
                "Copy the right file there again, or take the release out with \"pgx registry "
                "remove\".");
}

BundleCheck look_into_bundles(FileSystem &fs, const RegistryFolder &folder,
                              const std::string &scratch) {
    return [&fs, folder, scratch](const CatalogArtifact &artifact) -> Result<CatalogRelease> {
        TRY(check_bundle_file(fs, folder, artifact));
        return read_claims(fs, folder.bundle_file(bundle_path(artifact)), artifact, scratch);
    };
}

}  // namespace pgx
