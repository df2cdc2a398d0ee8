#include "core/bundle/scratch_directory.h"

#include <sodium.h>

#include <array>
#include <utility>

namespace pgx {

Result<ScratchDirectory> ScratchDirectory::create(FileSystem &fs, const std::string &parent) {
    if (sodium_init() < 0)
        return fail(ErrorCode::internal, "could not initialize the random number generator");
    std::array<unsigned char, 8> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    std::array<char, 17> text{};
    sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
    std::string path = join_path(parent, std::string("pgx-") + text.data());
    TRY(fs.make_directory(path, 0700));
    return ScratchDirectory(fs, std::move(path));
}

ScratchDirectory::ScratchDirectory(ScratchDirectory &&other) noexcept
    : fs_(other.fs_), path_(std::exchange(other.path_, {})) {}

ScratchDirectory &ScratchDirectory::operator=(ScratchDirectory &&other) noexcept {
    std::swap(fs_, other.fs_);
    std::swap(path_, other.path_);
    return *this;
}

ScratchDirectory::~ScratchDirectory() {
    // There is nobody left to tell.
    if (!path_.empty()) (void)remove_tree(*fs_, path_);
}

}  // namespace pgx
