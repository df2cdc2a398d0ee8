// unpack.cpp - one artifact into one directory of staging.
//
// One pass over the archive does nearly all: what belongs into the extension directory or is a
// library is written where our layout says, hashed while written. Two things are known only at the
// end of that pass, and cost a second one where they occur: share directories that a control file
// names, and links to files that were not written. Links to files that were are copied from there.
//
// Nothing is synced while writing, all files at the end (sync_files). The directories of staging
// are not: the files leave them by rename, and it is the directories they arrive in that count.
#include "core/registry/unpack.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/base/names.h"
#include "core/registry/archive.h"
#include "core/registry/disk_space.h"
#include "core/registry/inspect.h"
#include "core/registry/layout.h"
#include "core/registry/links.h"
#include "core/registry/packaging_paths.h"
#include "core/registry/path_set.h"
#include "core/registry/sha256.h"

namespace pgx {

namespace {

constexpr std::size_t chunk_size = 64 * 1024;
constexpr std::uint64_t largest_control_file = 64 * 1024;

unsigned mode_of(FileKind kind) { return kind == FileKind::library ? 0755 : 0644; }

// A staged file that is being written and hashed.
class StagedFile {
   public:
    // `sha256`: of what will be appended, where that is known already.
    static Result<StagedFile> create(FileSystem &fs, const std::string &directory, std::string path,
                                     FileKind kind, std::optional<std::string> sha256 = {}) {
        auto file = TRY(fs.create(join_path(directory, path), mode_of(kind)));
        return StagedFile(std::move(file), std::move(path), kind, std::move(sha256));
    }

    Result<void> append(std::string_view bytes) {
        if (!sha256_) digest_.update(bytes);
        result_.size += bytes.size();
        return file_->append(bytes);
    }

    Result<ReceiptFile> finish() {
        TRY(file_->close());
        result_.sha256 = sha256_ ? *sha256_ : TRY(digest_.finish());
        return std::move(result_);
    }

   private:
    StagedFile(std::unique_ptr<WritableFile> file, std::string path, FileKind kind,
               std::optional<std::string> sha256)
        : file_(std::move(file)), sha256_(std::move(sha256)) {
        result_.path = std::move(path);
        result_.kind = kind;
        result_.mode = mode_of(kind);
    }

    std::unique_ptr<WritableFile> file_;
    std::optional<std::string> sha256_;
    Sha256 digest_;
    ReceiptFile result_;
};

class Unpacker {
   public:
    Unpacker(const UnpackSource &source, const Artifact &artifact, const Platform &platform,
             const std::string &directory, FileSystem &fs, Reporter &reporter)
        : source_(source),
          artifact_(artifact),
          platform_(platform),
          directory_(directory),
          fs_(fs),
          reporter_(reporter) {}

    Result<Receipt> run() {
        TRY(first_pass());
        TRY(adapt_control_files());
        std::vector<NamedControlFile> controls = TRY(read_control_files(fs_, directory_, files_));
        for (const NamedControlFile &control : controls)
            if (!control.content.directory.empty())
                directories_.push_back(control.content.directory);
        TRY(copy_links());
        if (!directories_.empty() || !wanted_.empty()) TRY(second_pass());
        TRY(check_below_links());
        if (files_.empty()) return nothing_for_us();
        TRY(adapt_control_files());

        // Anew, because a link may have become a control file.
        controls = TRY(read_control_files(fs_, directory_, files_));
        if (const auto renames = control_files_to_rename(files_, controls); !renames.empty()) {
            TRY(rename(renames));
            controls = TRY(read_control_files(fs_, directory_, files_));
        }
        TRY(adapt_scripts(controls));
        Inspection inspection = TRY(inspect(fs_, directory_, files_, controls, platform_));
        TRY(drop(inspection.without_script));
        if (files_.empty()) return nothing_for_us();
        TRY(sync());
        return receipt(std::move(inspection));
    }

   private:
    std::unexpected<Error> unsafe(std::string detail) const {
        return fail(ErrorCode::artifact_unsafe, "package \"" + artifact_.package + "\" is unsafe",
                    std::move(detail));
    }

    std::unexpected<Error> nothing_for_us() const {
        std::vector<std::string> majors;
        for (unsigned major : majors_) majors.push_back(std::to_string(major));
        std::string list;
        for (std::size_t i = 0; i < majors.size(); ++i) {
            if (i > 0) list += i + 1 == majors.size() ? " and " : ", ";
            list += majors[i];
        }
        const std::string wanted = std::to_string(platform_.postgres_major);
        return fail(
            ErrorCode::wrong_platform,
            "package \"" + artifact_.package + "\" holds nothing for PostgreSQL " + wanted,
            list.empty() ? "It holds no files of PostgreSQL extensions."
            : majors_.contains(platform_.postgres_major)
                ? "What it holds for PostgreSQL " + wanted + " is not an extension or a library."
                : "It holds files for PostgreSQL " + list + ".");
    }

