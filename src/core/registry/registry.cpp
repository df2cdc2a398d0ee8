// The table of registry kinds. A new kind is one line here and its own files.
#include "core/registry/registry.h"

#include "core/registry/apt_registry.h"
#include "core/registry/pgx_registry.h"

namespace pgx {

namespace {

struct Kind {
    const char *name;
    std::unique_ptr<Registry> (*make)(FileSystem &fs, const AptHost &host);
};

constexpr Kind kinds[] = {
    {"apt", [](FileSystem &fs, const AptHost &host) -> std::unique_ptr<Registry> {
         return std::make_unique<AptRegistry>(fs, host);
     }},
    {"pgx", [](FileSystem &fs, const AptHost &host) -> std::unique_ptr<Registry> {
         return std::make_unique<PgxRegistry>(fs, host);
     }},
    {"bundles", [](FileSystem &fs, const AptHost &host) -> std::unique_ptr<Registry> {
         return std::make_unique<BundleRegistry>(fs, host);
     }},
};

}  // namespace

Result<std::unique_ptr<Registry>> make_registry(std::string_view kind, FileSystem &fs, const AptHost &host) {
    std::string known;
    for (const Kind &row : kinds) {
        if (kind == row.name) return row.make(fs, host);
        known += (known.empty() ? "\"" : ", \"") + std::string(row.name) + "\"";
    }
    return fail(ErrorCode::invalid_argument, "unknown registry kind \"" + std::string(kind) + "\"", "",
                "The kinds there are: " + known + ".");
}

}  // namespace pgx
