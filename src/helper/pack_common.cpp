#include "helper/pack_common.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "core/base/names.h"
#include "core/bundle/minisign.h"
#include "core/bundle/pack.h"
#include "core/bundle/signed_comment.h"
#include "helper/terminal.h"

namespace pgx {

namespace {

constexpr std::uint64_t largest_meta_file = 1024 * 1024;
constexpr std::uint64_t largest_key_file = 16 * 1024;

void print_fact(const char *name, const std::string &value) {
    std::printf("  %-16s %s\n", name, value.c_str());
}

std::string list(const std::vector<std::string> &words) {
    std::string text;
    for (const std::string &word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

std::string platform_text(const BundleName &name) {
    std::string text = "PostgreSQL " + std::to_string(name.postgres_major);
    if (name.os == "any") return text + ", any system";
    const std::string libc = name.os == "gnulinux"    ? "glibc"
                             : name.os == "musllinux" ? "musl"
                                                      : name.os;
    text += ", " + libc;
    if (!name.libc.empty()) text += " " + name.libc + " or later";
    return text + ", " + name.architecture;
}

void print_summary(const PackResult &result, const std::string &signature) {
    const InspectedBundle &inspected = result.inspected;
    const Receipt &receipt = inspected.receipt;
    std::vector<std::string> extensions, preload, requirements;
    for (const ReceiptExtension &extension : receipt.extensions)
        extensions.push_back(extension.name + " " + extension.default_version);
    for (const ReceiptModule &module : receipt.modules)
        if (module.preload) {
            std::string name = module.path.substr(module.path.rfind('/') + 1);
            preload.push_back(name.substr(0, name.rfind(".so")));
        }
    if (inspected.bundle.meta)
        for (const auto &[url, range] : inspected.bundle.meta->run_requires)
            requirements.push_back(url + (range == "0" || range.empty() ? "" : " " + range));
    std::vector<std::string> left_out;
    for (const auto &[kind, count] : result.left_out)
        left_out.push_back(std::to_string(count) + " " + kind);

    std::printf("%s\n", bundle_file_name(inspected.bundle.name).c_str());
    print_fact("file", result.path);
    print_fact("size",
               format_bytes(inspected.size) + " (" + std::to_string(inspected.size) + " bytes)");
    print_fact("sha256", inspected.sha256);
    print_fact("extensions", extensions.empty() ? "none, only modules" : list(extensions));
    print_fact("platform", platform_text(inspected.bundle.name));
    if (!requirements.empty()) print_fact("requires", list(requirements));
    if (inspected.bundle.name.os != "any")
        print_fact("host libraries", result.system_libraries.empty()
                                         ? "none but the C library"
                                         : list(result.system_libraries));
    if (!result.private_libraries.empty())
        print_fact("libraries in it", list(result.private_libraries));
    if (!preload.empty())
        print_fact("preload", "shared_preload_libraries = '" + list(preload) + "'");
    if (!left_out.empty()) print_fact("left out", list(left_out));
    if (!signature.empty()) print_fact("signature", signature);
    print_fact("checked", "unpacked it as a server would");
    for (const std::string &remark : result.remarks) print_fact("note", remark);
}

// Signs the bundle; the path of the signature file.
Result<std::string> sign(const PackResult &result, const std::string &key_path) {
    FileSystem &fs = real_file_system();
    const std::string text = TRY(fs.read(key_path, largest_key_file));
    auto key = MinisignSecretKey::parse(text);
    if (!key && key.error().code == ErrorCode::permission_denied)
        key = MinisignSecretKey::parse(text, TRY(ask_passphrase("Password of " + key_path)));
    if (!key)
        return fail(std::move(key.error()).prefixed("could not read key \"" + key_path + "\""));
    const std::string signature =
        TRY(minisign_sign(fs, result.path, *key, signed_comment(result.inspected.bundle.name)));
    std::string path = result.path + ".minisig";
    TRY(write_file_durably(fs, path, signature, 0644));
    return path;
}

// The program on PATH, as an absolute path; empty: none.
std::string on_path(const std::string &program) {
    const char *path = std::getenv("PATH");
    std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(':'), rest.size());
        const std::string candidate = join_path(rest.substr(0, end), program);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (candidate.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return {};
}

// The server's program, which says what every server has loaded.
Result<std::string> find_server(const ParsedArguments &arguments) {
    if (const std::optional<std::string> pg_config = TRY(find_pg_config(arguments))) {
        std::string server = join_path(TRY(ask_pg_config(*pg_config)).bin, "postgres");
        if (::access(server.c_str(), R_OK) == 0) return server;
    }
    return fail(ErrorCode::io, "could not find the server's program \"postgres\"",
                "It is needed to tell which libraries every server has loaded, and must not be "
                "brought along.",
                "Name the pg_config of an installation that has the server with --pg-config.");
}

}  // namespace

std::vector<Option> pack_options(std::vector<Option> more) {
    std::vector<Option> options{
        {"--name", "NAME", "name of the package (default: META.json, else the extension's)"},
        {"--version", "VERSION", "its version (default: META.json, else the control file's)"},
        {"--abstract", "TEXT", "one line about it (default: META.json, else the control file's)"},
        {"--license", "SPDX", "its license, as an SPDX expression"},
        {"--maintainer", "\"NAME <ADDRESS>\"", "who looks after it"},
        {"--homepage", "URL", "where to read about it"},
        {"--meta", "FILE", "a META.json (PGXN Meta, version 1 or 2) that says all this"},
        {"--output", "DIRECTORY", "where the bundle is put (default: here)"},
        {"--pg-config", "PATH", "of the PostgreSQL to pack for (default: $PG_CONFIG, else PATH's)"},
        {"--postgres", "MAJOR", "its major version, where the source does not tell"},
        {"--bring-libraries", nullptr,
         "put in the system libraries that it needs and a server does not have"},
        {"--libraries", "DIRECTORY",
         "take them from the libraries and .deb files here, then from this machine"},
        {"--sign", "KEYFILE", "sign the bundle with this minisign key"},
    };
    options.insert(options.end(), more.begin(), more.end());
    options.push_back({"--help", nullptr, "print this"});
    return options;
}

Result<unsigned> postgres_option(const ParsedArguments &arguments) {
    if (!arguments.has("--postgres")) return 0U;
    const std::string text = arguments.value("--postgres");
    unsigned major = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), major);
    if (error != std::errc() || end != text.data() + text.size() || major == 0 || major > 999)
        return fail(ErrorCode::invalid_argument, "\"--postgres\" needs a major version such as 18");
    return major;
}

Result<std::optional<std::string>> find_pg_config(const ParsedArguments &arguments) {
    std::string wanted = arguments.value("--pg-config");
    if (const char *variable = std::getenv("PG_CONFIG"); wanted.empty() && variable != nullptr)
        wanted = variable;
    const bool named = !wanted.empty();
    if (!named) wanted = "pg_config";
    if (wanted.find('/') == std::string::npos) {
        std::string found = on_path(wanted);
        if (!found.empty()) return found;
    } else {
        std::error_code ignored;
        const std::filesystem::path path = std::filesystem::absolute(wanted, ignored);
        if (::access(path.c_str(), X_OK) == 0) return path.string();
    }
    if (!named) return std::nullopt;
    return fail(ErrorCode::io, "program \"" + wanted + "\" was not found", {},
                "Name the pg_config of the PostgreSQL installation with --pg-config.");
}

Result<Meta> read_meta_file(const std::string &path) {
    auto meta = parse_meta(TRY(real_file_system().read(path, largest_meta_file)));
    if (!meta) return fail(std::move(meta.error()).prefixed("could not use \"" + path + "\""));
    return meta;
}

Result<void> pack_and_print(const PackSource &source, const ParsedArguments &arguments,
                            std::optional<Meta> meta, const std::string &scratch) {
    PackOptions options;
    options.name = arguments.value("--name");
    options.version = arguments.value("--version");
    options.abstract = arguments.value("--abstract");
    options.license = arguments.value("--license");
    options.maintainer = arguments.value("--maintainer");
    options.homepage = arguments.value("--homepage");
    options.postgres_major = TRY(postgres_option(arguments));
    options.meta = std::move(meta);
    if (arguments.has("--meta")) options.meta = TRY(read_meta_file(arguments.value("--meta")));
    options.output = arguments.value("--output", ".");
    options.bring_libraries = arguments.has("--bring-libraries") || arguments.has("--libraries");
    options.libraries = arguments.value("--libraries");
    if (options.bring_libraries) options.server = TRY(find_server(arguments));
    NoticePrinter reporter;
    const PackResult result = TRY(pack(source, options, scratch, real_file_system(), reporter));
    std::string signature;
    if (arguments.has("--sign")) signature = TRY(sign(result, arguments.value("--sign")));
    print_summary(result, signature);
    return {};
}

}  // namespace pgx
