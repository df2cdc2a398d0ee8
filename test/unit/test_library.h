// test_library.h - small shared libraries for tests, compiled on the spot.
//
// The headers of a library cannot be made up well enough by hand, and a binary in the repository
// would be for one architecture only.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/registry/subprocess.h"
#include "temporary_directory.h"

namespace pgx {

// C source that becomes a PostgreSQL module of this major: the function and the data block that
// PG_MODULE_MAGIC leaves.
inline std::string module_source(unsigned major, std::string_view more = {}) {
    return "#include <stddef.h>\n"
           "typedef struct { int len, version, funcmaxargs, indexmaxkeys, namedatalen, "
           "float8byval; char abi_extra[32];\n"
           "  const char *name, *version_text; } Magic;\n"
           "const Magic *Pg_magic_func(void);\n"
           "const Magic *Pg_magic_func(void) {\n"
           "  static const Magic magic = {sizeof(Magic), " +
           std::to_string(major * 100) +
           ", 100, 32, 64, 1, \"PostgreSQL\", NULL, NULL};\n  return &magic;\n}\n" +
           std::string(more);
}

// Compiles C source to <directory>/<name> and gives that path.
inline std::string compile_library(const TemporaryDirectory &directory, const std::string &name,
                                   const std::string &source,
                                   const std::vector<std::string> &flags = {}) {
    const std::string path = directory / name;
    std::vector<std::string> arguments{"-shared", "-fPIC", "-O1",
                                       "-o",      path,    directory.put(name + ".c", source)};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const auto result = run_command("cc", arguments);
    if (!result || result->exit_status != 0)
        ADD_FAILURE() << "could not compile a library: "
                      << (result ? result->errors : result.error().message);
    return path;
}

// The bytes of a module of PostgreSQL 18, compiled once.
inline const std::string &module_bytes() {
    static const std::string bytes = [] {
        const TemporaryDirectory directory;
        compile_library(directory, "module.so", module_source(18));
        return directory.get("module.so");
    }();
    return bytes;
}

}  // namespace pgx
