// address.cpp - libcurl's own URL parser, so that what is checked here and what is fetched there
// cannot differ.
#include "core/registry/address.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

namespace pgx {

namespace {

struct UrlFreer {
    void operator()(CURLU *url) const { curl_url_cleanup(url); }
};
struct TextFreer {
    void operator()(char *text) const { curl_free(text); }
};

std::string part(CURLU *url, CURLUPart which, unsigned flags = 0) {
    char *text = nullptr;
    if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
    const std::unique_ptr<char, TextFreer> owned(text);
    return owned.get();
}

std::optional<std::uint16_t> port_number(const std::string &text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

}  // namespace

std::optional<std::uint16_t> proxy_port(const std::string &proxy) {
    // What libcurl takes when nothing is said.
    constexpr std::uint16_t standard_port = 1080, standard_https_port = 443;
    const std::unique_ptr<CURLU, UrlFreer> parsed(curl_url());
    const std::string text = proxy.find("://") == std::string::npos ? "http://" + proxy : proxy;
    if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, text.c_str(),
                                CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        return std::nullopt;
    if (const std::string port = part(parsed.get(), CURLUPART_PORT); !port.empty())
        return port_number(port);
    return part(parsed.get(), CURLUPART_SCHEME) == "https" ? standard_https_port : standard_port;
}

Result<Address> parse_address(const std::string &url, std::string_view item) {
    const auto invalid = [&](std::string detail) {
        return fail(ErrorCode::invalid_argument, "invalid URL for \"" + std::string(item) + "\"",
                    std::move(detail));
    };
    if (!std::ranges::all_of(url, [](char c) { return c > ' ' && c <= '~'; }))
        return invalid(
            "It contains a space, a control character or a character that is not ASCII.");
    const std::unique_ptr<CURLU, UrlFreer> parsed(curl_url());
    if (!parsed) return fail(ErrorCode::out_of_memory, "could not parse a URL");
    if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) !=
        CURLUE_OK)
        return invalid("It cannot be parsed.");
    Address address;
    address.scheme = part(parsed.get(), CURLUPART_SCHEME);
    if (address.scheme != "http" && address.scheme != "https" && address.scheme != "file")
        return invalid("Its scheme is \"" + address.scheme +
                       "\"; only \"http\", \"https\" and \"file\" are allowed.");
    if (address.scheme == "file") {
        if (url.find("%00") != std::string::npos) return invalid("It contains a NUL character.");
        address.path = part(parsed.get(), CURLUPART_PATH, CURLU_URLDECODE);
    } else {
        address.host = part(parsed.get(), CURLUPART_HOST);
        if (const std::string port = part(parsed.get(), CURLUPART_PORT); !port.empty())
            address.host += ":" + port;
        const std::optional<std::uint16_t> port =
            port_number(part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
        if (!port) return invalid("Its port cannot be connected to.");
        address.port = *port;
    }
    curl_url_set(parsed.get(), CURLUPART_USER, nullptr, 0);
    curl_url_set(parsed.get(), CURLUPART_PASSWORD, nullptr, 0);
    address.shown = part(parsed.get(), CURLUPART_URL);
    return address;
}

}  // namespace pgx
