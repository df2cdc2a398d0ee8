#include "core/registry/transfer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "core/base/names.h"
#include "core/registry/transfer_failure.h"

#ifndef PGX_VERSION
#define PGX_VERSION "dev"
#endif

namespace pgx {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr long most_redirects = 5;
constexpr long buffer_size = 128 * 1024;
constexpr milliseconds first_backoff{100};
constexpr seconds longest_retry_after{10};
constexpr std::size_t longest_tag = 1024;

// What can stand in a header line without ending it.
bool is_header_value(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

std::string sentence(std::string text) {
    if (text.empty()) return text;
    if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    if (text.back() != '.') text += '.';
    return text;
}

Result<void> check_download(const Download &download) {
    if (download.limit == 0)
        return fail(ErrorCode::internal, "no size limit was set for \"" + download.item + "\"");
    if (download.size && *download.size > download.limit)
        return fail(ErrorCode::limit_exceeded, "\"" + download.item + "\" is too large",
                    "It has " + format_bytes(*download.size) + ", the limit is " +
                        format_bytes(download.limit) + ".");
    if (!is_header_value(download.if_none_match) || !is_header_value(download.if_modified_since))
        return fail(ErrorCode::invalid_argument, "invalid condition for \"" + download.item + "\"",
                    "It contains a control character or one that is not ASCII.");
    // Not shown: it may be a secret.
    if (!std::ranges::all_of(download.headers, is_header_value))
        return fail(ErrorCode::invalid_argument, "invalid header for \"" + download.item + "\"",
                    "It contains a control character or one that is not ASCII.");
    return {};
}

Transfer::Transfer(const Download &download, Address address, const FetchOptions &options,
                   FileSystem &fs, Reporter &reporter)
    : download_(download),
      url_(download.url),
      address_(std::move(address)),
      options_(options),
      fs_(fs),
      reporter_(reporter) {}
Transfer::~Transfer() { (void)discard_file(); }

Result<bool> Transfer::settle_local() {
    if (address_.scheme != "file") return false;
    const std::optional<FileInfo> info = TRY(fs_.info(address_.path));
    if (!info) {
        if (!download_.may_be_missing)
            return refused("no such file", "There is no file at \"" + address_.shown + "\".");
        result_.outcome = Downloaded::Outcome::missing;
        return true;
    }
    if (info->type == FileType::directory || info->type == FileType::other)
        return refused("not a regular file", "\"" + address_.shown + "\" is not a regular file.");
    // What is behind a link may change without the link's own time doing so.
    if (info->type != FileType::regular) return false;
    result_.etag = "\"" + std::to_string(info->mtime_ns) + "-" + std::to_string(info->size) + "\"";
    if (download_.if_none_match != result_.etag) return false;
    result_.outcome = Downloaded::Outcome::not_modified;
    return true;
}

Result<void> Transfer::begin() {
    if (attempt_++ == 0) started_ = Clock::now();
    digest_ = Sha256();
    result_.body.clear();
    result_.bytes = 0;
    failure_.reset();
    led_inside_ = false;
    error_text_[0] = '\0';
    easy_.reset(curl_easy_init());
    if (!easy_ || !set_options())
        return fail(ErrorCode::internal,
                    "could not prepare the download of \"" + download_.item + "\"",
                    "The installed libcurl lacks a feature that is needed.");
    return {};
}

Result<bool> Transfer::end(CURLcode code) {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (failure_) return fail(std::move(*failure_));
    if (led_inside_)
        return refused("was redirected to an address that is not allowed",
                       "The address is an internal one, and the registry's own is not.");
    if (code != CURLE_OK) {
        const TransferFailure failure = transfer_failure(code);
        if (failure.may_pass && try_again()) return false;
        return fail(
            failure.code, what() + ": " + failure.text,
            sentence(error_text_[0] != '\0' ? error_text_.data() : curl_easy_strerror(code)));
    }
    if (!download_.headers.empty() && status >= 301 && status <= 308 && status != 304)
        return follow_redirect();
    if (address_.scheme != "file" && status != 200) return other_status(status);
    TRY(complete(status));
    return true;
}

std::string Transfer::what() const {
    std::string text = "could not download \"" + download_.item + "\"";
    if (!address_.host.empty()) text += " from \"" + address_.host + "\"";
    return text;
}

std::unexpected<Error> Transfer::refused(const std::string &reason, std::string detail) const {
    return fail(ErrorCode::registry_refused, what() + ": " + reason, std::move(detail));
}

std::uint64_t Transfer::milliseconds_left() const {
    const auto deadline = started_ + seconds(options_.total_timeout_s);
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    return left > 0 ? static_cast<std::uint64_t>(left) : 0;
}

bool Transfer::set_options() {
    bool good = true;
    const auto set = [&](CURLoption option, auto value) {
        good = good && curl_easy_setopt(easy_.get(), option, value) == CURLE_OK;
    };
    set(CURLOPT_URL, url_.c_str());
    set(CURLOPT_PRIVATE, static_cast<void *>(this));
    set(CURLOPT_NOSIGNAL, 1L);
    // For redirects too: from http to https is fine, the other way is not.
    const std::string protocols = address_.scheme == "http" ? "http,https" : address_.scheme;
    set(CURLOPT_PROTOCOLS_STR, protocols.c_str());
    set(CURLOPT_REDIR_PROTOCOLS_STR, protocols == "http,https" ? "http,https" : "https");
    // libcurl would take all headers but a few along to another host.
    const bool follow = address_.scheme != "file" && download_.headers.empty();
    set(CURLOPT_FOLLOWLOCATION, follow ? 1L : 0L);
    set(CURLOPT_MAXREDIRS, most_redirects);
    set(CURLOPT_UNRESTRICTED_AUTH, 0L);
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_USERAGENT, "pgx/" PGX_VERSION);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    // What is signed is the file as it is stored: no decoding, and so no decompression bomb.
    set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    // An empty proxy overrules the environment's, which is not the administrator's word.
    const std::string &proxy =
        address_.scheme == "https" ? options_.https_proxy : options_.http_proxy;
    set(CURLOPT_PROXY, proxy == "DIRECT" ? "" : proxy.c_str());
    set(CURLOPT_NOPROXY, "");
    if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
    set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(options_.connect_timeout_s));
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.stall_timeout_s));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::uint64_t>(milliseconds_left(), 1)));
    set(CURLOPT_BUFFERSIZE, buffer_size);
    set(CURLOPT_ERRORBUFFER, error_text_.data());
    set(CURLOPT_WRITEFUNCTION, receive);
    set(CURLOPT_WRITEDATA, static_cast<void *>(this));
    set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    set(CURLOPT_OPENSOCKETDATA, static_cast<void *>(this));
    set(CURLOPT_PREREQFUNCTION, before_request);
    set(CURLOPT_PREREQDATA, static_cast<void *>(this));
    if (!options_.addresses.empty()) {
        addresses_.reset(curl_slist_append(nullptr, options_.addresses.c_str()));
        set(CURLOPT_RESOLVE, addresses_.get());
    }
    headers_.reset();
    if (!download_.if_none_match.empty())
        good = good && add_header("If-None-Match: " + download_.if_none_match);
    if (!download_.if_modified_since.empty())
        good = good && add_header("If-Modified-Since: " + download_.if_modified_since);
    if (same_origin_)
        for (const std::string &header : download_.headers) good = good && add_header(header);
    if (headers_) set(CURLOPT_HTTPHEADER, headers_.get());
    return good;
}

