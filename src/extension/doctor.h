// doctor.h - what a check of doctor() is.
#pragma once

#include <string>
#include <vector>

#include "core/base/directory_layout.h"
#include "core/base/result.h"
#include "extension/progress.h"

namespace pgx {

struct Finding {
    const char *status;  // "ok", "warning", "error"
    std::string detail;
    std::string remedy = {};  // what to do; empty for "ok"
};

struct Examination {
    DirectoryLayout layout;
    ProgressSlot &progress;
};

// An error is reported as a check that could not be made.
using Findings = Result<std::vector<Finding>>;

// "1 file", "2 files"
std::string count_of(std::size_t count, const char *what);

// What the catalog says of packages, held against the server: doctor_packages.cpp.
Findings check_earlier_directories(Examination &examination);
Findings check_integrity(Examination &examination);
Findings check_orphans(Examination &examination);
Findings check_extensions_without_files(Examination &examination);
Findings check_missing_libraries(Examination &examination);
Findings check_origins(Examination &examination);

}  // namespace pgx
