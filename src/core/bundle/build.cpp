#include "core/bundle/build.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/names.h"
#include "core/registry/subprocess.h"

namespace pgx {

namespace {

constexpr std::uint64_t largest_build_file = 1024 * 1024;
constexpr unsigned longest_build = 2 * 60 * 60;  // seconds
constexpr std::size_t lines_shown = 20;

constexpr std::array<std::pair<Pipeline, const char *>, 4> pipelines{{
    {Pipeline::pgxs, "pgxs"},
    {Pipeline::pgrx, "pgrx"},
    {Pipeline::meson, "meson"},
    {Pipeline::cmake, "cmake"},
}};

std::string all_names() {
    std::vector<std::string> names;
    for (const auto &[pipeline, name] : pipelines) names.emplace_back(name);
    return quoted_list(names);
}

// The text of a file of the folder, empty when it is not there.
Result<std::string> text_of(FileSystem &fs, const std::string &folder, const char *name) {
    const std::string path = join_path(folder, name);
    const auto info = TRY(fs.info(path));
    if (!info || info->type != FileType::regular) return std::string();
    return fs.read(path, largest_build_file);
}

Result<bool> is_there(FileSystem &fs, const std::string &folder, const char *name) {
    return TRY(fs.info(join_path(folder, name))).has_value();
}

std::string last_lines(std::string_view text) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    std::size_t start = text.size();
    for (std::size_t lines = 0; lines < lines_shown && start > 0; ++lines) {
        start = text.rfind('\n', start - 1);
        if (start == std::string_view::npos) return std::string(text);
    }
    return std::string(text.substr(std::min(start + 1, text.size())));
}

// The paths of a build would otherwise be in its debugging information, and with them its digest.
// make and cc take it apart at blanks.
std::string prefix_map(const std::string &folder) {
    if (folder.find_first_of(" \t'\"$#\\") != std::string::npos) return {};
    return "-ffile-prefix-map=" + folder + "=.";
}

std::vector<BuildStep> pgxs_steps(const BuildRequest &request) {
    // Bitcode is for the server's own directory only, and would need clang.
    std::vector<std::string> make{"make", "-C", request.folder, "PG_CONFIG=" + request.pg_config,
                                  "with_llvm=no"};
    if (const std::string map = prefix_map(request.folder); !map.empty())
        make.push_back("COPT=" + map);
    std::vector<std::string> all = make, install = make;
    all.insert(all.end(), {"-j" + std::to_string(request.jobs), "all"});
    install.insert(install.end(), {"DESTDIR=" + request.destination, "install"});
    return {{"build", std::move(all), {}}, {"install", std::move(install), {}}};
}

std::vector<BuildStep> pgrx_steps(const BuildRequest &request) {
    return {
        {"build",
         {"cargo", "pgrx", "package", "--manifest-path", join_path(request.folder, "Cargo.toml"),
          "--pg-config", request.pg_config, "--out-dir", request.destination},
         {"CARGO_BUILD_JOBS=" + std::to_string(request.jobs)}}};
}

std::vector<BuildStep> meson_steps(const BuildRequest &request) {
    const std::string tree = join_path(request.scratch, "build");
    return {{"configure",
             {"meson", "setup", "--buildtype", "release", tree, request.folder},
             {"PG_CONFIG=" + request.pg_config}},
            {"build", {"meson", "compile", "-C", tree, "-j", std::to_string(request.jobs)}, {}},
            {"install",
             {"meson", "install", "--no-rebuild", "-C", tree, "--destdir", request.destination},
             {}}};
}

std::vector<BuildStep> cmake_steps(const BuildRequest &request) {
    const std::string tree = join_path(request.scratch, "build");
    return {{"configure",
             {"cmake", "-S", request.folder, "-B", tree, "-DCMAKE_BUILD_TYPE=Release",
              "-DPG_CONFIG=" + request.pg_config},
             {"PG_CONFIG=" + request.pg_config}},
            {"build", {"cmake", "--build", tree, "--parallel", std::to_string(request.jobs)}, {}},
            {"install", {"cmake", "--install", tree}, {"DESTDIR=" + request.destination}}};
}

std::string shown(const BuildStep &step) {
    std::string text;
    for (const std::string &word : step.command) text += (text.empty() ? "" : " ") + word;
    return text;
}

}  // namespace