bool Transfer::add_header(const std::string &line) {
    curl_slist *longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) return false;
    (void)headers_.release();
    headers_.reset(longer);
    return true;
}

// libcurl calls this from C: nothing may be thrown through it.
std::size_t Transfer::receive(char *bytes, std::size_t size, std::size_t count,
                              void *self_pointer) noexcept {
    auto &self = *static_cast<Transfer *>(self_pointer);
    try {
        auto accepted = self.accept(std::string_view(bytes, size * count));
        if (accepted) return size * count;
        self.failure_ = std::move(accepted.error());
    } catch (const std::exception &) {
        self.failure_ = Error{ErrorCode::out_of_memory, "could not download: out of memory"};
    }
    return CURL_WRITEFUNC_ERROR;
}

bool Transfer::is_redirected() const {
    long followed = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_REDIRECT_COUNT, &followed);
    return followed + redirects_ > 0;
}

// Asked for each connection that is tried, with an address that the name was resolved to. Where a
// redirect leads inside, not even a connection is made.
curl_socket_t Transfer::open_socket(void *self_pointer, curlsocktype,
                                    curl_sockaddr *peer) noexcept {
    auto &self = *static_cast<Transfer *>(self_pointer);
    if (self.is_redirected() && !self.began_internally_ && self.options_.is_internal(&peer->addr)) {
        self.led_inside_ = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(peer->family, peer->socktype | SOCK_CLOEXEC, peer->protocol);
}

// Asked for each request, with the address of the connection that it goes over, new or used again:
// of several addresses that a name has, the one that counts.
int Transfer::before_request(void *self_pointer, char *address, char *, int port, int) noexcept {
    auto &self = *static_cast<Transfer *>(self_pointer);
    // There is no connection for a file.
    if (self.address_.scheme == "file") return CURL_PREREQFUNC_OK;
    sockaddr_storage peer = {};
    auto *four = reinterpret_cast<sockaddr_in *>(&peer);
    auto *six = reinterpret_cast<sockaddr_in6 *>(&peer);
    const auto port_number = htons(static_cast<std::uint16_t>(port));
    // What is neither has no family, and so is internal.
    if (address != nullptr && ::inet_pton(AF_INET, address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = port_number;
    } else if (address != nullptr && ::inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = port_number;
    }
    const bool internal = self.options_.is_internal(reinterpret_cast<const sockaddr *>(&peer));
    if (!self.is_redirected()) {
        self.began_internally_ = internal;
    } else if (internal && !self.began_internally_) {
        self.led_inside_ = true;
        return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
}

Result<void> Transfer::accept(std::string_view bytes) {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    // A page that explains an error; its length is bounded all the same.
    const bool wanted = address_.scheme == "file" || status == 200;
    result_.bytes += bytes.size();
    // Before the limit, which may be no more than the size: what is known exactly says more.
    if (wanted && download_.size && result_.bytes > *download_.size) return wrong_size();
    if (result_.bytes > download_.limit)
        return fail(ErrorCode::limit_exceeded, what() + ": too large",
                    "More than " + format_bytes(download_.limit) + " were received.");
    if (!wanted) return {};
    digest_.update(bytes);
    if (download_.path.empty()) {
        result_.body += bytes;
    } else {
        TRY(open_file());
        if (auto appended = file_->append(bytes); !appended)
            return fail(std::move(appended.error()).prefixed(what()));
    }
    reporter_.progress("download", download_.item, result_.bytes, expected_size());
    return {};
}

std::uint64_t Transfer::expected_size() const {
    if (download_.size) return *download_.size;
    curl_off_t announced = -1;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    return announced > 0 ? static_cast<std::uint64_t>(announced) : 0;
}

std::unexpected<Error> Transfer::wrong_size() const {
    return fail(ErrorCode::digest_mismatch, what() + ": wrong size",
                "The size should be " + std::to_string(*download_.size) + " bytes, " +
                    (result_.bytes > *download_.size
                         ? "but more were received."
                         : "but " + std::to_string(result_.bytes) + " were received."));
}

Result<void> Transfer::open_file() {
    if (file_) return {};
    std::array<unsigned char, 8> random{};
    std::array<char, 17> suffix{};
    if (sodium_init() < 0)
        return fail(ErrorCode::internal, "could not initialize the random number generator");
    randombytes_buf(random.data(), random.size());
    sodium_bin2hex(suffix.data(), suffix.size(), random.data(), random.size());
    std::string path = download_.path + ".part-" + suffix.data();
    auto created = fs_.create(path, 0600);
    if (!created) return fail(std::move(created.error()).prefixed(what()));
    file_ = std::move(*created);
    part_path_ = std::move(path);
    return {};
}

Result<void> Transfer::discard_file() {
    file_.reset();
    if (part_path_.empty()) return {};
    return fs_.unlink(std::exchange(part_path_, {}));
}

bool Transfer::try_again() {
    if (attempt_ >= options_.tries) return false;
    milliseconds wait = first_backoff * (1U << std::min(attempt_ - 1, 10U));
    curl_off_t asked = 0;
    if (curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &asked) == CURLE_OK && asked > 0)
        wait = std::max<milliseconds>(wait, std::min<seconds>(seconds(asked), longest_retry_after));
    if (static_cast<std::uint64_t>(wait.count()) >= milliseconds_left()) return false;
    not_before_ = Clock::now() + wait;
    // A file that cannot be removed is found out about when the next one is made.
    (void)discard_file();
    return true;
}

// Where a request with headers of its own is sent to; they stay behind unless it is the same
// scheme, host and port.
Result<bool> Transfer::follow_redirect() {
    char *location = nullptr;
    curl_easy_getinfo(easy_.get(), CURLINFO_REDIRECT_URL, &location);
    Result<Address> next = location != nullptr
                               ? parse_address(location, download_.item)
                               : Result<Address>(fail(ErrorCode::registry_refused, ""));
    if (!next || next->scheme == "file" || (address_.scheme == "https" && next->scheme != "https"))
        return refused("was redirected to an address that is not allowed", "");
    if (++redirects_ > most_redirects) return refused("was redirected too often", "");
    same_origin_ = same_origin_ && next->scheme == address_.scheme && next->host == address_.host;
    url_ = location;
    address_ = std::move(*next);
    --attempt_;
    (void)discard_file();
    return false;
}

Result<bool> Transfer::other_status(long status) {
    if (status == 304 &&
        (!download_.if_none_match.empty() || !download_.if_modified_since.empty())) {
        result_.outcome = Downloaded::Outcome::not_modified;
        result_.bytes = 0;
        take_tags();
        return true;
    }
    if ((status == 404 || status == 410 || (status == 403 && download_.forbidden_is_missing)) &&
        download_.may_be_missing) {
        result_.outcome = Downloaded::Outcome::missing;
        result_.bytes = 0;
        return true;
    }
    if (may_pass(status) && try_again()) return false;
    long redirects = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_REDIRECT_COUNT, &redirects);
    std::string detail = "The server refused \"" + address_.shown + "\"";
    if (redirects > 0) detail += ", after " + std::to_string(redirects) + " redirects";
    return refused("HTTP status " + std::to_string(status), detail + ".");
}

std::string Transfer::tag(const char *name) const {
    curl_header *header = nullptr;
    if (curl_easy_header(easy_.get(), name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return {};
    const std::string_view value = header->value;
    // It is going to be sent back; what could not be is as good as none.
    if (value.size() > longest_tag || !is_header_value(value)) return {};
    return std::string(value);
}

void Transfer::take_tags() {
    result_.etag = tag("ETag");
    result_.last_modified = tag("Last-Modified");
}

// Everything has been received: check it, and give the file its name.
Result<void> Transfer::complete(long status) {
    if (download_.size && result_.bytes != *download_.size) return wrong_size();
    result_.sha256 = TRY(digest_.finish());
    if (!download_.sha256.empty() && result_.sha256 != download_.sha256)
        return fail(
            ErrorCode::digest_mismatch, what() + ": wrong SHA-256 digest",
            "The digest should be " + download_.sha256 + ", but it is " + result_.sha256 + ".");
    if (status != 0) take_tags();
    result_.outcome = Downloaded::Outcome::received;
    if (download_.path.empty()) return {};
    TRY(open_file());  // an empty file has not been opened yet
    if (auto closed = file_->close(); !closed)
        return fail(std::move(closed.error()).prefixed(what()));
    file_.reset();
    TRY(fs_.rename(part_path_, download_.path));
    part_path_.clear();
    return {};
}

}  // namespace pgx
