// preload_list.cpp - see preload_list.h; ALTER SYSTEM as in settings.cpp.
#include "extension/door.h"

#include "extension/preload_list.h"

#include <csignal>

#include "extension/query.h"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"
#include "utils/varlena.h"
}

namespace pgx {

namespace {

constexpr const char *auto_file = "/postgresql.auto.conf";

Node *string_constant(const char *text) {
    A_Const *constant = makeNode(A_Const);
    constant->val.sval.type = T_String;
    constant->val.sval.sval = pstrdup(text);
    constant->location = -1;
    return reinterpret_cast<Node *>(constant);
}

// The argument of an empty list. An empty string would be quoted as an element, and a server that
// is to preload a library called "" does not start; a number is written as it is.
Node *nothing() {
    A_Const *constant = makeNode(A_Const);
    constant->val.fval.type = T_Float;
    constant->val.fval.fval = pstrdup("");
    constant->location = -1;
    return reinterpret_cast<Node *>(constant);
}

Error unreadable(const std::string &setting, const std::string &value) {
    return Error{ErrorCode::wrong_state, "could not read the present value of " + setting,
                 "It is \"" + value + "\", which the server cannot read as a list either.",
                 "Correct it where it is set; see pg_file_settings."};
}

void alter_system(const std::string &name, const std::vector<std::string> *elements) {
    const char *name_text = name.c_str();
    std::vector<const char *> texts;
    if (elements != nullptr)
        for (const std::string &element : *elements) texts.push_back(element.c_str());
    const char *const *first = texts.data();
    const std::size_t count = texts.size();
    const bool reset = elements == nullptr;
    pg::call([name_text, first, count, reset] {
        VariableSetStmt *set = makeNode(VariableSetStmt);
        set->kind = reset ? VAR_RESET : VAR_SET_VALUE;
        set->name = pstrdup(name_text);
        for (std::size_t i = 0; i < count; i++)
            set->args = lappend(set->args, string_constant(first[i]));
        if (!reset && count == 0) set->args = list_make1(nothing());
        AlterSystemStmt *statement = makeNode(AlterSystemStmt);
        statement->setstmt = set;
        AlterSystemSetConfigFile(statement);
    });
}

}  // namespace

std::optional<std::vector<std::string>> parse_library_list(const std::string &value) {
    const char *text = value.c_str();
    bool well = false;
    List *list = pg::call([text, &well] {
        List *names = NIL;
        well = SplitDirectoriesString(pstrdup(text), ',', &names);
        return names;
    });
    if (!well) return std::nullopt;
    std::vector<std::string> elements;
    for (int i = 0; i < list_length(list); i++)
        elements.emplace_back(static_cast<const char *>(list_nth(list, i)));
    return elements;
}

std::vector<std::string> split_library_list(const std::string &value) {
    return parse_library_list(value).value_or(std::vector<std::string>{});
}

std::string library_list_text(const std::vector<std::string> &elements) {
    std::string text;
    for (const std::string &element : elements) {
        const char *name = element.c_str();
        if (!text.empty()) text += ", ";
        text += pg::call([name] { return quote_identifier(name); });
    }
    return text;
}

std::optional<std::string> configured_setting(const std::string &name) {
    const std::vector<pg::Row> rows = pg::query(
        "SELECT setting FROM pg_catalog.pg_file_settings WHERE name OPERATOR(pg_catalog.=) $1"
        " ORDER BY seqno DESC LIMIT 1",
        {name});
    if (rows.empty()) return std::nullopt;
    return rows[0][0].value_or("");
}

Result<PreloadList> configured_preloads(const std::string &setting) {
    const pg::Value source =
        pg::query("SELECT source FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) $1",
                  {setting})
            .at(0)[0];
    if (source == "command line")
        return fail(ErrorCode::wrong_state, setting + " is given on the server's command line",
                    "That wins over what ALTER SYSTEM sets.",
                    "Change it there, where the server is started.");
    PreloadList list{setting, {}, std::nullopt};
    for (const pg::Row &row :
         pg::query("SELECT setting, sourcefile FROM pg_catalog.pg_file_settings"
                   " WHERE name OPERATOR(pg_catalog.=) $1 ORDER BY seqno",
                   {setting})) {
        std::optional<std::vector<std::string>> elements = parse_library_list(row[0].value_or(""));
        if (!elements) return fail(unreadable(setting, row[0].value_or("")));
        if (!row[1].value_or("").ends_with(auto_file)) list.without_alter_system = elements;
        list.elements = std::move(*elements);
    }
    return list;
}

std::vector<std::string> current_preloads(const std::string &setting) {
    return split_library_list(
        pg::query("SELECT pg_catalog.current_setting($1)", {setting}).at(0)[0].value_or(""));
}

Result<void> change_preloads(const PreloadList &list, const std::vector<std::string> &elements) {
    const bool reset = elements == list.without_alter_system.value_or(std::vector<std::string>{});
    if (!AllowAlterSystem)
        return fail(ErrorCode::wrong_state, "ALTER SYSTEM is not allowed in this environment",
                    "allow_alter_system is off.",
                    "Set " + list.setting + " to " + library_list_text(elements) +
                        " where the configuration is managed.");
    alter_system(list.setting, reset ? nullptr : &elements);
    return {};
}

void reload_configuration() { (void)kill(PostmasterPid, SIGHUP); }

}  // namespace pgx
