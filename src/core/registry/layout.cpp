// layout.cpp - the table of what goes where, and of what is left out under which name.
#include "core/registry/layout.h"

#include <array>
#include <charconv>

namespace pgx {

namespace {

constexpr std::string_view share_root = "usr/share/postgresql/";
constexpr std::string_view library_root = "usr/lib/postgresql/";
constexpr std::string_view header_root = "usr/include/postgresql/";

// Removes `prefix` from `text` if it begins with it.
bool consume(std::string_view &text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

// Removes "18/" from "18/extension/x" and gives 18.
std::optional<unsigned> consume_major(std::string_view &text) {
    unsigned major = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), major);
    if (error != std::errc() || end == text.data() + text.size() || *end != '/')
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    return major;
}

// "semver.so", and siblings that modules need: "libfoo.so.1", "libfoo.so.1.2".
bool is_library_name(std::string_view name) {
    if (name.ends_with(".so")) return name.size() > 3;
    const std::size_t so = name.find(".so.");
    return name.starts_with("lib") && so != std::string_view::npos &&
           name.find_first_not_of("0123456789.", so + 4) == std::string_view::npos;
}

FileKind kind_of_share_file(std::string_view name) {
    if (name.ends_with(".control")) return FileKind::control;
    if (name.ends_with(".sql")) return FileKind::script;
    return FileKind::data;
}

Placement installed(std::string path, FileKind kind) { return {std::move(path), kind, ""}; }
Placement left_out(const char *kind) { return {"", FileKind::data, kind}; }

Placement place_share_file(std::string_view path, const std::vector<std::string> &directories) {
    std::string_view name = path;
    if (consume(name, "extension/") && name.find('/') == std::string_view::npos)
        return installed("share/" + std::string(path), kind_of_share_file(name));
    for (const std::string &directory : directories) {
        std::string_view below = path;
        if (!consume(below, directory) || !consume(below, "/")) continue;
        // A control file counts only in the extension directory; here it is data like everything
        // else.
        return installed("share/" + std::string(path),
                         below.ends_with(".sql") ? FileKind::script : FileKind::data);
    }
    if (path.starts_with("man/")) return left_out("documentation");
    if (path.starts_with("locale/")) return left_out("translation");
    return left_out("data");
}

// `below` the directory of modules.
Placement place_module(std::string_view below) {
    if (below.starts_with("bitcode/")) return left_out("bitcode");
    if (below.starts_with("pgxs/")) return left_out("build file");
    if (below.ends_with(".bc")) return left_out("bitcode");
    if (below.find('/') == std::string_view::npos && is_library_name(below))
        return installed("lib/" + std::string(below), FileKind::library);
    return left_out("other");
}

Placement place_library_file(std::string_view path) {
    if (consume(path, "bin/")) return left_out("program");
    if (!consume(path, "lib/")) return left_out("other");
    return place_module(path);
}

struct Elsewhere {
    std::string_view prefix;
    const char *kind;
};

constexpr std::array<Elsewhere, 10> elsewhere{{
    {"usr/share/doc/", "documentation"},
    {"usr/share/doc-base/", "documentation"},
    {"usr/share/man/", "documentation"},
    {"usr/share/info/", "documentation"},
    {"usr/share/lintian/", "documentation"},
    {"usr/share/locale/", "translation"},
    {"usr/include/", "header"},
    {"usr/bin/", "program"},
    {"usr/sbin/", "program"},
    {"etc/", "configuration"},
}};

constexpr std::array<Elsewhere, 9> elsewhere_in_bundle{{
    {"pgsql/bin/", "program"},
    {"pgsql/doc/", "documentation"},
    {"pgsql/html/", "documentation"},
    {"pgsql/man/", "documentation"},
    {"pgsql/include/", "header"},
    {"pgsql/pkginclude/", "header"},
    {"pgsql/locale/", "translation"},
    {"pgsql/sysconf/", "configuration"},
    {"pgsql/", "other"},
}};

}  // namespace

std::optional<unsigned> postgres_major_of(std::string_view path) {
    if (consume(path, share_root) || consume(path, library_root) || consume(path, header_root))
        return consume_major(path);
    return std::nullopt;
}

Placement place_file(std::string_view package_path, unsigned postgres_major,
                     const std::vector<std::string> &directories) {
    std::string_view path = package_path;
    const bool share = consume(path, share_root);
    if (share || consume(path, library_root)) {
        const std::optional<unsigned> major = consume_major(path);
        if (!major) return left_out("other");
        if (*major != postgres_major) return left_out("other version");
        return share ? place_share_file(path, directories) : place_library_file(path);
    }
    for (const Elsewhere &place : elsewhere)
        if (path.starts_with(place.prefix)) return left_out(place.kind);
    return left_out("other");
}

Placement place_private_file(std::string_view bundle_path, std::string_view package) {
    std::string_view path = bundle_path;
    if (!consume(path, "pgsql/pkglib/") || !consume(path, package) || !consume(path, "/"))
        return left_out("other");
    std::string_view below = path;
    const std::string place = "lib/" + std::string(package) + "/" + std::string(path);
    if (consume(below, "lib/") && below.find('/') == std::string_view::npos &&
        is_library_name(below))
        return installed(place, FileKind::library);
    if (consume(below, "share/")) return installed(place, FileKind::data);
    return left_out("other");
}

Placement place_bundle_file(std::string_view bundle_path,
                            const std::vector<std::string> &directories) {
    std::string_view path = bundle_path;
    if (consume(path, "pgsql/share/")) return place_share_file(path, directories);
    if (consume(path, "pgsql/pkglib/")) return place_module(path);
    for (const Elsewhere &place : elsewhere_in_bundle)
        if (path.starts_with(place.prefix)) return left_out(place.kind);
    // What describes the bundle is no file of the extension; beside it are README, LICENSE, ...
    return left_out(path == "trunk.json" || path == "digests" || path == "META.json"
                        ? "manifest"
                        : "documentation");
}

}  // namespace pgx
