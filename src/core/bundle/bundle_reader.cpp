// bundle_reader.cpp - one pass for the files that describe the bundle, then passes that believe
// nothing else.
#include "core/bundle/bundle_reader.h"

#include <map>
#include <set>
#include <string_view>

#include "core/registry/links.h"

namespace pgx {

namespace {

constexpr std::string_view manifest_name = "trunk.json";
constexpr std::string_view meta_name = "META.json";
constexpr std::string_view digests_name = "digests";
constexpr std::uint64_t largest_description = 1024 * 1024;
constexpr std::uint64_t largest_digests = 32 * 1024 * 1024;

// Makes errors about one bundle.
class Messages {
   public:
    explicit Messages(const std::string &path) : name_(path.substr(path.rfind('/') + 1)) {}

    std::unexpected<Error> malformed(std::string detail) const {
        return fail(ErrorCode::artifact_malformed, "could not read bundle \"" + name_ + "\"",
                    std::move(detail));
    }
    std::unexpected<Error> unsafe(std::string detail) const {
        return fail(ErrorCode::artifact_unsafe, "bundle \"" + name_ + "\" is unsafe",
                    std::move(detail));
    }
    std::unexpected<Error> wrong_digest(std::string_view path) const {
        return fail(ErrorCode::digest_mismatch,
                    "file \"" + shown_path(path) + "\" of bundle \"" + name_ +
                        "\" is not what its digest says",
                    {}, "The bundle was damaged or put together wrongly; get it again.");
    }
    // An error in one of the files that describe it.
    std::unexpected<Error> in(Error error) const {
        return fail(std::move(error).prefixed("could not read bundle \"" + name_ + "\""));
    }

   private:
    std::string name_;
};

// Takes the one top folder off the paths of an archive, and refuses what is not a file or a folder.
class TopFolder : public ArchiveReader {
   public:
    // `expected` empty: the first entry decides.
    TopFolder(std::unique_ptr<ArchiveReader> archive, std::string expected, Messages messages)
        : archive_(std::move(archive)),
          name_(std::move(expected)),
          messages_(std::move(messages)) {}

    Result<std::optional<ArchiveEntry>> next() override {
        while (true) {
            std::optional<ArchiveEntry> entry = TRY(archive_->next());
            if (!entry) return std::nullopt;
            const bool directory = entry->type == ArchiveEntry::Type::directory;
            if (!directory && entry->type != ArchiveEntry::Type::file)
                return messages_.unsafe("Entry \"" + shown_path(entry->path) +
                                        "\" is a link; bundles have files and folders only.");
            if (entry->path.empty()) continue;  // "./"
            const std::size_t slash = std::min(entry->path.find('/'), entry->path.size());
            if (name_.empty()) name_ = entry->path.substr(0, slash);
            if (entry->path.compare(0, slash, name_) != 0)
                return messages_.malformed("It has more than one top folder, or another than \"" +
                                           shown_path(name_) + "\".");
            if (slash == entry->path.size()) {
                if (directory) continue;
                return messages_.malformed("It has no top folder.");
            }
            entry->path.erase(0, slash + 1);
            return entry;
        }
    }

    Result<void> read(const std::function<Result<void>(std::string_view)> &sink) override {
        return archive_->read(sink);
    }
    std::uint64_t position() const override { return archive_->position(); }

    const std::string &name() const { return name_; }

   private:
    std::unique_ptr<ArchiveReader> archive_;
    std::string name_;
    Messages messages_;
};

// Compares what passes through with the digests.
class CheckedFiles : public ArchiveReader {
   public:
    CheckedFiles(std::unique_ptr<ArchiveReader> files, const Digests &digests, Messages messages)
        : files_(std::move(files)), digests_(digests), messages_(std::move(messages)) {}

    Result<std::optional<ArchiveEntry>> next() override {
        TRY(read([](std::string_view) -> Result<void> { return {}; }));
        std::optional<ArchiveEntry> entry = TRY(files_->next());
        if (!entry) {
            for (const auto &[path, digest] : digests_)
                if (!seen_.contains(path))
                    return messages_.malformed("File \"" + shown_path(path) +
                                               "\" is listed in \"digests\" and is not there.");
            return entry;
        }
        if (entry->type != ArchiveEntry::Type::file) return entry;
        path_ = entry->path;
        if (!seen_.insert(path_).second)
            return messages_.unsafe("File \"" + shown_path(path_) + "\" appears twice.");
        if (path_ != digests_name && !digests_.contains(path_))
            return messages_.malformed("File \"" + shown_path(path_) +
                                       "\" is not listed in \"digests\".");
        unread_ = true;
        return entry;
    }

    Result<void> read(const std::function<Result<void>(std::string_view)> &sink) override {
        if (!unread_) return {};
        unread_ = false;
        const auto expected = digests_.find(path_);
        if (expected == digests_.end()) return files_->read(sink);
        DigestComputation computation(expected->second.algorithm);
        TRY(files_->read([&](std::string_view bytes) {
            computation.update(bytes);
            return sink(bytes);
        }));
        if (TRY(computation.finish()) != expected->second) return messages_.wrong_digest(path_);
        return {};
    }

