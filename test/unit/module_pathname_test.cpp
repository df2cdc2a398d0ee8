// module_pathname_test.cpp - control files without "$libdir/", and those that stay as they are.
#include "core/bundle/module_pathname.h"

#include <gtest/gtest.h>

#include <vector>

namespace pgx {
namespace {

TEST(ModulePathnameTest, Changed) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"module_pathname = '$libdir/x'", "module_pathname = 'x'"},
        {"module_pathname='$libdir/x'\n", "module_pathname='x'\n"},
        {"module_pathname '$libdir/x'\n", "module_pathname 'x'\n"},
        {"  module_pathname\t=\t'$libdir/x' # '$libdir/x'\r\nschema = a\r\n",
         "  module_pathname\t=\t'x' # '$libdir/x'\r\nschema = a\r\n"},
        {"# module_pathname = '$libdir/y'\ncomment = '$libdir/'\nmodule_pathname = '$libdir/x'\n",
         "# module_pathname = '$libdir/y'\ncomment = '$libdir/'\nmodule_pathname = 'x'\n"},
        {"module_pathname = '$libdir/x'\nmodule_pathname = '$libdir/y'",
         "module_pathname = 'x'\nmodule_pathname = 'y'"},
        {"module_pathname = '$libdir/x-1.0.so'", "module_pathname = 'x-1.0.so'"},
    };
    for (const auto &[before, after] : cases) EXPECT_EQ(without_library_directory(before), after);
}

TEST(ModulePathnameTest, Kept) {
    for (const char *text : {
             "",
             "comment = 'x'\n",
             "module_pathname = 'x'\n",
             "module_pathname = '$libdir/sub/x'\n",
             "module_pathname = '/usr/lib/x'\n",
             "module_pathname = 'x$libdir/'\n",
             "MODULE_PATHNAME = '$libdir/x'\n",
             "module_pathname_x = '$libdir/x'\n",
             "module_pathname = '$libdir/x\n",
             "unknown = 1\nmodule_pathname = '$libdir/x'\n",
             "module_pathname = '$libdir/x'\nmodule_pathname = 'y'\n",
             "module_pathname",
             "module_pathname =",
             "comment = '\nmodule_pathname = $libdir/x'\n",
         })
        EXPECT_EQ(without_library_directory(text), text);
}

}  // namespace
}  // namespace pgx
