// fetch.cpp - many transfers, one thread, one libcurl multi handle.
//
// Waiting handles use up their own connect time-out, so that no more transfers are started than may
// run.
#include "core/registry/fetch.h"

#include <curl/curl.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "core/registry/address.h"
#include "core/registry/transfer.h"

namespace pgx {

namespace {

using Clock = Transfer::Clock;
using std::chrono::milliseconds;

constexpr std::size_t most_running = 16;
constexpr std::size_t most_running_per_host = 4;

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

struct MultiFreer {
    void operator()(CURLM *multi) const { curl_multi_cleanup(multi); }
};

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
    std::unique_ptr<CURLM, MultiFreer> multi;

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
