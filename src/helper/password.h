// password.h - a password from the person at the terminal, or from the environment for scripts.
#pragma once

#include <string>

#include "core/base/result.h"

namespace pgx {

// $PGX_PASSWORD when it is set; else asks on the terminal without showing what is typed.
// permission_denied when there is no terminal.
Result<std::string> ask_password(const std::string &prompt);

}  // namespace pgx
