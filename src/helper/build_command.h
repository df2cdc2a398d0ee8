// build_command.h - "pgx build": a bundle from a source folder.
#pragma once

#include "helper/command_line.h"

namespace pgx {

// The exit status: 0, 1 after an error, 2 when the command line cannot be understood.
int run_build(const Arguments &arguments);

}  // namespace pgx
