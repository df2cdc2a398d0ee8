// registry_folder.h - where things are in a registry that is being published, and how to read it.
//
//     <root>/metadata/1.root.json, timestamp.json, N.snapshot.json, N.targets.json, N.<role>.json
//     <root>/targets/catalog/<sha256>.<hhhh>.json.zst     shards of the catalog
//     <root>/targets/packages/<sha256>.<package>.json     packages that their publishers sign
//     <root>/bundles/<package>/<file>                     bound by size and digest in the catalog
//
// All of it is public and never changes under a name, but for timestamp.json. So a web server, an
// object store or rsync can carry it, and a reader who began with an older timestamp.json still
// finds what it names.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/result.h"
#include "core/tuf/metadata.h"
#include "core/tuf/transport.h"

namespace pgx {

// Bounds of what is read from a folder or an address, in bytes. Metadata: what clients accept.
inline constexpr std::uint64_t metadata_limit = 5'000'000;
inline constexpr std::uint64_t bundle_limit = 4ULL * 1024 * 1024 * 1024;

struct RegistryFolder {
    std::string root;

    std::string metadata() const { return join_path(root, "metadata"); }
    std::string targets() const { return join_path(root, "targets"); }
    std::string bundles() const { return join_path(root, "bundles"); }
    std::string timestamp_file() const { return join_path(metadata(), "timestamp.json"); }
    // "N.<role>.json" of every role but the timestamp.
    std::string role_file(std::string_view role, std::uint64_t version) const;
    // The file of a target with that digest: "catalog/<sha256>.3f00.json.zst".
    std::string target_file(std::string_view target_path, std::string_view sha256) const;
    // From a path that bundle_path() made.
    std::string bundle_file(std::string_view bundle_path) const {
        return join_path(root, bundle_path);
    }
};

// A metadata file's name taken apart: "12.bin-3.json".
struct MetadataFileName {
    std::string role;  // encoded, as in the name
    std::uint64_t version = 0;
};
// nullopt for timestamp.json and for what is no metadata file.
std::optional<MetadataFileName> parse_metadata_file_name(std::string_view name);

// The digest of a target that pgx needs; registry_malformed where only others are given.
Result<std::string> target_sha256(const tuf::TargetFile &file, std::string_view path);

// What a client would get from a web server that serves the folder.
class FolderTransport : public tuf::Transport {
   public:
    FolderTransport(FileSystem &fs, RegistryFolder folder) : fs_(fs), folder_(std::move(folder)) {}
    Result<std::vector<std::optional<std::string>>> fetch(
        const std::vector<tuf::FileRequest> &requests) override;

   private:
    FileSystem &fs_;
    RegistryFolder folder_;
};

// Keeps others from publishing in the same folder at the same time: a job of cron and a person do
// not know of each other, and two generations with the same number would not fit together. Held
// until it is destroyed, or the process ends.
class RegistryLock {
   public:
    // wrong_state when somebody else still holds it after that time.
    static Result<RegistryLock> take(const std::string &directory,
                                     std::chrono::milliseconds patience = std::chrono::seconds(5));
    RegistryLock(RegistryLock &&other) noexcept : descriptor_(other.descriptor_) {
        other.descriptor_ = -1;
    }
    RegistryLock &operator=(RegistryLock &&) = delete;
    RegistryLock(const RegistryLock &) = delete;
    RegistryLock &operator=(const RegistryLock &) = delete;
    ~RegistryLock();

   private:
    explicit RegistryLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

}  // namespace pgx
