#include "core/bundle/meta_v1.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bundle/meta.h"
#include "core/bundle/semantic_version.h"

namespace pgx {

namespace {

// RFC-1's words for licenses (they are CPAN's) and what SPDX calls them. Of those without a version
// the oldest meaning is taken; what is missing here ("restricted", "unknown") SPDX has no name for.
constexpr std::array<std::pair<std::string_view, std::string_view>, 25> licenses{{
    {"agpl_3", "AGPL-3.0-only"},
    {"apache_1_1", "Apache-1.1"},
    {"apache_2_0", "Apache-2.0"},
    {"artistic_1", "Artistic-1.0"},
    {"artistic_2", "Artistic-2.0"},
    {"bsd", "BSD-3-Clause"},
    {"freebsd", "BSD-2-Clause"},
    {"gfdl_1_2", "GFDL-1.2-only"},
    {"gfdl_1_3", "GFDL-1.3-only"},
    {"gpl_1", "GPL-1.0-only"},
    {"gpl_2", "GPL-2.0-only"},
    {"gpl_3", "GPL-3.0-only"},
    {"lgpl_2_1", "LGPL-2.1-only"},
    {"lgpl_3_0", "LGPL-3.0-only"},
    {"mit", "MIT"},
    {"mozilla_1_0", "MPL-1.0"},
    {"mozilla_1_1", "MPL-1.1"},
    {"openssl", "OpenSSL"},
    {"perl_5", "Artistic-1.0-Perl OR GPL-1.0-or-later"},
    {"postgresql", "PostgreSQL"},
    {"qpl_1_0", "QPL-1.0"},
    {"ssleay", "SSLeay-standalone"},
    {"sun", "SISSL"},
    {"zlib", "Zlib"},
    {"PostgreSQL", "PostgreSQL"},
}};

std::unexpected<Error> wrong_type(const std::string &member) {
    return fail(ErrorCode::artifact_malformed, "invalid file \"META.json\"",
                "Member \"" + member + "\" has the wrong type.");
}

// The member, or nullptr when it is absent or null.
const Json *find(const Json &object, const char *member) {
    const auto found = object.find(member);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

Result<const Json *> find_object(const Json &object, const char *member) {
    const Json *found = find(object, member);
    if (found != nullptr && !found->is_object()) return wrong_type(member);
    return found;
}

// Copies a string member under another name.
Result<void> copy_string(const Json &from, const char *member, Json &to, const char *name) {
    const Json *found = find(from, member);
    if (found == nullptr) return {};
    if (!found->is_string()) return wrong_type(member);
    to[name] = *found;
    return {};
}

// One string, or several.
Result<std::vector<std::string>> strings(const Json &object, const char *member) {
    std::vector<std::string> result;
    const Json *found = find(object, member);
    if (found == nullptr) return result;
    if (found->is_string()) return std::vector{found->get<std::string>()};
    if (!found->is_array()) return wrong_type(member);
    for (const Json &element : *found) {
        if (!element.is_string()) return wrong_type(member);
        result.push_back(element.get<std::string>());
    }
    return result;
}

// "David Wheeler <david@example.org>"
Json maintainer(std::string_view text) {
    Json result = Json::object();
    const std::size_t open = text.find('<'), close = text.rfind('>');
    if (open != std::string_view::npos && close != std::string_view::npos && open < close) {
        result["email"] = std::string(text.substr(open + 1, close - open - 1));
        text = text.substr(0, open);
        while (text.ends_with(' ')) text.remove_suffix(1);
    }
    result["name"] = std::string(text);
    return result;
}

std::string spdx_name(std::string_view word) {
    const auto *found =
        std::ranges::find(licenses, word, &std::pair<std::string_view, std::string_view>::first);
    return found == licenses.end() ? std::string() : std::string(found->second);
}

// A word, several of which any may be chosen, or an object from names to addresses.
Result<std::string> license(const Json &document) {
    std::vector<std::string> words;
    if (const Json *found = find(document, "license"); found != nullptr && found->is_object())
        for (const auto &[name, address] : found->items()) words.push_back(name);
    else
        words = TRY(strings(document, "license"));
    std::string expression;
    for (const std::string &word : words) {
        const std::string name = spdx_name(word);
        // Half of a choice would be something else than the choice.
        if (name.empty()) return std::string();
        const bool compound = words.size() > 1 && name.find(' ') != std::string::npos;
        expression += (expression.empty() ? "" : " OR ") + (compound ? "(" + name + ")" : name);
    }
    return expression;
}

Result<void> convert_provides(const Json &document, Json &result) {
    const Json *provides = TRY(find_object(document, "provides"));
    if (provides == nullptr) return {};
    Json extensions = Json::object();
    for (const auto &[name, provided] : provides->items()) {
        if (!provided.is_object()) return wrong_type("provides");
        Json extension{{"control", name + ".control"}};
        TRY(copy_string(provided, "file", extension, "sql"));
        TRY(copy_string(provided, "docfile", extension, "doc"));
        TRY(copy_string(provided, "abstract", extension, "abstract"));
        extensions[name] = std::move(extension);
    }
    result["contents"]["extensions"] = std::move(extensions);
    return {};
}

Result<void> convert_requirements(const Json &document, Json &result) {
    const Json *prerequisites = TRY(find_object(document, "prereqs"));
    const Json *runtime =
        prerequisites == nullptr ? nullptr : TRY(find_object(*prerequisites, "runtime"));
    const Json *requirements =
        runtime == nullptr ? nullptr : TRY(find_object(*runtime, "requires"));
    if (requirements == nullptr) return {};
    for (const auto &[name, range] : requirements->items()) {
        if (!range.is_string() && !range.is_number()) return wrong_type("requires");
        // "8.4" is also found as a number; the text is what was meant.
        const Json text = range.is_string() ? range : Json(range.dump());
        if (name == "PostgreSQL")
            result["dependencies"]["postgres"]["version"] = text;
        else
            result["dependencies"]["packages"]["run"]["requires"][package_url_of_extension(name)] =
                text;
    }
    return {};
}

Result<void> convert_resources(const Json &document, Json &result) {
    const Json *resources = TRY(find_object(document, "resources"));
    if (resources == nullptr) return {};
    Json converted = Json::object();
    TRY(copy_string(*resources, "homepage", converted, "homepage"));
    if (const Json *tracker = TRY(find_object(*resources, "bugtracker")))
        TRY(copy_string(*tracker, "web", converted, "issues"));
    if (const Json *repository = TRY(find_object(*resources, "repository"))) {
        TRY(copy_string(*repository, "url", converted, "repository"));
        TRY(copy_string(*repository, "web", converted, "repository"));
    }
    if (!converted.empty()) result["resources"] = std::move(converted);
    return {};
}

}  // namespace

Result<Json> meta_v2_of_v1(const Json &document) {
    Json result{{"meta-spec",
                 {{"version", "2.0.0"}, {"url", "https://rfcs.pgxn.org/0003-meta-spec-v2.html"}}}};
    TRY(copy_string(document, "name", result, "name"));
    TRY(copy_string(document, "version", result, "version"));
    TRY(copy_string(document, "abstract", result, "abstract"));
    TRY(copy_string(document, "description", result, "description"));
    TRY(copy_string(document, "generated_by", result, "producer"));
    if (const auto version = result.find("version"); version != result.end())
        if (auto semantic = to_semantic_version(version->get<std::string>())) *version = *semantic;
    if (const std::string expression = TRY(license(document)); !expression.empty())
        result["license"] = expression;
    for (const std::string &text : TRY(strings(document, "maintainer")))
        result["maintainers"].push_back(maintainer(text));
    if (const std::vector<std::string> tags = TRY(strings(document, "tags")); !tags.empty())
        result["classifications"]["tags"] = tags;
    TRY(convert_provides(document, result));
    TRY(convert_requirements(document, result));
    TRY(convert_resources(document, result));
    for (const auto &[name, value] : document.items())
        if (name.starts_with("x_") || name.starts_with("X_")) result[name] = value;
    return result;
}

}  // namespace pgx
