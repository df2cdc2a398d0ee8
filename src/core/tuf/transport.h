// transport.h - where a TUF client's bytes come from and where it keeps them.
//
// Both are interfaces, because a registry's refresh, the conformance program, a mirror and the
// tests have each their own: a web server, a directory, a map in memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/result.h"

namespace pgx::tuf {

struct FileRequest {
    enum class Kind { metadata, target } kind = Kind::metadata;
    std::string path;         // relative to the base URL of its kind, percent-encoded
    std::uint64_t limit = 0;  // bytes; more is an error (limit_exceeded), noticed while receiving
    bool may_be_missing = false;  // "not there" (404, 410, and 403 as object stores say it) is an
                                  // answer then, not an error
};

class Transport {
   public:
    virtual ~Transport() = default;
    // All of them, side by side where that is possible; the answers in the order of the requests.
    // nullopt: missing. The first error ends all.
    virtual Result<std::vector<std::optional<std::string>>> fetch(
        const std::vector<FileRequest> &requests) = 0;
};

// Metadata that was verified, by role name, exactly as received.
class Store {
   public:
    virtual ~Store() = default;
    virtual Result<std::optional<std::string>> load(const std::string &role) = 0;
    virtual Result<void> save(const std::string &role, const std::string &bytes) = 0;
    // Missing is fine.
    virtual Result<void> remove(const std::string &role) = 0;
    // All root metadata that was ever trusted, by version, so that trust can be followed from its
    // beginning again (Client::resume). Apart from the roles: delegated ones may have any name. As
    // it is here, none is kept.
    virtual Result<std::optional<std::string>> load_root(std::uint64_t version);
    virtual Result<void> save_root(std::uint64_t version, const std::string &bytes);
};

// One file for each role in a directory that exists: <encoded role>.json, replaced durably; and
// roots/<version>.json.
class DirectoryStore : public Store {
   public:
    DirectoryStore(FileSystem &fs, std::string directory)
        : fs_(fs), directory_(std::move(directory)) {}
    Result<std::optional<std::string>> load(const std::string &role) override;
    Result<void> save(const std::string &role, const std::string &bytes) override;
    Result<void> remove(const std::string &role) override;
    Result<std::optional<std::string>> load_root(std::uint64_t version) override;
    Result<void> save_root(std::uint64_t version, const std::string &bytes) override;

   private:
    std::string path(const std::string &role) const;
    std::string root_path(std::uint64_t version) const;
    Result<std::optional<std::string>> load_file(const std::string &file);

    FileSystem &fs_;
    std::string directory_;
};

class MemoryStore : public Store {
   public:
    Result<std::optional<std::string>> load(const std::string &role) override;
    Result<void> save(const std::string &role, const std::string &bytes) override;
    Result<void> remove(const std::string &role) override;
    Result<std::optional<std::string>> load_root(std::uint64_t version) override;
    Result<void> save_root(std::uint64_t version, const std::string &bytes) override;

   private:
    std::map<std::string, std::string> files_;
    std::map<std::uint64_t, std::string> roots_;
};

}  // namespace pgx::tuf
