// pack_command.h - "pgx pack": a bundle from files that have been built already.
#pragma once

#include "helper/command_line.h"

namespace pgx {

// The exit status: 0, 1 after an error, 2 when the command line cannot be understood.
int run_pack(const Arguments &arguments);

}  // namespace pgx
