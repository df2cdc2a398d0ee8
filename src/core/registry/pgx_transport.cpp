#include "core/registry/pgx_transport.h"

namespace pgx {

PgxTransport::PgxTransport(const std::string &source, const std::vector<std::string> &headers,
                           const AptHost &host, FileSystem &fs, Reporter &reporter)
    : source_(source),
      headers_(headers),
      options_(fetch_options(host, AptConfig(), source)),
      fs_(fs),
      reporter_(reporter) {}

Result<std::vector<std::optional<std::string>>> PgxTransport::fetch(
    const std::vector<tuf::FileRequest> &requests) {
    std::vector<Download> downloads;
    for (const tuf::FileRequest &request : requests) {
        Download one;
        const bool metadata = request.kind == tuf::FileRequest::Kind::metadata;
        one.item = request.path;
        one.url = below(source_, (metadata ? "metadata/" : "targets/") + request.path);
        one.limit = request.limit;
        one.may_be_missing = one.forbidden_is_missing = request.may_be_missing;
        one.headers = headers_;
        downloads.push_back(std::move(one));
    }
    std::vector<std::optional<std::string>> answers;
    for (Downloaded &downloaded :
         TRY(download(downloads, options_, fs_, reporter_, &connections_))) {
        traffic_.requests++;
        traffic_.bytes += downloaded.bytes;
        if (downloaded.outcome == Downloaded::Outcome::missing)
            answers.emplace_back();
        else
            answers.emplace_back(std::move(downloaded.body));
    }
    return answers;
}

std::string below(std::string source, const std::string &path) {
    while (source.ends_with('/')) source.pop_back();
    return source + "/" + path;
}

}  // namespace pgx
