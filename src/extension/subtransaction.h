// subtransaction.h - something whose rows nobody keeps when it fails, while the call goes on.
#pragma once

#include "extension/door.h"

extern "C" {
#include "utils/resowner.h"
}

namespace pgx::pg {

// Begun when it is made; undone when it goes out of scope and was not committed.  As in PL/pgSQL's
// EXCEPTION blocks, memory context and resource owner are the caller's again afterwards.
class Subtransaction {
   public:
    Subtransaction();
    ~Subtransaction();
    Subtransaction(const Subtransaction &) = delete;
    Subtransaction &operator=(const Subtransaction &) = delete;

    void commit();

   private:
    MemoryContext memory_;
    ResourceOwner owner_;
    bool is_open_ = false;
};

}  // namespace pgx::pg
