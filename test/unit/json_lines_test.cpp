// json_lines_test.cpp - the writing half of the protocol, with a clock that the test moves.
#include "core/base/json_lines.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pgx {
namespace {

using namespace std::chrono_literals;

class JsonLines : public testing::Test {
   protected:
    std::chrono::steady_clock::time_point now;
    std::vector<Json> lines;
    JsonLinesReporter reporter{[this](std::string_view line) {
                                   ASSERT_TRUE(line.ends_with('\n'));
                                   ASSERT_EQ(line.find('\n'), line.size() - 1);
                                   ASSERT_LE(line.size(), protocol_line_limit);
                                   lines.push_back(Json::parse(line));
                               },
                               [this] { return now; }};

    std::vector<std::uint64_t> done() const {
        std::vector<std::uint64_t> result;
        for (const Json &line : lines)
            if (line.value("event", "") == "progress") result.push_back(line["done"]);
        return result;
    }
};

TEST_F(JsonLines, ProgressLooksAsDocumented) {
    reporter.progress("download", "postgresql-18-semver", 1024, 39812);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(
        lines[0],
        Json::parse(
            R"({"event":"progress","phase":"download","item":"postgresql-18-semver","done":1024,"total":39812})"));
}

TEST_F(JsonLines, ProgressIsLimitedButFirstAndLastAreSent) {
    for (std::uint64_t i = 0; i <= 1000; ++i, now += 1ms)
        reporter.progress("download", "x", i, 1000);
    EXPECT_EQ(done(),
              (std::vector<std::uint64_t>{0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000}));
}

TEST_F(JsonLines, WithoutTimePassingOnlyFirstAndLast) {
    for (std::uint64_t i = 0; i <= 1000; ++i) reporter.progress("download", "x", i, 1000);
    EXPECT_EQ(done(), (std::vector<std::uint64_t>{0, 1000}));
}

TEST_F(JsonLines, ItemsDoNotHoldEachOtherBack) {
    reporter.progress("download", "x", 1, 10);
    reporter.progress("download", "y", 2, 10);
    EXPECT_EQ(done(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(JsonLines, LastOfAPhaseWithoutTotalIsSentWhenTheNextBegins) {
    for (std::uint64_t i = 0; i < 50; ++i) reporter.progress("download", "x", i, 0);
    EXPECT_EQ(done(), std::vector<std::uint64_t>{0});
    reporter.progress("unpack", "x", 7, 0);
    EXPECT_EQ(done(), (std::vector<std::uint64_t>{0, 49, 7}));
    EXPECT_EQ(lines[1]["phase"], "download");
    EXPECT_EQ(lines[2]["phase"], "unpack");
}

TEST_F(JsonLines, HeldBackProgressGoesOutBeforeTheEnd) {
    reporter.progress("download", "x", 1, 0);
    reporter.progress("download", "x", 2, 0);
    EXPECT_TRUE(reporter.result(Json::object()));
    EXPECT_EQ(done(), (std::vector<std::uint64_t>{1, 2}));
    EXPECT_EQ(lines.back(), Json::parse(R"({"result":{}})"));
    reporter.progress("download", "x", 3, 0);
    reporter.error(Error{ErrorCode::io, "broken"});
    EXPECT_EQ(done(), (std::vector<std::uint64_t>{1, 2, 3}));
    EXPECT_EQ(lines.back(), Json::parse(R"({"error":{"code":"io","message":"broken"}})"));
}

TEST_F(JsonLines, TheSameStateIsSentOnce) {
    reporter.progress("download", "x", 10, 10);
    reporter.progress("download", "x", 10, 10);
    EXPECT_TRUE(reporter.result(Json::object()));
    EXPECT_EQ(done(), std::vector<std::uint64_t>{10});
}

TEST_F(JsonLines, Notices) {
    reporter.notice("a", "b", "c");
    reporter.notice("only this", "", "");
    EXPECT_EQ(lines[0], Json::parse(R"({"event":"notice","message":"a","detail":"b","hint":"c"})"));
    EXPECT_EQ(lines[1], Json::parse(R"({"event":"notice","message":"only this"})"));
}

TEST_F(JsonLines, ReleasesGoInBatches) {
    Json rows = Json::array();
    for (int i = 0; i < 1201; ++i) rows.push_back(Json{{"package", "p" + std::to_string(i)}});
    reporter.releases(rows, "");
    ASSERT_EQ(lines.size(), 3U);
    Json all = Json::array();
    for (const Json &line : lines) {
        EXPECT_EQ(line["event"], "releases");
        EXPECT_LE(line["rows"].size(), 500U);
        for (const Json &row : line["rows"]) all.push_back(row);
    }
    EXPECT_EQ(all, rows);
    lines.clear();
    reporter.releases(Json::array(), "");
    EXPECT_TRUE(lines.empty());
}

TEST_F(JsonLines, LargeRowsAreSplitAndTooLargeOnesLeftOut) {
    Json rows = Json::array();
    for (int i = 0; i < 4; ++i)
        rows.push_back(Json{{"package", "p" + std::to_string(i)},
                            {"description", std::string(6 * 1024 * 1024, 'x')}});
    rows.push_back(
        Json{{"package", "huge"}, {"description", std::string(protocol_line_limit, 'x')}});
    reporter.releases(rows, "");
    std::vector<std::string> packages, notices;
    for (const Json &line : lines) {
        if (line["event"] == "notice")
            notices.push_back(line["message"]);
        else
            for (const Json &row : line["rows"]) packages.push_back(row["package"]);
    }
    EXPECT_EQ(packages, (std::vector<std::string>{"p0", "p1", "p2", "p3"}));
    EXPECT_EQ(notices, std::vector<std::string>{"package \"huge\" was left out"});
}

TEST_F(JsonLines, AResultThatIsTooLongIsAnError) {
    EXPECT_FALSE(reporter.result(Json{{"x", std::string(protocol_line_limit, 'x')}}));
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0]["error"]["code"], "limit_exceeded");
}

}  // namespace
}  // namespace pgx
