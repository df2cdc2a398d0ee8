// libfuzzer.cpp - the targets as libFuzzer wants them; which one is in the environment's
// PGX_FUZZ_TARGET.
//
// With PGX_FUZZ_SEEDS=DIRECTORY it writes the seeds of all targets to DIRECTORY/<target>/ and ends.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "target.h"

namespace {

const pgx::fuzz::Target *chosen = nullptr;

int write_seeds(const std::filesystem::path &directory) {
    for (const pgx::fuzz::Target &target : pgx::fuzz::targets()) {
        const std::filesystem::path place = directory / target.name;
        std::filesystem::create_directories(place);
        int number = 0;
        for (const std::string &seed : target.seeds())
            std::ofstream(place / ("seed-" + std::to_string(++number)), std::ios::binary) << seed;
        std::puts(target.name);
    }
    return 0;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
    if (const char *directory = std::getenv("PGX_FUZZ_SEEDS")) std::exit(write_seeds(directory));
    const char *name = std::getenv("PGX_FUZZ_TARGET");
    for (const pgx::fuzz::Target &target : pgx::fuzz::targets())
        if (name != nullptr && std::strcmp(target.name, name) == 0) chosen = &target;
    if (chosen != nullptr) return 0;
    std::fputs("PGX_FUZZ_TARGET names no target; there are:\n", stderr);
    for (const pgx::fuzz::Target &target : pgx::fuzz::targets())
        std::fprintf(stderr, "  %s\n", target.name);
    std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    chosen->run({reinterpret_cast<const char *>(data), size});
    return 0;
}
