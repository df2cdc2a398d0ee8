// generation.h - what a registry says now, and what it will say next.
//
// A generation is a timestamp and all that hangs on it: the snapshot, which numbers the roles, and
// the roles, which list the targets by digest. Nothing in it changes. The next one is made beside
// it, of the files that differ, and becomes the present one in the instant in which timestamp.json
// is replaced: a reader sees the one or the other, and what was written of a generation that never
// came about is in nobody's way.
//
// A publisher believes his folder no more than a client does. It may be on a server that is not
// his, and what he does not check before he adds to it, he signs. Only expiry does not matter: what
// has expired is what is to be renewed.
//
// Whoever publishes holds the folder's RegistryLock from open() on.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/catalog/catalog.h"
#include "core/publish/key_folder.h"
#include "core/publish/lifetimes.h"
#include "core/publish/new_files.h"
#include "core/publish/registry_folder.h"
#include "core/tuf/trusted_metadata.h"

namespace pgx {

// What publish() wrote.
struct Publication {
    struct RoleWritten {
        std::string role;
        std::uint64_t version = 0;
        tuf::Time expires;
    };
    std::vector<RoleWritten> roles;  // the last is the timestamp, unless `pending`
    std::uint64_t bytes = 0;         // of all files written, without bundles
    // Only a publisher's own role could be signed; the registry's owner has to take it in.
    bool pending = false;
};

// A new root that is to come with a generation.
struct NextRoot {
    tuf::Root root;
    std::string bytes;  // signed by what the old and the new root ask for
};

struct PublishOptions {
    bool renew_snapshot = false;  // also when no role has changed
    bool renew_timestamp = true;  // likewise
    std::optional<NextRoot> next_root = std::nullopt;
};

struct OpenOptions {
    // The registry that the caller means; another one is an error (signature_invalid).
    std::optional<tuf::Fingerprint> expected;
    // Believe metadata that only the root before the last one vouches for: mends a change of keys
    // that was interrupted. Not to be used when keys were stolen.
    bool previous_root = false;
};

class Generation {
   public:
    // Reads and verifies. wrong_state: no registry there. signature_invalid, digest_mismatch ...:
    // somebody else has changed it.
    static Result<Generation> open(FileSystem &fs, RegistryFolder folder,
                                   const OpenOptions &options = {});
    // Nothing yet but a root, which publish() will write: the first generation of a registry, with
    // empty bins.
    static Result<Generation> first(FileSystem &fs, RegistryFolder folder, std::string root_bytes);

    FileSystem &fs() const { return *fs_; }
    const RegistryFolder &folder() const { return folder_; }
    const tuf::Root &root() const { return root_; }
    const std::string &root_bytes() const { return root_bytes_; }
    const tuf::Timestamp &timestamp() const { return trusted_.timestamp(); }
    const tuf::Snapshot &snapshot() const { return trusted_.snapshot(); }
    tuf::Fingerprint fingerprint() const { return fingerprint_; }  // of the first root

    // A role as it will be, when it is changed, or is now: "targets", "bin-0", "publisher-acme".
    // Of a publisher's role that he has signed and nobody has taken in yet, the newest. An empty
    // one where there is none yet, or where its keys have been taken from it.
    Result<const tuf::Targets *> role(const std::string &name);
    // The same to be changed; it gets a new version in the next generation.
    Result<tuf::Targets *> change(const std::string &name);
    bool changes(const std::string &name) const { return changed_.contains(name); }
    // Whether one of the four roles of the root has other keys in the next generation than those
    // that the present one is signed with.
    bool changes_keys(const std::string &name) const;
    // Whether role() has a version that the snapshot does not name yet.
    bool is_pending(const std::string &name) const { return pending_.contains(name); }
    // Leaves a version that is_pending() to a later generation.
    void postpone(const std::string &name);
    // The ids of the keys that have signed a publisher's role() as it is.
    const std::set<std::string> &signed_by(const std::string &name) { return signed_by_[name]; }
    // Newer versions of a publisher's role() that are not what they should be, which are passed
    // over: each an error that names the file.
    const std::vector<Error> &unusable_files(const std::string &name) { return unusable_[name]; }
    // What readers have of a publisher's role: the version that the snapshot names, if it is right
    // by his present keys.
    Result<std::optional<tuf::Targets>> published(const std::string &name);
    // The keys and threshold of a role, in the next generation.
    Result<tuf::Role> signers(const std::string &name);
    // The roles that "targets" delegates to, in order of precedence.
    Result<std::vector<tuf::Delegation>> delegations();