    std::optional<std::string> checked_sha256() const override {
        const auto expected = digests_.find(path_);
        if (expected == digests_.end() || expected->second.algorithm != DigestAlgorithm::sha256)
            return std::nullopt;
        return expected->second.hex;
    }

    std::uint64_t position() const override { return files_->position(); }

   private:
    std::unique_ptr<ArchiveReader> files_;
    const Digests &digests_;
    Messages messages_;
    std::set<std::string, std::less<>> seen_;
    std::string path_;  // of the last file
    bool unread_ = false;
};

// Collects the texts of the files that describe the bundle.
class Descriptions {
   public:
    Descriptions(TopFolder &files, const Messages &messages) : files_(files), messages_(messages) {}

    Result<void> collect() {
        while (!complete()) {
            const std::optional<ArchiveEntry> entry = TRY(files_.next());
            if (!entry) return {};
            const bool wanted = entry->path == manifest_name || entry->path == meta_name ||
                                entry->path == digests_name;
            if (entry->type != ArchiveEntry::Type::file || !wanted) continue;
            const std::uint64_t limit =
                entry->path == digests_name ? largest_digests : largest_description;
            if (entry->size > limit)
                return messages_.unsafe("File \"" + entry->path + "\" is too large.");
            std::string text;
            TRY(files_.read([&](std::string_view bytes) -> Result<void> {
                text += bytes;
                return {};
            }));
            if (entry->path == digests_name) digests = TRY(parse_digests(text));
            if (!texts_.emplace(entry->path, std::move(text)).second)
                return messages_.unsafe("File \"" + entry->path + "\" appears twice.");
        }
        return {};
    }

    // The text of a file, nullopt when it is not there; compared with its digest.
    Result<std::optional<std::string>> text(std::string_view name) {
        const auto found = texts_.find(name);
        if (found == texts_.end()) return std::nullopt;
        const auto expected = digests->find(name);
        if (expected == digests->end())
            return messages_.malformed("File \"" + std::string(name) +
                                       "\" is not listed in \"digests\".");
        DigestComputation computation(expected->second.algorithm);
        computation.update(found->second);
        if (TRY(computation.finish()) != expected->second) return messages_.wrong_digest(name);
        return found->second;
    }

    std::optional<Digests> digests;

   private:
    bool complete() const {
        return digests && texts_.contains(manifest_name) &&
               (texts_.contains(meta_name) || !digests->contains(meta_name));
    }

    TopFolder &files_;
    const Messages &messages_;
    std::map<std::string, std::string, std::less<>> texts_;
};

}  // namespace

Result<Bundle> open_bundle(FileSystem &fs, const std::string &path, const ArchiveLimits &limits) {
    const Messages messages(path);
    TopFolder files(TRY(open_archive(fs, path, limits)), {}, messages);
    Descriptions descriptions(files, messages);
    if (auto collected = descriptions.collect(); !collected)
        return messages.in(std::move(collected.error()));
    if (!descriptions.digests) return messages.malformed("It has no file \"digests\".");

    Bundle bundle;
    const auto manifest = TRY(descriptions.text(manifest_name));
    if (!manifest) return messages.malformed("It has no file \"trunk.json\".");
    auto parsed = parse_trunk_json(*manifest);
    if (!parsed) return messages.in(std::move(parsed.error()));
    bundle.manifest = *std::move(parsed);
    auto name = parse_bundle_folder_name(files.name());
    if (!name) return messages.in(std::move(name.error()));
    bundle.name = *std::move(name);
    if (bundle.manifest.name != bundle.name)
        return messages.malformed("Its top folder is \"" + files.name() +
                                  "\", but its trunk.json describes \"" +
                                  shown_path(bundle_folder_name(bundle.manifest.name)) + "\".");

    if (const auto text = TRY(descriptions.text(meta_name))) {
        auto meta = parse_meta(*text);
        if (!meta) return messages.in(std::move(meta.error()));
        if (meta->name != bundle.name.name || meta->version != bundle.name.version)
            return messages.malformed("Its top folder is \"" + files.name() +
                                      "\", but its META.json describes \"" +
                                      shown_path(meta->name + "-" + meta->version) + "\".");
        bundle.meta = *std::move(meta);
    }
    bundle.digests = *std::move(descriptions.digests);
    return bundle;
}

Result<std::unique_ptr<ArchiveReader>> read_bundle(FileSystem &fs, const std::string &path,
                                                   const Bundle &bundle,
                                                   const ArchiveLimits &limits) {
    const Messages messages(path);
    auto files = std::make_unique<TopFolder>(TRY(open_archive(fs, path, limits)),
                                             bundle_folder_name(bundle.name), messages);
    return std::make_unique<CheckedFiles>(std::move(files), bundle.digests, messages);
}

}  // namespace pgx
