// fuzz_replay_test.cpp - the fuzz targets over their seeds, over the same a little damaged, and
// over what fuzzers have found (test/fuzz/regressions/<target>/...).
//
// What takes hours to find takes a moment to try again, without libFuzzer and with any compiler.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "../fuzz/target.h"

namespace pgx::fuzz {
namespace {

class FuzzReplay : public testing::TestWithParam<Target> {
   protected:
    void run(std::string_view input, const std::string &what) {
        try {
            GetParam().run(input);
        } catch (const std::exception &broken) {
            ADD_FAILURE() << what << ": " << broken.what();
        }
    }
};

std::string name_of(const testing::TestParamInfo<Target> &info) { return info.param.name; }

TEST_P(FuzzReplay, Seeds) {
    const Seeds seeds = GetParam().seeds();
    ASSERT_FALSE(seeds.empty());
    for (std::size_t i = 0; i < seeds.size(); ++i) run(seeds[i], "seed " + std::to_string(i + 1));
    run("", "nothing");
}

TEST_P(FuzzReplay, DamagedSeeds) {
    std::mt19937 random(20261120);  // the same in every run
    const auto below = [&](std::size_t end) { return random() % end; };
    for (const std::string &seed : GetParam().seeds()) {
        if (seed.empty()) continue;
        for (int round = 0; round < 30; ++round) {
            std::string input = seed;
            if (round % 3 == 0)
                input.resize(below(seed.size()));
            else if (round % 3 == 1)
                input[below(seed.size())] = static_cast<char>(random());
            else
                input.insert(below(seed.size()), input, below(seed.size()), 20);
            run(input, "damage " + std::to_string(round));
        }
    }
}

TEST_P(FuzzReplay, Regressions) {
    const std::filesystem::path directory =
        std::filesystem::path(PGX_TEST_DIR) / "fuzz" / "regressions" / GetParam().name;
    if (!std::filesystem::exists(directory)) return;
    for (const auto &entry : std::filesystem::directory_iterator(directory)) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string input{std::istreambuf_iterator<char>(file),
                                std::istreambuf_iterator<char>()};
        run(input, entry.path().filename().string());
    }
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzReplay, testing::ValuesIn(targets().begin(), targets().end()),
                         name_of);

TEST(FuzzTargets, HaveRegressionsOfTheirOwnOnly) {
    const std::filesystem::path directory =
        std::filesystem::path(PGX_TEST_DIR) / "fuzz" / "regressions";
    if (!std::filesystem::exists(directory)) return;
    for (const auto &entry : std::filesystem::directory_iterator(directory))
        EXPECT_TRUE(std::ranges::any_of(
            targets(),
            [&](const Target &target) { return entry.path().filename() == target.name; }))
            << entry.path().filename() << ": there is no such target, so it would never be run";
}

}  // namespace
}  // namespace pgx::fuzz
