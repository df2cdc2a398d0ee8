// fetch.cpp - many transfers, one thread, one libcurl multi handle.
//
// libcurl does HTTP; what it leaves to its caller, and tutorials leave out, is here: its own size
// limit is not enforced while receiving before 8.4, so bytes are counted as they come; the body of
// an error page must not end up in the file; and waiting handles use up their own connect time-out,
// so that no more transfers are started than may run.
//
// A file appears under its name only when it is complete and its digest is the expected one. Until
// then it has a name beside it that nobody can foresee.
#include "core/registry/fetch.h"

#include <curl/curl.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "core/base/names.h"
#include "core/registry/address.h"
#include "core/registry/sha256.h"

#ifndef PGX_VERSION
#define PGX_VERSION "dev"
#endif

namespace pgx {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t most_running = 16;
constexpr std::size_t most_running_per_host = 4;
constexpr long most_redirects = 5;
constexpr long buffer_size = 128 * 1024;
constexpr milliseconds first_backoff{100};
constexpr seconds longest_retry_after{10};
constexpr std::size_t longest_tag = 1024;

// --- libcurl's resources

class CurlLibrary {
   public:
    CurlLibrary() : code_(curl_global_init(CURL_GLOBAL_DEFAULT)) {}
    CurlLibrary(const CurlLibrary &) = delete;
    CurlLibrary &operator=(const CurlLibrary &) = delete;
    ~CurlLibrary() {
        if (usable()) curl_global_cleanup();
    }
    bool usable() const { return code_ == CURLE_OK; }

