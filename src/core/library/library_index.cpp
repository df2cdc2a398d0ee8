// library_index.cpp - lines written and searched.
//
// A search goes through the text from one end to the other: it happens a handful of times in an
// installation, 3 MB take a few milliseconds, and an index of the index would have to be kept true.
// What counts as a library package is told by name and section alone, since that has to be decided
// for 70,000 packages; a package too many costs a line, one too few a library that is not found.
#include "core/library/library_index.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/debian_version.h"
#include "core/library/library_data.h"
#include "core/library/library_names.h"
#include "core/registry/apt_index.h"

namespace pgx {

namespace {

constexpr std::size_t field_count = 7;
// What other things are called libraries.
constexpr std::array<std::string_view, 15> other_sections{
    "libdevel",   "perl",          "java", "haskell", "doc",  "debug",  "python",  "ruby",
    "javascript", "introspection", "php",  "ocaml",   "rust", "golang", "cli-mono"};
constexpr std::array<std::string_view, 6> other_suffixes{"-dev",  "-dbgsym", "-doc",
                                                         "-perl", "-java",   "-cil"};

enum Field {
    name_field,
    version_field,
    size_field,
    sha256_field,
    filename_field,
    depends_field,
    provides_field
};
using Fields = std::array<std::string_view, field_count>;

std::optional<Fields> split(std::string_view line) {
    Fields fields;
    for (std::size_t i = 0; i < field_count; ++i) {
        const bool last = i + 1 == field_count;
        const std::size_t end = last ? line.size() : line.find('\t');
        if (end == std::string_view::npos) return std::nullopt;
        fields[i] = line.substr(0, end);
        if (!last) line.remove_prefix(end + 1);
    }
    return fields;
}

template <typename Use>
void for_each_entry(std::string_view text, const Use &use) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        use(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

std::optional<LibraryPackage> read(std::string_view line, const std::string &address,
                                   const std::string &signer) {
    const std::optional<Fields> fields = split(line);
    if (!fields) return std::nullopt;
    LibraryPackage package;
    package.package = (*fields)[name_field];
    package.version = (*fields)[version_field];
    package.sha256 = (*fields)[sha256_field];
    package.depends = (*fields)[depends_field];
    package.provides = (*fields)[provides_field];
    package.url = url_below(address, (*fields)[filename_field]);
    package.signer = signer;
    const std::string_view size = (*fields)[size_field];
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), package.size);
    if (error != std::errc() || end != size.data() + size.size() || package.url.empty() ||
        package.sha256.size() != 64)
        return std::nullopt;
    return package;
}

void keep_newer(std::optional<LibraryPackage> &kept, std::optional<LibraryPackage> other) {
    if (other && (!kept || compare_debian_versions(other->version, kept->version) > 0))
        kept = std::move(other);
}

}  // namespace

bool may_be_library_package(std::string_view package) {
    if (is_library_data_package(package)) return true;
    // "zlib1g", "ocl-icd-libopencl1"
    if (package.find("lib") == std::string_view::npos) return false;
    return std::ranges::none_of(other_suffixes,
                                [&](std::string_view suffix) { return package.ends_with(suffix); });
}

bool is_library_package(std::string_view package, std::string_view section) {
    if (!may_be_library_package(package)) return false;
    section.remove_prefix(std::min(section.rfind('/') + 1, section.size()));  // "contrib/libs"
    if (section == "libs" || section == "oldlibs" || is_library_data_package(package)) return true;
    // Libraries beside a program are often in the program's section.
    return package.starts_with("lib") &&
           std::ranges::find(other_sections, section) == other_sections.end();
}

std::string library_index_line(const LibraryPackage &package, std::string_view filename) {
    std::string line;
    for (const std::string_view field :
         {std::string_view(package.package), std::string_view(package.version)})
        line += std::string(field) + "\t";
    line += std::to_string(package.size) + "\t" + package.sha256 + "\t";
    line += std::string(filename) + "\t" + package.depends + "\t" + package.provides;
    // A field cannot hold what separates fields: values of one line, blanks between words.
    return line + "\n";
}

void LibraryIndex::add(std::string text, std::string address, std::string signer) {
    parts_.push_back({std::move(text), std::move(address), std::move(signer)});
}

std::optional<LibraryPackage> LibraryIndex::find(std::string_view package) const {
    std::optional<LibraryPackage> found;
    const std::string prefix = std::string(package) + "\t";
    for (const Part &part : parts_)
        for_each_entry(part.text, [&](std::string_view line) {
            if (line.starts_with(prefix)) keep_newer(found, read(line, part.address, part.signer));
        });
    return found;
}

std::vector<LibraryPackage> LibraryIndex::providers(std::string_view name) const {
    std::map<std::string, std::optional<LibraryPackage>> found;
    for (const Part &part : parts_)
        for_each_entry(part.text, [&](std::string_view line) {
            const std::size_t last = line.rfind('\t');
            if (last == std::string_view::npos || line.find(name, last) == std::string_view::npos)
                return;
            const std::vector<std::string> provided = packages_in_depends(line.substr(last + 1));
            if (std::ranges::find(provided, name) == provided.end()) return;
            if (std::optional<LibraryPackage> package = read(line, part.address, part.signer)) {
                const std::string key = package->package;
                keep_newer(found[key], std::move(package));
            }
        });
    std::vector<LibraryPackage> packages;
    for (auto &[key, package] : found)
        if (package) packages.push_back(std::move(*package));
    return packages;
}

}  // namespace pgx
