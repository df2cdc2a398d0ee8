// backend.h - PostgreSQL's headers for C++.
//
// Everything of the extension includes this first. PostgreSQL's own headers come as system headers
// (-isystem), because they are C and not written for our warnings.
#pragma once

extern "C" {
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
}

// Macros of PostgreSQL that are everyday words in C++.
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext
#undef _
