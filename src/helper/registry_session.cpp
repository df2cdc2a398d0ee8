#include "helper/registry_session.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "core/base/names.h"
#include "core/publish/bundle_claims.h"
#include "core/publish/initialize.h"
#include "core/registry/apt_host.h"
#include "core/registry/pgx_transport.h"
#include "helper/terminal.h"

namespace pgx {

namespace {

std::string environment(const char *name) {
    const char *value = std::getenv(name);
    return value == nullptr ? std::string() : value;
}

std::string absolute_path(const std::string &path) {
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(path, failed).lexically_normal();
    std::string text = failed ? path : absolute.string();
    while (text.size() > 1 && text.ends_with('/')) text.pop_back();
    return text;
}

bool is_address(const std::string &where) {
    return where.find("://") != std::string::npos || where.starts_with("file:");
}

Result<std::vector<std::string>> read_headers(const std::string &file) {
    std::vector<std::string> headers;
    if (file.empty()) return headers;
    const std::string text = TRY(real_file_system().read(file, 65536));
    for (std::size_t from = 0; from < text.size();) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        const std::string line = text.substr(from, end - from);
        if (!line.empty()) headers.push_back(line);
        from = end + 1;
    }
    return headers;
}

}  // namespace

tuf::Time time_now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

Result<std::string> default_key_directory(const RegistryFolder &folder) {
    std::string base = environment("XDG_CONFIG_HOME");
    if (base.empty()) {
        const std::string home = environment("HOME");
        if (home.empty())
            return fail(ErrorCode::invalid_argument, "it is not known where the keys are", {},
                        "Name the folder with --keys, or set HOME.");
        base = home + "/.config";
    }
    const std::string path = absolute_path(folder.root);
    return base + "/pgx/keys/" + path.substr(path.rfind('/') + 1);
}

Result<KeyFolder> open_keys(const ParsedArguments &given, const RegistryFolder &folder) {
    const std::string directory =
        given.has("--keys") ? given.value("--keys") : TRY(default_key_directory(folder));
    return KeyFolder::open(real_file_system(), directory, [](const std::string &file) {
        return ask_passphrase("Passphrase of " + file);
    });
}

Result<Lifetimes> read_lifetimes(const ParsedArguments &given) {
    Lifetimes lifetimes;
    for (const std::string &text : given.values("--expires")) TRY(lifetimes.change(text));
    return lifetimes;
}

Result<RegistrySession> open_session(const ParsedArguments &given, const std::string &directory) {
    FileSystem &fs = real_file_system();
    RegistryFolder folder{directory};
    RegistryLock lock = TRY(RegistryLock::take(directory));
    KeyFolder keys = TRY(open_keys(given, folder));
    TRY(check_keys_outside(folder, keys.directory()));
    const Lifetimes lifetimes = TRY(read_lifetimes(given));
    OpenOptions options;
    options.expected = TRY(keys.registry());
    options.previous_root = given.has("--interrupted");
    Generation generation = TRY(Generation::open(fs, folder, options));
    return RegistrySession{std::move(folder), std::move(lock), std::move(keys),
                           lifetimes,         time_now(),      std::move(generation)};
}

void print_publication(const Publication &publication, tuf::Time now) {
    if (publication.roles.empty()) return;
    std::printf("%-24s  %7s  %s\n", "signed", "version", "valid until");
    // The bins are many and alike.
    std::size_t bins = 0;
    for (const Publication::RoleWritten &role : publication.roles)
        bins += role.role.starts_with("bin-") ? 1 : 0;
    bool told = false;
    for (const Publication::RoleWritten &role : publication.roles) {
        const bool bin = role.role.starts_with("bin-");
        if (bin && told) continue;
        told = told || bin;
        const std::string name =
            bin && bins > 1 ? std::to_string(bins) + " lists of shards" : role.role;
        std::printf("%-24s  %7s  %s\n", name.c_str(),
                    bin && bins > 1 ? "" : std::to_string(role.version).c_str(),
                    describe_expiry(role.expires, now).c_str());
    }
}

Result<RegistrySource> RegistrySource::open(const std::string &where,
                                            const std::string &headers_file) {
    RegistrySource source;
    FileSystem &fs = real_file_system();
    if (!is_address(where)) {
        source.folder_.root = where;
        source.transport_ = std::make_shared<FolderTransport>(fs, source.folder_);
        return source;
    }
    source.address_ = where;
    source.headers_ = std::make_shared<std::vector<std::string>>(TRY(read_headers(headers_file)));
    source.reporter_ = std::make_shared<NoticePrinter>();
    source.transport_ =
        std::make_shared<PgxTransport>(where, *source.headers_, this_host(), fs, *source.reporter_);
    return source;
}

Result<void> RegistrySource::fetch(const std::vector<WantedBundle> &bundles) const {
    FileSystem &fs = real_file_system();
    if (address_.empty()) {
        for (const WantedBundle &bundle : bundles)
            TRY(copy_file_durably(fs, folder_.bundle_file(bundle_path(bundle.artifact)),
                                  bundle.path, bundle.artifact.sha256));
        return {};
    }
    std::vector<Download> downloads;
    for (const WantedBundle &bundle : bundles) {
        Download one;
        one.item = bundle_file_name(bundle.artifact.name);
        one.url = below(address_, bundle_location(bundle.artifact));
        one.path = bundle.path;
        one.limit = bundle.artifact.size;
        one.size = bundle.artifact.size;
        one.sha256 = bundle.artifact.sha256;
        one.headers = *headers_;
        downloads.push_back(std::move(one));
    }
    Traffic traffic;
    TRY(download_from(this_host(), AptConfig(), downloads, fs, *reporter_, traffic));
    return {};
}

FetchBundles RegistrySource::fetch_bundles() const {
    return [this](const std::vector<WantedBundle> &bundles) { return fetch(bundles); };
}

BundleCheck RegistrySource::bundle_check(const std::string &scratch) const {
    if (address_.empty())
        return look_into_bundles(real_file_system(), folder_, join_path(scratch, "unpacked"));
    return [this, scratch](const CatalogArtifact &artifact) -> Result<CatalogRelease> {
        FileSystem &fs = real_file_system();
        const std::string path = join_path(scratch, bundle_file_name(artifact.name));
        const auto look = [&]() -> Result<CatalogRelease> {
            TRY(fetch({{artifact, path}}));
            return read_claims(fs, path, artifact, join_path(scratch, "unpacked"));
        };
        auto looked = look();
        TRY(remove_entry(fs, path));
        return looked;
    };
}

}  // namespace pgx
