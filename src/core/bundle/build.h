// build.h - from a source folder to an install tree, by the build system that the folder has.
//
// Extensions are built in four ways: PGXS (a Makefile that includes it), pgrx (Rust), Meson and
// CMake. Which one is written in META.json, or else told by the files that are there. Where that is
// not clear it is an error and not a guess, since a build runs whatever the folder says.
//
// The folder is built in place for PGXS and pgrx, as its developers do, and in a scratch directory
// for the other two.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_system.h"
#include "core/base/protocol.h"
#include "core/base/result.h"

namespace pgx {

enum class Pipeline { pgxs, pgrx, meson, cmake };

// "pgxs", ...
const char *pipeline_name(Pipeline pipeline);
// invalid_argument that lists those there are.
Result<Pipeline> pipeline_by_name(std::string_view name);

// What `folder` is built with. `declared` is dependencies.pipeline of its META.json, may be empty;
// feature_not_supported when that is one that pgx does not know. invalid_argument with a hint when
// it cannot be told.
Result<Pipeline> detect_pipeline(FileSystem &fs, const std::string &folder,
                                 const std::string &declared);

struct BuildRequest {
    Pipeline pipeline = Pipeline::pgxs;
    std::string folder;
    std::string scratch;      // exists; for what the build leaves, below "build"
    std::string destination;  // DESTDIR, becomes the root of the install tree
    std::string pg_config;    // absolute path
    std::string path;         // PATH of the programs, as the caller has it
    std::string home;         // HOME, may be empty
    unsigned jobs = 1;        // compilers at a time
};

// One program to run, with its arguments; `environment` are "NAME=value".
struct BuildStep {
    const char *doing;  // "configure", "build", "install"
    std::vector<std::string> command;
    std::vector<std::string> environment;
};

// The steps in their order. Pure, for messages and tests.
std::vector<BuildStep> build_steps(const BuildRequest &request);

// Runs them. helper_failed, with the end of what the program said, when one fails; io when it is
// not there; limit_exceeded after two hours.
Result<void> build(const BuildRequest &request, Reporter &reporter);

}  // namespace pgx
