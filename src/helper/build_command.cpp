#include "helper/build_command.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "core/bundle/build.h"
#include "helper/pack_common.h"
#include "helper/scratch_directory.h"

namespace pgx {

namespace {

constexpr const char *synopsis = "build [DIRECTORY] [OPTION...]";
constexpr const char *text =
    "Builds an extension from its source folder (default: here), installs it into a scratch\n"
    "directory and makes a bundle of that. Knows PGXS, pgrx, Meson and CMake. A META.json in the\n"
    "folder is used.";

std::string variable(const char *name, const char *fallback) {
    const char *value = std::getenv(name);
    return value == nullptr ? fallback : value;
}

// Tells which step runs, for a build may take minutes.
class StepPrinter : public NoticePrinter {
   public:
    void progress(std::string_view phase, std::string_view item, std::uint64_t,
                  std::uint64_t) override {
        std::fprintf(stderr, "pgx: %.*s \"%.*s\" ...\n", static_cast<int>(phase.size()),
                     phase.data(), static_cast<int>(item.size()), item.data());
    }
};

// dependencies.pipeline, or empty.
std::string declared_pipeline(const std::optional<Meta> &meta) {
    if (!meta) return {};
    const auto dependencies = meta->document.find("dependencies");
    if (dependencies == meta->document.end() || !dependencies->is_object()) return {};
    return json_string(*dependencies, "pipeline", "").value_or("");
}

Result<void> build_from(const ParsedArguments &arguments) {
    FileSystem &fs = real_file_system();
    BuildRequest request;
    std::error_code failed;
    request.folder = std::filesystem::canonical(
        arguments.operands.empty() ? "." : arguments.operands[0], failed);
    if (failed)
        return fail(system_error("could not open directory \"" + arguments.operands[0] + "\"",
                                 failed.value()));
    std::optional<Meta> meta;
    const std::string meta_path = join_path(request.folder, "META.json");
    if (!arguments.has("--meta") && TRY(fs.info(meta_path))) meta = TRY(read_meta_file(meta_path));
    request.pipeline = arguments.has("--pipeline")
                           ? TRY(pipeline_by_name(arguments.value("--pipeline")))
                           : TRY(detect_pipeline(fs, request.folder, declared_pipeline(meta)));

    const std::optional<std::string> pg_config = TRY(find_pg_config(arguments));
    if (!pg_config)
        return fail(ErrorCode::io, "could not find PostgreSQL, because there is no pg_config", {},
                    "Install the package with the server's headers, or name its pg_config with "
                    "--pg-config.");
    const PostgresDirectories directories = TRY(ask_pg_config(*pg_config));
    const ScratchDirectory scratch = TRY(ScratchDirectory::make());
    request.scratch = scratch.path();
    request.destination = scratch / "tree";
    TRY(fs.make_directory(request.destination, 0755));
    request.pg_config = *pg_config;
    request.path = variable("PATH", "/usr/local/bin:/usr/bin:/bin");
    request.home = variable("HOME", "");
    request.jobs = std::max(1U, std::thread::hardware_concurrency());
    StepPrinter reporter;
    TRY(build(request, reporter));

    PackSource source =
        TRY(collect_tree(fs, request.destination, &directories, TRY(postgres_option(arguments))));
    source.files.merge(TRY(collect_documents(fs, request.folder)));
    return pack_and_print(source, arguments, std::move(meta), scratch.path());
}

}  // namespace

int run_build(const Arguments &arguments) {
    const std::vector<Option> options =
        pack_options({{"--pipeline", "NAME",
                       "how it is built: pgxs, pgrx, meson or cmake (default: told by "
                       "META.json or the files)"}});
    const auto parsed = parse_arguments(arguments, options);
    if (!parsed) return complain(parsed.error().message);
    if (parsed->has("--help")) return print_help(synopsis, text, options);
    if (parsed->operands.size() > 1) return complain("\"pgx build\" takes one directory");
    if (const auto built = build_from(*parsed); !built) return report(built.error());
    return printed();
}

}  // namespace pgx
