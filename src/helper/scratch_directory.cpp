#include "helper/scratch_directory.h"

#include <stdlib.h>

#include <cerrno>

namespace pgx {

Result<ScratchDirectory> ScratchDirectory::make() {
    const char *variable = ::getenv("TMPDIR");
    const std::string base = variable == nullptr || *variable == '\0' ? "/tmp" : variable;
    std::string path = base + "/pgx-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr)
        return fail(system_error("could not create a directory in \"" + base + "\"", errno));
    return ScratchDirectory(std::move(path));
}

ScratchDirectory::~ScratchDirectory() {
    // There is nobody left to tell.
    if (!path_.empty()) (void)remove_tree(real_file_system(), path_);
}

}  // namespace pgx