   private:
    CURLcode code_;
};

// CURL and CURLM are both void: a common deleter could not tell which one it has.
struct EasyFreer {
    void operator()(CURL *easy) const { curl_easy_cleanup(easy); }
};
struct MultiFreer {
    void operator()(CURLM *multi) const { curl_multi_cleanup(multi); }
};
struct HeaderFreer {
    void operator()(curl_slist *list) const { curl_slist_free_all(list); }
};
using EasyHandle = std::unique_ptr<CURL, EasyFreer>;
using MultiHandle = std::unique_ptr<CURLM, MultiFreer>;
using HeaderList = std::unique_ptr<curl_slist, HeaderFreer>;

// What can stand in a header line without ending it.
bool is_header_value(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
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

// --- what libcurl says

struct Failure {
    ErrorCode code;
    const char *text;
    bool may_pass;  // worth another try
};

Failure classify(CURLcode code) {
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

std::string sentence(std::string text) {
    if (text.empty()) return text;
    if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    if (text.back() != '.') text += '.';
    return text;
}

// --- one file

class Transfer {
   public:
    Transfer(const Download &download, Address address, const FetchOptions &options, FileSystem &fs,
             Reporter &reporter)
        : download_(download),
          url_(download.url),
          address_(std::move(address)),
          options_(options),
          fs_(fs),
          reporter_(reporter) {}
    Transfer(const Transfer &) = delete;
    Transfer &operator=(const Transfer &) = delete;
    ~Transfer() { (void)discard_file(); }

    const std::string &host() const { return address_.host; }
    CURL *handle() const { return easy_.get(); }
    Clock::time_point not_before() const { return not_before_; }

    // True when the file at hand is known to be current without a transfer: what a web server would
    // say to If-None-Match, a file: URL has to be asked here.
    Result<bool> settle_local() {
        if (address_.scheme != "file") return false;
        const std::optional<FileInfo> info = TRY(fs_.info(address_.path));
        if (!info) {
            if (!download_.may_be_missing)
                return refused("no such file", "There is no file at \"" + address_.shown + "\".");
            result_.outcome = Downloaded::Outcome::missing;
            return true;
        }
        if (info->type == FileType::directory || info->type == FileType::other)
            return refused("not a regular file",
                           "\"" + address_.shown + "\" is not a regular file.");
        // What is behind a link may change without the link's own time doing so.
        if (info->type != FileType::regular) return false;
        result_.etag =
            "\"" + std::to_string(info->mtime_ns) + "-" + std::to_string(info->size) + "\"";
        if (download_.if_none_match != result_.etag) return false;
        result_.outcome = Downloaded::Outcome::not_modified;
        return true;
    }

    // Prepares a try. Its handle is to be added to the multi handle.
    Result<void> begin() {
        if (attempt_++ == 0) started_ = Clock::now();
        digest_ = Sha256();
        result_.body.clear();
        result_.bytes = 0;
        failure_.reset();
        error_text_[0] = '\0';
        easy_.reset(curl_easy_init());
        if (!easy_ || !set_options())
            return fail(ErrorCode::internal,
                        "could not prepare the download of \"" + download_.item + "\"",
                        "The installed libcurl lacks a feature that is needed.");
        return {};
    }

    // What has come of a try: true when the result stands, false when it is to be tried again.
    Result<bool> end(CURLcode code) {
        long status = 0;
        curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
        if (failure_) return fail(std::move(*failure_));
        if (code != CURLE_OK) {
            const Failure failure = classify(code);
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

    Downloaded take_result() { return std::move(result_); }
    void release_handle() { easy_.reset(); }

   private:
    std::string what() const {
        std::string text = "could not download \"" + download_.item + "\"";
        if (!address_.host.empty()) text += " from \"" + address_.host + "\"";
        return text;
    }

    std::unexpected<Error> refused(const std::string &reason, std::string detail) const {
        return fail(ErrorCode::registry_refused, what() + ": " + reason, std::move(detail));
    }

    std::uint64_t milliseconds_left() const {
        const auto deadline = started_ + seconds(options_.total_timeout_s);
        const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
        return left > 0 ? static_cast<std::uint64_t>(left) : 0;
    }

    bool set_options() {
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

    bool add_header(const std::string &line) {
        curl_slist *longer = curl_slist_append(headers_.get(), line.c_str());
        if (longer == nullptr) return false;
        (void)headers_.release();
        headers_.reset(longer);
        return true;
    }

    // libcurl calls this from C: nothing may be thrown through it.
    static std::size_t receive(char *bytes, std::size_t size, std::size_t count,
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

    Result<void> accept(std::string_view bytes) {
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

    std::uint64_t expected_size() const {
        if (download_.size) return *download_.size;
        curl_off_t announced = -1;
        curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
        return announced > 0 ? static_cast<std::uint64_t>(announced) : 0;
    }

    std::unexpected<Error> wrong_size() const {
        return fail(ErrorCode::digest_mismatch, what() + ": wrong size",
                    "The size should be " + std::to_string(*download_.size) + " bytes, " +
                        (result_.bytes > *download_.size
                             ? "but more were received."
                             : "but " + std::to_string(result_.bytes) + " were received."));
    }

    Result<void> open_file() {
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

    Result<void> discard_file() {
        file_.reset();
        if (part_path_.empty()) return {};
        return fs_.unlink(std::exchange(part_path_, {}));
    }

    // Whether there is a next try; if so, when.
    bool try_again() {
        if (attempt_ >= options_.tries) return false;
        milliseconds wait = first_backoff * (1U << std::min(attempt_ - 1, 10U));
        curl_off_t asked = 0;
        if (curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &asked) == CURLE_OK && asked > 0)
            wait = std::max<milliseconds>(wait,
                                          std::min<seconds>(seconds(asked), longest_retry_after));
        if (static_cast<std::uint64_t>(wait.count()) >= milliseconds_left()) return false;
        not_before_ = Clock::now() + wait;
        // A file that cannot be removed is found out about when the next one is made.
        (void)discard_file();
        return true;
    }

    // Where a request with headers of its own is sent to; they stay behind unless it is the same
    // scheme, host and port.
    Result<bool> follow_redirect() {
        char *location = nullptr;
        curl_easy_getinfo(easy_.get(), CURLINFO_REDIRECT_URL, &location);
        Result<Address> next = location != nullptr
                                   ? parse_address(location, download_.item)
                                   : Result<Address>(fail(ErrorCode::registry_refused, ""));
        if (!next || next->scheme == "file" ||
            (address_.scheme == "https" && next->scheme != "https"))
            return refused("was redirected to an address that is not allowed", "");
        if (++redirects_ > most_redirects) return refused("was redirected too often", "");
        same_origin_ =
            same_origin_ && next->scheme == address_.scheme && next->host == address_.host;
        url_ = location;
        address_ = std::move(*next);
        --attempt_;
        (void)discard_file();
        return false;
    }

    Result<bool> other_status(long status) {
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

    std::string tag(const char *name) const {
        curl_header *header = nullptr;
        if (curl_easy_header(easy_.get(), name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
            return {};
        const std::string_view value = header->value;
        // It is going to be sent back; what could not be is as good as none.
        if (value.size() > longest_tag || !is_header_value(value)) return {};
        return std::string(value);
    }

    void take_tags() {
        result_.etag = tag("ETag");
        result_.last_modified = tag("Last-Modified");
    }

    // Everything has been received: check it, and give the file its name.
    Result<void> complete(long status) {
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

    const Download &download_;
    std::string url_;  // download_.url, or where that was redirected to
    Address address_;
    bool same_origin_ = true;
    long redirects_ = 0;
    const FetchOptions &options_;
    FileSystem &fs_;
    Reporter &reporter_;

    unsigned attempt_ = 0;
    Clock::time_point started_, not_before_;
    std::array<char, CURL_ERROR_SIZE> error_text_{};
    HeaderList headers_;
    EasyHandle easy_;
    Sha256 digest_;
    std::unique_ptr<WritableFile> file_;
    std::string part_path_;  // not empty: there is a file of that name
    std::optional<Error> failure_;
    Downloaded result_;
};

// --- all files

class Downloader {
   public:
    Downloader(CURLM *multi, std::vector<std::unique_ptr<Transfer>> &transfers)
        : multi_(multi), transfers_(transfers) {}
    Downloader(const Downloader &) = delete;
    Downloader &operator=(const Downloader &) = delete;
    ~Downloader() {
        // libcurl wants handles to leave the multi handle before either is freed.
        for (Transfer *transfer : running_) curl_multi_remove_handle(multi_, transfer->handle());
    }

    Result<void> run() {
        for (const auto &transfer : transfers_) {
            const bool settled = TRY(transfer->settle_local());
            if (!settled) waiting_.push_back(transfer.get());
        }
        while (!waiting_.empty() || !running_.empty()) {
            TRY(start());
            int running = 0;
            if (const CURLMcode code = curl_multi_perform(multi_, &running); code != CURLM_OK)
                return broken(code);
            TRY(collect());
            if (waiting_.empty() && running_.empty()) break;
            if (const CURLMcode code = curl_multi_poll(multi_, nullptr, 0, pause(), nullptr);
                code != CURLM_OK)
                return broken(code);
        }
        return {};
    }

   private:
    static std::unexpected<Error> broken(CURLMcode code) {
        return fail(code == CURLM_OUT_OF_MEMORY ? ErrorCode::out_of_memory : ErrorCode::internal,
                    "could not download", sentence(curl_multi_strerror(code)));
    }

    // Starts what is due and within the limits.
    Result<void> start() {
        const auto now = Clock::now();
        for (auto next = waiting_.begin();
             next != waiting_.end() && running_.size() < most_running;) {
            Transfer *transfer = *next;
            std::size_t &of_host = running_per_host_[transfer->host()];
            if (transfer->not_before() > now || of_host >= most_running_per_host) {
                ++next;
                continue;
            }
            TRY(transfer->begin());
            if (const CURLMcode code = curl_multi_add_handle(multi_, transfer->handle());
                code != CURLM_OK)
                return broken(code);
            running_.push_back(transfer);
            ++of_host;
            next = waiting_.erase(next);
        }
        return {};
    }

    // Takes what has ended, one way or the other.
    Result<void> collect() {
        int left = 0;
        while (const CURLMsg *message = curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            const CURLcode code = message->data.result;
            CURL *handle = message->easy_handle;
            const auto found = std::ranges::find(running_, handle, &Transfer::handle);
            if (found == running_.end()) continue;
            Transfer *transfer = *found;
            curl_multi_remove_handle(multi_, handle);
            running_.erase(found);
            --running_per_host_[transfer->host()];
            const bool stands = TRY(transfer->end(code));
            transfer->release_handle();
            if (!stands) waiting_.push_back(transfer);
        }
        return {};
    }

    // How long to wait for the network, in milliseconds: not beyond the time of the next try.
    int pause() const {
        auto wait = milliseconds(1000);
        const auto now = Clock::now();
        for (const Transfer *transfer : waiting_) {
            if (transfer->not_before() <= now) {
                // Due, so it waits for a place; if some ended just now, there is one.
                const auto of_host = running_per_host_.find(transfer->host());
                if (running_.size() < most_running &&
                    (of_host == running_per_host_.end() || of_host->second < most_running_per_host))
                    return 0;
                continue;
            }
            wait = std::min(wait, std::chrono::ceil<milliseconds>(transfer->not_before() - now));
        }
        return static_cast<int>(wait.count());
    }

    CURLM *multi_;
    std::vector<std::unique_ptr<Transfer>> &transfers_;
    std::vector<Transfer *> waiting_, running_;
    std::map<std::string, std::size_t> running_per_host_;
};

}  // namespace

struct Connections::Handles {
    CurlLibrary library;  // outlives the handle
    MultiHandle multi;

    Result<void> prepare() {
        if (!library.usable()) return fail(ErrorCode::internal, "could not initialize libcurl");
        if (multi) return {};
        multi.reset(curl_multi_init());
        if (!multi) return fail(ErrorCode::out_of_memory, "could not prepare downloads");
        curl_multi_setopt(multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS,
                          static_cast<long>(most_running_per_host));
        return {};
    }
};

Connections::Connections() = default;
Connections::Connections(Connections &&) noexcept = default;
Connections &Connections::operator=(Connections &&) noexcept = default;
Connections::~Connections() = default;

Result<std::vector<Downloaded>> download(const std::vector<Download> &downloads,
                                         const FetchOptions &options, FileSystem &fs,
                                         Reporter &reporter, Connections *connections) {
    Connections own;
    Connections &used = connections != nullptr ? *connections : own;
    if (!used.handles_) used.handles_ = std::make_unique<Connections::Handles>();
    TRY(used.handles_->prepare());
    std::vector<std::unique_ptr<Transfer>> transfers;
    for (const Download &one : downloads) {
        TRY(check_download(one));
        Address address = TRY(parse_address(one.url, one.item));
        transfers.push_back(
            std::make_unique<Transfer>(one, std::move(address), options, fs, reporter));
    }
    TRY(Downloader(used.handles_->multi.get(), transfers).run());
    std::vector<Downloaded> results;
    results.reserve(transfers.size());
    for (const auto &transfer : transfers) results.push_back(transfer->take_result());
    return results;
}

}  // namespace pgx