const char *pipeline_name(Pipeline pipeline) {
    return std::ranges::find(pipelines, pipeline, &std::pair<Pipeline, const char *>::first)
        ->second;
}

Result<Pipeline> pipeline_by_name(std::string_view name) {
    for (const auto &[pipeline, known] : pipelines)
        if (name == known) return pipeline;
    return fail(ErrorCode::invalid_argument, "unknown build system \"" + std::string(name) + "\"",
                "Known are " + all_names() + ".");
}

Result<Pipeline> detect_pipeline(FileSystem &fs, const std::string &folder,
                                 const std::string &declared) {
    const std::string hint =
        "Name it with --pipeline, one of " + all_names() +
        "; or install into a directory yourself and give that to \"pgx pack\".";
    if (!declared.empty()) {
        const auto known = pipeline_by_name(declared);
        if (known) return *known;
        return fail(ErrorCode::feature_not_supported,
                    "\"" + folder + "\" is built with \"" + declared + "\", which pgx cannot run",
                    "META.json says so.", hint);
    }
    std::string makefile;
    for (const char *name : {"GNUmakefile", "makefile", "Makefile"})
        makefile += TRY(text_of(fs, folder, name));
    // The last word of the include that every such Makefile has.
    if (makefile.find("PGXS") != std::string::npos) return Pipeline::pgxs;
    if (TRY(text_of(fs, folder, "Cargo.toml")).find("pgrx") != std::string::npos)
        return Pipeline::pgrx;
    const bool meson = TRY(is_there(fs, folder, "meson.build"));
    const bool cmake = TRY(is_there(fs, folder, "CMakeLists.txt"));
    if (meson != cmake) return meson ? Pipeline::meson : Pipeline::cmake;
    const bool configure = TRY(is_there(fs, folder, "configure"));
    return fail(ErrorCode::invalid_argument, "could not tell how \"" + folder + "\" is built",
                meson       ? "It has both meson.build and CMakeLists.txt."
                : configure ? "It has a script \"configure\", which has to be run first."
                : makefile.empty()
                    ? "It has no Makefile, Cargo.toml, meson.build or CMakeLists.txt."
                    : "Its Makefile does not include PGXS, PostgreSQL's rules for extensions.",
                hint);
}

std::vector<BuildStep> build_steps(const BuildRequest &request) {
    switch (request.pipeline) {
        case Pipeline::pgxs:
            return pgxs_steps(request);
        case Pipeline::pgrx:
            return pgrx_steps(request);
        case Pipeline::meson:
            return meson_steps(request);
        case Pipeline::cmake:
            return cmake_steps(request);
    }
    return {};
}

Result<void> build(const BuildRequest &request, Reporter &reporter) {
    const std::vector<BuildStep> steps = build_steps(request);
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const BuildStep &step = steps[i];
        reporter.progress(step.doing, request.folder, i, steps.size());
        // env looks the program up in the caller's PATH, where people have their compilers.
        std::vector<std::string> arguments{"PATH=" + request.path, "SOURCE_DATE_EPOCH=315532800"};
        if (!request.home.empty()) arguments.push_back("HOME=" + request.home);
        arguments.insert(arguments.end(), step.environment.begin(), step.environment.end());
        arguments.insert(arguments.end(), step.command.begin(), step.command.end());
        auto ran = run_command("env", arguments, {}, longest_build);
        const std::string what = std::string("could not ") + step.doing + " \"" + request.folder +
                                 "\" with " + pipeline_name(request.pipeline);
        if (!ran) {
            if (ran.error().code != ErrorCode::registry_unreachable) return fail(ran.error());
            return fail(ErrorCode::limit_exceeded, what + " within two hours", {},
                        "Install into a directory yourself and give that to \"pgx pack\".");
        }
        if (ran->exit_status == 0) continue;
        if (ran->exit_status == 127)
            return fail(ErrorCode::io, what + ": program \"" + step.command[0] + "\" was not found",
                        {}, "Install it, or add its directory to PATH.");
        const std::string said = last_lines(ran->errors.empty() ? ran->output : ran->errors);
        return fail(ErrorCode::helper_failed, what,
                    "This failed: " + shown(step) + (said.empty() ? "" : "\n" + said),
                    "Run the same by hand to see all of what it says.");
    }
    return {};
}

}  // namespace pgx
