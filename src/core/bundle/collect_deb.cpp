// collect_deb.cpp - a Debian package as the source of a bundle: unpacked as pgx would install it,
// with what its control file says.
#include <algorithm>
#include <set>

#include "core/base/debian_version.h"
#include "core/bundle/pack_source.h"
#include "core/bundle/semantic_version.h"
#include "core/registry/archive.h"
#include "core/registry/deb822.h"
#include "core/registry/layout.h"
#include "core/registry/unpack.h"

namespace pgx {

namespace {

constexpr std::size_t largest_text = 1024 * 1024;

// The content of the entry that a reader stands at.
Result<std::string> read_text(ArchiveReader &reader) {
    std::string text;
    TRY(reader.read([&](std::string_view bytes) -> Result<void> {
        if (text.size() + bytes.size() > largest_text)
            return fail(ErrorCode::artifact_unsafe, "a text in the package is too large");
        text += bytes;
        return {};
    }));
    return text;
}

Result<Deb822Stanza> read_control(FileSystem &fs, const std::string &path) {
    auto reader = TRY(open_deb_control(fs, path));
    while (true) {
        const std::optional<ArchiveEntry> entry = TRY(reader->next());
        if (!entry)
            return fail(ErrorCode::artifact_malformed,
                        "package file \"" + path + "\" has no control file");
        if (entry->type != ArchiveEntry::Type::file || entry->path != "control") continue;
        auto stanzas = TRY(parse_deb822(TRY(read_text(*reader)), Deb822Reader::Comments::none));
        if (stanzas.size() != 1)
            return fail(ErrorCode::artifact_malformed,
                        "the control file of package file \"" + path + "\" is damaged");
        return std::move(stanzas.front());
    }
}

struct Overview {
    std::set<unsigned> majors;
    std::string copyright;
};

Result<Overview> look_through(FileSystem &fs, const std::string &path) {
    Overview overview;
    auto reader = TRY(open_deb(fs, path));
    while (true) {
        const std::optional<ArchiveEntry> entry = TRY(reader->next());
        if (!entry) return overview;
        if (entry->type == ArchiveEntry::Type::directory) continue;
        if (const auto major = postgres_major_of(entry->path)) overview.majors.insert(*major);
        if (entry->type == ArchiveEntry::Type::file && entry->path.starts_with("usr/share/doc/") &&
            entry->path.ends_with("/copyright"))
            overview.copyright = TRY(read_text(*reader));
    }
}

// "postgresql-18-semver" is "semver".
std::string without_prefix(std::string_view package, unsigned major) {
    const std::string prefix = "postgresql-" + std::to_string(major) + "-";
    if (package.starts_with(prefix)) package.remove_prefix(prefix.size());
    return std::string(package);
}

// "3.6.4+dfsg": Debian took something out of the source that it may not distribute. Any other
// suffix may be what tells two versions apart.
std::string without_repacking(std::string version) {
    const std::size_t plus = version.rfind('+');
    if (plus == std::string::npos) return version;
    const std::string_view suffix = std::string_view(version).substr(plus + 1);
    const bool repacked =
        suffix.starts_with("dfsg") || suffix.starts_with("ds") || suffix.starts_with("repack");
    if (repacked) version.erase(plus);
    return version;
}

Meta suggestions(const Deb822Stanza &control, unsigned major) {
    Meta meta;
    meta.name = without_prefix(control.get("Package"), major);
    meta.version = to_semantic_version(without_repacking(upstream_version(control.get("Version"))))
                       .value_or(std::string());
    const std::string_view description = control.get("Description");
    const std::size_t end = std::min(description.find('\n'), description.size());
    meta.abstract = trimmed(description.substr(0, end));
    meta.description = unfold_paragraphs(description.substr(end));
    meta.homepage = trimmed(control.get("Homepage"));
    return meta;
}

}  // namespace

Result<PackSource> collect_deb(FileSystem &fs, const std::string &path, const std::string &scratch,
                               unsigned major, Reporter &reporter) {
    const Deb822Stanza control = TRY(read_control(fs, path));
    const Overview overview = TRY(look_through(fs, path));
    if (major == 0 && overview.majors.size() > 1)
        return fail(ErrorCode::invalid_argument,
                    "package file \"" + path + "\" is for several versions of PostgreSQL", {},
                    "Choose one with --postgres.");
    if (major == 0 && overview.majors.empty())
        return fail(ErrorCode::unknown_package,
                    "package file \"" + path + "\" holds no extension of PostgreSQL");
    if (major == 0) major = *overview.majors.begin();

    Artifact artifact;
    artifact.package = control.get("Package");
    artifact.version = control.get("Version");
    Platform platform = host_platform();
    platform.postgres_major = major;
    const std::string architecture(control.get("Architecture"));
    if (!architecture.empty() && architecture != "all") platform.architecture = architecture;
    const std::string directory = join_path(scratch, "deb");
    const Receipt receipt = TRY(unpack_deb(path, artifact, platform, directory, fs, reporter));

    PackSource source;
    source.postgres_major = major;
    source.left_out = receipt.left_out;
    source.suggested = suggestions(control, major);
    for (const ReceiptFile &file : receipt.files) {
        const bool library = file.path.starts_with("lib/");
        const std::string place = library ? "pgsql/pkg" + file.path : "pgsql/" + file.path;
        source.files[place] = {join_path(directory, file.path), library};
    }
    if (!overview.copyright.empty())
        source.files["LICENSE"] = {"copyright", false, overview.copyright};
    return source;
}

}  // namespace pgx
