// pgx_registry.h - our own kind of registry: a folder of static files, trusted by its signatures.
//
// The metadata is The Update Framework's, followed from a root whose fingerprint a person gave; the
// targets are the parts of a catalog (catalog.h), and the bundles are bound by the digests in them.
// So nothing depends on the web server, the cache or the mirror that the files come from.
//
// A refresh asks for the timestamp. When the snapshot that it names is the one of the last time,
// that was all. Otherwise only the roles and parts of the catalog are fetched that have changed,
// and only their rows are sent. What was verified is kept in the trust directory under the root's
// fingerprint, not under the registry's name: a mirror of a registry is that registry. It is kept,
// not believed: every refresh follows the roots from the fingerprint, which an administrator gave,
// through all that are kept, so that nobody who can write there can give others keys.
#pragma once

#include "core/registry/apt_host.h"
#include "core/registry/registry.h"

namespace pgx {

// Where what was verified of this registry is kept: the directory below request.trust that its
// refreshes write, and those of no other. invalid_argument when request.root is no fingerprint.
Result<std::string> trust_directory(const RefreshRequest &request);

class PgxRegistry : public Registry {
   public:
    PgxRegistry(FileSystem &fs, AptHost host) : fs_(fs), host_(std::move(host)) {}

    Result<RefreshResult> refresh(const RefreshRequest &request, Reporter &reporter) override;
    Result<std::vector<Receipt>> fetch(const FetchRequest &request, Reporter &reporter) override;

   private:
    FileSystem &fs_;
    AptHost host_;  // for its proxy settings and its clock
};

// Bundles that the backend has put into the cache: fetch() only unpacks.
class BundleRegistry : public Registry {
   public:
    BundleRegistry(FileSystem &fs, AptHost host) : fs_(fs), host_(std::move(host)) {}

    Result<RefreshResult> refresh(const RefreshRequest &request, Reporter &reporter) override;
    Result<std::vector<Receipt>> fetch(const FetchRequest &request, Reporter &reporter) override;

   private:
    FileSystem &fs_;
    AptHost host_;
};

}  // namespace pgx
