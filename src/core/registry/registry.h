// registry.h - the one interface that every kind of registry implements.
//
// A registry has two duties: `refresh` turns its metadata into release rows, conditionally and cheaply when nothing changed;
// `fetch` turns artifacts into verified, unpacked, inspected, synced files in staging. Adding a kind is a file of its own and
// one line in the table of registry.cpp.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/platform.h"
#include "core/base/protocol.h"
#include "core/base/receipt.h"
#include "core/base/result.h"

namespace pgx {

struct AptHost;

struct RefreshRequest {
    std::string registry;    // its name, for messages
    std::string source;      // kind's own syntax; for apt: empty (the host's configuration), one-line or deb822 sources
    std::string root = {};   // fingerprint that trust starts from, for kinds that have root metadata
    std::vector<std::string> headers = {};         // "Name: value", for the registry's own host only
    std::map<std::string, std::string> parts = {};  // of the catalog: part to digest of what the backend has
    std::string trust = {};  // directory of ours for metadata that was verified
    std::string state;       // token of the refresh whose rows the catalog holds, or empty
    bool extension_names = false;  // find out which extensions each package holds, even if that is a large download
    Platform platform;
    std::string cache;       // directory of ours, exists
    std::string host;        // another, for what is kept about this host (apt_host.h); empty: nothing is
};

struct RefreshResult {
    bool unchanged = false;
    std::string state;
    std::uint64_t repositories = 0;
    std::uint64_t packages = 0;
    bool extension_names = false;  // rows carry "extensions"
    std::uint64_t requests = 0;
    std::uint64_t bytes = 0;
    std::int64_t expires = 0;  // until when what was read may be believed, seconds since the epoch; 0: it does not say
    // All parts of the catalog with their digests, for kinds whose catalog has parts.
    std::optional<std::map<std::string, std::string>> parts = {};
};

struct Artifact {
    std::string package, version, registry, source, url, sha256, signer;
    std::uint64_t size = 0;  // bytes
    std::string file = {};   // of a bundle: its file name, as it was signed; may be empty
    // What an earlier installation brought along with it; nullopt: this is a new one.
    std::optional<std::vector<ReceiptLibrary>> libraries = {};
    // Where share/ and lib/ of what is installed will be, as a server process can open it, for
    // scripts that name such paths: "pgx/18", an absolute path, or empty, not known.
    std::string destination = {};
};

struct FetchRequest {
    std::vector<Artifact> artifacts;
    Platform platform;
    std::string cache, host;
    std::string staging;     // exists, empty, ours
    std::map<std::string, std::vector<std::string>> headers = {};  // registry to its headers
    // Other registries of the artifacts' kinds, name to source: to say which of them has what is
    // missing.
    std::map<std::string, std::string> others = {};
    std::string server = {};  // path of the server's program, for the libraries that it has loaded; may be empty
};

class Registry {
   public:
    virtual ~Registry() = default;
    virtual Result<RefreshResult> refresh(const RefreshRequest &request, Reporter &reporter) = 0;
    virtual Result<std::vector<Receipt>> fetch(const FetchRequest &request, Reporter &reporter) = 0;
};

// The implementation for a kind ("apt"), or invalid_argument that lists the kinds there are.
Result<std::unique_ptr<Registry>> make_registry(std::string_view kind, FileSystem &fs, const AptHost &host);

}  // namespace pgx
