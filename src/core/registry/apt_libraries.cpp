#include "core/registry/apt_libraries.h"

#include "core/registry/archive.h"
#include "core/registry/deb822.h"

namespace pgx {

namespace {

constexpr std::size_t largest_control_file = 1024 * 1024;

Result<std::string> list_name(const std::string &source, const Platform &platform) {
    return "library-list-1-" + TRY(sha256_of(source + "\n" + platform.architecture));
}

}  // namespace

Result<void> store_library_list(const std::vector<AptListing> &listings, const std::string &source,
                                const Platform &platform, AptCache &cache) {
    Json indexes = Json::array();
    for (const AptListing &listing : listings)
        for (const std::string &record : listing.libraries)
            indexes.push_back({{"record", record},
                               {"address", listing.suite->source.uri},
                               {"signer", listing.suite->signer}});
    return cache.store(TRY(list_name(source, platform)),
                       dump_json(Json{{"indexes", std::move(indexes)}}));
}

// Nothing when any part is not there: a library must not come from an old repository because the
// index of the new one is gone.
std::optional<LibraryIndex> AptLibrarySource::load(const std::string &source) const {
    const auto name = list_name(source, request_.platform);
    if (!name) return std::nullopt;
    const std::optional<Json> list = apt_cache_.load_json(*name);
    if (!list || !list->contains("indexes") || !(*list)["indexes"].is_array()) return std::nullopt;
    LibraryIndex index;
    for (const Json &entry : (*list)["indexes"]) {
        const auto record = json_string(entry, "record"), address = json_string(entry, "address"),
                   signer = json_string(entry, "signer");
        if (!record || !address || !signer) return std::nullopt;
        std::optional<std::string> text = apt_cache_.load(*record);
        if (!text) return std::nullopt;
        index.add(std::move(*text), *address, *signer);
    }
    return index;
}

Result<const LibraryIndex *> AptLibrarySource::index() {
    if (!index_) index_ = load(source_);
    if (!index_) {
        TRY(store_library_list(TRY(reload_()), source_, request_.platform, apt_cache_));
        index_ = load(source_);
    }
    if (!index_)
        return fail(ErrorCode::io, "could not read the list of library packages of registry \"" +
                                       registry_ + "\" from the cache");
    return &*index_;
}

// What the cache has of the others is enough for a remark.
std::string AptLibrarySource::nowhere(const std::vector<std::string> &packages) {
    for (const auto &[registry, source] : request_.others) {
        if (registry == registry_) continue;
        const std::optional<LibraryIndex> index = load(source);
        if (!index) continue;
        for (const std::string &name : packages)
            if (index->find(name))
                return "Registry \"" + registry + "\" has package \"" + name +
                       "\", but libraries come only from the registry of the package that needs "
                       "them, which is \"" +
                       registry_ + "\".";
    }
    return LibrarySource::nowhere(packages);
}

Result<std::string> AptLibrarySource::get(const ReceiptLibrary &package) {
    Artifact artifact;
    artifact.package = package.package;
    artifact.version = package.version;
    artifact.registry = registry_;
    artifact.url = package.url;
    artifact.sha256 = package.sha256;
    artifact.signer = package.signer;
    artifact.size = package.size;
    TRY(files_.provide({artifact}, get_));
    return files_.path(artifact);
}

Result<std::string> depends_of_deb(FileSystem &fs, const std::string &deb_path) {
    const auto reader = TRY(open_deb_control(fs, deb_path));
    while (true) {
        const std::optional<ArchiveEntry> entry = TRY(reader->next());
        if (!entry) return fail(ErrorCode::artifact_malformed, "the package has no control file");
        if (entry->path != "control") continue;
        std::string text;
        TRY(reader->read([&](std::string_view bytes) -> Result<void> {
            if (text.size() + bytes.size() > largest_control_file)
                return fail(ErrorCode::limit_exceeded, "the package's control file is too large");
            text += bytes;
            return {};
        }));
        Deb822Reader lines(Deb822Reader::Comments::none);
        std::optional<Deb822Stanza> stanza;
        for (std::size_t at = 0; at < text.size() && !stanza;) {
            const std::size_t end = std::min(text.find('\n', at), text.size());
            stanza = TRY(lines.line(std::string_view(text).substr(at, end - at)));
            at = end + 1;
        }
        if (!stanza) stanza = lines.finish();
        if (!stanza) return std::string();
        return std::string(stanza->get("Pre-Depends")) + "," + std::string(stanza->get("Depends"));
    }
}

}  // namespace pgx
