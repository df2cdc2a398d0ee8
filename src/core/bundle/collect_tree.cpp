// collect_tree.cpp - an install tree, walked once; links are worked out on names alone (links.h).
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>

#include "core/bundle/pack_source.h"
#include "core/registry/deb822.h"
#include "core/registry/links.h"

namespace pgx {

namespace {

constexpr std::size_t deepest = 64;

struct Tree {
    std::set<std::string> files;  // relative to the root
    std::map<std::string, unsigned> modes;
    LinkMap links;
};

Result<void> walk(FileSystem &fs, const std::string &root, const std::string &below, Tree &tree,
                  std::size_t depth) {
    if (depth > deepest)
        return fail(ErrorCode::limit_exceeded, "directory \"" + below + "\" is too deep");
    for (const std::string &name : TRY(fs.list(join_path(root, below)))) {
        const std::string path = below.empty() ? name : below + "/" + name;
        const std::string full = join_path(root, path);
        const std::optional<FileInfo> info = TRY(fs.info(full));
        if (!info) continue;
        if (info->type == FileType::directory) {
            TRY(walk(fs, root, path, tree, depth + 1));
        } else if (info->type == FileType::regular) {
            tree.files.insert(path);
            tree.modes[path] = info->mode;
        } else if (info->type == FileType::symlink) {
            std::error_code error;
            const std::filesystem::path target = std::filesystem::read_symlink(full, error);
            if (error)
                return fail(system_error("could not read link \"" + full + "\"", error.value()));
            tree.links[path] = target.string();
        }
    }
    return {};
}

// The share directories of the tree, by their control files.
std::set<std::string> share_directories(const Tree &tree) {
    std::set<std::string> shares;
    const auto look = [&](const std::string &path) {
        constexpr std::string_view middle = "/extension/";
        const std::size_t found = path.rfind('/');
        if (!path.ends_with(".control") || found == std::string::npos) return;
        const std::string_view directory(path.data(), found + 1);
        if (directory.ends_with(middle))
            shares.insert("/" + path.substr(0, found + 1 - middle.size()));
    };
    for (const std::string &path : tree.files) look(path);
    for (const auto &[path, target] : tree.links) look(path);
    return shares;
}

bool has_files_of(const Tree &tree, const PostgresDirectories &directories) {
    return std::ranges::any_of(tree.files, [&](const std::string &path) {
        const std::string place = directories.bundle_path("/" + path);
        return place.starts_with("pgsql/share/extension/") || place.starts_with("pgsql/pkglib/");
    });
}

Result<PostgresDirectories> guess(const Tree &tree, unsigned major) {
    std::vector<PostgresDirectories> found;
    for (const std::string &share : share_directories(tree)) {
        PostgresDirectories directories = directories_of_share(share);
        if (major == 0 || directories.major == 0 || directories.major == major)
            found.push_back(std::move(directories));
    }
    if (found.empty())
        return fail(ErrorCode::unknown_package, "there is no extension in the install tree",
                    "It has no control file in a directory \"extension\", and no module where "
                    "PostgreSQL has them.",
                    "Give the directory that \"make install DESTDIR=...\" was told, and the "
                    "server's pg_config with --pg-config.");
    if (found.size() > 1)
        return fail(ErrorCode::invalid_argument,
                    "the install tree has extensions for several PostgreSQL installations",
                    "There are control files below \"" + found[0].share + "\" and \"" +
                        found[1].share + "\".",
                    "Choose one with --postgres or --pg-config.");
    return found.front();
}

}  // namespace

Result<PackSource> collect_tree(FileSystem &fs, const std::string &root,
                                const PostgresDirectories *directories, unsigned major) {
    Tree tree;
    const std::optional<FileInfo> info = TRY(fs.info(root));
    if (!info || info->type != FileType::directory)
        return fail(ErrorCode::invalid_argument, "\"" + root + "\" is not a directory");
    TRY(walk(fs, root, "", tree, 0));

    PostgresDirectories places;
    if (directories != nullptr && has_files_of(tree, *directories))
        places = *directories;
    else
        places = TRY(guess(tree, major));

    PackSource source;
    source.postgres_major = places.major;
    const auto add = [&](const std::string &path, const std::string &content) {
        const std::string place = places.bundle_path("/" + path);
        if (place.empty())
            ++source.left_out["outside of PostgreSQL's directories"];
        else if (place.starts_with("pgsql/pkglib/bitcode/") || place.ends_with(".bc"))
            ++source.left_out["bitcode"];
        else
            source.files[place] = {join_path(root, content), (tree.modes[content] & 0111) != 0};
    };
    for (const std::string &path : tree.files) add(path, path);
    for (const auto &[path, target] : tree.links) {
        const auto end = resolve_link(path, tree.links);
        if (end && tree.files.contains(*end))
            add(path, *end);
        else
            ++source.left_out["link to nothing"];
    }
    return source;
}

Result<std::map<std::string, BundleSourceFile>> collect_documents(FileSystem &fs,
                                                                  const std::string &folder) {
    std::map<std::string, BundleSourceFile> documents;
    for (const std::string &name : TRY(fs.list(folder))) {
        const std::string stem = lower_case(name.substr(0, name.find('.')));
        constexpr std::string_view known[] = {"readme",    "license", "licence",   "copying",
                                              "copyright", "notice",  "changelog", "changes"};
        if (std::ranges::find(known, stem) == std::end(known)) continue;
        const std::string path = join_path(folder, name);
        const std::optional<FileInfo> info = TRY(fs.info(path));
        if (info && info->type == FileType::regular) documents[name] = {path, false};
    }
    return documents;
}

}  // namespace pgx