    void report(const ArchiveReader &reader) {
        reporter_.progress("unpack", artifact_.package, std::min(reader.position(), source_.size),
                           source_.size);
    }

    // The place of an archive entry, checked: a path that would be installed has to be clean.
    Result<Placement> place(const std::string &archive_path) const {
        Placement placement = source_.place(archive_path, directories_);
        if (!placement.path.empty() && !is_clean_install_path(placement.path))
            return unsafe("The name of entry \"" + shown_path(archive_path) +
                          "\" has a character that is not allowed.");
        return placement;
    }

    // Takes a path for a file, and makes its directory.
    Result<void> claim(const std::string &archive_path, const std::string &path) {
        if (!paths_.add_file(path))
            return unsafe(
                "Entry \"" + shown_path(archive_path) +
                "\" collides with another one, at least where upper and lower case are the same.");
        const std::string parent = join_path(directory_, parent_path(path));
        if (made_.insert(parent).second) TRY(fs_.make_directories(parent, 0755));
        return {};
    }

    // `size`: of the file, as the archive says.
    Result<void> write(ArchiveReader &reader, std::uint64_t size, const std::string &archive_path,
                       const std::string &path, FileKind kind) {
        TRY(claim(archive_path, path));
        TRY(check_disk_space(directory_, size, "file \"" + shown_path(archive_path) + "\""));
        StagedFile file =
            TRY(StagedFile::create(fs_, directory_, path, kind, reader.checked_sha256()));
        TRY(reader.read([&](std::string_view bytes) {
            report(reader);
            return file.append(bytes);
        }));
        ReceiptFile finished = TRY(file.finish());
        written_[archive_path] = path;
        files_.push_back(std::move(finished));
        return {};
    }

    Result<void> copy(const std::string &archive_path, const std::string &from,
                      const std::string &to, FileKind kind) {
        TRY(claim(archive_path, to));
        auto source = TRY(fs_.open(join_path(directory_, from)));
        StagedFile file = TRY(StagedFile::create(fs_, directory_, to, kind));
        std::string buffer(chunk_size, '\0');
        while (true) {
            const std::size_t size = TRY(source->read(buffer.data(), buffer.size()));
            if (size == 0) break;
            TRY(file.append(std::string_view(buffer).substr(0, size)));
        }
        ReceiptFile finished = TRY(file.finish());
        // What was changed already is not the package's own file.
        finished.original_sha256 =
            std::ranges::find(files_, from, &ReceiptFile::path)->original_sha256;
        files_.push_back(std::move(finished));
        return {};
    }

    // Texts that name the directories of their packaging (packaging_paths.h).
    PackagedText packaged_text() const {
        PackagedText package;
        package.postgres_major = platform_.postgres_major;
        package.destination = artifact_.destination;
        for (const ReceiptFile &file : files_) package.files.insert(file.path);
        return package;
    }

    Result<void> adapt_control_files() {
        const PackagedText package = packaged_text();
        for (ReceiptFile &file : files_) {
            // What is too large, and what is wrong, is told by those who read it.
            if (file.kind != FileKind::control || file.size > largest_control_file) continue;
            const std::string text =
                TRY(fs_.read(join_path(directory_, file.path), largest_control_file));
            const std::string adapted = adapted_control_file(text, package);
            if (adapted == text) continue;
            TRY(rewrite(file, [&](const ScriptAdapter::Sink &sink) { return sink(adapted); }));
        }
        return {};
    }

    // A script's text through the adapter.
    Result<ScriptAdapter::Outcome> adapt_script(const ReceiptFile &file,
                                                const PackagedText &package,
                                                const ScriptAdapter::Sink &sink) {
        ScriptAdapter adapter(package, sink);
        auto source = TRY(fs_.open(join_path(directory_, file.path)));
        std::string buffer(chunk_size, '\0');
        while (true) {
            const std::size_t size = TRY(source->read(buffer.data(), buffer.size()));
            if (size == 0) return adapter.finish();
            TRY(adapter.feed(std::string_view(buffer).substr(0, size)));
        }
    }

