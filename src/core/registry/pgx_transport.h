// pgx_transport.h - the files of a registry of ours by HTTP, for the TUF client.
#pragma once

#include <string>
#include <vector>

#include "core/registry/apt_host.h"
#include "core/registry/fetch.h"
#include "core/tuf/transport.h"

namespace pgx {

class PgxTransport : public tuf::Transport {
   public:
    // `source` is the registry's address; metadata and targets are folders below it. `headers` go
    // to its host only. Everything must outlive the transport.
    PgxTransport(const std::string &source, const std::vector<std::string> &headers,
                 const AptHost &host, FileSystem &fs, Reporter &reporter);

    Result<std::vector<std::optional<std::string>>> fetch(
        const std::vector<tuf::FileRequest> &requests) override;

    // What was transferred so far.
    const Traffic &traffic() const { return traffic_; }

   private:
    std::string source_;
    const std::vector<std::string> &headers_;
    FetchOptions options_;
    FileSystem &fs_;
    Reporter &reporter_;
    Connections connections_;
    Traffic traffic_;
};

// An address and a path below it, with exactly one slash between.
std::string below(std::string source, const std::string &path);

}  // namespace pgx
