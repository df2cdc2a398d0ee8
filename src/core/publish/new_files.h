// new_files.h - many new files at once, each whole under its name or not there at all.
//
// write_file_durably() waits for the disk twice per file, which is right for one and slow for the
// thousand shards of a registry that grows. Here all are written beside their places, synced
// together, renamed, and each directory is synced once.
#pragma once

#include <map>
#include <string>

#include "core/base/file_system.h"
#include "core/base/result.h"

namespace pgx {

class NewFiles {
   public:
    explicit NewFiles(FileSystem &fs) : fs_(fs) {}

    // A later one for the same path replaces it.
    void add(const std::string &path, std::string bytes) { files_[path] = std::move(bytes); }
    bool empty() const { return files_.empty(); }
    std::size_t count() const { return files_.size(); }
    std::uint64_t bytes() const;

    // Afterwards all are durable, missing directories made. After an error some may be there.
    Result<void> write();

   private:
    Result<void> write_beside();

    FileSystem &fs_;
    std::map<std::string, std::string> files_;
};

// Makes a directory with its parents, 0755, and its name in the parent durable. One that is there
// costs one call.
Result<void> make_public_directory(FileSystem &fs, const std::string &path);

// Copies a file durably, replacing what was there. digest_mismatch when it is not what is expected:
// somebody is changing it.
Result<void> copy_file_durably(FileSystem &fs, const std::string &from, const std::string &to,
                               const std::string &sha256);

}  // namespace pgx
