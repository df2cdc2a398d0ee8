// main.cpp - the program tuf-client: pgx's TUF client with the command line of TUF's client
// conformance suite.
//
//     tuf-client --metadata-dir DIR init ROOT-FILE
//     tuf-client --metadata-dir DIR --metadata-url URL refresh
//     tuf-client --metadata-dir DIR --metadata-url URL --target-name NAME... --target-base-url URL
//     --target-dir DIR download
//
// Exit status 0 or 1. The suite serves over http on loopback, which pgx itself would not call a
// registry, and shifts the clock by preloading a library before the C library's: the time is
// therefore asked for by time(2), and the program is linked dynamically. The suite also counts
// requests and their order, hence one try each and no request ahead of its turn.
#include <time.h>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_system.h"
#include "core/registry/address.h"
#include "core/registry/fetch.h"
#include "core/tuf/client.h"

namespace {

using namespace pgx;

class Silent : public Reporter {
   public:
    void progress(std::string_view, std::string_view, std::uint64_t, std::uint64_t) override {}
    void notice(std::string_view, std::string_view, std::string_view) override {}
    void releases(Json, std::string_view) override {}
};

struct Options {
    std::string metadata_directory, metadata_url, target_url, target_directory, command, root_file;
    std::vector<std::string> targets;
};

Result<void> check_url(const std::string &url) {
    const Address address = TRY(parse_address(url, "the repository"));
    const std::string_view host = std::string_view(address.host);
    const bool loopback = host == "localhost" || host.starts_with("localhost:") ||
                          host == "127.0.0.1" || host.starts_with("127.0.0.1:") ||
                          host == "[::1]" || host.starts_with("[::1]:");
    if (address.scheme == "http" && !loopback)
        return fail(ErrorCode::invalid_argument, "http is allowed on loopback only",
                    "The address is " + address.shown + ".");
    return {};
}

std::string with_slash(std::string url) {
    if (!url.ends_with('/')) url += '/';
    return url;
}

class UrlTransport : public tuf::Transport {
   public:
    UrlTransport(std::string metadata, std::string targets)
        : metadata_(with_slash(std::move(metadata))), targets_(with_slash(std::move(targets))) {}

    Result<std::vector<std::optional<std::string>>> fetch(
        const std::vector<tuf::FileRequest> &requests) override {
        std::vector<Download> downloads;
        for (const tuf::FileRequest &request : requests) {
            const bool target = request.kind == tuf::FileRequest::Kind::target;
            Download one;
            one.item = request.path;
            one.url = (target ? targets_ : metadata_) + request.path;
            one.limit = request.limit;
            one.may_be_missing = request.may_be_missing;
            TRY(check_url(one.url));
            downloads.push_back(std::move(one));
        }
        FetchOptions options;
        options.tries = 1;
        Silent reporter;
        std::vector<std::optional<std::string>> answers;
        for (Downloaded &got : TRY(download(downloads, options, real_file_system(), reporter))) {
            if (got.outcome == Downloaded::Outcome::missing)
                answers.emplace_back(std::nullopt);
            else
                answers.emplace_back(std::move(got.body));
        }
        return answers;
    }

   private:
    std::string metadata_, targets_;
};

tuf::Time now() { return tuf::Time(std::chrono::seconds(::time(nullptr))); }

tuf::ClientOptions client_options() {
    tuf::ClientOptions options;
    options.profile = tuf::Profile::interoperable;
    options.timestamp_with_root = false;
    return options;
}

// A file name for a target: its path with the slashes encoded, or its digest where that would be
// too long for a file system.
Result<std::string> file_name(const std::string &target) {
    const std::string name = tuf::encode_role_name(target);
    return name.size() <= 200 ? name : TRY(tuf::sha256_hex(target));
}

Result<void> download_target(tuf::Client &client, const Options &options, const std::string &name) {
    FileSystem &fs = real_file_system();
    const std::optional<tuf::Target> target = TRY(client.find(name));
    if (!target) return fail(ErrorCode::registry_malformed, "there is no target \"" + name + "\"");
    const std::string path = join_path(options.target_directory, TRY(file_name(name)));
    if (TRY(fs.info(path))) {
        const auto kept = fs.read(path, target->file.length);
        if (kept && tuf::check_file(name, *kept, target->file.length, target->file.hashes))
            return {};
    }
    const std::vector<std::string> contents = TRY(client.download({*target}));
    return write_file_durably(fs, path, contents.front(), 0644);
}

Result<void> run(const Options &options) {
    FileSystem &fs = real_file_system();
    tuf::DirectoryStore store(fs, options.metadata_directory);
    UrlTransport transport(options.metadata_url, options.target_url);
    if (options.command == "init") {
        TRY(fs.make_directories(options.metadata_directory, 0755));
        const std::string root = TRY(fs.read(options.root_file, tuf::ClientLimits{}.root_bytes));
        TRY(tuf::Client::open(transport, store, root, now(), client_options()));
        return {};
    }
    TRY(check_url(options.metadata_url));
    tuf::Client client = TRY(tuf::Client::open(transport, store, now(), client_options()));
    TRY(client.refresh());
    if (options.command == "refresh") return {};
    TRY(check_url(options.target_url));
    for (const std::string &name : options.targets) TRY(download_target(client, options, name));
    return {};
}

Result<Options> parse_arguments(const std::vector<std::string> &arguments) {
    Options options;
    std::vector<std::string> rest;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string &flag = arguments[i];
        if (!flag.starts_with("--")) {
            rest.push_back(flag);
            continue;
        }
        if (++i == arguments.size())
            return fail(ErrorCode::invalid_argument, "\"" + flag + "\" needs a value");
        const std::string &value = arguments[i];
        if (flag == "--metadata-dir")
            options.metadata_directory = value;
        else if (flag == "--metadata-url")
            options.metadata_url = value;
        else if (flag == "--target-base-url")
            options.target_url = value;
        else if (flag == "--target-dir")
            options.target_directory = value;
        else if (flag == "--target-name")
            options.targets.push_back(value);
        else
            return fail(ErrorCode::invalid_argument, "unknown option \"" + flag + "\"");
    }
    const bool init = !rest.empty() && rest[0] == "init";
    const bool download = !rest.empty() && rest[0] == "download";
    if (rest.size() != (init ? 2u : 1u) || (!init && !download && rest[0] != "refresh"))
        return fail(ErrorCode::invalid_argument,
                    "the command must be \"init ROOT-FILE\", \"refresh\" or \"download\"");
    if (options.metadata_directory.empty() || (!init && options.metadata_url.empty()) ||
        (download && (options.targets.empty() || options.target_url.empty() ||
                      options.target_directory.empty())))
        return fail(ErrorCode::invalid_argument, "\"" + rest[0] + "\" needs more options");
    options.command = rest[0];
    if (init) options.root_file = rest[1];
    return options;
}

Result<void> run_arguments(const std::vector<std::string> &arguments) {
    return run(TRY(parse_arguments(arguments)));
}

}  // namespace

int main(int argument_count, char **arguments) {
    try {
        const auto done = run_arguments({arguments + 1, arguments + argument_count});
        if (done) return 0;
        const pgx::Error &error = done.error();
        std::fprintf(stderr, "tuf-client: %s\n", error.message.c_str());
        if (!error.detail.empty()) std::fprintf(stderr, "  %s\n", error.detail.c_str());
    } catch (const std::exception &error) {
        std::fprintf(stderr, "tuf-client: unexpected error: %s\n", error.what());
    }
    return 1;
}
