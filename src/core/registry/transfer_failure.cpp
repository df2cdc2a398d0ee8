#include "core/registry/transfer_failure.h"

namespace pgx {

TransferFailure transfer_failure(CURLcode code) {
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
            return {ErrorCode::registry_unreachable, "could not resolve the host name", true};
        case CURLE_COULDNT_RESOLVE_PROXY:
            return {ErrorCode::registry_unreachable, "could not resolve the proxy's host name",
                    true};
        case CURLE_COULDNT_CONNECT:
            return {ErrorCode::registry_unreachable, "could not connect", true};
        case CURLE_OPERATION_TIMEDOUT:
            return {ErrorCode::registry_unreachable, "timed out", true};
        case CURLE_SSL_CONNECT_ERROR:
            return {ErrorCode::registry_unreachable, "could not make a secure connection", true};
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
            return {ErrorCode::registry_unreachable, "could not make a secure connection", false};
        case CURLE_GOT_NOTHING:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_PARTIAL_FILE:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
            return {ErrorCode::registry_unreachable, "the connection was lost", true};
        // The URL's own protocol was checked before.
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_URL_MALFORMAT:
            return {ErrorCode::registry_refused, "was redirected to an address that is not allowed",
                    false};
        case CURLE_TOO_MANY_REDIRECTS:
            return {ErrorCode::registry_refused, "was redirected too often", false};
        case CURLE_FILE_COULDNT_READ_FILE:
            return {ErrorCode::registry_refused, "could not read the file", false};
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_HTTP_RETURNED_ERROR:
            return {ErrorCode::registry_refused, "the server's answer makes no sense", false};
        case CURLE_OUT_OF_MEMORY:
            return {ErrorCode::out_of_memory, "out of memory", false};
        default:
            return {ErrorCode::registry_unreachable, "the transfer failed", false};
    }
}

bool may_pass(long status) { return status == 408 || status == 429 || status >= 500; }

}  // namespace pgx
