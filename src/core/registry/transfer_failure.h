// transfer_failure.h - what libcurl's codes and HTTP's statuses mean to a registry's user.
#pragma once

#include <curl/curl.h>

#include "core/base/error.h"

namespace pgx {

struct TransferFailure {
    ErrorCode code;
    const char *text;  // "timed out"
    bool may_pass;     // worth another try
};

TransferFailure transfer_failure(CURLcode code);

// Whether a server that says so may say otherwise in a moment.
bool may_pass(long status);

}  // namespace pgx
