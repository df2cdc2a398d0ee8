#include "core/base/directory_layout.h"

#include <sys/statvfs.h>
#include <unistd.h>

namespace pgx {

namespace {

Result<void> make(FileSystem &fs, const std::string &directory, unsigned mode) {
    auto made = fs.make_directories(directory, mode);
    if (made || made.error().code != ErrorCode::permission_denied) return made;
    Error error = std::move(made.error());
    error.hint =
        "Let the user that the server runs as write there, or set pgx.directory to another place.";
    return fail(std::move(error));
}

}  // namespace

Result<void> make_directories(FileSystem &fs, const DirectoryLayout &layout) {
    TRY(make(fs, layout.root, 0700));
    std::optional<FileInfo> root = TRY(fs.info(layout.root));
    if (!root || root->type != FileType::directory)
        return fail(ErrorCode::wrong_state, "\"" + layout.root + "\" is not a directory", "",
                    "Set pgx.directory to a directory of the server's own, or remove what is in "
                    "its place.");
    // Whoever may write there can put code into the server.
    if (root->owner != geteuid() || (root->mode & 0022) != 0)
        return fail(
            ErrorCode::wrong_state, "directory \"" + layout.root + "\" is not the server's alone",
            "Its owner has to be the user that the server runs as, and nobody else may write to "
            "it.",
            "Change its owner and mode (chmod go-w), or set pgx.directory to another place.");

    for (const std::string &directory :
         {layout.share() + "/extension", layout.library(), layout.receipts(), layout.journal(),
          layout.trust(), layout.staging(), layout.cache(), layout.host()})
        TRY(make(fs, directory, 0755));

    struct statvfs volume {};
    if (statvfs(layout.library().c_str(), &volume) == 0 && (volume.f_flag & ST_NOEXEC) != 0)
        return fail(ErrorCode::no_exec, "libraries cannot be loaded from \"" + layout.root + "\"",
                    "Its file system is mounted noexec.");
    return {};
}

}  // namespace pgx
