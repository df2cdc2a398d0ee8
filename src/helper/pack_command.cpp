#include "helper/pack_command.h"

#include "helper/pack_common.h"
#include "helper/scratch_directory.h"

namespace pgx {

namespace {

constexpr const char *synopsis = "pack (DIRECTORY | FILE.deb | --installed EXTENSION) [OPTION...]";
constexpr const char *text =
    "Makes a bundle (.trunk) from what has been built already:\n"
    "  DIRECTORY    an install tree, as \"make install DESTDIR=DIRECTORY\" leaves it\n"
    "  FILE.deb     a Debian package\n"
    "  --installed  an extension that is installed on this machine\n"
    "To build from source, use \"pgx build\".";

Result<PackSource> collect(const ParsedArguments &arguments, const ScratchDirectory &scratch) {
    FileSystem &fs = real_file_system();
    const unsigned major = TRY(postgres_option(arguments));
    if (!arguments.operands.empty() && arguments.operands[0].ends_with(".deb")) {
        NoticePrinter reporter;
        return collect_deb(fs, arguments.operands[0], scratch.path(), major, reporter);
    }
    const std::optional<std::string> pg_config = TRY(find_pg_config(arguments));
    std::optional<PostgresDirectories> directories;
    if (pg_config) directories = TRY(ask_pg_config(*pg_config));
    if (!arguments.has("--installed"))
        return collect_tree(fs, arguments.operands[0], directories ? &*directories : nullptr,
                            major);
    if (!directories)
        return fail(ErrorCode::io, "could not find PostgreSQL, because there is no pg_config", {},
                    "Name the pg_config of the PostgreSQL installation with --pg-config; it is in "
                    "the package with the server's headers.");
    return collect_installed(fs, arguments.value("--installed"), *directories);
}

Result<void> pack_from(const ParsedArguments &arguments) {
    const ScratchDirectory scratch = TRY(ScratchDirectory::make());
    const PackSource source = TRY(collect(arguments, scratch));
    return pack_and_print(source, arguments, std::nullopt, scratch.path());
}

}  // namespace

int run_pack(const Arguments &arguments) {
    const std::vector<Option> options = pack_options(
        {{"--installed", "EXTENSION", "pack an extension that is installed on this machine"}});
    const auto parsed = parse_arguments(arguments, options);
    if (!parsed) return complain(parsed.error().message);
    if (parsed->has("--help")) return print_help(synopsis, text, options);
    if (parsed->operands.size() + (parsed->has("--installed") ? 1 : 0) != 1)
        return complain("\"pgx pack\" needs a directory, a .deb file or --installed");
    if (const auto packed = pack_from(*parsed); !packed) return report(packed.error());
    return printed();
}

}  // namespace pgx
