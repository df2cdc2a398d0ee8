// registry_session.h - what the actions of `pgx registry` begin with: a folder, its lock, keys.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/publish/check.h"
#include "core/publish/generation.h"
#include "core/publish/mirror.h"
#include "helper/command_line.h"
#include "helper/scratch_directory.h"

namespace pgx {

// A registry that is being changed. Its folder is locked for as long as this lives.
struct RegistrySession {
    RegistryFolder folder;
    RegistryLock lock;
    KeyFolder keys;
    Lifetimes lifetimes;
    tuf::Time now;
    Generation generation;
};

// By the options --keys, --expires and --interrupted.
Result<RegistrySession> open_session(const ParsedArguments &given, const std::string &directory);

Result<KeyFolder> open_keys(const ParsedArguments &given, const RegistryFolder &folder);
Result<Lifetimes> read_lifetimes(const ParsedArguments &given);
tuf::Time time_now();

// The folder for keys where none is named: in the user's configuration, under the folder's name.
Result<std::string> default_key_directory(const RegistryFolder &folder);

// What was written, as a table.
void print_publication(const Publication &publication, tuf::Time now);

// A registry to be read: a folder, or an address.
class RegistrySource {
   public:
    // `headers_file`: one "Name: value" a line, for the registry's host; may be empty.
    static Result<RegistrySource> open(const std::string &where, const std::string &headers_file);

    tuf::Transport &transport() const { return *transport_; }
    // `scratch`: a directory for downloads that exists.
    BundleCheck bundle_check(const std::string &scratch) const;
    FetchBundles fetch_bundles() const;

   private:
    Result<void> fetch(const std::vector<WantedBundle> &bundles) const;

    std::string address_;                                // empty for a folder
    RegistryFolder folder_;                              // empty for an address
    std::shared_ptr<std::vector<std::string>> headers_;  // the transport refers to it
    std::shared_ptr<Reporter> reporter_;                 // likewise
    std::shared_ptr<tuf::Transport> transport_;
};

}  // namespace pgx
