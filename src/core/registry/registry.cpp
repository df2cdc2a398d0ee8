// The table of registry kinds. A new kind is one line here and its own files.
#include "core/registry/registry.h"

#include "core/registry/apt_registry.h"
#include "core/registry/pgx_registry.h"

namespace pgx {

namespace {

struct Kind {
    const char *name;
    std::unique_ptr<Registry> (*make)(FileSystem &fs);
};

constexpr Kind kinds[] = {
    {"apt", [](FileSystem &fs) -> std::unique_ptr<Registry> {
         return std::make_unique<AptRegistry>(fs, this_host());
     }},
    {"pgx", [](FileSystem &fs) -> std::unique_ptr<Registry> {
         return std::make_unique<PgxRegistry>(fs, this_host());
     }},
    {"bundles", [](FileSystem &fs) -> std::unique_ptr<Registry> {
         return std::make_unique<BundleRegistry>(fs, this_host());
     }},
};

}  // namespace

Result<std::unique_ptr<Registry>> make_registry(std::string_view kind, FileSystem &fs) {
    std::string known;
    for (const Kind &row : kinds) {
        if (kind == row.name) return row.make(fs);
        known += (known.empty() ? "\"" : ", \"") + std::string(row.name) + "\"";
    }
    return fail(ErrorCode::invalid_argument, "unknown registry kind \"" + std::string(kind) + "\"", "",
                "The kinds there are: " + known + ".");
}

}  // namespace pgx
