// settings.cpp - see settings.h.
//
// ALTER SYSTEM cannot be called from a function through SPI, so its implementation is called: it
// checks the caller's rights and allow_alter_system itself and writes postgresql.auto.conf by
// rename. That is not rolled back, and need not be: directories without files on the two paths do
// no harm.
#include "extension/door.h"

#include "extension/settings.h"

#include <dlfcn.h>

#include <algorithm>
#include <csignal>

#include "core/base/names.h"
#include "extension/query.h"

extern "C" {
#include "common/string.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "storage/fd.h"
#include "utils/guc.h"
}

namespace pgx {

namespace {

char *directory_setting = nullptr;
char *helper_path_setting = nullptr;
bool home_setting = false;

std::vector<std::string> split_path(const std::string &value) {
    std::vector<std::string> elements;
    std::size_t begin = 0;
    while (begin <= value.size()) {
        std::size_t end = value.find(':', begin);
        if (end == std::string::npos) end = value.size();
        elements.push_back(value.substr(begin, end - begin));
        begin = end + 1;
    }
    return elements;
}

std::string session_value(const char *name) {
    const char *value = pg::call([name] { return GetConfigOption(name, true, false); });
    return value == nullptr ? "" : value;
}

bool has_element(const std::string &value, const std::string &element) {
    const std::vector<std::string> elements = split_path(value);
    return std::ranges::find(elements, element) != elements.end();
}

// What the configuration files say, whatever a session, role or database has set over it.
std::string configured_value(const std::string &name, const char *boot_value) {
    std::vector<pg::Row> rows = pg::query(
        "SELECT setting FROM pg_catalog.pg_file_settings WHERE name OPERATOR(pg_catalog.=) $1 "
        "AND error IS NULL ORDER BY seqno DESC LIMIT 1",
        {name});
    if (rows.empty() || !rows[0][0] || rows[0][0]->empty()) return boot_value;
    return *rows[0][0];
}

void alter_system(const std::string &name, const std::string &value) {
    const char *name_text = name.c_str(), *value_text = value.c_str();
    pg::call([name_text, value_text] {
        VariableSetStmt *set = makeNode(VariableSetStmt);
        set->kind = VAR_SET_VALUE;
        set->name = pstrdup(name_text);
        A_Const *constant = makeNode(A_Const);
        constant->val.sval.type = T_String;
        constant->val.sval.sval = pstrdup(value_text);
        constant->location = -1;
        set->args = list_make1(constant);
        AlterSystemStmt *statement = makeNode(AlterSystemStmt);
        statement->setstmt = set;
        AlterSystemSetConfigFile(statement);
    });
}

// What the reload will do here too, now: the next command of this session may come before the
// signal does.
void set_as_reload_does(const std::string &name, const std::string &value) {
    const char *name_text = name.c_str(), *value_text = value.c_str();
    pg::call([name_text, value_text] {
        (void)set_config_option(name_text, value_text, PGC_SIGHUP, PGC_S_FILE, GUC_ACTION_SET, true,
                                0, false);
    });
}

// Where a database, a role or the session has a value of its own, which no configuration file
// changes.
void set_local(const std::string &name, const std::string &value) {
    const char *name_text = name.c_str(), *value_text = value.c_str();
    pg::call([name_text, value_text] {
        (void)set_config_option(name_text, value_text, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
                                true, 0, false);
    });
}

struct ManagedPath {
    const char *name;
    const char *boot_value;  // PostgreSQL's default; our element comes after it
    std::string element;
};

std::vector<ManagedPath> managed_paths(const DirectoryLayout &layout) {
    return {{"extension_control_path", "$system", layout.share()},
            {"dynamic_library_path", "$libdir", layout.library()}};
}

// ALTER DATABASE and ALTER ROLE ... SET win over the configuration, silently.
void warn_of_override(const ManagedPath &path) {
    std::vector<pg::Row> rows =
        pg::query("SELECT source FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) $1",
                  {path.name});
    const std::string source = rows.empty() ? "" : rows[0][0].value_or("");
    if (source != "database" && source != "user" && source != "database user") return;
    pg::warning(std::string(path.name) + " is overridden here by a setting of the " + source,
                "Other sessions with that setting will not find what pgx installs.",
                "Add \"" + path.element + "\" to that setting, or RESET it.");
}

std::vector<std::string> other_elements(const std::string &value, const std::string &own,
                                        const char *macro, const std::string &expansion) {
    std::vector<std::string> elements;
    for (std::string &element : split_path(value)) {
        if (element == own || element.empty()) continue;
        elements.push_back(element == macro ? expansion : element);
    }
    // The server's own directory counts even where somebody has taken it off the path.
    if (std::ranges::find(elements, expansion) == elements.end()) elements.push_back(expansion);
    return elements;
}

std::vector<std::string> extension_directories(const std::string &path) {
    char share[MAXPGPATH];
    get_share_path(my_exec_path, share);
    std::vector<std::string> directories =
        other_elements(path, directory_layout().share(), "$system", share);
    for (std::string &directory : directories) directory = join_path(directory, "extension");
    return directories;
}

}  // namespace

void define_settings() {
    DefineCustomStringVariable("pgx.directory", "Directory that pgx keeps extensions in.",
                               "Relative to the data directory. The server's user must own it, "
                               "nobody else may write to it.",
                               &directory_setting, "pgx", PGC_SIGHUP, GUC_SUPERUSER_ONLY, nullptr,
                               nullptr, nullptr);
    DefineCustomStringVariable("pgx.helper_path", "Path of the helper program.",
                               "Empty: the program that was installed with the extension.",
                               &helper_path_setting, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, nullptr,
                               nullptr, nullptr);
    DefineCustomBoolVariable("pgx.home", "Marks the home database of pgx.",
                             "Set for one database by CREATE EXTENSION pgx.", &home_setting, false,
                             PGC_SUSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, nullptr,
                             nullptr);
    MarkGUCPrefixReserved("pgx");
}

DirectoryLayout directory_layout() {
    std::string directory = directory_setting == nullptr ? "" : directory_setting;
    if (directory.empty()) directory = "pgx";
    while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
    if (!directory.starts_with('/')) directory = join_path(DataDir, directory);
    return DirectoryLayout{directory, PG_VERSION_NUM / 10000};
}

Result<std::string> helper_path() {
    if (helper_path_setting != nullptr && *helper_path_setting != '\0') {
        if (*helper_path_setting != '/')
            return fail(ErrorCode::invalid_argument, "pgx.helper_path is not an absolute path");
        return std::string(helper_path_setting);
    }
    // Relative to this library, so that an installation can be moved as a whole.
    const std::string module = module_path();
    if (module.empty())
        return fail(ErrorCode::internal, "could not find out where the pgx library is");
    return join_path(parent_path(module), PGX_HELPER_FROM_PKGLIBDIR);
}

std::string module_path() {
    Dl_info library;
    if (dladdr(reinterpret_cast<void *>(&define_settings), &library) == 0 ||
        library.dli_fname == nullptr)
        return {};
    return library.dli_fname;
}

std::string data_directory_of_pgx() {
    return join_path(parent_path(module_path()), PGX_DATA_FROM_PKGLIBDIR);
}

Result<std::vector<PathSetting>> ensure_set_up() {
    const DirectoryLayout layout = directory_layout();
    if (layout.root.find(':') != std::string::npos)
        return fail(ErrorCode::wrong_state, "pgx.directory must not contain a colon",
                    "Its path is \"" + layout.root +
                        "\", and a colon separates the elements of extension_control_path.");
    TRY(make_directories(real_file_system(), layout));

    std::vector<PathSetting> settings;
    bool reload = false;
    for (const ManagedPath &path : managed_paths(layout)) {
        PathSetting setting{path.name, session_value(path.name), false};
        if (!has_element(setting.value, path.element)) {
            setting.value = configured_value(path.name, path.boot_value);
            if (!has_element(setting.value, path.element)) {
                setting.value += ":" + path.element;
                alter_system(path.name, setting.value);
                setting.changed = reload = true;
            }
            set_as_reload_does(path.name, setting.value);
            const std::string effective = session_value(path.name);
            if (!has_element(effective, path.element)) {
                set_local(path.name,
                          effective.empty() ? path.element : effective + ":" + path.element);
                warn_of_override(path);
            }
        }
        settings.push_back(std::move(setting));
    }
    if (reload) {
        // Not an error if it fails: this session has the values, the others get them with the next
        // reload.
        (void)kill(PostmasterPid, SIGHUP);
        pg::notice("pgx keeps extensions in \"" + layout.root + "\"",
                   "That directory was added to extension_control_path and dynamic_library_path "
                   "with ALTER "
                   "SYSTEM, and the configuration was reloaded. No restart is needed.");
    }
    return settings;
}

std::vector<DirectoryLayout> earlier_directories() {
    std::vector<DirectoryLayout> earlier;
    const std::vector<std::string> libraries = split_path(session_value("dynamic_library_path"));
    for (const std::string &element : split_path(session_value("extension_control_path"))) {
        // <root>/<major>/share
        if (!element.starts_with('/') || !element.ends_with("/share")) continue;
        const std::string version = parent_path(element);
        const std::string major = version.substr(version.rfind('/') + 1);
        if (major.empty() || major.size() > 3 ||
            major.find_first_not_of("0123456789") != std::string::npos)
            continue;
        DirectoryLayout layout{parent_path(version), static_cast<unsigned>(std::stoul(major))};
        if (element == directory_layout().share() || layout.share() != element ||
            std::ranges::find(libraries, layout.library()) == libraries.end())
            continue;
        earlier.push_back(std::move(layout));
    }
    return earlier;
}

std::string path_without(const std::string &name, const std::vector<DirectoryLayout> &earlier) {
    std::string value;
    for (const ManagedPath &path : managed_paths(directory_layout())) {
        if (path.name != name) continue;
        for (const std::string &element : split_path(configured_value(name, path.boot_value))) {
            const bool leaves = std::ranges::any_of(earlier, [&](const DirectoryLayout &layout) {
                return element == layout.share() || element == layout.library();
            });
            if (!leaves) value += (value.empty() ? "" : ":") + element;
        }
    }
    return value;
}

std::vector<std::string> other_extension_directories() {
    return extension_directories(session_value("extension_control_path"));
}

std::vector<std::string> configured_extension_directories() {
    return extension_directories(configured_value("extension_control_path", "$system"));
}

std::vector<std::string> other_library_directories() {
    return other_elements(session_value("dynamic_library_path"), directory_layout().library(),
                          "$libdir", pkglib_path);
}

}  // namespace pgx
