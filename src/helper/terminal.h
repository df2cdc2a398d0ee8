// terminal.h - passphrases, typed where nobody sees them.
#pragma once

#include <string>

#include "core/base/result.h"

namespace pgx {

// Asks on standard error and reads a line from standard input, without echo when that is a
// terminal. `twice`: asks again, and refuses when the two differ. wrong_state when there is no line
// to read or it is empty. The text should be as short-lived as the caller can make it.
Result<std::string> ask_passphrase(const std::string &prompt, bool twice = false);

}  // namespace pgx
