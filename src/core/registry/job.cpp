// job.cpp - reading, checking and carrying out requests.
#include "core/registry/job.h"

#include <map>
#include <set>
#include <utility>

#include "core/base/names.h"

namespace pgx {

namespace {

std::unexpected<Error> wrong(const char *member, std::string_view why) {
    return fail(ErrorCode::invalid_argument,
                "member \"" + std::string(member) + "\" " + std::string(why));
}

// An absolute path without "." and "..": it is what the sandbox will be opened for.
Result<std::string> absolute_path(const Json &json, const char *member) {
    const std::string path = TRY(json_string(json, member));
    if (!path.starts_with('/')) return wrong(member, "must be an absolute path");
    std::string_view rest = path;
    while (!rest.empty()) {
        rest.remove_prefix(1);  // the slash
        const std::string_view component = rest.substr(0, rest.find('/'));
        if (component == "." || component == "..")
            return wrong(member, "must not contain \".\" or \"..\"");
        rest.remove_prefix(component.size());
    }
    return path;
}

Result<std::string> name(const Json &json, const char *member, std::string_view kind) {
    const std::string value = TRY(json_string(json, member));
    TRY(check_name(kind, value));
    return value;
}

// Versions appear in file names of the cache and in messages.
Result<std::string> version(const Json &json) {
    const std::string value = TRY(json_string(json, "version"));
    if (value.empty() || value.size() > 255)
        return wrong("version", "must have between 1 and 255 characters");
    for (char c : value)
        if (c <= ' ' || c > '~' || c == '/' || c == '\\' || c == '"')
            return wrong("version", "contains a character that no version has");
    return value;
}

// An object of names and values as header lines. That nothing in them ends a line is checked where
// they are sent.
Result<std::vector<std::string>> read_headers(const Json &json) {
    std::vector<std::string> lines;
    if (json.is_null()) return lines;
    if (!json.is_object()) return wrong("headers", "must be an object");
    for (const auto &[header, value] : json.items()) {
        if (!value.is_string()) return wrong("headers", "must have strings as values");
        lines.push_back(header + ": " + value.get<std::string>());
    }
    return lines;
}

Result<std::map<std::string, std::string>> read_parts(const Json &json) {
    std::map<std::string, std::string> parts;
    if (json.is_null()) return parts;
    if (!json.is_object()) return wrong("parts", "must be an object");
    for (const auto &[part, digest] : json.items()) {
        if (!digest.is_string()) return wrong("parts", "must have strings as values");
        parts[part] = digest.get<std::string>();
    }
    return parts;
}

Result<RefreshJob> read_refresh(const Json &json) {
    RefreshJob job;
    job.request.platform = TRY(platform_from_json(json.value("platform", Json())));
    job.request.cache = TRY(absolute_path(json, "cache"));
    if (json.contains("host")) job.request.host = TRY(absolute_path(json, "host"));
    const std::string extension_names = TRY(json_string(json, "extension_names", "auto"));
    if (extension_names != "auto" && extension_names != "always")
        return wrong("extension_names", "must be \"auto\" or \"always\"");
    job.request.extension_names = extension_names == "always";
    const auto registry = json.find("registry");
    if (registry == json.end() || !registry->is_object())
        return wrong("registry", "must be an object");
    job.request.registry = TRY(name(*registry, "name", "registry"));
    job.kind = TRY(name(*registry, "kind", "registry kind"));
    job.request.source = TRY(json_string(*registry, "source", ""));
    job.request.state = TRY(json_string(*registry, "state", ""));
    job.request.root = TRY(json_string(*registry, "root", ""));
    job.request.headers = TRY(read_headers(registry->value("headers", Json())));
    job.request.parts = TRY(read_parts(registry->value("parts", Json())));
    if (json.contains("trust")) job.request.trust = TRY(absolute_path(json, "trust"));
    return job;
}

Result<Artifact> read_artifact(const Json &json) {
    Artifact artifact;
    artifact.package = TRY(name(json, "package", "package"));
    artifact.version = TRY(version(json));
    artifact.registry = TRY(name(json, "registry", "registry"));
    artifact.source = TRY(json_string(json, "source", ""));
    artifact.url = TRY(json_string(json, "url"));
    if (artifact.url.empty()) return wrong("url", "must not be empty");
    artifact.size = TRY(json_unsigned(json, "size"));
    if (artifact.size == 0) return wrong("size", "must not be 0");
    artifact.sha256 = TRY(json_string(json, "sha256"));
    if (artifact.sha256.size() != 64 ||
        artifact.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
        return wrong("sha256", "must be 64 lower-case hexadecimal digits");
    artifact.signer = TRY(json_string(json, "signer", ""));
    if (const auto libraries = json.find("libraries"); libraries != json.end())
        artifact.libraries = TRY(libraries_from_json(*libraries));
    return artifact;
}

Result<FetchJob> read_fetch(const Json &json) {
    FetchJob job;
    job.request.platform = TRY(platform_from_json(json.value("platform", Json())));
    job.request.cache = TRY(absolute_path(json, "cache"));
    job.request.staging = TRY(absolute_path(json, "staging"));
    if (json.contains("host")) job.request.host = TRY(absolute_path(json, "host"));
    if (json.contains("server")) job.request.server = TRY(absolute_path(json, "server"));
    const Json headers = json.value("headers", Json::object());
    if (!headers.is_object()) return wrong("headers", "must be an object");
    for (const auto &[registry, own] : headers.items())
        job.request.headers[registry] = TRY(read_headers(own));
    const Json others = json.value("others", Json::object());
    if (!others.is_object()) return wrong("others", "must be an object");
    for (const auto &[registry, source] : others.items()) {
        TRY(check_name("registry", registry));
        if (!source.is_string()) return wrong("others", "must have strings as values");
        job.request.others[registry] = source.get<std::string>();
    }
    const std::string destination = TRY(json_string(json, "destination", ""));
    const auto artifacts = json.find("artifacts");
    if (artifacts == json.end() || !artifacts->is_array() || artifacts->empty())
        return wrong("artifacts", "must be an array that is not empty");
    std::set<std::string> packages;
    for (const Json &element : *artifacts) {
        auto artifact = read_artifact(element);
        if (!artifact) return fail(std::move(artifact.error()).prefixed("in \"artifacts\""));
        auto kind = name(element, "kind", "registry kind");
        if (!kind) return fail(std::move(kind.error()).prefixed("in \"artifacts\""));
        // Each package has one directory in staging.
        if (!packages.insert(artifact->package).second)
            return wrong("artifacts", "names package \"" + artifact->package + "\" twice");
        artifact->destination = destination;
        job.request.artifacts.push_back(std::move(*artifact));
        job.kinds.push_back(std::move(*kind));
    }
    return job;
}

Result<DescribeBundleJob> read_describe_bundle(const Json &json) {
    DescribeBundleJob job;
    job.platform = TRY(platform_from_json(json.value("platform", Json())));
    job.path = TRY(absolute_path(json, "path"));
    if (json.contains("signature")) job.signature = TRY(json_string(json, "signature"));
    job.allow_unsigned = TRY(json_bool(json, "allow_unsigned", false));
    const Json keys = json.value("keys", Json::array());
    if (!keys.is_array()) return wrong("keys", "must be an array");
    for (const Json &key : keys)
        job.keys.push_back({TRY(name(key, "name", "key")), TRY(json_string(key, "public_key"))});
    return job;
}

Result<PackSqlJob> read_pack_sql(const Json &json) {
    PackSqlJob job;
    job.platform = TRY(platform_from_json(json.value("platform", Json())));
    job.path = TRY(absolute_path(json, "path"));
    job.name = TRY(name(json, "name", "extension"));
    job.version = TRY(version(json));
    job.comment = TRY(json_string(json, "comment", ""));
    job.requires_ = TRY(json_strings(json, "requires"));
    for (const std::string &required : job.requires_) TRY(check_name("extension", required));
    job.superuser = TRY(json_bool(json, "superuser", false));
    const Json scripts = json.value("scripts", Json());
    if (!scripts.is_object() || scripts.empty())
        return wrong("scripts", "must be an object with members");
    for (const auto &[file, text] : scripts.items()) {
        if (!is_clean_install_path("share/extension/" + file) || !file.starts_with(job.name + "--"))
            return wrong("scripts", "has a name that is no script of the extension");
        if (!text.is_string()) return wrong("scripts", "must have strings as values");
        job.scripts[file] = text.get<std::string>();
    }
    return job;
}

Result<PreloadTrialJob> read_preload_trial(const Json &json) {
    PreloadTrialJob job;
    job.directory = TRY(absolute_path(json, "directory"));
    job.program = TRY(absolute_path(json, "program"));
    job.control_file = TRY(absolute_path(json, "control_file"));
    job.module = TRY(absolute_path(json, "module"));
    job.postgres_major = TRY(platform_from_json(json.value("platform", Json()))).postgres_major;
    const Json settings = json.value("settings", Json());
    if (!settings.is_array()) return wrong("settings", "must be an array");
    for (const Json &pair : settings) {
        if (!pair.is_object()) return wrong("settings", "must have objects as elements");
        job.settings.emplace_back(TRY(json_string(pair, "name")), TRY(json_string(pair, "value")));
    }
    return job;
}

Json to_json(const RefreshResult &result) {
    Json json{{"unchanged", result.unchanged},
              {"state", result.state},
              {"repositories", result.repositories},
              {"packages", result.packages},
              {"extension_names", result.extension_names},
              {"requests", result.requests},
              {"bytes", result.bytes}};
    if (result.parts) json["parts"] = *result.parts;
    if (result.expires > 0) json["expires"] = result.expires;
    return json;
}

Result<Json> perform_refresh(const RefreshJob &job, const RegistryMaker &make, FileSystem &fs,
                             Reporter &reporter) {
    const std::unique_ptr<Registry> registry = TRY(make(job.kind, fs));
    return to_json(TRY(registry->refresh(job.request, reporter)));
}

Result<Json> perform_fetch(const FetchJob &job, const RegistryMaker &make, FileSystem &fs,
                           Reporter &reporter) {
    // All kinds are looked up before the first byte is fetched.
    struct Group {
        std::unique_ptr<Registry> registry;
        std::vector<std::size_t> positions;
    };
    std::map<std::string, Group> groups;
    for (std::size_t i = 0; i < job.kinds.size(); ++i) {
        Group &group = groups[job.kinds[i]];
        if (group.registry == nullptr) group.registry = TRY(make(job.kinds[i], fs));
        group.positions.push_back(i);
    }
    Json receipts = Json::array();
    for (std::size_t i = 0; i < job.kinds.size(); ++i) receipts.push_back(nullptr);
    for (auto &[kind, group] : groups) {
        FetchRequest request = job.request;
        request.artifacts.clear();
        for (std::size_t position : group.positions)
            request.artifacts.push_back(job.request.artifacts[position]);
        const std::vector<Receipt> fetched = TRY(group.registry->fetch(request, reporter));
        if (fetched.size() != group.positions.size())
            return fail(ErrorCode::internal, "registry kind \"" + kind + "\" answered " +
                                                 std::to_string(group.positions.size()) +
                                                 " artifacts with " +
                                                 std::to_string(fetched.size()) + " receipts");
        for (std::size_t i = 0; i < fetched.size(); ++i)
            receipts[group.positions[i]] = to_json(fetched[i]);
    }
    return Json{{"receipts", std::move(receipts)}};
}

}  // namespace

Result<Job> read_job(const Json &request) {
    if (!request.is_object())
        return fail(ErrorCode::invalid_argument, "the request must be an object");
    const std::string operation = TRY(json_string(request, "op"));
    if (operation == "refresh") return Job(TRY(read_refresh(request)));
    if (operation == "fetch") return Job(TRY(read_fetch(request)));
    if (operation == "describe_bundle") return Job(TRY(read_describe_bundle(request)));
    if (operation == "pack_sql") return Job(TRY(read_pack_sql(request)));
    if (operation == "read_key") return Job(ReadKeyJob{TRY(json_string(request, "public_key"))});
    if (operation == "try_preload") return Job(TRY(read_preload_trial(request)));
    if (operation == "report_sandbox") return Job(ReportSandboxJob{});
    return wrong("op",
                 "must be \"refresh\", \"fetch\", \"describe_bundle\", \"pack_sql\", \"read_key\", "
                 "\"try_preload\" or \"report_sandbox\"");
}

std::string host_records(const Job &job) {
    if (const auto *refresh = std::get_if<RefreshJob>(&job)) return refresh->request.host;
    if (const auto *fetch = std::get_if<FetchJob>(&job)) return fetch->request.host;
    return "";
}

std::vector<std::string> writable_directories(const Job &job) {
    if (const auto *refresh = std::get_if<RefreshJob>(&job)) return {refresh->request.cache};
    if (const auto *fetch = std::get_if<FetchJob>(&job))
        return {fetch->request.cache, fetch->request.staging};
    if (const auto *pack = std::get_if<PackSqlJob>(&job)) return {parent_path(pack->path)};
    if (const auto *describe = std::get_if<DescribeBundleJob>(&job))
        return {parent_path(describe->path)};
    // Servers write there too.
    if (const auto *trial = std::get_if<PreloadTrialJob>(&job))
        return {trial->directory, "/dev/null"};
    return {};
}

Result<Json> perform(const Job &job, const RegistryMaker &make, FileSystem &fs,
                     Reporter &reporter) {
    if (const auto *refresh = std::get_if<RefreshJob>(&job))
        return perform_refresh(*refresh, make, fs, reporter);
    if (const auto *describe = std::get_if<DescribeBundleJob>(&job))
        return describe_bundle(*describe, fs, reporter);
    if (const auto *pack = std::get_if<PackSqlJob>(&job)) return pack_sql(*pack, fs);
    if (const auto *key = std::get_if<ReadKeyJob>(&job)) return read_key(*key);
    if (const auto *trial = std::get_if<PreloadTrialJob>(&job))
        return try_preload(*trial, fs, reporter);
    if (const auto *sandbox = std::get_if<ReportSandboxJob>(&job))
        return Json{{"system_calls", sandbox->report.system_calls},
                    {"landlock_abi", sandbox->report.landlock_abi}};
    return perform_fetch(std::get<FetchJob>(job), make, fs, reporter);
}

}  // namespace pgx
