// catalog_guard.cpp - who may write pgx's tables: their owner, whose rights pgx's functions have,
// and superusers.
//
// What is in them decides which files get into the server, so that whoever writes them is as good
// as a superuser. Without GRANTs that is nobody else, but for one way: members of pg_write_all_data
// may write every table, and are no superusers. A trigger stops them. Row security would too, and
// would keep owners of the database from dumping it.
#include "extension/door.h"

extern "C" {
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/rel.h"
}

namespace pgx {

PGX_FUNCTION(pgx_check_writer) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        return fail(ErrorCode::wrong_state, "pgx.check_writer() is called by triggers only");
    const Relation table = reinterpret_cast<TriggerData *>(fcinfo->context)->tg_relation;
    if (pg::call([table] { return has_privs_of_role(GetUserId(), table->rd_rel->relowner); }))
        return PointerGetDatum(nullptr);
    return fail(ErrorCode::permission_denied,
                std::string("permission denied for table ") + RelationGetRelationName(table),
                "pgx's tables are written by pgx itself and by superusers.");
}

}  // namespace pgx
