#include "extension/door.h"

#include "extension/subtransaction.h"

extern "C" {
#include "access/xact.h"
}

namespace pgx::pg {

Subtransaction::Subtransaction() : memory_(CurrentMemoryContext), owner_(CurrentResourceOwner) {
    const MemoryContext memory = memory_;
    call([memory] {
        BeginInternalSubTransaction(nullptr);
        MemoryContextSwitchTo(memory);
    });
    is_open_ = true;
}

void Subtransaction::commit() {
    is_open_ = false;
    const MemoryContext memory = memory_;
    const ResourceOwner owner = owner_;
    call([memory, owner] {
        ReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(memory);
        CurrentResourceOwner = owner;
    });
}

Subtransaction::~Subtransaction() {
    if (!is_open_) return;
    const MemoryContext memory = memory_;
    const ResourceOwner owner = owner_;
    try {
        call([memory, owner] {
            RollbackAndReleaseCurrentSubTransaction();
            MemoryContextSwitchTo(memory);
            CurrentResourceOwner = owner;
        });
    } catch (...) {
        // Then an error is on its way that ends the whole transaction.
    }
}

}  // namespace pgx::pg
