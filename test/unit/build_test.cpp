// build_test.cpp - which build system a folder has, and what is run for it.
#include "core/bundle/build.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/registry/subprocess.h"
#include "silent_reporter.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

Result<Pipeline> detect(const Files &files, const std::string &declared = "") {
    const TemporaryDirectory directory;
    for (const auto &[name, content] : files) directory.put(name, content);
    return detect_pipeline(real_file_system(), directory.path(), declared);
}

TEST(BuildTest, Detected) {
    const std::string pgxs = "EXTENSION = x\ninclude $(PGXS)\n";
    struct Case {
        Files files;
        const char *declared;
        Pipeline expected;
    };
    const std::vector<Case> cases{
        {{{"Makefile", pgxs}}, "", Pipeline::pgxs},
        {{{"GNUmakefile", pgxs}}, "", Pipeline::pgxs},
        {{{"Makefile", "all:\n"}, {"GNUmakefile", pgxs}}, "", Pipeline::pgxs},
        {{{"Makefile", pgxs}, {"CMakeLists.txt", ""}}, "", Pipeline::pgxs},
        {{{"Cargo.toml", "[dependencies]\npgrx = \"0.12\"\n"}}, "", Pipeline::pgrx},
        {{{"Cargo.toml", "pgrx"}, {"Makefile", "all:\n\tcargo pgrx\n"}}, "", Pipeline::pgrx},
        {{{"meson.build", ""}}, "", Pipeline::meson},
        {{{"CMakeLists.txt", ""}}, "", Pipeline::cmake},
        {{{"CMakeLists.txt", ""}, {"Makefile", "all:\n"}}, "", Pipeline::cmake},
        {{{"Makefile", pgxs}, {"meson.build", ""}}, "meson", Pipeline::meson},
        {{}, "pgxs", Pipeline::pgxs},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const auto pipeline = detect(cases[i].files, cases[i].declared);
        ASSERT_TRUE(pipeline) << i << pipeline.error().message;
        EXPECT_EQ(*pipeline, cases[i].expected) << i;
    }
}

TEST(BuildTest, NotDetected) {
    const std::pair<Files, const char *> cases[] = {
        {{}, "no Makefile"},
        {{{"Makefile", "all:\n"}}, "does not include PGXS"},
        {{{"Cargo.toml", "[package]\n"}}, "no Makefile"},
        {{{"configure", ""}, {"Makefile.in", "PGXS"}}, "\"configure\""},
        {{{"CMakeLists.txt", ""}, {"meson.build", ""}}, "both"},
    };
    for (const auto &[files, reason] : cases) {
        const auto pipeline = detect(files);
        ASSERT_FALSE(pipeline) << reason;
        EXPECT_EQ(pipeline.error().code, ErrorCode::invalid_argument);
        EXPECT_NE(pipeline.error().detail.find(reason), std::string::npos)
            << pipeline.error().detail;
        EXPECT_NE(pipeline.error().hint.find("--pipeline"), std::string::npos);
    }
    EXPECT_EQ(detect({}, "autoconf").error().code, ErrorCode::feature_not_supported);
}

TEST(BuildTest, Names) {
    for (const Pipeline pipeline :
         {Pipeline::pgxs, Pipeline::pgrx, Pipeline::meson, Pipeline::cmake})
        EXPECT_EQ(*pipeline_by_name(pipeline_name(pipeline)), pipeline);
    const auto unknown = pipeline_by_name("make");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(unknown.error().detail.find("\"pgrx\""), std::string::npos);
}

TEST(BuildTest, Steps) {
    BuildRequest request;
    request.folder = "/src/x";
    request.scratch = "/tmp/s";
    request.destination = "/tmp/s/tree";
    request.pg_config = "/usr/bin/pg_config";
    request.jobs = 3;
    for (const Pipeline pipeline :
         {Pipeline::pgxs, Pipeline::pgrx, Pipeline::meson, Pipeline::cmake}) {
        request.pipeline = pipeline;
        std::string all;
        for (const BuildStep &step : build_steps(request)) {
            for (const std::string &word : step.environment) all += word + " ";
            for (const std::string &word : step.command) all += word + " ";
            all += "; ";
        }
        EXPECT_NE(all.find("/src/x"), std::string::npos) << all;
        EXPECT_NE(all.find("/tmp/s/tree"), std::string::npos) << all;
        EXPECT_NE(all.find("/usr/bin/pg_config"), std::string::npos) << all;
    }
    request.pipeline = Pipeline::pgxs;
    const auto has_map = [&] {
        const std::vector<BuildStep> steps = build_steps(request);
        return std::ranges::find(steps[0].command, "COPT=-ffile-prefix-map=" + request.folder +
                                                       "=.") != steps[0].command.end();
    };
    EXPECT_TRUE(has_map());
    request.folder = "/src/x y";
    EXPECT_FALSE(has_map());
}

class RunBuildTest : public ::testing::Test {
   protected:
    void SetUp() override {
        if (find_program("make").empty()) GTEST_SKIP() << "make is not installed";
        request_.folder = directory_.path();
        request_.scratch = request_.destination = directory_ / "tree";
        request_.pg_config = "/pg_config";
        request_.path = "/usr/local/bin:/usr/bin:/bin";
        request_.home = "/home/x";
    }

    TemporaryDirectory directory_;
    BuildRequest request_;
    SilentReporter reporter_;
};

TEST_F(RunBuildTest, InstallsIntoTheTree) {
    directory_.put("Makefile",
                   "all:\n\techo $(PG_CONFIG) $$HOME $$SOURCE_DATE_EPOCH > built\n"
                   "install:\n\tmkdir -p $(DESTDIR)\n\tcp built $(DESTDIR)\n");
    const auto built = build(request_, reporter_);
    ASSERT_TRUE(built) << built.error().message << built.error().detail;
    EXPECT_EQ(directory_.get("tree/built"), "/pg_config /home/x 315532800\n");
    EXPECT_EQ(reporter_.reports, 2);
}

TEST_F(RunBuildTest, FailuresShowTheEndOfWhatWasSaid) {
    directory_.put("Makefile", "all:\n\t@seq 100 >&2\n\t@echo broken >&2; false\n");
    const auto built = build(request_, reporter_);
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code, ErrorCode::helper_failed);
    EXPECT_NE(built.error().message.find("could not build"), std::string::npos);
    EXPECT_NE(built.error().detail.find("broken"), std::string::npos) << built.error().detail;
    EXPECT_NE(built.error().detail.find("\n99\n"), std::string::npos);
    EXPECT_EQ(built.error().detail.find("\n50\n"), std::string::npos);
}

TEST_F(RunBuildTest, AProgramThatIsMissing) {
    request_.path = directory_.path();
    const auto built = build(request_, reporter_);
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code, ErrorCode::io);
    EXPECT_NE(built.error().message.find("\"make\" was not found"), std::string::npos)
        << built.error().message;
}

}  // namespace
}  // namespace pgx
