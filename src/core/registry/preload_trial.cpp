#include "core/registry/preload_trial.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/base/preload_facts.h"
#include "core/registry/subprocess.h"

namespace pgx {

namespace {

constexpr unsigned timeout_s = 60;
constexpr std::uint64_t largest_control_file = 64 * 1024;
constexpr std::size_t longest_text = 2000;

// What a start looks for up to the point where the trial ends, and what hooks of well-known
// libraries write to.
constexpr std::array data_directories{"base",    "global",       "pg_dynshmem", "pg_notify",
                                      "pg_stat", "pg_stat_tmp",  "pg_tblspc",   "pg_wal",
                                      "pg_xact", "pg_multixact", "pg_logical",  "pg_replslot"};

// What would make the trial depend on more than libraries: places, ports, keys, and memory, which
// has to be small, as the real server has the machine's already.
constexpr std::pair<const char *, const char *> overrides[] = {
    {"archive_library", ""},
    {"archive_mode", "off"},
    {"autovacuum_worker_slots", "3"},
    {"bonjour", "off"},
    {"cluster_name", "pgx trial"},
    {"dynamic_shared_memory_type", "mmap"},
    {"event_source", "PostgreSQL"},
    {"external_pid_file", ""},
    {"huge_pages", "off"},
    {"io_method", "sync"},
    {"jit", "off"},
    {"listen_addresses", ""},
    {"log_destination", "stderr"},
    {"log_line_prefix", ""},
    {"log_min_messages", "warning"},
    {"logging_collector", "off"},
    {"max_connections", "20"},
    {"max_prepared_transactions", "0"},
    {"max_wal_senders", "0"},
    {"min_dynamic_shared_memory", "0"},
    {"oauth_validator_libraries", ""},
    {"recovery_target_action", "pause"},
    {"reserved_connections", "0"},
    {"restart_after_crash", "off"},
    {"shared_buffers", "1MB"},
    {"shared_memory_type", "mmap"},
    {"ssl", "off"},
    {"summarize_wal", "off"},
    {"superuser_reserved_connections", "0"},
    {"unix_socket_directories", ""},
    {"wal_buffers", "64kB"},
};

// They name files of the real server, or are made anew.
constexpr std::array left_out{"config_file", "data_directory", "hba_file", "ident_file",
                              shared_preload};

std::string value_of(const PreloadTrialJob &job, std::string_view name) {
    for (auto setting = job.settings.rbegin(); setting != job.settings.rend(); ++setting)
        if (setting->first == name) return setting->second;
    return {};
}

Result<void> write_file(FileSystem &fs, const std::string &path, std::string_view content) {
    auto file = TRY(fs.create(path, 0600));
    TRY(file->append(content));
    return file->close();
}

// pg_control is written in place while we read: what is read twice alike is whole.
Result<std::string> read_control_file(FileSystem &fs, const std::string &path) {
    std::string content = TRY(fs.read(path, largest_control_file));
    for (int i = 0; i < 10; ++i) {
        std::string again = TRY(fs.read(path, largest_control_file));
        if (again == content) break;
        content = std::move(again);
    }
    return content;
}

std::string configuration(const PreloadTrialJob &job) {
    std::string text;
    for (const auto &[name, value] : job.settings)
        if (std::ranges::find(left_out, name) == left_out.end())
            text += configuration_line(name, value);
    for (const auto &[name, value] : overrides) text += configuration_line(name, value);
    const std::string libraries = value_of(job, shared_preload);
    text += configuration_line(
        shared_preload, libraries + (libraries.empty() ? "" : ", ") + "\"" + job.module + "\"");
    return text;
}

Result<std::string> make_data_directory(const PreloadTrialJob &job, FileSystem &fs) {
    std::string data = join_path(job.directory, "data");
    TRY(fs.make_directory(data, 0700));
    for (const char *name : data_directories) TRY(fs.make_directory(join_path(data, name), 0700));
    TRY(write_file(fs, join_path(data, "PG_VERSION"), std::to_string(job.postgres_major) + "\n"));
    TRY(write_file(fs, join_path(data, "global/pg_control"),
                   TRY(read_control_file(fs, job.control_file))));
    TRY(write_file(fs, join_path(data, "postgresql.conf"), configuration(job)));
    TRY(write_file(fs, join_path(data, "pg_hba.conf"), ""));
    TRY(write_file(fs, join_path(data, "pg_ident.conf"), ""));
    TRY(write_file(fs, join_path(data, preload_trial_mark), ""));
    return data;
}

// Libraries may look for programs and files by the environment, as they will in the real server.
std::vector<std::string> own_environment() {
    std::vector<std::string> variables;
    for (char **variable = environ; *variable != nullptr; ++variable)
        variables.emplace_back(*variable);
    return variables;
}

// The text behind "LEVEL:  ", which the server's language does not change.
std::string text_after_level(std::string_view line) {
    const std::size_t colon = line.find(":  ");
    return std::string(colon == std::string_view::npos ? line : line.substr(colon + 3));
}

}  // namespace

std::string configuration_line(std::string_view name, std::string_view value) {
    std::string line = std::string(name) + " = '";
    for (char c : value) {
        if (c == '\'' || c == '\\') line += c;
        if (c == '\n')
            line += "\\n";
        else
            line += c;
    }
    return line + "'\n";
}

Json message_in_log(std::string_view log) {
    Json found = Json::object();
    std::string last;
    // What the next lines that begin with a tab belong to.
    std::string member;
    while (!log.empty()) {
        const std::size_t end = std::min(log.find('\n'), log.size());
        std::string_view line = log.substr(0, end);
        log.remove_prefix(std::min(end + 1, log.size()));
        if (line.starts_with('\t') && !member.empty()) {
            found[member] = found[member].get<std::string>() + " " + std::string(line.substr(1));
            continue;
        }
        member.clear();
        if (line.empty()) continue;
        last = line;
        const bool failure =
            line.starts_with("FATAL:") || line.starts_with("ERROR:") || line.starts_with("PANIC:");
        if (failure && !found.contains("message")) member = "message";
        if (failure && found.contains("message")) break;
        if (found.contains("message") && line.starts_with("DETAIL:")) member = "detail";
        if (found.contains("message") && line.starts_with("HINT:")) member = "hint";
        if (!member.empty()) found[member] = text_after_level(line);
    }
    if (!found.contains("message")) found["message"] = last;
    for (auto &[name, text] : found.items()) text = text.get<std::string>().substr(0, longest_text);
    return found;
}

Result<Json> try_preload(const PreloadTrialJob &job, FileSystem &fs, Reporter &reporter) {
    reporter.progress("try", value_of(job, shared_preload), 0, 0);
    const std::string data = TRY(make_data_directory(job, fs));
    // The server speaks C here, so that its levels can be told apart.
    std::vector<std::string> environment{"LC_ALL=C"};
    for (std::string &variable : own_environment()) environment.push_back(std::move(variable));
    const Result<CommandResult> run =
        run_command(job.program,
                    {"-D", data, "-c", "lc_messages=C", "-c",
                     "config_file=" + join_path(data, "postgresql.conf")},
                    environment, timeout_s);
    // run_command's way of saying that there was no answer in time.
    if (!run && run.error().code == ErrorCode::registry_unreachable)
        return Json{{"loads", false},
                    {"message", "the server did not come up within " + std::to_string(timeout_s) +
                                    " seconds"}};
    const CommandResult result = TRY(run);
    if (result.output.ends_with(preload_trial_answer)) return Json{{"loads", true}};
    Json answer = message_in_log(result.errors);
    answer["loads"] = false;
    if (result.exit_status > 128)
        answer["message"] = "the server was ended by signal " +
                            std::to_string(result.exit_status - 128) + ": " +
                            answer["message"].get<std::string>();
    return answer;
}

}  // namespace pgx
