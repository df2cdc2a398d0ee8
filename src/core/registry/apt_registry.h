// apt_registry.h - the distribution's own package repositories as a registry.
//
// The host already says where packages come from, whose signatures count, and through which proxy they are reached: in its apt
// configuration. This registry follows it, without root and without dpkg, and so knows from the first moment the hundreds of
// extensions that a distribution builds for its own PostgreSQL. A source of one's own (a company's repository) is given as the
// text that apt would have in sources.list. The chain of trust is apt's: keyring, signature of the Release file, digest of the
// Packages file in it, digest of the package in that.
//
// A refresh with nothing new is one conditional request for each repository and a few small reads. Of a Packages file
// only the packages for this server are kept, cached under the file's digest; so when the catalog is lost or another suite
// changes, nothing is downloaded again.
//
// The state token is "<digest>-<bits>": the digest stands for the source, the platform, and each repository with what it signed
// and who signed it; the bits, one for each repository, say whether the rows carry the extension names that it offers.
#pragma once

#include "core/registry/apt_host.h"
#include "core/registry/registry.h"

namespace pgx {

class AptRegistry : public Registry {
   public:
    AptRegistry(FileSystem &fs, AptHost host) : fs_(fs), host_(std::move(host)) {}

    // RefreshResult::extension_names is true when nothing more can be learned about extension names: each repository's Contents
    // are in the rows, or it has none.
    Result<RefreshResult> refresh(const RefreshRequest &request, Reporter &reporter) override;

    // Keeps what it downloads in <cache>/artifacts under its digest.
    Result<std::vector<Receipt>> fetch(const FetchRequest &request, Reporter &reporter) override;

   private:
    FileSystem &fs_;
    AptHost host_;
};

}  // namespace pgx
