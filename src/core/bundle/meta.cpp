// meta.cpp - from META.json and back.
//
// Reading goes member by member with the path of each for messages, because the people who write
// these files write them by hand.
#include "core/bundle/meta.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "core/bundle/meta_v1.h"
#include "core/bundle/semantic_version.h"

namespace pgx {

namespace {

constexpr const char *specification = "https://rfcs.pgxn.org/0003-meta-spec-v2.html";

// The extensions that PostgreSQL's own sources have, of all majors from 13 on, sorted.
constexpr std::array<std::string_view, 65> postgres_extensions{"adminpack",
                                                               "amcheck",
                                                               "autoinc",
                                                               "bloom",
                                                               "bool_plperl",
                                                               "bool_plperlu",
                                                               "btree_gin",
                                                               "btree_gist",
                                                               "citext",
                                                               "cube",
                                                               "dblink",
                                                               "dict_int",
                                                               "dict_xsyn",
                                                               "earthdistance",
                                                               "file_fdw",
                                                               "fuzzystrmatch",
                                                               "hstore",
                                                               "hstore_plperl",
                                                               "hstore_plperlu",
                                                               "hstore_plpython3u",
                                                               "insert_username",
                                                               "intagg",
                                                               "intarray",
                                                               "isn",
                                                               "jsonb_plperl",
                                                               "jsonb_plperlu",
                                                               "jsonb_plpython3u",
                                                               "lo",
                                                               "ltree",
                                                               "ltree_plpython3u",
                                                               "moddatetime",
                                                               "old_snapshot",
                                                               "pageinspect",
                                                               "pg_buffercache",
                                                               "pg_freespacemap",
                                                               "pg_logicalinspect",
                                                               "pg_prewarm",
                                                               "pg_stat_statements",
                                                               "pg_surgery",
                                                               "pg_trgm",
                                                               "pg_visibility",
                                                               "pg_walinspect",
                                                               "pgcrypto",
                                                               "pgrowlocks",
                                                               "pgstattuple",
                                                               "plperl",
                                                               "plperlu",
                                                               "plpgsql",
                                                               "plpython2u",
                                                               "plpython3u",
                                                               "plpythonu",
                                                               "pltcl",
                                                               "pltclu",
                                                               "postgres_fdw",
                                                               "refint",
                                                               "seg",
                                                               "sslinfo",
                                                               "tablefunc",
                                                               "tcn",
                                                               "timetravel",
                                                               "tsm_system_rows",
                                                               "tsm_system_time",
                                                               "unaccent",
                                                               "uuid-ossp",
                                                               "xml2"};

std::unexpected<Error> malformed(std::string detail) {
    return fail(ErrorCode::artifact_malformed, "invalid file \"META.json\"", std::move(detail));
}

// One value of the document, with the path to it.
class Node {
   public:
    Node(const Json *json, std::string path) : json_(json), path_(std::move(path)) {}

    bool present() const { return json_ != nullptr; }
    const Json &json() const { return *json_; }

    // A member; absent in what is absent, and null counts as absent.
    Result<Node> operator[](const char *member) const {
        std::string path = path_.empty() ? member : path_ + "." + member;
        if (json_ == nullptr) return Node(nullptr, std::move(path));
        if (!json_->is_object()) return wrong("is not an object");
        const auto found = json_->find(member);
        const bool there = found != json_->end() && !found->is_null();
        return Node(there ? &*found : nullptr, std::move(path));
    }

    Result<std::string> string() const {
        if (json_ == nullptr) return std::string();
        if (!json_->is_string()) return wrong("is not a string");
        std::string text = json_->get<std::string>();
        if (text.find('\0') != std::string::npos) return wrong("contains a NUL character");
        return text;
    }

    Result<std::string> required_string() const {
        std::string text = TRY(string());
        if (text.empty()) return wrong("is missing or empty");
        return text;
    }

    // A range of versions: a string, or the number 0 for any.
    Result<std::string> range() const {
        if (json_ != nullptr && json_->is_number_integer() && *json_ == 0) return std::string("0");
        return string();
    }

    Result<std::vector<std::pair<std::string, Node>>> members() const {
        std::vector<std::pair<std::string, Node>> result;
        if (json_ == nullptr) return result;
        if (!json_->is_object()) return wrong("is not an object");
        for (const auto &[name, value] : json_->items())
            result.emplace_back(name, Node(&value, path_ + "." + name));
        return result;
    }

