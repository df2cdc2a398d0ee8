// library_names.cpp - Debian's policy for the names of library packages, section 8.1, and what
// became of it: the package is named after the soname ("libssl.so.3" is in libssl3), with a hyphen
// where two digits would meet ("libgnutls-2.so.1" is in libgnutls-2-1), in lower case, "_" as "-",
// and with a suffix after a transition of the whole distribution ("t64", "v5").
#include "core/library/library_names.h"

#include <algorithm>

namespace pgx {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string folded(std::string_view name) {
    std::string result(name);
    for (char &c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (c == '_') c = '-';
    }
    return result;
}

// "libboost_regex.so.1.83.0": "libboost-regex" and "1.83.0"; "libtcl8.6.so": "libtcl8.6" and "".
std::pair<std::string, std::string> parts_of(std::string_view soname) {
    const std::size_t so = soname.find(".so");
    if (so == std::string_view::npos) return {folded(soname), ""};
    std::string_view version = soname.substr(so + 3);
    if (version.starts_with('.')) version.remove_prefix(1);
    return {folded(soname.substr(0, so)), folded(version)};
}

// Hyphens and dots come and go: libxerces-c-3.2.so is in libxerces-c3.2t64.
std::string letters_and_digits(std::string_view name) {
    std::string result = folded(name);
    std::erase_if(result, [](char c) { return !is_digit(c) && (c < 'a' || c > 'z'); });
    return result;
}

bool is_transition_suffix(std::string_view text) {
    return text.empty() || text == "t64" || text == "v5" || text == "c2" || text == "g";
}

}  // namespace

std::vector<std::string> usual_package_names(std::string_view soname) {
    const auto [base, version] = parts_of(soname);
    std::vector<std::string> names;
    const auto add = [&](const std::string &name) {
        for (const char *suffix : {"", "t64", "v5"}) names.push_back(name + suffix);
    };
    if (version.empty()) {
        add(base);
        return names;
    }
    const bool digits_meet = !base.empty() && is_digit(base.back());
    add(base + (digits_meet ? "-" : "") + version);
    add(base + (digits_meet ? "" : "-") + version);
    return names;
}

int package_likelihood(std::string_view package, std::string_view soname) {
    const auto [base, version] = parts_of(soname);
    const std::string wanted = letters_and_digits(base + version);
    const std::string offered = letters_and_digits(package);
    if (offered.starts_with(wanted) &&
        is_transition_suffix(std::string_view(offered).substr(wanted.size())))
        return 1000;
    const auto common = std::ranges::mismatch(wanted, offered);
    return static_cast<int>(common.in1 - wanted.begin());
}

std::string private_name(std::string_view soname, std::string_view tag) {
    const std::size_t so = std::min(soname.find(".so"), soname.size());
    return std::string(soname.substr(0, so)) + "-" + std::string(tag) +
           std::string(soname.substr(so));
}

bool is_shared_library_name(std::string_view name) {
    if (name.ends_with(".so")) return name.size() > 3;
    const std::size_t so = name.find(".so.");
    return so != std::string_view::npos && so > 0 && so + 4 < name.size() && is_digit(name[so + 4]);
}

std::vector<std::string> packages_in_depends(std::string_view depends) {
    std::vector<std::string> packages;
    while (!depends.empty()) {
        const std::size_t end = std::min(depends.find_first_of(",|"), depends.size());
        std::string_view one = depends.substr(0, end);
        depends.remove_prefix(std::min(end + 1, depends.size()));
        one.remove_prefix(std::min(one.find_first_not_of(" \t\n"), one.size()));
        one = one.substr(0, one.find_first_of(" \t\n(:[<"));
        if (!one.empty() && std::ranges::find(packages, one) == packages.end())
            packages.emplace_back(one);
    }
    return packages;
}

}  // namespace pgx
