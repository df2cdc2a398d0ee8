#include "core/publish/new_files.h"

#include <set>
#include <vector>

#include "core/registry/sha256.h"

namespace pgx {

namespace {

// Whoever writes holds the registry's lock, so what has this name was left by a run that died.
std::string beside(const std::string &path) { return path + ".new"; }

Result<void> copy(FileSystem &fs, const std::string &from, const std::string &to,
                  const std::string &sha256) {
    const std::unique_ptr<ReadableFile> source = TRY(fs.open(from));
    const std::unique_ptr<WritableFile> file = TRY(fs.create(to, 0644));
    Sha256 digest;
    std::vector<char> buffer(256 * 1024);
    while (true) {
        const std::size_t count = TRY(source->read(buffer.data(), buffer.size()));
        if (count == 0) break;
        const std::string_view piece(buffer.data(), count);
        digest.update(piece);
        TRY(file->append(piece));
    }
    if (TRY(digest.finish()) != sha256)
        return fail(ErrorCode::digest_mismatch, "\"" + from + "\" has changed while it was read",
                    {}, "Wait until it is complete, and try again.");
    TRY(file->sync());
    return file->close();
}

}  // namespace

std::uint64_t NewFiles::bytes() const {
    std::uint64_t sum = 0;
    for (const auto &[path, bytes] : files_) sum += bytes.size();
    return sum;
}

Result<void> NewFiles::write_beside() {
    std::vector<std::string> written;
    for (const auto &[path, bytes] : files_) {
        TRY(remove_entry(fs_, beside(path)));
        const std::unique_ptr<WritableFile> file = TRY(fs_.create(beside(path), 0644));
        written.push_back(beside(path));
        TRY(file->append(bytes));
        TRY(file->close());
    }
    return sync_files(fs_, written);
}

Result<void> NewFiles::write() {
    std::set<std::string> directories;
    for (const auto &[path, bytes] : files_) directories.insert(parent_path(path));
    for (const std::string &directory : directories) TRY(make_public_directory(fs_, directory));
    Result<void> result = write_beside();
    for (auto file = files_.begin(); result && file != files_.end(); ++file)
        result = fs_.rename(beside(file->first), file->first);
    if (!result) {
        for (const auto &[path, bytes] : files_) (void)fs_.unlink(beside(path));
        return result;
    }
    for (const std::string &directory : directories) TRY(fs_.sync_directory(directory));
    return {};
}

Result<void> make_public_directory(FileSystem &fs, const std::string &path) {
    if (TRY(fs.info(path))) return {};
    TRY(fs.make_directories(path, 0755));
    return fs.sync_directory(parent_path(path));
}

Result<void> copy_file_durably(FileSystem &fs, const std::string &from, const std::string &to,
                               const std::string &sha256) {
    TRY(make_public_directory(fs, parent_path(to)));
    TRY(remove_entry(fs, beside(to)));
    Result<void> copied = copy(fs, from, beside(to), sha256);
    if (copied) copied = fs.rename(beside(to), to);
    if (!copied) {
        (void)fs.unlink(beside(to));
        return copied;
    }
    return fs.sync_directory(parent_path(to));
}

}  // namespace pgx
