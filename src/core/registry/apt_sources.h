// apt_sources.h - where apt's repositories are: sources.list(5) in both of its syntaxes.
//
// One AptSource stands for one Release file, that is, for one pair of URI and suite; what several entries say of the same pair
// is merged, as apt does, because their options hold for the Release file and not for a component. Nothing is downloaded and no
// key is read here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/result.h"
#include "core/registry/apt_config.h"

namespace pgx {

// Which keys may sign. All three empty: the keys that the host trusts for every repository.
struct SignedBy {
    std::vector<std::string> paths;         // absolute, of keyring files
    std::vector<std::string> fingerprints;  // upper case; with "!" at the end not for subkeys
    std::string inline_key;                 // an armored block

    bool empty() const { return paths.empty() && fingerprints.empty() && inline_key.empty(); }
    bool operator==(const SignedBy &) const = default;
};

enum class ByHash { no, yes, force };

struct AptSource {
    std::string uri;                      // as written, with "/" at the end: "http://example.org/debian/"
    std::string suite;                    // "trixie"; with "/" at the end it is a directory (a flat repository)
    std::vector<std::string> components;  // empty for a flat repository
    SignedBy signed_by;
    std::optional<bool> trusted;          // Trusted: yes switches apt's checks off
    bool allow_insecure = false;          // Allow-Insecure, Allow-Weak or Allow-Downgrade-To-Insecure
    std::optional<ByHash> by_hash;
    std::optional<bool> check_valid_until, check_date;
    std::optional<std::int64_t> valid_until_min, valid_until_max, date_max_future;  // seconds
    std::string inrelease_path;           // instead of "InRelease"
    std::string origin;                   // where it is written, for messages: "/etc/apt/sources.list:3"

    bool flat() const { return suite.ends_with('/'); }
    // "http://example.org/debian trixie": how messages call the repository; without a password in the URI.
    std::string name() const;
    // The directory of the Release file, with "/" at the end.
    std::string release_directory() const;
};

// Something in the sources that is left out, with the reason, for the person who looks for it.
struct SourceNotice {
    std::string message, detail, hint;
};

struct AptSources {
    std::vector<AptSource> sources;  // of those with packages for the architecture that can be downloaded, in their order
    std::vector<SourceNotice> notices;
};

enum class SourceSyntax { detect, one_line, deb822 };

// Reads sources from a text that `origin` names in messages. Entries for sources of packages (deb-src), disabled ones and
// those for other architectures are left out silently, those with transports other than http, https, file and copy with a
// notice. invalid_argument with origin and line when the text is malformed.
Result<AptSources> parse_apt_sources(std::string_view text, SourceSyntax syntax, std::string_view origin,
                                     std::string_view architecture);

// Reads the host's: Dir::Etc::sourcelist and the *.list and *.sources in Dir::Etc::sourceparts. A file that may not be read
// becomes a notice.
Result<AptSources> read_host_apt_sources(const AptConfig &config, std::string_view architecture, FileSystem &fs);

// Adds `more` to `to`, merging equal pairs of URI and suite. invalid_argument when their options contradict each other.
Result<void> merge_apt_sources(AptSources &to, AptSources more);

// The names in a directory that apt reads: no hidden ones, only letters, digits, ".", "-" and "_", one of the endings.
Result<std::vector<std::string>> list_configuration_files(FileSystem &fs, const std::string &directory,
                                                          const std::vector<std::string> &endings);

// Reads a file of the host's configuration. Links are followed here, unlike in FileSystem: the administrator's directories are
// full of them (keyrings, alternatives) and are not ours to guard.
Result<std::string> read_host_file(FileSystem &fs, const std::string &path, std::uint64_t limit);

// `path` with all links resolved; `path` itself when it does not exist.
std::string resolved_path(const std::string &path);

}  // namespace pgx
