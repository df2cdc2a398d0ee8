// setup_functions.cpp - setup, platform, take_home, and what SQL needs of the core.
#include "extension/door.h"

#include "core/base/debian_version.h"
#include "core/base/platform.h"
#include "core/base/trigrams.h"
#include "core/base/version_key.h"
#include "extension/home.h"
#include "extension/result_set.h"
#include "extension/settings.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
}

namespace pgx {

PGX_FUNCTION(pgx_take_home) {
    TRY(take_home());
    PG_RETURN_VOID();
}

PGX_FUNCTION(pgx_setup) {
    TRY(check_may_change("pgx.setup()"));
    pg::ResultSet rows(fcinfo);
    const std::vector<PathSetting> settings = TRY(ensure_set_up());
    for (const PathSetting &setting : settings)
        rows.add({setting.name, setting.value, setting.changed ? "true" : "false"});
    return rows.done();
}

PGX_FUNCTION(pgx_platform) {
    const Platform platform = host_platform();
    return pg::make_record(fcinfo, {std::to_string(directory_layout().postgres_major), platform.os,
                                    platform.os_version.empty() ? pg::Value{} : platform.os_version,
                                    platform.libc, platform.libc_version, platform.architecture});
}

PGX_FUNCTION(pgx_version_key) {
    const std::string key = debian_version_key(pg::text_argument(fcinfo, 0).value_or(""));
    return pg::text_datum(key);  // bytea and text have the same form in memory
}

PGX_FUNCTION(pgx_upstream_version) {
    return pg::text_datum(upstream_version(pg::text_argument(fcinfo, 0).value_or("")));
}

PGX_FUNCTION(pgx_name_trigrams) {
    const std::vector<std::int32_t> found = trigrams(pg::names_argument(fcinfo, 0));
    const std::int32_t *numbers = found.data();
    const int count = static_cast<int>(found.size());
    return PointerGetDatum(pg::call([numbers, count] {
        auto *elements = static_cast<Datum *>(palloc(sizeof(Datum) * (count + 1)));
        for (int i = 0; i < count; i++) elements[i] = Int32GetDatum(numbers[i]);
        return construct_array_builtin(elements, count, INT4OID);
    }));
}

}  // namespace pgx
