// repositories.cpp - what apt repositories and their configuration are made of.
#include <algorithm>
#include <set>

#include "core/base/debian_relation.h"
#include "core/library/host_libraries.h"
#include "core/library/library_index.h"
#include "core/library/library_names.h"
#include "core/registry/apt_config.h"
#include "core/registry/apt_index.h"
#include "core/registry/apt_release.h"
#include "core/registry/apt_sources.h"
#include "core/registry/deb822.h"
#include "core/registry/signature.h"
#include "target.h"

namespace pgx::fuzz {

void deb822(std::string_view input) {
    for (const auto comments : {Deb822Reader::Comments::none, Deb822Reader::Comments::allowed}) {
        const auto stanzas = parse_deb822(input, comments);
        if (!stanzas) continue;
        // Written again, a line for each line, it reads the same.
        std::string text;
        for (const Deb822Stanza &stanza : *stanzas) {
            require(!stanza.empty(), "no stanza is empty");
            for (const auto &[name, value] : stanza.fields()) {
                require(!name.empty() && name.find_first_of(":\n") == std::string::npos,
                        "names are names");
                text += name + ":";
                for (char c : value) text += c == '\n' ? std::string("\n ") : std::string(1, c);
                text += "\n";
                (void)unfold_paragraphs(value);
                (void)split_words(value);
                (void)parse_apt_boolean(value);
            }
            text += "\n";
        }
        const auto again = parse_deb822(text, Deb822Reader::Comments::none);
        // A value may have a line that is empty but for blanks, or begin like a comment.
        if (!again || again->size() != stanzas->size()) continue;
        for (std::size_t i = 0; i < again->size(); ++i)
            require((*again)[i].fields().size() == (*stanzas)[i].fields().size(),
                    "as many fields as before");
    }
}

Seeds deb822_seeds() {
    return {
        "Package: a\nVersion: 1\nDescription: short\n long\n .\n more\n\nPackage: b\nVersion: 2\n",
        "# comment\nTypes: deb\nURIs: http://example.org/debian\nSuites: a b\nComponents: main\n",
        "A:\n folded\n lines\nB: yes\n"};
}

void clear_signed(std::string_view input) {
    if (const auto split = split_clear_signed(input)) {
        require(split->signature.starts_with("-----BEGIN PGP SIGNATURE-----\n"),
                "the signature is one");
        require(split->signature.find("\n-----BEGIN PGP SIGNED") == std::string::npos,
                "and nothing else");
        require(check_detached_signature(split->signature).has_value(), "and would do alone");
        // What is believed to be signed, as a clear-signed text again, is the same.
        std::string again = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n";
        for (std::size_t at = 0; at <= split->text.size();) {
            const std::size_t end = std::min(split->text.find('\n', at), split->text.size());
            const std::string line = split->text.substr(at, end - at);
            again += (line.starts_with('-') ? "- " : "") + line + "\n";
            at = end + 1;
        }
        const auto twice = split_clear_signed(again + split->signature);
        require(twice.has_value() && twice->signature == split->signature, "it is still signed");
        // A text that ends with a newline has lost it: the line break before the signature is not
        // a part of what is signed.
        require(twice->text == split->text ||
                    (split->text.ends_with('\n') && twice->text + "\n" == split->text),
                "the text is the same");
    }
    (void)check_detached_signature(input);
    if (const auto keys = binary_keys(input)) require(!keys->empty(), "there are keys");
}

Seeds clear_signed_seeds() {
    const std::string signature =
        "-----BEGIN PGP SIGNATURE-----\n\niQEzBAEBCgAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n";
    return {"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: x\n- -dash\n" + signature,
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n\n" + signature + signature,
            signature,
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZQ==\n=abcd\n-----END PGP PUBLIC KEY "
            "BLOCK-----\n",
            "\x99\x01 binary keys"};
}

void release(std::string_view input) {
    const auto parsed = parse_apt_release(input);
    if (parsed) {
        for (const auto &[path, file] : parsed->files)
            require(file.sha256.size() == 64, "digests are digests");
        for (const char *path : {"main/binary-amd64/Packages", "main/Contents-amd64"})
            if (const auto index = find_index(*parsed, path)) {
                (void)by_hash_path(*index);
                require(parsed->files.contains(index->path), "the index is one of the files");
            }
        if (parsed->date > 0)
            require(parse_release_date(format_release_date(parsed->date)) == parsed->date,
                    "the date reads the same");
        (void)check_release_dates(*parsed, AptSource(), AptConfig(), 1'800'000'000).has_value();
    }
    if (const auto date = parse_release_date(input))
        require(parse_release_date(format_release_date(*date)) == *date, "the date reads the same");
}

Seeds release_seeds() {
    const std::string digest(64, 'a');
    return {
        "Origin: Debian\nLabel: Debian\nSuite: testing\nCodename: forky\n"
        "Date: Sat, 11 Jul 2026 10:16:37 UTC\nValid-Until: Sat, 18 Jul 2026 10:16:37 UTC\n"
        "Acquire-By-Hash: yes\nArchitectures: all amd64\nComponents: main contrib\n"
        "No-Support-for-Architecture-all: Packages\nSHA256:\n " +
            digest + " 123 main/binary-amd64/Packages\n " + digest +
            " 99 main/binary-amd64/Packages.xz\n " + digest + " 7 main/Contents-amd64.gz\n",
        "Sat, 11 Jul 2026 10:16:37 UTC", "Tue, 1 Feb 2028 00:00:00 +0000"};
}

void packages(std::string_view input) {
    const RealFile file(input);
    const auto filtered = filter_packages(file.path(), "", 18, "amd64");
    if (!filtered) return;
    for (const AptPackage &package : filtered->packages) {
        require(is_extension_package(package.package, 18), "only packages of extensions");
        require(package.sha256.size() == 64 && package.size > 0, "with digests and sizes");
    }
    const Json json = to_json(*filtered);
    const auto again = filtered_packages_from_json(json);
    require(again.has_value() && to_json(*again) == json, "the cache reads the same");
    std::vector<AptPackage> versions = filtered->packages;
    keep_versions(versions);
    std::set<std::string> packages_seen;
    for (const AptPackage &package : versions)
        require(packages_seen.insert(package.package + " " + package.version).second,
                "each version once");
    LibraryIndex index;
    index.add(filtered->libraries, "http://example.org/", "x");
    (void)index.find("libz1");
}

Seeds packages_seeds() {
    const std::string digest = "SHA256: " + std::string(64, 'a') + "\n";
    return {
        "Package: postgresql-18-semver\nVersion: 0.40.0-1\nArchitecture: amd64\n"
        "Depends: postgresql-18, libc6 (>= 2.4)\nFilename: pool/s.deb\nSize: 39812\n" +
            digest +
            "Description: short\n long\nHomepage: https://example.org/\n\n"
            "Package: postgresql-semver-18\nVersion: 1:2~b1-1+b2\nArchitecture: all\n"
            "Recommends: x\nBreaks: y (<< 1)\nConflicts: z\nFilename: pool/t.deb\nSize: 1\n" +
            digest,
        "Package: libproj25\nSection: libs\nVersion: 9.4.0-1\nArchitecture: amd64\n"
        "Depends: libc6\nProvides: libproj\nFilename: pool/p.deb\nSize: 5\n" +
            digest};
}

void contents(std::string_view input) {
    const RealFile file(input);
    const auto names = filter_contents(file.path(), "", 18);
    if (!names) return;
    const auto again = extension_names_from_json(to_json(*names));
    require(again.has_value() && *again == *names, "the cache reads the same");
    for (const auto &[package, extensions] : *names)
        require(std::ranges::is_sorted(extensions), "names are sorted");
}

Seeds contents_seeds() {
    return {
        "usr/share/postgresql/18/extension/semver.control  database/postgresql-18-semver\n"
        "usr/share/postgresql/18/extension/postgis-3.control main/postgresql-18-postgis-3,"
        "database/other\nusr/share/postgresql/18/extension/postgis--3.6.sql "
        "main/postgresql-18-postgis-3\nusr/bin/with blank  main/x\n"};
}

void sources(std::string_view input) {
    for (const auto syntax : {SourceSyntax::detect, SourceSyntax::one_line, SourceSyntax::deb822}) {
        const auto parsed = parse_apt_sources(input, syntax, "input", "amd64");
        if (!parsed) continue;
        for (const AptSource &source : parsed->sources) {
            require(source.uri.ends_with('/'), "addresses end with a slash");
            for (const std::string &path : source.signed_by.paths)
                require(path.starts_with('/'), "keyrings are absolute");
            for (const char *path : {"dists/x/InRelease", "../x", "/x", "a b"}) {
                const std::string url = url_below(source.release_directory(), path);
                require(url.find("/../") == std::string::npos ||
                            source.uri.find("..") != std::string::npos ||
                            source.suite.find("..") != std::string::npos,
                        "nothing above the address");
            }
        }
        AptSources merged;
        (void)merge_apt_sources(merged, *parsed).has_value();
    }
}

Seeds sources_seeds() {
    return {
        "deb [signed-by=/usr/share/keyrings/x.gpg arch=amd64,arm64] http://example.org/debian "
        "trixie main contrib\n",
        "deb file:/srv/mirror ./\n",
        "deb [trusted=yes check-valid-until=no by-hash=force inrelease-path=X] "
        "copy:/srv stable main # comment\n",
        "Types: deb deb-src\nURIs: https://example.org/debian\nSuites: trixie trixie-updates\n"
        "Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEZQ==\n"
        " -----END PGP PUBLIC KEY BLOCK-----\nEnabled: yes\n",
        "deb http://example.org/debian $(ARCH)/\n"};
}

void apt_settings(std::string_view input) {
    if (const auto config = parse_apt_config(input)) {
        for (const char *name :
             {"Dir::Etc::sourcelist", "Dir::Etc::sourceparts", "Acquire::Retries"}) {
            (void)config->path(name);
            (void)config->list(name);
            (void)config->number(name, 0);
            (void)config->flag(name, true);
        }
    }
    for (const auto &[soname, path] : parse_linker_cache(input))
        require(path.starts_with('/'), "libraries have absolute paths");
    for (const std::string &directory : absolute_directories(input))
        require(directory.starts_with('/'), "directories are absolute");
}

Seeds apt_settings_seeds() {
    return {
        "Dir \"/\";\nDir::Etc \"etc/apt/\";\nDir::Etc::sourcelist \"sources.list\";\n"
        "Dir::Etc::sourceparts \"sources.list.d\";\nAcquire::Retries \"3\";\n"
        "Acquire::Languages:: \"en\";\nX \"two\nlines\";\n",
        "2 libs found in cache `/etc/ld.so.cache'\n\tlibz.so.1 (libc6,x86-64) => "
        "/lib/x86_64-linux-gnu/libz.so.1\n\tlibc.so.6 (libc6) => /lib/libc.so.6\n",
        "/a/lib:/b:$ORIGIN/c"};
}

void relations(std::string_view input) {
    for (const DebianAlternatives &alternatives : parse_debian_relations(input))
        for (const DebianRelation &relation : alternatives) {
            require(!relation.package.empty(), "relations are to packages");
            require(relation.comparison.empty() == relation.version.empty(),
                    "a version is compared");
            (void)relation.holds_for("1.0-1");
            // Written again it means the same.
            const auto again = parse_debian_relations(relation.text());
            require(again.size() == 1 && again[0].size() == 1, "the text is one relation");
            require(again[0][0].package == relation.package &&
                        again[0][0].comparison == relation.comparison &&
                        again[0][0].version == relation.version,
                    "and the same");
        }
    (void)packages_in_depends(input);
}

Seeds relations_seeds() {
    return {"postgresql-18, libc6 (>= 2.38), libblas3 | libblas.so.3",
            "a:any (<< 1:2~b), b (= 1-1) [amd64] <!nocheck>, c(>>3)"};
}

void library_index(std::string_view input) {
    LibraryIndex index;
    index.add(std::string(input), "http://example.org/debian/", "x");
    for (const char *name : {"libproj25", "libblas.so.3", "libz1"}) {
        if (const auto found = index.find(name)) {
            require(found->package == name, "what is found is what was looked for");
            require(found->url.empty() || found->url.starts_with("http://example.org/debian/"),
                    "below the repository's address");
        }
        for (const LibraryPackage &package : index.providers(name))
            require(!package.package.empty(), "providers have names");
    }
    for (const std::string_view soname : split_at_nul(input)) {
        (void)usual_package_names(soname);
        (void)package_likelihood("libproj25", soname);
        (void)is_shared_library_name(soname);
        (void)private_name(soname, "1a2b3c4d");
    }
}

Seeds library_index_seeds() {
    LibraryPackage package;
    package.package = "libproj25";
    package.version = "9.4.0-1";
    package.depends = "libc6 (>= 2.38), proj-data";
    package.provides = "libblas.so.3";
    package.sha256 = std::string(64, 'a');
    package.size = 5;
    std::string lines = library_index_line(package, "pool/p.deb");
    package.package = "libz1";
    lines += library_index_line(package, "pool/../z.deb");
    return {lines, "libproj.so.25", "libblas.so.3"};
}

}  // namespace pgx::fuzz