    Result<void> adapt_scripts(const std::vector<NamedControlFile> &controls) {
        PackagedText package = packaged_text();
        for (const NamedControlFile &control : controls)
            package.libraries.insert(library_name(control.content.module_pathname));
        bool unwritable = false;
        for (ReceiptFile &file : files_) {
            if (file.kind != FileKind::script) continue;
            const ScriptAdapter::Outcome outcome =
                TRY(adapt_script(file, package, [](std::string_view) { return Result<void>(); }));
            unwritable = unwritable || outcome.unwritable;
            if (!outcome.changed) continue;
            TRY(rewrite(file, [&](const ScriptAdapter::Sink &sink) -> Result<void> {
                TRY(adapt_script(file, package, sink));
                return {};
            }));
        }
        if (unwritable)
            reporter_.notice(
                "scripts of package \"" + artifact_.package + "\" will not find their files",
                "They name where these lie, and the name of pgx.directory has a character that "
                "cannot stand there.",
                "Give pgx.directory another name.");
        return {};
    }

    // Puts a new file in the place of one that was written before.
    Result<void> rewrite(ReceiptFile &file,
                         const std::function<Result<void>(const ScriptAdapter::Sink &)> &write_to) {
        const std::string path = file.path + ".new";
        if (!paths_.add_file(path)) return unsafe("Entry \"" + path + "\" is in the way.");
        StagedFile staged = TRY(StagedFile::create(fs_, directory_, path, file.kind));
        TRY(write_to([&](std::string_view bytes) { return staged.append(bytes); }));
        const ReceiptFile written = TRY(staged.finish());
        TRY(fs_.rename(join_path(directory_, path), join_path(directory_, file.path)));
        if (file.original_sha256.empty()) file.original_sha256 = file.sha256;
        file.size = written.size;
        file.sha256 = written.sha256;
        return {};
    }

    Result<void> first_pass() {
        auto reader = TRY(source_.open());
        while (true) {
            std::optional<ArchiveEntry> entry = TRY(reader->next());
            if (!entry) return {};
            report(*reader);
            TRY(take(*reader, std::move(*entry)));
        }
    }

    Result<void> take(ArchiveReader &reader, ArchiveEntry entry) {
        using Type = ArchiveEntry::Type;
        if (entry.type == Type::directory) {
            const Placement placement = TRY(place(entry.path));
            if (!placement.path.empty() && !paths_.add_directory(placement.path))
                return unsafe("Directory \"" + shown_path(entry.path) +
                              "\" collides with another entry.");
            return {};
        }
        if (const auto major = source_.major_of(entry.path)) majors_.insert(*major);
        if (entry.type != Type::file) {
            const std::string root = entry.type == Type::hard_link ? "/" : "";
            if (!links_.emplace(entry.path, root + entry.target).second)
                return unsafe("Entry \"" + shown_path(entry.path) + "\" appears twice.");
            return {};
        }
        const Placement placement = TRY(place(entry.path));
        if (!placement.path.empty())
            return write(reader, entry.size, entry.path, placement.path, placement.kind);
        ++left_out_[placement.left_out];
        return {};
    }

    // Links to what has been written become copies; what others lead to is noted for the second
    // pass.
    Result<void> copy_links() {
        for (const auto &[link, target] : links_) {
            const Placement placement = TRY(place(link));
            if (placement.path.empty()) {
                ++left_out_[placement.left_out];
                continue;
            }
            const std::string end = TRY(resolve_link(link, links_));
            if (const auto found = written_.find(end); found != written_.end())
                TRY(copy(link, found->second, placement.path, placement.kind));
            else
                wanted_[end].push_back(link);
        }
        return {};
    }

    Result<void> second_pass() {
        auto reader = TRY(source_.open());
        while (true) {
            const std::optional<ArchiveEntry> entry = TRY(reader->next());
            if (!entry) break;
            if (entry->type == ArchiveEntry::Type::directory) continue;
            report(*reader);
            if (entry->type != ArchiveEntry::Type::file || written_.contains(entry->path)) continue;
            const Placement placement = TRY(place(entry->path));
            if (!placement.path.empty()) {
                const Placement before = source_.place(entry->path, {});
                if (--left_out_[before.left_out] == 0) left_out_.erase(before.left_out);
                TRY(write(*reader, entry->size, entry->path, placement.path, placement.kind));
            }
            TRY(fulfil(*reader, *entry));
        }
        if (wanted_.empty()) return {};
        const auto &[target, links] = *wanted_.begin();
        return unsafe("Link \"" + shown_path(links.front()) + "\" leads to \"/" +
                      shown_path(target) + "\", which is not a file of the package.");
    }

    // Makes the links that lead to this entry. It may have been written as a file of its own just
    // now.
    Result<void> fulfil(ArchiveReader &reader, const ArchiveEntry &entry) {
        auto found = wanted_.extract(entry.path);
        if (found.empty()) return {};
        std::string source;
        if (const auto written = written_.find(entry.path); written != written_.end())
            source = written->second;
        for (const std::string &link : found.mapped()) {
            const Placement placement = TRY(place(link));
            if (!source.empty()) {
                TRY(copy(link, source, placement.path, placement.kind));
                continue;
            }
            TRY(write(reader, entry.size, link, placement.path, placement.kind));
            source = placement.path;
        }
        return {};
    }

