// key_command.h - `pgx key`: keys to sign registries with.
#pragma once

#include "helper/command_line.h"

namespace pgx {

int run_key(const Arguments &arguments);

}  // namespace pgx
