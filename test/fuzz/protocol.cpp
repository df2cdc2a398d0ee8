// protocol.cpp - what backend and helper say to each other, in both directions.
#include "core/base/json_lines.h"
#include "core/base/receipt.h"
#include "core/registry/job.h"
#include "core/registry/sandbox.h"
#include "target.h"

namespace pgx::fuzz {

void helper_request(std::string_view input) {
    const auto parsed = parse_json(input, {.bytes = protocol_line_limit});
    if (!parsed) return;
    const auto job = read_job(*parsed);
    if (!job) {
        require(!job.error().message.empty(), "what is wrong is said");
        return;
    }
    for (const std::string &path : writable_directories(*job)) {
        require(path.starts_with('/'), "paths are absolute");
        require((path + "/").find("/../") == std::string::npos, "and do not lead up");
        require(path.find('\0') == std::string::npos, "and end at their end");
    }
    if (const auto *fetch = std::get_if<FetchJob>(&*job))
        for (const Artifact &artifact : fetch->request.artifacts)
            require(stays_inside(artifact.package) &&
                        artifact.package.find('/') == std::string::npos &&
                        stays_inside(artifact.sha256),
                    "names of files in staging and cache are names");
}

Seeds helper_request_seeds() {
    const Json platform{{"postgres_major", 18}, {"architecture", "amd64"}};
    const std::string digest(64, 'a');
    const Json artifact{{"package", "a"}, {"version", "1.0-1"}, {"registry", "system"},
                        {"kind", "apt"},  {"source", ""},       {"url", "http://example.org/a.deb"},
                        {"size", 1000},   {"sha256", digest},   {"signer", "ABC"}};
    Seeds seeds;
    for (const Json &request : {Json{{"op", "refresh"},
                                     {"platform", platform},
                                     {"cache", "/cache"},
                                     {"trust", "/trust"},
                                     {"extension_names", "auto"},
                                     {"registry",
                                      {{"name", "r"},
                                       {"kind", "pgx"},
                                       {"source", "https://example.org/"},
                                       {"root", "sha256:x"},
                                       {"headers", {{"Authorization", "x"}}},
                                       {"parts", {{"packages/x.json", "d"}}},
                                       {"state", ""}}}},
                                Json{{"op", "fetch"},
                                     {"platform", platform},
                                     {"cache", "/cache"},
                                     {"staging", "/staging"},
                                     {"server", "/bin/postgres"},
                                     {"artifacts", {artifact}}},
                                Json{{"op", "describe_bundle"},
                                     {"platform", platform},
                                     {"path", "/b.trunk"},
                                     {"signature", "x"},
                                     {"keys", {{{"name", "k"}, {"public_key", "RW"}}}}},
                                Json{{"op", "pack_sql"},
                                     {"platform", platform},
                                     {"path", "/p.trunk"},
                                     {"name", "x"},
                                     {"version", "1.0"},
                                     {"requires", {"plpgsql"}},
                                     {"superuser", false},
                                     {"scripts", {{"x--1.0.sql", "SELECT 1;"}}}},
                                Json{{"op", "read_key"}, {"public_key", "RW"}},
                                Json{{"op", "try_preload"},
                                     {"platform", platform},
                                     {"directory", "/d"},
                                     {"program", "/p"},
                                     {"control_file", "/c"},
                                     {"module", "/m"},
                                     {"settings", {{{"name", "a"}, {"value", "b"}}}}},
                                Json{{"op", "report_sandbox"}}})
        seeds.push_back(dump_json(request));
    return seeds;
}

// A backend reads a line; what it passes on to people and to the catalog is checked here. And the
// other end: whatever a helper is made to report, it says in lines that can be read.
void helper_answer(std::string_view input) {
    const auto message = parse_json(input);
    std::vector<std::string> lines;
    JsonLinesReporter reporter([&](std::string_view line) { lines.emplace_back(line); });
    reporter.progress("phase", input, input.size(), 0);
    reporter.notice(input, input, "");
    if (message && message->is_object()) {
        if (message->contains("error")) {
            const Error error = error_from_json((*message)["error"]);
            require(!error.message.empty(), "errors say something");
            require(error_from_json(error_to_json(error)).code == error.code,
                    "and go through the protocol");
            reporter.error(error);
        }
        if (message->contains("result")) (void)receipt_from_json((*message)["result"]).has_value();
        for (const char *member : {"event", "phase", "item", "message", "detail", "hint"})
            (void)json_string(*message, member, "").has_value();
        for (const char *member : {"done", "total"})
            (void)json_unsigned(*message, member, 0).has_value();
    }
    if (message && message->is_array()) reporter.releases(*message, "part");
    reporter.result(Json{{"text", std::string(input)}});
    for (const std::string &line : lines) {
        require(line.ends_with('\n') && line.find('\n') == line.size() - 1, "a line is one line");
        require(parse_json(line.substr(0, line.size() - 1)).has_value(), "that can be read");
    }
}

Seeds helper_answer_seeds() {
    return {
        R"({"event": "progress", "phase": "download", "item": "x", "done": 1024, "total": 39812})",
        R"({"event": "notice", "message": "m", "detail": "d", "hint": "h"})",
        R"({"error": {"code": "digest_mismatch", "message": "m", "detail": "d", "hint": "h"}})",
        R"({"error": {"code": "no such code"}})",
        R"({"result": {"receipts": []}})",
        R"([{"package": "a", "version": "1"}])"};
}

}  // namespace pgx::fuzz
