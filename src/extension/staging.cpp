#include "extension/door.h"

#include "extension/staging.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
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

// Locks a directory against its owner, if it has none any more.
class AbandonedDirectory {
   public:
    explicit AbandonedDirectory(std::string path)
        : path_(std::move(path)),
          descriptor_(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) {
        locked_ = descriptor_ >= 0 && flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
    }
    ~AbandonedDirectory() {
        if (descriptor_ >= 0) close(descriptor_);
    }
    AbandonedDirectory(const AbandonedDirectory &) = delete;
    AbandonedDirectory &operator=(const AbandonedDirectory &) = delete;
    bool is_locked() const { return locked_; }
    const std::string &path() const { return path_; }

   private:
    std::string path_;
    int descriptor_;
    bool locked_ = false;
};

}  // namespace

// Before it is locked, a new directory looks abandoned. Another process may have removed it by
// then, or be looking at it just now.
Result<StagingDirectory> StagingDirectory::create(const DirectoryLayout &layout) {
    constexpr int attempts = 100;
    for (int attempt = 1;; attempt++) {
        const std::string path = join_path(layout.staging(), random_name());
        TRY(real_file_system().make_directory(path, 0700));
        const int descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        struct stat status {};
        const bool locked = descriptor >= 0 && flock(descriptor, LOCK_SH | LOCK_NB) == 0;
        if (locked && fstat(descriptor, &status) == 0 && status.st_nlink > 0) {
            own_directories().push_back(path);
            return StagingDirectory(path, descriptor);
        }
        Error error =
            system_error("could not lock directory \"" + path + "\"", locked ? ENOENT : errno);
        if (descriptor >= 0) close(descriptor);
        (void)real_file_system().remove_directory(path);
        if (attempt == attempts) return fail(std::move(error));
    }
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

Result<bool> has_abandoned_staging(const DirectoryLayout &layout) {
    for (const std::string &name : TRY(real_file_system().list(layout.staging())))
        if (AbandonedDirectory(join_path(layout.staging(), name)).is_locked()) return true;
    return false;
}

Result<void> remove_abandoned_staging(const DirectoryLayout &layout) {
    for (const std::string &name : TRY(real_file_system().list(layout.staging()))) {
        const AbandonedDirectory directory(join_path(layout.staging(), name));
        // Locked until it is gone, or its maker could believe that it has got it.
        if (directory.is_locked()) TRY(remove_tree(real_file_system(), directory.path()));
    }
    return {};
}

}  // namespace pgx