    Result<std::vector<Node>> elements() const {
        std::vector<Node> result;
        if (json_ == nullptr) return result;
        if (!json_->is_array()) return wrong("is not a list");
        for (const Json &element : *json_)
            result.emplace_back(&element, path_ + "[" + std::to_string(result.size()) + "]");
        return result;
    }

    std::unexpected<Error> wrong(const char *what) const {
        return malformed("Member \"" + path_ + "\" " + what + ".");
    }

   private:
    const Json *json_;
    std::string path_;
};

// The node at the end of a path of members.
Result<Node> at(const Node &start, std::initializer_list<const char *> path) {
    Node node = start;
    for (const char *member : path) node = TRY(node[member]);
    return node;
}

Result<void> read_contents(const Node &root, Meta &meta) {
    for (const auto &[name, node] : TRY(TRY(at(root, {"contents", "extensions"})).members())) {
        MetaExtension extension;
        extension.control = TRY(TRY(node["control"]).required_string());
        extension.sql = TRY(TRY(node["sql"]).string());
        extension.doc = TRY(TRY(node["doc"]).string());
        extension.abstract = TRY(TRY(node["abstract"]).string());
        meta.extensions.emplace(name, std::move(extension));
    }
    for (const auto &[name, node] : TRY(TRY(at(root, {"contents", "modules"})).members())) {
        MetaModule module;
        module.type = TRY(TRY(node["type"]).string());
        module.library = TRY(TRY(node["lib"]).required_string());
        const Node preload = TRY(node["preload"]);
        module.preload = TRY(preload.string());
        if (!module.preload.empty() && module.preload != "server" && module.preload != "session")
            return preload.wrong("is neither \"server\" nor \"session\"");
        meta.modules.emplace(name, std::move(module));
    }
    return {};
}

Result<void> read_maintainers(const Node &root, Meta &meta) {
    for (const Node &node : TRY(TRY(root["maintainers"]).elements())) {
        MetaMaintainer maintainer;
        maintainer.name = TRY(TRY(node["name"]).required_string());
        maintainer.email = TRY(TRY(node["email"]).string());
        maintainer.url = TRY(TRY(node["url"]).string());
        meta.maintainers.push_back(std::move(maintainer));
    }
    return {};
}

Result<void> read_requirements(const Node &root, Meta &meta) {
    meta.postgres = TRY(TRY(at(root, {"dependencies", "postgres", "version"})).range());
    const Node requirements = TRY(at(root, {"dependencies", "packages", "run", "requires"}));
    for (const auto &[url, node] : TRY(requirements.members())) {
        if (!url.starts_with("pkg:")) return node.wrong("is not under a package URL");
        meta.run_requires.emplace(url, TRY(node.range()));
    }
    return {};
}

void put(Json &object, const char *member, const std::string &value) {
    if (value.empty())
        object.erase(member);
    else
        object[member] = value;
}

// The member as an object, made if it is not there.
Json &object_at(Json &parent, const char *member) {
    Json &child = parent[member];
    if (!child.is_object()) child = Json::object();
    return child;
}

// Puts `value` as the only members of `parent[member]` that there are, keeping what the document
// says of each beyond what we know.
template <typename Value, typename Write>
void put_all(Json &parent, const char *member, const std::map<std::string, Value> &values,
             const Write &write) {
    Json before = object_at(parent, member);
    Json after = Json::object();
    for (const auto &[name, value] : values) {
        Json entry = before.value(name, Json::object());
        if (!entry.is_object()) entry = Json::object();
        write(entry, value);
        after[name] = std::move(entry);
    }
    if (after.empty())
        parent.erase(member);
    else
        parent[member] = std::move(after);
}

void drop_if_empty(Json &parent, const char *member) {
    if (const auto found = parent.find(member);
        found != parent.end() && found->is_object() && found->empty())
        parent.erase(member);
}

void put_contents(Json &document, const Meta &meta) {
    Json &contents = object_at(document, "contents");
    put_all(contents, "extensions", meta.extensions,
            [](Json &entry, const MetaExtension &extension) {
                put(entry, "control", extension.control);
                put(entry, "sql", extension.sql);
                put(entry, "doc", extension.doc);
                put(entry, "abstract", extension.abstract);
            });
    put_all(contents, "modules", meta.modules, [](Json &entry, const MetaModule &module) {
        put(entry, "type", module.type);
        put(entry, "lib", module.library);
        put(entry, "preload", module.preload);
    });
}

void put_requirements(Json &document, const Meta &meta) {
    Json &dependencies = object_at(document, "dependencies");
    put(object_at(dependencies, "postgres"), "version", meta.postgres);
    drop_if_empty(dependencies, "postgres");
    Json &packages = object_at(dependencies, "packages");
    Json &run = object_at(packages, "run");
    if (meta.run_requires.empty())
        run.erase("requires");
    else
        run["requires"] = meta.run_requires;
    drop_if_empty(packages, "run");
    drop_if_empty(dependencies, "packages");
    drop_if_empty(document, "dependencies");
}

}  // namespace

Result<Meta> parse_meta(std::string_view text) {
    auto parsed = parse_json(text);
    if (!parsed) return malformed("It is not JSON: " + parsed.error().message + ".");
    if (!parsed->is_object()) return malformed("It is not an object.");
    Json document = *std::move(parsed);
    const std::string version =
        TRY(TRY(at(Node(&document, ""), {"meta-spec", "version"})).required_string());
    if (version.starts_with("1."))
        document = TRY(meta_v2_of_v1(document));
    else if (!version.starts_with("2."))
        return fail(ErrorCode::feature_not_supported,
                    "META.json has version " + version + ", which this version of pgx cannot read",
                    {}, "Install a newer version of pgx.");

    Meta meta;
    const Node root(&document, "");
    meta.name = TRY(TRY(root["name"]).required_string());
    const Node version_node = TRY(root["version"]);
    meta.version = TRY(version_node.required_string());
    if (!is_semantic_version(meta.version)) return version_node.wrong("is not a semantic version");
    meta.abstract = TRY(TRY(root["abstract"]).string());
    meta.description = TRY(TRY(root["description"]).string());
    meta.license = TRY(TRY(root["license"]).string());
    TRY(read_maintainers(root, meta));
    TRY(read_contents(root, meta));
    TRY(read_requirements(root, meta));
    meta.homepage = TRY(TRY(at(root, {"resources", "homepage"})).string());
    meta.repository = TRY(TRY(at(root, {"resources", "repository"})).string());
    meta.module_path = TRY(TRY(root["x_module_path"]).string());
    if (meta.module_path.empty()) meta.module_path = module_path_of_repository(meta.repository);
    for (const Node &library : TRY(TRY(root["x_system_libraries"]).elements()))
        meta.system_libraries.push_back(TRY(library.required_string()));
    meta.document = std::move(document);
    return meta;
}

std::string write_meta(const Meta &meta) {
    Json document = meta.document;
    put(document, "name", meta.name);
    put(document, "version", meta.version);
    put(document, "abstract", meta.abstract);
    put(document, "description", meta.description);
    put(document, "license", meta.license);
    Json maintainers = Json::array();
    for (const MetaMaintainer &maintainer : meta.maintainers) {
        Json entry = Json::object();
        put(entry, "name", maintainer.name);
        put(entry, "email", maintainer.email);
        put(entry, "url", maintainer.url);
        maintainers.push_back(std::move(entry));
    }
    if (maintainers.empty())
        document.erase("maintainers");
    else
        document["maintainers"] = std::move(maintainers);
    put_contents(document, meta);
    put_requirements(document, meta);
    Json &resources = object_at(document, "resources");
    put(resources, "homepage", meta.homepage);
    put(resources, "repository", meta.repository);
    drop_if_empty(document, "resources");
    const bool derived = meta.module_path == module_path_of_repository(meta.repository);
    put(document, "x_module_path", derived ? "" : meta.module_path);
    if (meta.system_libraries.empty())
        document.erase("x_system_libraries");
    else
        document["x_system_libraries"] = meta.system_libraries;
    document["meta-spec"] = Json{{"version", "2.0.0"}, {"url", specification}};
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string package_url_of_extension(std::string_view extension) {
    const bool own = std::ranges::find(postgres_extensions, extension) != postgres_extensions.end();
    return (own ? "pkg:postgres/" : "pkg:pgxn/") + std::string(extension);
}

std::string module_path_of_repository(std::string_view url) {
    for (const std::string_view scheme : {"https://", "http://", "git://"})
        if (url.starts_with(scheme)) {
            url.remove_prefix(scheme.size());
            while (url.ends_with('/')) url.remove_suffix(1);
            if (url.ends_with(".git")) url.remove_suffix(4);
            const std::size_t slash = url.find('/');
            const bool plain = url.find_first_not_of(
                                   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   "._~/-") == std::string_view::npos;
            if (!plain || slash == 0 || slash == std::string_view::npos ||
                slash + 1 >= url.size() || url.find("..") != std::string_view::npos ||
                url.find("//") != std::string_view::npos)
                return {};
            return std::string(url);
        }
    return {};
}

}  // namespace pgx
