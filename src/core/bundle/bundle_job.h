// bundle_job.h - what a backend asks about bundles that do not come from a registry.
//
// They are given with a statement, as bytes, or made of a script. Either way the helper looks into
// them, because they are foreign bytes; whether one may be installed, the backend decides.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/json.h"
#include "core/base/platform.h"
#include "core/base/protocol.h"
#include "core/base/result.h"

namespace pgx {

struct NamedKey {
    std::string name;        // for people
    std::string public_key;  // minisign's text
};

struct DescribeBundleJob {
    Platform platform;
    std::string path;                      // of the bundle
    std::optional<std::string> signature;  // content of its .minisig file
    std::vector<NamedKey> keys;            // that are trusted
    bool allow_unsigned = false;
};

struct PackSqlJob {
    Platform platform;
    std::string path;  // to be written
    std::string name, version, comment;
    std::vector<std::string> requires_;
    bool superuser = false;
    std::map<std::string, std::string> scripts;  // by file name
};

struct ReadKeyJob {
    std::string public_key;
};

// {"release": ...}: its row in the releases of a server. What it holds is found out by unpacking it
// beside the file, not believed from META.json. signature_missing, signature_invalid,
// wrong_platform, and all that can be wrong with a bundle.
Result<Json> describe_bundle(const DescribeBundleJob &job, FileSystem &fs, Reporter &reporter);

// Writes the bundle; {}. The package is called like the extension, its version is the extension's
// as a semantic version.
Result<Json> pack_sql(const PackSqlJob &job, FileSystem &fs);

// {"id", "public_key"}.
Result<Json> read_key(const ReadKeyJob &job);

}  // namespace pgx
