// archive_handle.h - what the readers of archives have in common: libarchive's handle as a C++
// object, errors that come out of callbacks, and the checks of one entry. Only for archive.cpp and
// its neighbours.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/registry/archive.h"

namespace pgx {

struct ArchiveCloser {
    void operator()(struct archive *handle) const { archive_read_free(handle); }
};
using ArchivePointer = std::unique_ptr<struct archive, ArchiveCloser>;

class ArchiveContext {
   public:
    // `name` is the file's for messages, `part_name` what of it is read ("data archive").
    ArchiveContext(std::string name, std::string part_name, const ArchiveLimits &bounds)
        : limits(bounds), part(std::move(part_name)), name_(std::move(name)) {}

    std::unexpected<Error> malformed(std::string detail) const;
    std::unexpected<Error> unsafe(std::string detail) const;
    std::unexpected<Error> out_of_memory() const;

    // What went wrong in `handle`: an error of ours from a callback below it, or the archive's
    // content. libarchive takes a failed read for the end of the archive in places, so refused() is
    // to be asked for whatever it says.
    std::unexpected<Error> failure(struct archive *handle, std::string fallback = {});

    // Remembers an error inside a callback; libarchive only learns that there is one.
    la_ssize_t refuse(struct archive *handle, Error error);
    bool refused() const { return refused_.has_value(); }

    // An entry, checked: of a type that is allowed, with a clean path and a possible size.
    Result<ArchiveEntry> convert(struct archive_entry *entry) const;

    // The content of the entry that `handle` stands at, which says that it has `size` bytes.
    Result<void> read(struct archive *handle, std::uint64_t size,
                      const std::function<Result<void>(std::string_view)> &sink);

    const ArchiveLimits limits;
    const std::string part;

   private:
    std::unexpected<Error> unsafe(const ArchiveEntry &entry, const char *what) const;
    Result<std::string> cleaned(const char *path) const;

    std::string name_;
    std::optional<Error> refused_;
};

}  // namespace pgx