    // A file below a link would be unpacked through it by others; no honest package has one.
    Result<void> check_below_links() const {
        for (const auto &[archive_path, path] : written_)
            for (std::size_t slash = archive_path.find('/'); slash != std::string::npos;
                 slash = archive_path.find('/', slash + 1))
                if (links_.contains(archive_path.substr(0, slash)))
                    return unsafe("Entry \"" + shown_path(archive_path) + "\" lies below a link.");
        return {};
    }

    Result<void> rename(const std::vector<std::pair<std::string, std::string>> &renames) {
        for (const auto &[from, to] : renames) {
            if (!paths_.add_file(to))
                return unsafe("Entry \"" + from + "\" collides with another one.");
            TRY(fs_.rename(join_path(directory_, from), join_path(directory_, to)));
            std::ranges::find(files_, from, &ReceiptFile::path)->path = to;
        }
        return {};
    }

    Result<void> drop(const std::vector<std::string> &paths) {
        for (const std::string &path : paths) {
            TRY(fs_.unlink(join_path(directory_, path)));
            std::erase_if(files_, [&](const ReceiptFile &file) { return file.path == path; });
            ++left_out_["control file without script"];
        }
        return {};
    }

    Result<void> sync() {
        std::vector<std::string> paths;
        for (const ReceiptFile &file : files_) paths.push_back(join_path(directory_, file.path));
        reporter_.progress("sync", artifact_.package, 0, paths.size());
        TRY(sync_files(fs_, paths));
        reporter_.progress("sync", artifact_.package, paths.size(), paths.size());
        return {};
    }

    Receipt receipt(Inspection inspection) {
        std::ranges::sort(files_, {}, &ReceiptFile::path);
        Receipt receipt;
        receipt.package = artifact_.package;
        receipt.version = artifact_.version;
        receipt.registry = artifact_.registry;
        receipt.artifact_url = artifact_.url;
        receipt.artifact_sha256 = artifact_.sha256;
        receipt.artifact_size = artifact_.size;
        receipt.signer = artifact_.signer;
        receipt.files = std::move(files_);
        receipt.extensions = std::move(inspection.extensions);
        receipt.modules = std::move(inspection.modules);
        receipt.left_out = std::move(left_out_);
        return receipt;
    }

    const UnpackSource &source_;
    const Artifact &artifact_;
    const Platform &platform_;
    const std::string &directory_;
    FileSystem &fs_;
    Reporter &reporter_;

    std::vector<std::string> directories_;  // that control files name
    std::vector<ReceiptFile> files_;
    std::map<std::string, std::string> written_;  // path in the archive to path in staging
    LinkMap links_;                               // all links of the archive
    std::map<std::string, std::vector<std::string>>
        wanted_;  // path in the archive to the links that lead there
    PathSet paths_;
    std::set<std::string> made_;  // directories
    std::set<unsigned> majors_;
    std::map<std::string, std::uint64_t> left_out_;
};

}  // namespace

Result<Receipt> unpack(const UnpackSource &source, const Artifact &artifact,
                       const Platform &platform, const std::string &directory, FileSystem &fs,
                       Reporter &reporter) {
    if (auto made = fs.make_directory(directory, 0755); !made) return fail(std::move(made.error()));
    Result<Receipt> result = Unpacker(source, artifact, platform, directory, fs, reporter).run();
    if (result) return result;
    // The error that matters is the first one; staging is cleared by its owner in any case.
    (void)remove_tree(fs, directory);
    return fail(std::move(result.error())
                    .prefixed("could not unpack package \"" + artifact.package + "\""));
}

Result<Receipt> unpack_deb(const std::string &deb_path, const Artifact &artifact,
                           const Platform &platform, const std::string &directory, FileSystem &fs,
                           Reporter &reporter) {
    return unpack_deb(deb_path, artifact, platform, directory, fs, reporter, ArchiveLimits{});
}

Result<Receipt> unpack_deb(const std::string &deb_path, const Artifact &artifact,
                           const Platform &platform, const std::string &directory, FileSystem &fs,
                           Reporter &reporter, const ArchiveLimits &limits) {
    UnpackSource source;
    const std::optional<FileInfo> deb = TRY(fs.info(deb_path));
    if (deb) source.size = deb->size;
    source.open = [&] { return open_deb(fs, deb_path, limits); };
    source.place = [&](std::string_view path, const std::vector<std::string> &directories) {
        return place_file(path, platform.postgres_major, directories);
    };
    source.major_of = postgres_major_of;
    return unpack(source, artifact, platform, directory, fs, reporter);
}

}  // namespace pgx
