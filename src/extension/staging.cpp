#include "extension/door.h"

#include "extension/staging.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace pgx {

namespace {

// Directories of this process, so that they can be found when no destructor ran.
std::vector<std::string> &own_directories() {
    static std::vector<std::string> paths;
    return paths;
}

std::string random_name() {
    unsigned char bytes[12];
    randombytes_buf(bytes, sizeof bytes);
    char text[2 * sizeof bytes + 1];
    return sodium_bin2hex(text, sizeof text, bytes, sizeof bytes);
}

}  // namespace

Result<StagingDirectory> StagingDirectory::create(const DirectoryLayout &layout) {
    const std::string path = join_path(layout.staging(), random_name());
    TRY(real_file_system().make_directory(path, 0700));
    int descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0 || flock(descriptor, LOCK_SH | LOCK_NB) != 0) {
        Error error = system_error("could not lock directory \"" + path + "\"", errno);
        if (descriptor >= 0) close(descriptor);
        (void)real_file_system().remove_directory(path);
        return fail(std::move(error));
    }
    own_directories().push_back(path);
    return StagingDirectory(path, descriptor);
}

StagingDirectory::StagingDirectory(StagingDirectory &&other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StagingDirectory::~StagingDirectory() {
    if (lock_ < 0) return;
    (void)remove_tree(real_file_system(), path_);  // else recovery finds it
    std::erase(own_directories(), path_);
    close(lock_);
}

void remove_own_staging() {
    for (const std::string &path : own_directories()) (void)remove_tree(real_file_system(), path);
    own_directories().clear();
}

Result<std::vector<std::string>> abandoned_staging(const DirectoryLayout &layout) {
    std::vector<std::string> abandoned;
    for (const std::string &name : TRY(real_file_system().list(layout.staging()))) {
        const std::string path = join_path(layout.staging(), name);
        int descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (descriptor < 0) continue;
        if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) abandoned.push_back(path);
        close(descriptor);
    }
    return abandoned;
}

}  // namespace pgx
