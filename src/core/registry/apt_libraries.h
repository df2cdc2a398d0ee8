// apt_libraries.h - library packages of the repositories that an extension's package is from.
//
// A refresh leaves an index of them in the cache (library_index.h), and a list of the indexes that
// belong to a source. An installation whose modules need something reads these; when the cache has
// been cleared, the signed metadata is asked for again, as in a refresh.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/platform.h"
#include "core/library/private_libraries.h"
#include "core/registry/apt_cache.h"
#include "core/registry/apt_host.h"
#include "core/registry/apt_listing.h"
#include "core/registry/artifact_cache.h"
#include "core/registry/registry.h"

namespace pgx {

// Notes which indexes belong to a source, for a later fetch.
Result<void> store_library_list(const std::vector<AptListing> &listings, const std::string &source,
                                const Platform &platform, AptCache &cache);

class AptLibrarySource : public LibrarySource {
   public:
    // Loads the listings of the source anew, which also fills the cache.
    using Reload = std::function<Result<std::vector<AptListing>>()>;

    // What is downloaded comes into `files` by `get`.
    AptLibrarySource(std::string registry, std::string source, const FetchRequest &request,
                     AptCache &apt_cache, ArtifactFiles &files, ArtifactFiles::Get get,
                     Reload reload)
        : registry_(std::move(registry)),
          source_(std::move(source)),
          request_(request),
          apt_cache_(apt_cache),
          files_(files),
          get_(std::move(get)),
          reload_(std::move(reload)) {}

    Result<const LibraryIndex *> index() override;
    Result<std::string> get(const ReceiptLibrary &package) override;
    std::string nowhere(const std::vector<std::string> &packages) override;

   private:
    std::optional<LibraryIndex> load(const std::string &source) const;

    std::string registry_, source_;
    const FetchRequest &request_;
    AptCache &apt_cache_;
    ArtifactFiles &files_;
    ArtifactFiles::Get get_;
    Reload reload_;
    std::optional<LibraryIndex> index_;
};

// The field Depends (with Pre-Depends) of a .deb's own control file.
Result<std::string> depends_of_deb(FileSystem &fs, const std::string &deb_path);

}  // namespace pgx
