#include "core/publish/check.h"

#include <algorithm>

#include "core/base/names.h"
#include "core/publish/generation.h"
#include "core/tuf/client.h"

namespace pgx {

namespace {

constexpr std::uint64_t root_limit = 512'000;
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
        for (const tuf::Delegation &delegation : top.delegations->roles) {
            if (!publisher_of_role(delegation.name).empty()) publishers_.push_back(delegation);
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
        if (const tuf::Targets *targets = trusted.targets(name))
            role(name, targets->version, targets->expires, delegation.role);
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
            if (wanted != target.path)
                defect({ErrorCode::registry_malformed,
                        "package \"" + name + "\" is in \"" + target.path + "\"",
                        "Clients look for it in \"" + wanted + "\".", ""});
            if (shard) TRY(check_not_hidden(name));
            releases(package);
        }
        return {};
    }

    Result<void> check_not_hidden(const std::string &package) {
        for (const tuf::Delegation &publisher : publishers_)
            if (TRY(tuf::covers(publisher, package_path(package))))
                result_.findings.push_back({false,
                                            "package \"" + package +
                                                "\" is hidden: its name belongs to publisher \"" +
                                                publisher_of_role(publisher.name) + "\"",
                                            "", "Let the publisher publish it."});
        return {};
    }

    void releases(const CatalogPackage &package) {
        ++result_.packages;
        for (const CatalogRelease &release : package.releases) {
            ++result_.releases;
            for (const CatalogArtifact &artifact : release.artifacts) {
                ++result_.bundles;
                result_.bytes += artifact.size;
                if (!check_bundle_) continue;
                auto checked = check_bundle_(artifact);
                if (!checked) defect(std::move(checked.error()));
            }
        }
    }

    tuf::Transport &transport_;
    const BundleCheck &check_bundle_;
    const Lifetimes &lifetimes_;
    tuf::Time now_;
    std::optional<unsigned> bits_;
    std::vector<tuf::Delegation> publishers_;
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

}  // namespace pgx
