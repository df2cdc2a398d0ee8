// definer.h - the owner's rights, for functions that also have to know who calls.
//
// SECURITY DEFINER hides the caller: inside such a function the "outer user" is that of the
// session, not of whatever function or maintenance command called it. Functions that act for the
// caller as well (install with create_in, apply) are SECURITY INVOKER, take the owner's rights
// themselves, and so know from whom.
#pragma once

#include "extension/door.h"

namespace pgx::pg {

// Acts as the owner of the called function for as long as it lives.
class OwnerRights {
   public:
    explicit OwnerRights(FunctionCallInfo fcinfo);
    ~OwnerRights() { SetUserIdAndSecContext(caller_, context_); }
    OwnerRights(const OwnerRights &) = delete;
    OwnerRights &operator=(const OwnerRights &) = delete;

    // Whose rights the caller has.
    Oid caller() const { return caller_; }

   private:
    Oid caller_ = InvalidOid;
    int context_ = 0;
};

}  // namespace pgx::pg
