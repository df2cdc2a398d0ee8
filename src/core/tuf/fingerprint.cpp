#include "core/tuf/fingerprint.h"

#include <algorithm>
#include <charconv>

#include "core/tuf/metadata.h"

namespace pgx::tuf {

namespace {

constexpr std::uint64_t root_limit = 512'000;  // bytes

std::unexpected<Error> no_fingerprint(std::string_view text) {
    return fail(ErrorCode::invalid_argument,
                "\"" + std::string(text.substr(0, 100)) + "\" is not a fingerprint", {},
                "A fingerprint is \"sha256:\" and 64 hexadecimal digits, the digest of the "
                "registry's file 1.root.json; for a later root N.root.json, \"N:\" stands before "
                "it. Those who run the registry publish it.");
}

}  // namespace

Result<Fingerprint> parse_fingerprint(std::string_view text) {
    constexpr std::string_view prefix = "sha256:";
    Fingerprint fingerprint;
    std::string_view rest = text;
    if (!rest.starts_with(prefix)) {
        const std::size_t colon = rest.find(':');
        if (colon == std::string_view::npos) return no_fingerprint(text);
        const char *end = rest.data() + colon;
        const auto parsed = std::from_chars(rest.data(), end, fingerprint.version);
        if (parsed.ec != std::errc{} || parsed.ptr != end || fingerprint.version < 1)
            return no_fingerprint(text);
        rest.remove_prefix(colon + 1);
        if (!rest.starts_with(prefix)) return no_fingerprint(text);
    }
    rest.remove_prefix(prefix.size());
    const auto digest = bytes_from_hex(rest);
    if (!digest || digest->size() != 32) return no_fingerprint(text);
    fingerprint.sha256 = hex_from_bytes(*digest);
    return fingerprint;
}

std::string format_fingerprint(const Fingerprint &fingerprint) {
    const std::string version =
        fingerprint.version == 1 ? "" : std::to_string(fingerprint.version) + ":";
    return version + "sha256:" + fingerprint.sha256;
}

Result<Fingerprint> fingerprint_of_root(std::string_view root) {
    const Signed<Root> metadata = TRY(parse_root(root, Profile::interoperable));
    return Fingerprint{metadata.value.version, TRY(sha256_hex(root))};
}

Result<std::string> fetch_root(Transport &transport, const Fingerprint &fingerprint) {
    const std::string name = std::to_string(fingerprint.version) + ".root.json";
    auto answers = TRY(transport.fetch({{FileRequest::Kind::metadata, name, root_limit, true}}));
    if (answers.size() != 1 || !answers[0])
        return fail(ErrorCode::registry_refused, "the registry has no file \"" + name + "\"",
                    "Trust in the registry begins with this file.",
                    "Check the registry's address. The folder \"metadata\" must be directly below "
                    "it.");
    const std::string found = TRY(sha256_hex(*answers[0]));
    if (found != fingerprint.sha256)
        return fail(ErrorCode::digest_mismatch,
                    "file \"" + name + "\" of the registry does not have the trusted fingerprint",
                    "Its fingerprint is " + format_fingerprint({fingerprint.version, found}) +
                        ", trusted is " + format_fingerprint(fingerprint) + ".",
                    "Compare with what those who run the registry publish, over another way than "
                    "this server.");
    return *std::move(answers[0]);
}

}  // namespace pgx::tuf
