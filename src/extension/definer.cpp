#include "extension/definer.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "utils/syscache.h"
}

namespace pgx::pg {

OwnerRights::OwnerRights(FunctionCallInfo fcinfo) {
    GetUserIdAndSecContext(&caller_, &context_);
    const Oid owner = call([function = fcinfo->flinfo->fn_oid] {
        HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
        if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for function %u", function);
        const Oid result = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner;
        ReleaseSysCache(tuple);
        return result;
    });
    SetUserIdAndSecContext(owner, context_ | SECURITY_LOCAL_USERID_CHANGE);
}

}  // namespace pgx::pg
