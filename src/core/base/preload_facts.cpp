#include "core/base/preload_facts.h"

#include <utility>

#include "core/base/json.h"

namespace pgx {

namespace {

std::unexpected<Error> wrong(std::string message) {
    return fail(ErrorCode::invalid_argument, std::move(message));
}

// A library is named in a list and looked for on dynamic_library_path: a directory in it would be
// another place, and a quote another list.
bool is_library_name(std::string_view name) {
    if (name.empty() || name.size() > 255 || name.front() == '.') return false;
    for (char c : name)
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '+' || c == '-'))
            return false;
    return true;
}

bool is_setting_name(std::string_view name) {
    if (name.empty() || name.size() > 63) return false;
    for (char c : name)
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_'))
            return false;
    return true;
}

Result<RequiredSetting> read_setting(const Json &json) {
    if (!json.is_object()) return wrong("a setting must be an object");
    RequiredSetting setting;
    setting.name = TRY(json_string(json, "name"));
    if (!is_setting_name(setting.name))
        return wrong("\"" + setting.name + "\" is not the name of a setting");
    setting.element = json.contains("add");
    setting.value = TRY(json_string(json, setting.element ? "add" : "value"));
    setting.default_value = TRY(json_string(json, "default", ""));
    return setting;
}

Result<PreloadFact> read_fact(const Json &json) {
    if (!json.is_object()) return wrong("an entry must be an object");
    PreloadFact fact;
    fact.library = TRY(json_string(json, "library"));
    if (!is_library_name(fact.library))
        return wrong("\"" + fact.library + "\" is not the name of a library");
    const auto in_entry = [&](Error error) {
        return fail(std::move(error).prefixed("library \"" + fact.library + "\""));
    };
    auto preload = json_string(json, "preload");
    if (!preload) return in_entry(std::move(preload).error());
    if (*preload != shared_preload && *preload != session_preload && *preload != "none")
        return wrong("library \"" + fact.library +
                     "\": member \"preload\" must be \"shared_preload_libraries\", "
                     "\"session_preload_libraries\" or \"none\"");
    if (*preload != "none") fact.setting = *preload;
    auto optional = json_bool(json, "optional", false);
    if (!optional) return in_entry(std::move(optional).error());
    fact.optional = *optional;
    auto source = json_string(json, "source");
    if (!source) return in_entry(std::move(source).error());
    fact.source = std::move(*source);
    if (const auto settings = json.find("settings"); settings != json.end()) {
        if (!settings->is_array())
            return wrong("library \"" + fact.library + "\": member \"settings\" must be an array");
        for (const Json &element : *settings) {
            auto setting = read_setting(element);
            if (!setting) return in_entry(std::move(setting).error());
            fact.settings.push_back(std::move(*setting));
        }
    }
    return fact;
}

}  // namespace

Result<PreloadFacts> parse_preload_facts(std::string_view text) {
    const Json json = TRY(parse_json(text, {.bytes = 1024 * 1024, .depth = 8}));
    if (!json.is_object()) return wrong("the file must hold an object");
    const auto libraries = json.find("libraries");
    if (libraries == json.end() || !libraries->is_array())
        return wrong("member \"libraries\" must be an array");
    PreloadFacts facts;
    for (const Json &element : *libraries) {
        PreloadFact fact = TRY(read_fact(element));
        const std::string library = fact.library;
        if (!facts.emplace(library, std::move(fact)).second)
            return wrong("library \"" + library + "\" has two entries");
    }
    return facts;
}

PreloadFacts override_facts(PreloadFacts shipped, PreloadFacts own) {
    own.merge(shipped);  // keeps what is there
    return own;
}

}  // namespace pgx
