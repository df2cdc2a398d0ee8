#include "extension/door.h"

#include "extension/staging.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
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

// An open directory with a lock of flock(2) on it.
class LockedDirectory {
   public:
    LockedDirectory(const std::string &path, int operation)
        : path_(path),
          descriptor_(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) {
        int outcome = -1;
        if (descriptor_ >= 0)
            while ((outcome = flock(descriptor_, operation)) != 0 && errno == EINTR) {
            }
        locked_ = outcome == 0;
    }
    LockedDirectory(LockedDirectory &&other) noexcept
        : path_(std::move(other.path_)), descriptor_(other.release()), locked_(other.locked_) {}
    LockedDirectory &operator=(LockedDirectory &&) = delete;
    ~LockedDirectory() {
        if (descriptor_ >= 0) close(descriptor_);
    }

    bool is_locked() const { return locked_; }
    const std::string &path() const { return path_; }
    int release() { return std::exchange(descriptor_, -1); }

   private:
    std::string path_;
    int descriptor_;
    bool locked_;
};

// Directories whose owner is gone, locked. None while somebody makes one, which has no owner yet.
Result<std::vector<LockedDirectory>> abandoned_staging(const DirectoryLayout &layout) {
    std::vector<LockedDirectory> abandoned;
    const LockedDirectory parent(layout.staging(), LOCK_EX | LOCK_NB);
    if (!parent.is_locked()) return abandoned;
    for (const std::string &name : TRY(real_file_system().list(layout.staging()))) {
        LockedDirectory directory(join_path(layout.staging(), name), LOCK_EX | LOCK_NB);
        if (directory.is_locked()) abandoned.push_back(std::move(directory));
    }
    return abandoned;
}

}  // namespace

Result<StagingDirectory> StagingDirectory::create(const DirectoryLayout &layout) {
    const std::string path = join_path(layout.staging(), random_name());
    // Until it is locked itself it looks abandoned.
    const LockedDirectory parent(layout.staging(), LOCK_SH);
    if (!parent.is_locked())
        return fail(system_error("could not lock directory \"" + layout.staging() + "\"", errno));
    TRY(real_file_system().make_directory(path, 0700));
    LockedDirectory directory(path, LOCK_SH | LOCK_NB);
    if (!directory.is_locked()) {
        Error error = system_error("could not lock directory \"" + path + "\"", errno);
        (void)real_file_system().remove_directory(path);
        return fail(std::move(error));
    }
    own_directories().push_back(path);
    return StagingDirectory(path, directory.release());
}

StagingDirectory::StagingDirectory(StagingDirectory &&other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StagingDirectory::~StagingDirectory() {
    if (lock_ < 0) return;
    try {
        (void)remove_tree(real_file_system(), path_);  // else recovery finds it
    } catch (...) {
        // No memory for the names of what is in it: this may well be why it goes.
    }
    std::erase(own_directories(), path_);
    close(lock_);
}

void remove_own_staging() {
    for (const std::string &path : own_directories()) (void)remove_tree(real_file_system(), path);
    own_directories().clear();
}

Result<bool> has_abandoned_staging(const DirectoryLayout &layout) {
    return !TRY(abandoned_staging(layout)).empty();
}

Result<void> remove_abandoned_staging(const DirectoryLayout &layout) {
    for (const LockedDirectory &directory : TRY(abandoned_staging(layout)))
        TRY(remove_tree(real_file_system(), directory.path()));
    return {};
}

}  // namespace pgx
