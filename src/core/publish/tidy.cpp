#include "core/publish/tidy.h"

#include <algorithm>
#include <map>
#include <set>

namespace pgx {

namespace {

struct File {
    std::string path;
    std::int64_t written_ns = 0;
    std::uint64_t version = 0;  // of metadata
};

class Tidier {
   public:
    Tidier(FileSystem &fs, const RegistryFolder &folder, tuf::Time now, std::chrono::seconds after)
        : fs_(fs),
          folder_(folder),
          limit_ns_(std::chrono::nanoseconds((now - after).time_since_epoch()).count()) {}

    Result<std::uint64_t> run() {
        TRY(metadata());
        for (const char *below : {"catalog", "packages"})
            TRY(targets(join_path(folder_.targets(), below)));
        return deleted_;
    }

   private:
    Result<void> drop(const std::string &path) {
        ++deleted_;
        return fs_.unlink(path);
    }

    Result<File> file(const std::string &path) {
        const auto info = TRY(fs_.info(path));
        return File{path, info ? info->mtime_ns : 0};
    }

    // What write_file_durably() and NewFiles leave when they die.
    static bool is_unfinished(const std::string &name) {
        return name.ends_with(".new") ||
               (name.starts_with("timestamp.json.") || name.find(".root.json.") != name.npos);
    }

    Result<void> metadata() {
        const auto snapshot = TRY(current_snapshot());
        std::map<std::string, std::vector<File>> roles;
        for (const std::string &name : TRY(fs_.list(folder_.metadata()))) {
            const std::string path = join_path(folder_.metadata(), name);
            if (is_unfinished(name)) {
                TRY(drop(path));
                continue;
            }
            const auto parsed = parse_metadata_file_name(name);
            if (!parsed || parsed->role == "root") continue;
            File found = TRY(file(path));
            found.version = parsed->version;
            roles[parsed->role].push_back(std::move(found));
        }
        for (auto &[role, files] : roles) {
            const auto current = snapshot.find(role);
            std::sort(files.begin(), files.end(),
                      [](const File &a, const File &b) { return a.version < b.version; });
            // a role that the snapshot does not know is one that nobody has taken in yet
            const std::uint64_t version = current == snapshot.end() ? 0 : current->second;
            for (std::size_t i = 0; i + 1 < files.size(); ++i) {
                if (files[i].version >= version) break;
                if (files[i + 1].written_ns < limit_ns_) TRY(drop(files[i].path));
            }
            for (const File &kept : files)
                if (kept.version >= version) TRY(remember_targets(kept.path, role));
        }
        return {};
    }

    // Encoded role to version, of the generation that is in force.
    Result<std::map<std::string, std::uint64_t>> current_snapshot() {
        const auto timestamp =
            TRY(tuf::parse_timestamp(TRY(fs_.read(folder_.timestamp_file(), metadata_limit))));
        const std::uint64_t version = timestamp.value.snapshot.version;
        const auto snapshot = TRY(tuf::parse_snapshot(
            TRY(fs_.read(folder_.role_file("snapshot", version), metadata_limit))));
        std::map<std::string, std::uint64_t> versions{{"snapshot", version}};
        for (const auto &[role, meta] : snapshot.value.meta)
            versions[tuf::encode_role_name(role)] = meta.version;
        return versions;
    }

    Result<void> remember_targets(const std::string &path, const std::string &role) {
        if (role == "snapshot") return {};
        // A publisher's file that is not right names nothing.
        const auto info = TRY(fs_.info(path));
        if (!info || info->size > metadata_limit) return {};
        const auto targets = tuf::parse_targets(TRY(fs_.read(path, metadata_limit)));
        if (!targets) return {};
        for (const auto &[target, description] : targets->value.targets) {
            const auto sha256 = target_sha256(description, target);
            if (sha256) needed_.insert(folder_.target_file(target, *sha256));
        }
        return {};
    }

    // "<sha256>.<name>": those of one name replaced one another.
    Result<void> targets(const std::string &directory) {
        std::map<std::string, std::vector<File>> names;
        for (const std::string &name : TRY(fs_.list(directory))) {
            const std::string path = join_path(directory, name);
            if (is_unfinished(name)) {
                TRY(drop(path));
                continue;
            }
            const std::size_t dot = name.find('.');
            if (dot == std::string::npos) continue;
            names[name.substr(dot + 1)].push_back(TRY(file(path)));
        }
        for (auto &[name, files] : names) {
            std::sort(files.begin(), files.end(),
                      [](const File &a, const File &b) { return a.written_ns < b.written_ns; });
            for (std::size_t i = 0; i < files.size(); ++i) {
                if (needed_.contains(files[i].path)) continue;
                // one that nothing came after was taken off the list; its own age has to do
                const File &later = files[std::min(i + 1, files.size() - 1)];
                if (later.written_ns < limit_ns_) TRY(drop(files[i].path));
            }
        }
        return {};
    }

    FileSystem &fs_;
    const RegistryFolder &folder_;
    std::int64_t limit_ns_;
    std::set<std::string> needed_;
    std::uint64_t deleted_ = 0;
};

}  // namespace

Result<std::uint64_t> delete_superseded(FileSystem &fs, const RegistryFolder &folder, tuf::Time now,
                                        std::chrono::seconds after) {
    return Tidier(fs, folder, now, after).run();
}

}  // namespace pgx
