// links.h - where a link in a package leads, worked out on names alone.
//
// pgx installs no link: one that leads to a file of the same package becomes a copy of that file.
// Following it on the disk would let the archive choose what is read, so the walk is done over the
// archive's own list of links.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace pgx {

// What a path in an archive is, made clean: "./usr/share/x" is "usr/share/x", the root is "".
// artifact_unsafe for an absolute path, a ".." or empty component, or a NUL.
Result<std::string> clean_archive_path(std::string_view path);

// A name out of an archive as it can stand in a message: control characters replaced, not endless.
std::string shown_path(std::string_view path);

// A link's path in the package, to what it says. Symbolic links say it relative to their directory,
// or, with a slash in front, relative to the package's root, since that is where a package's root
// will be. Hard links, whose archive entry names a path of the archive, are to be entered with a
// slash in front.
using LinkMap = std::map<std::string, std::string, std::less<>>;

// The path that `path` finally leads to, through links at its end and among its directories.
// artifact_unsafe when it leaves the package, or there are more than 40 links on the way.
Result<std::string> resolve_link(std::string_view path, const LinkMap &links);

}  // namespace pgx
