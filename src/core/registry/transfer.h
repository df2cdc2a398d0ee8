// transfer.h - one download: its tries, its redirects, and what has to be true of what arrives.
//
// libcurl does HTTP; what it leaves to its caller, and tutorials leave out, is here. Its own size
// limit is not enforced while receiving before 8.4, so bytes are counted as they come. The body of
// an error page must not end up in the file. And a server that others trust must not be able to
// make this machine talk to what only this machine can reach: a redirect leads to no internal
// address, unless the registry itself is at one.
//
// A file appears under its name only when it is complete and its digest is the expected one. Until
// then it has a name beside it that nobody can foresee.
#pragma once

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/file_system.h"
#include "core/base/result.h"
#include "core/registry/address.h"
#include "core/registry/fetch.h"
#include "core/registry/sha256.h"

namespace pgx {

// CURL and CURLM are both void: a common deleter could not tell which one it has.
struct EasyFreer {
    void operator()(CURL *easy) const { curl_easy_cleanup(easy); }
};
struct HeaderFreer {
    void operator()(curl_slist *list) const { curl_slist_free_all(list); }
};

// The part of a sentence that libcurl says, as one.
std::string sentence(std::string text);

// What has to be true of a download before anything is done for it.
Result<void> check_download(const Download &download);

class Transfer {
   public:
    using Clock = std::chrono::steady_clock;

    // All of them have to live as long as the transfer.
    Transfer(const Download &download, Address address, const FetchOptions &options, FileSystem &fs,
             Reporter &reporter);
    Transfer(const Transfer &) = delete;
    Transfer &operator=(const Transfer &) = delete;
    ~Transfer();  // a file that is not complete goes

    const std::string &host() const { return address_.host; }
    CURL *handle() const { return easy_.get(); }
    Clock::time_point not_before() const { return not_before_; }

    // True when the file at hand is known to be current without a transfer: what a web server would
    // say to If-None-Match, a file: URL has to be asked here.
    Result<bool> settle_local();

    // Prepares a try. Its handle is to be added to the multi handle.
    Result<void> begin();

    // What has come of a try: true when the result stands, false when it is to be tried again.
    Result<bool> end(CURLcode code);

    Downloaded take_result() { return std::move(result_); }
    void release_handle() { easy_.reset(); }

   private:
    std::string what() const;
    std::unexpected<Error> refused(const std::string &reason, std::string detail) const;
    std::unexpected<Error> wrong_size() const;
    std::uint64_t milliseconds_left() const;
    std::uint64_t expected_size() const;

    bool set_options();
    bool add_header(const std::string &line);
    bool is_redirected() const;
    static std::size_t receive(char *bytes, std::size_t size, std::size_t count,
                               void *self_pointer) noexcept;
    static curl_socket_t open_socket(void *self_pointer, curlsocktype purpose,
                                     curl_sockaddr *peer) noexcept;
    static int before_request(void *self_pointer, char *address, char *own_address, int port,
                              int own_port) noexcept;
    Result<void> accept(std::string_view bytes);
    Result<void> open_file();
    Result<void> discard_file();

    bool try_again();  // whether there is a next try; if so, not_before() says when
    Result<bool> follow_redirect();
    Result<bool> other_status(long status);
    std::string tag(const char *name) const;
    void take_tags();
    Result<void> complete(long status);

    const Download &download_;
    std::string url_;  // download_.url, or where that was redirected to
    Address address_;
    bool same_origin_ = true;
    long redirects_ = 0;             // those that were followed here and not by libcurl
    bool began_internally_ = false;  // the first request went to an internal address
    bool led_inside_ = false;        // to an internal address, from one that is not
    const FetchOptions &options_;
    FileSystem &fs_;
    Reporter &reporter_;

    unsigned attempt_ = 0;
    Clock::time_point started_, not_before_;
    std::array<char, CURL_ERROR_SIZE> error_text_{};
    std::unique_ptr<curl_slist, HeaderFreer> headers_, addresses_;
    std::unique_ptr<CURL, EasyFreer> easy_;
    Sha256 digest_;
    std::unique_ptr<WritableFile> file_;
    std::string part_path_;  // not empty: there is a file of that name
    std::optional<Error> failure_;
    Downloaded result_;
};

}  // namespace pgx