    // The number of leading bits that choose a package's shard.
    Result<unsigned> shard_bits();
    // The role of the publisher whose packages have such a name; empty: nobody's, it belongs into a
    // shard.
    Result<std::string> publisher_of(std::string_view package);

    // The packages in a catalog target that `role` lists; none when it lists no such target.
    Result<Catalog> read_catalog(const std::string &role, const std::string &target_path);
    // The same of a target as some version of a role lists it.
    Result<Catalog> read_target(const std::string &target_path, const tuf::TargetFile &file);
    // Writes the catalog as that target; an empty one takes the target off the list.
    Result<void> put_catalog(const std::string &role, const std::string &target_path,
                             const Catalog &catalog);

    // Signs and writes what changed, timestamp.json last. On error readers see what they saw
    // before, or, where the disk failed in the last moment, the complete new generation.
    Result<Publication> publish(KeyFolder &keys, const Lifetimes &lifetimes, tuf::Time now,
                                const PublishOptions &options = {});
    // After publish() failed: whether readers see the new generation, or a part of it, all the
    // same.
    Result<bool> is_published() const;

   private:
    Generation(FileSystem &fs, RegistryFolder folder, tuf::TrustedMetadata trusted,
               std::string root_bytes, tuf::Fingerprint fingerprint)
        : fs_(&fs),
          folder_(std::move(folder)),
          trusted_(std::move(trusted)),
          root_(trusted_.root()),
          root_bytes_(std::move(root_bytes)),
          fingerprint_(std::move(fingerprint)) {}

    static Result<Generation> open_at(FileSystem &fs, const RegistryFolder &folder,
                                      const std::vector<std::string> &roots, std::size_t count,
                                      const tuf::Fingerprint &fingerprint);
    Result<void> adopt_root(const tuf::Root &root);
    Result<void> share_targets_keys();
    Result<void> load(const std::string &name);
    Result<void> load_publisher(const std::string &name);
    Result<tuf::Signed<tuf::Targets>> read_publisher(const std::string &name,
                                                     std::uint64_t version);
    Result<void> sign_roles(KeyFolder &keys, const Lifetimes &lifetimes, tuf::Time now,
                            NewFiles &files, Publication &publication);
    Result<std::string> sign_top_level(KeyFolder &keys, const std::string &name,
                                       const Json &signed_part);

    FileSystem *fs_;
    RegistryFolder folder_;
    tuf::TrustedMetadata trusted_;
    tuf::Root root_;  // in force in the next generation
    std::string root_bytes_;
    tuf::Fingerprint fingerprint_;
    std::map<std::string, tuf::Targets> roles_;
    std::set<std::string> changed_;
    std::set<std::string> pending_;
    std::map<std::string, std::set<std::string>> signed_by_;
    std::map<std::string, std::vector<Error>> unusable_;
    std::string published_timestamp_;  // as publish() writes it
    std::string pending_file_;         // what it writes in its place for a publisher alone
    std::map<std::string, std::string> new_targets_;  // path of the file to content
};

// The roles of the shards, "bin-0" to "bin-f".
const std::vector<std::string> &bin_roles();
// Takes away the keys that no delegation names.
void drop_unused_keys(tuf::Delegations &delegations);
// "publisher-acme" and back; empty for a role that is no publisher's.
std::string publisher_role(std::string_view publisher);
std::string publisher_of_role(std::string_view role);

}  // namespace pgx
