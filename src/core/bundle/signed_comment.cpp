#include "core/bundle/signed_comment.h"

#include <algorithm>
#include <map>

namespace pgx {

namespace {

// "any", "gnulinux-2.36-amd64"
std::string platform_word(const BundleName &name) {
    std::string word = name.os;
    if (!name.libc.empty()) word += "-" + name.libc;
    if (!name.architecture.empty()) word += "-" + name.architecture;
    return word;
}

}  // namespace

std::string signed_comment(const BundleName &name) {
    return "name=" + name.name + " version=" + name.version + " platform=" + platform_word(name) +
           " postgres=" + std::to_string(name.postgres_major);
}

Result<void> check_signed_comment(std::string_view comment, const BundleName &name) {
    const std::string what = "signature is not for bundle \"" + bundle_file_name(name) + "\"";
    const std::string hint =
        "Bundles are signed by \"pgx pack --sign\", which writes a trusted comment of the form \"" +
        signed_comment(name) + "\".";
    std::map<std::string, std::string, std::less<>> words;
    std::string_view rest = comment;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
        const std::string_view word = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const std::size_t equals = word.find('=');
        if (equals == std::string_view::npos) continue;
        if (!words.emplace(word.substr(0, equals), word.substr(equals + 1)).second)
            return fail(
                ErrorCode::signature_invalid, what,
                "Its trusted comment says \"" + std::string(word.substr(0, equals)) + "\" twice.",
                hint);
    }
    const std::pair<const char *, std::string> expected[] = {
        {"name", name.name},
        {"version", name.version},
        {"platform", platform_word(name)},
        {"postgres", std::to_string(name.postgres_major)},
    };
    for (const auto &[key, value] : expected) {
        const auto found = words.find(key);
        if (found == words.end())
            return fail(ErrorCode::signature_invalid, what,
                        "Its trusted comment says no " + std::string(key) + ".", hint);
        if (found->second != value)
            return fail(ErrorCode::signature_invalid, what,
                        "Its trusted comment says " + std::string(key) + " \"" + found->second +
                            "\", the bundle says \"" + value + "\".",
                        hint);
    }
    return {};
}

}  // namespace pgx
