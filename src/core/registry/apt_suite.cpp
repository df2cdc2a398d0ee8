#include "core/registry/apt_suite.h"

#include <algorithm>
#include <optional>

#include "core/registry/apt_index.h"

namespace pgx {

namespace {

constexpr std::uint64_t release_limit = 32 * 1024 * 1024;
constexpr std::uint64_t policy_limit = 1024 * 1024;

// A Release file as it was received, with what is remembered about it.
struct Copy {
    bool detached = false;         // Release and Release.gpg instead of InRelease
    std::string body, signature;   // signature: of a detached one
    std::string etag, last_modified;
    std::string verified;          // digest of the last verification's input, empty: never
    std::vector<std::string> signers;
};

// One repository on its way through the steps.
struct Work {
    AptSource source;
    std::string name;    // of the repository, in messages
    std::string record;  // file name in the cache
    std::optional<Copy> cached, received;
    std::optional<Error> error;
};

bool is_network_like(ErrorCode code) {
    return code == ErrorCode::registry_unreachable || code == ErrorCode::registry_refused;
}

std::optional<Copy> load_copy(const std::string &record, AptCache &cache) {
    std::optional<Json> json = cache.load_json(record);
    if (!json) return std::nullopt;
    Copy copy;
    auto detached = json_bool(*json, "detached", false);
    auto body_sha256 = json_string(*json, "body_sha256");
    auto signature = json_string(*json, "signature");
    auto etag = json_string(*json, "etag");
    auto last_modified = json_string(*json, "last_modified");
    auto verified = json_string(*json, "verified");
    auto signers = json_strings(*json, "signers");
    std::optional<std::string> body = cache.load(record + ".text");
    if (!detached || !body_sha256 || !signature || !etag || !last_modified || !verified || !signers || !body)
        return std::nullopt;
    // Two files are not replaced in one step, so the pair is checked as well.
    auto digest = sha256_of(*body);
    if (!digest || *digest != *body_sha256) return std::nullopt;
    return Copy{*detached, std::move(*body), std::move(*signature), std::move(*etag),
                std::move(*last_modified), std::move(*verified), std::move(*signers)};
}

Result<void> store_copy(const std::string &record, const Copy &copy, AptCache &cache) {
    TRY(cache.store(record + ".text", copy.body));
    std::string body_sha256 = TRY(sha256_of(copy.body));
    return cache.store(record, dump_json({{"detached", copy.detached},
                                          {"body_sha256", body_sha256},
                                          {"signature", copy.signature},
                                          {"etag", copy.etag},
                                          {"last_modified", copy.last_modified},
                                          {"verified", copy.verified},
                                          {"signers", copy.signers}}));
}

Download request_for(const Work &work, const std::string &file, const Copy *condition) {
    Download request;
    request.item = work.name;
    request.url = url_below(work.source.release_directory(), file);
    request.limit = release_limit;
    request.may_be_missing = true;
    if (condition) {
        request.if_none_match = condition->etag;
        request.if_modified_since = condition->last_modified;
    }
    return request;
}

std::string inrelease_path(const AptSource &source) {
    return source.inrelease_path.empty() ? "InRelease" : source.inrelease_path;
}

Error name_repository(Error error, const Work &work) {
    return std::move(error).prefixed("could not refresh repository \"" + work.name + "\"");
}

Result<Downloaded> download_one(const Download &request, const SuiteContext &c) {
    std::vector<Downloaded> got =
        TRY(download_from(c.host, c.config, {request}, c.fs, c.reporter, c.traffic));
    return std::move(got.front());
}

// Where there is no InRelease: Release and its signature beside it. `release` is the answer for Release, if it was asked for.
Result<Copy> get_detached(const Work &work, std::optional<Downloaded> release, const SuiteContext &c) {
    if (!release) release = TRY(download_one(request_for(work, "Release", nullptr), c));
    if (release->outcome == Downloaded::Outcome::missing)
        return fail(ErrorCode::registry_refused, "repository \"" + work.name + "\" has no Release file",
                    "There is neither \"" + work.source.release_directory() + inrelease_path(work.source) +
                        "\" nor \"Release\" beside it.",
                    "Check URI and suite of the source at " + work.source.origin + ".");
    Downloaded signature = TRY(download_one(request_for(work, "Release.gpg", nullptr), c));
    Copy copy;
    copy.detached = true;
    copy.body = std::move(release->body);
    copy.etag = std::move(release->etag);
    copy.last_modified = std::move(release->last_modified);
    copy.signature = std::move(signature.body);  // empty when missing
    return copy;
}

// Turns the answer to the first request into a copy.
Result<Copy> take_answer(const Work &work, Downloaded answer, const SuiteContext &c) {
    using Outcome = Downloaded::Outcome;
    bool asked_detached = work.cached && work.cached->detached;
    if (answer.outcome == Outcome::not_modified && work.cached) return *work.cached;
    if (asked_detached) {
        if (answer.outcome == Outcome::received) return get_detached(work, std::move(answer), c);
        answer = TRY(download_one(request_for(work, inrelease_path(work.source), nullptr), c));
    }
    if (answer.outcome == Outcome::missing) {
        // A source that names the file's path wants that file and no other; apt has no fallback then either.
        if (!work.source.inrelease_path.empty())
            return fail(ErrorCode::registry_refused,
                        "repository \"" + work.name + "\" has no file \"" + work.source.inrelease_path + "\"", "",
                        "Check InRelease-Path of the source at " + work.source.origin + ".");
        return get_detached(work, std::nullopt, c);
    }
    Copy copy;
    copy.body = std::move(answer.body);
    copy.etag = std::move(answer.etag);
    copy.last_modified = std::move(answer.last_modified);
    // file: has no conditional requests; the same bytes are the same file.
    if (work.cached && !work.cached->detached && work.cached->body == copy.body) {
        copy.verified = work.cached->verified;
        copy.signers = work.cached->signers;
    }
    return copy;
}

// Asks for all of `works` at once and sets received or error in each.
Result<void> ask_together(const std::vector<Work *> &works, const SuiteContext &c) {
    std::vector<Download> requests;
    for (const Work *work : works) {
        const Copy *cached = work->cached ? &*work->cached : nullptr;
        bool detached = cached && cached->detached;
        requests.push_back(request_for(*work, detached ? "Release" : inrelease_path(work->source), cached));
    }
    std::vector<Downloaded> answers =
        TRY(download_from(c.host, c.config, requests, c.fs, c.reporter, c.traffic));
    for (std::size_t i = 0; i < works.size(); ++i) {
        auto copy = take_answer(*works[i], std::move(answers[i]), c);
        if (copy)
            works[i]->received = std::move(*copy);
        else
            works[i]->error = std::move(copy).error();
    }
    return {};
}

// The same for a host with several repositories of which one cannot be had: the first failure ends a download of many, so
// those of one server are asked together, and one by one when that fails for another reason than the server's being away.
Result<void> ask_separately(std::vector<Work> &works, const SuiteContext &c) {
    std::vector<std::string> hosts;
    for (const Work &work : works) {
        std::string host = url_host(work.source.uri);
        if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
    }
    for (const std::string &host : hosts) {
        std::vector<Work *> group;
        for (Work &work : works)
            if (url_host(work.source.uri) == host) group.push_back(&work);
        auto together = ask_together(group, c);
        if (together) continue;
        if (together.error().code == ErrorCode::cancelled) return together;
        for (Work *work : group) {
            if (!host.empty() && (group.size() == 1 || together.error().code == ErrorCode::registry_unreachable)) {
                work->error = together.error();
                continue;
            }
            if (auto alone = ask_together({work}, c); !alone) work->error = std::move(alone).error();
        }
    }
    return {};
}

// What a signature is: the signed text and the blocks; for a copy of either form.
Result<ClearSigned> signed_parts(const Copy &copy) {
    if (!copy.detached) return split_clear_signed(copy.body);
    if (copy.signature.empty())
        return fail(ErrorCode::signature_missing, "the repository has a Release file, but no signature for it");
    TRY(check_detached_signature(copy.signature));
    return ClearSigned{copy.body, copy.signature};
}

Error name_signature_problem(Error error, const Work &work, const Keyring &keyring) {
    const char *problem = error.code == ErrorCode::signature_missing ? "\" is not signed" : "\" has a malformed signature";
    Error named{error.code, "repository \"" + work.name + problem, "In its Release file, " + error.message + ".",
                "pgx uses signed repositories only, whatever apt is told to allow. Sign it, with a key in " +
                    keyring.name + ", or remove the source at " + work.source.origin + "."};
    return named;
}

// Verifies a copy, from the record where nothing that counts has changed. `copy` gets the record.
Result<AptSuite> verify(const Work &work, Copy &copy, const SignatureVerifier &verifier,
                        const std::string &policy, const SuiteContext &c) {
    auto loaded = load_keyring(work.source.signed_by, c.config, c.fs);
    if (!loaded) return fail(name_repository(std::move(loaded).error(), work));
    const Keyring &keyring = *loaded;
    auto parts = signed_parts(copy);
    if (!parts) return fail(name_signature_problem(std::move(parts).error(), work, keyring));

    std::string input = verifier.identity();
    for (const std::string &fingerprint : keyring.fingerprints) input += "\n" + fingerprint;
    for (std::string_view bytes : {std::string_view(policy), std::string_view(keyring.keys),
                                   std::string_view(copy.body), std::string_view(copy.signature)})
        input += "\n" + TRY(sha256_of(bytes));
    std::string digest = TRY(sha256_of(input));
    if (copy.verified != digest || copy.signers.empty()) {
        copy.signers = TRY(verify_signature(*parts, keyring, verifier, work.name, c.cache.directory(), c.fs));
        copy.verified = digest;
    }

    AptSuite suite;
    suite.source = work.source;
    auto release = parse_apt_release(parts->text);
    if (!release) return fail(name_repository(std::move(release).error(), work));
    suite.release = std::move(*release);
    suite.text_sha256 = TRY(sha256_of(parts->text));
    suite.signer = copy.signers.front();
    TRY(check_release_dates(suite.release, work.source, c.config, c.host.now()));
    return suite;
}

void notice_left_out(const Work &work, const Error &error, Reporter &reporter) {
    reporter.notice("skipping repository \"" + work.name + "\"",
                    "The error is: " + error.message + (error.detail.empty() ? "." : ". " + error.detail),
                    error.hint.empty() ? error_info(error.code).remedy : error.hint);
}

}  // namespace

Result<std::vector<AptSuite>> load_suites(const std::vector<AptSource> &sources, bool tolerant,
                                          const SuiteContext &c) {
    SignatureVerifier verifier = TRY(choose_verifier(c.config, c.fs));
    std::string policy;
    if (!verifier.policy_file.empty()) policy = TRY(read_host_file(c.fs, verifier.policy_file, policy_limit));

    std::vector<Work> works;
    for (const AptSource &source : sources) {
        Work work;
        work.source = source;
        work.name = source.name();
        work.record = "release-" + TRY(sha256_of(source.uri + "\n" + source.suite)).substr(0, 32);
        work.cached = load_copy(work.record, c.cache);
        works.push_back(std::move(work));
    }
    std::vector<Work *> all;
    for (Work &work : works) all.push_back(&work);
    if (auto asked = ask_together(all, c); !asked) {
        if (!tolerant || works.size() == 1 || !is_network_like(asked.error().code)) return fail(std::move(asked).error());
        TRY(ask_separately(works, c));
    }

    std::vector<AptSuite> suites;
    std::optional<Error> first_passed_over;
    bool reached = false;
    for (Work &work : works) {
        if (work.error) {
            if (!tolerant || !is_network_like(work.error->code)) return fail(std::move(*work.error));
            if (!first_passed_over) first_passed_over = work.error;
            if (work.cached && !work.cached->verified.empty()) {
                if (auto old = verify(work, *work.cached, verifier, policy, c)) {
                    c.reporter.notice("could not reach repository \"" + work.name + "\", using its copy of " +
                                          format_release_date(old->release.date),
                                      "The error is: " + work.error->message + ".", "");
                    suites.push_back(std::move(*old));
                    continue;
                }
            }
            notice_left_out(work, *work.error, c.reporter);
            continue;
        }
        auto suite = verify(work, *work.received, verifier, policy, c);
        bool was_signed = work.cached && !work.cached->verified.empty();
        if (!suite) {
            // Losing a signature is how a downgrade begins; never having had one is only a source that pgx has no use for.
            if (!tolerant || was_signed || suite.error().code != ErrorCode::signature_missing)
                return fail(std::move(suite).error());
            if (!first_passed_over) first_passed_over = suite.error();
            notice_left_out(work, suite.error(), c.reporter);
            continue;
        }
        reached = true;
        if (was_signed && work.cached->body != work.received->body) {
            // An older Release file that is still valid: a mirror that lags behind, or a replay. apt stays with the newer one.
            auto before = verify(work, *work.cached, verifier, policy, c);
            if (before && before->release.date > suite->release.date) {
                c.reporter.notice("repository \"" + work.name + "\" serves an older state than before, which is ignored",
                                  "It served one of " + format_release_date(before->release.date) + ", and now one of " +
                                      format_release_date(suite->release.date) + ".",
                                  "");
                suites.push_back(std::move(*before));
                continue;
            }
        }
        bool same = work.cached && work.cached->body == work.received->body &&
                    work.cached->signature == work.received->signature &&
                    work.cached->verified == work.received->verified &&
                    work.cached->etag == work.received->etag &&
                    work.cached->last_modified == work.received->last_modified;
        if (!same) TRY(store_copy(work.record, *work.received, c.cache));
        suites.push_back(std::move(*suite));
    }
    if (!reached && first_passed_over) return fail(std::move(*first_passed_over));
    return suites;
}

}  // namespace pgx
