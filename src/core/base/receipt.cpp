// receipt.cpp - receipts as JSON, and the check of everything that later code relies on.
//
// A receipt that passes can be acted on without a further look: joining its paths to pgx.directory
// cannot leave it, and no two of its files can stand in each other's way.  The backend checks what
// the helper says, because the helper has read untrusted bytes.
#include "core/base/receipt.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "core/base/names.h"

namespace pgx {

namespace {

constexpr const char *kind_names[] = {"library", "script", "control", "data"};

bool is_hex_digest(std::string_view text) {
    return text.size() == 64 &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::unexpected<Error> bad(std::string message) {
    return fail(ErrorCode::invalid_argument, "invalid receipt: " + std::move(message));
}

Json file_to_json(const ReceiptFile &file) {
    Json json{{"path", file.path},
              {"kind", file_kind_name(file.kind)},
              {"size", file.size},
              {"mode", file.mode},
              {"sha256", file.sha256}};
    if (!file.original_sha256.empty()) json["original_sha256"] = file.original_sha256;
    return json;
}

Json extension_to_json(const ReceiptExtension &extension) {
    return Json{{"name", extension.name},
                {"default_version", extension.default_version},
                {"comment", extension.comment},
                {"directory", extension.directory},
                {"schema", extension.schema},
                {"requires", extension.requires_},
                {"superuser", extension.superuser},
                {"trusted", extension.trusted},
                {"relocatable", extension.relocatable},
                {"libraries", extension.libraries}};
}

Json module_to_json(const ReceiptModule &module) {
    Json json{{"path", module.path}, {"needed", module.needed}, {"preload", module.preload}};
    if (module.plugin == ModulePlugin::output) json["plugin"] = "output";
    if (module.plugin == ModulePlugin::archive) json["plugin"] = "archive";
    if (module.plugin == ModulePlugin::hook) json["plugin"] = "hook";
    return json;
}

Result<ReceiptFile> file_from_json(const Json &json) {
    ReceiptFile file;
    file.path = TRY(json_string(json, "path"));
    if (!is_clean_install_path(file.path)) return bad("path \"" + file.path + "\" is not allowed");
    const std::string kind = TRY(json_string(json, "kind"));
    const auto *found = std::find(std::begin(kind_names), std::end(kind_names), kind);
    if (found == std::end(kind_names))
        return bad("file \"" + file.path + "\" has the unknown kind \"" + kind + "\"");
    file.kind = static_cast<FileKind>(found - std::begin(kind_names));
    file.size = TRY(json_unsigned(json, "size"));
    const std::uint64_t mode = TRY(json_unsigned(json, "mode"));
    if (mode != 0644 && mode != 0755)
        return bad("file \"" + file.path + "\" has a mode that is not allowed");
    file.mode = static_cast<unsigned>(mode);
    file.sha256 = TRY(json_string(json, "sha256"));
    if (!is_hex_digest(file.sha256)) return bad("file \"" + file.path + "\" has no SHA-256 digest");
    file.original_sha256 = TRY(json_string(json, "original_sha256", ""));
    if (!file.original_sha256.empty() && !is_hex_digest(file.original_sha256))
        return bad("file \"" + file.path + "\" has no SHA-256 digest of its original");
    return file;
}

Result<ReceiptExtension> extension_from_json(const Json &json) {
    ReceiptExtension extension;
    extension.name = TRY(json_string(json, "name"));
    TRY(check_name("extension", extension.name));
    extension.default_version = TRY(json_string(json, "default_version", ""));
    extension.comment = TRY(json_string(json, "comment", ""));
    extension.directory = TRY(json_string(json, "directory", ""));
    extension.schema = TRY(json_string(json, "schema", ""));
    extension.requires_ = TRY(json_strings(json, "requires"));
    for (const std::string &name : extension.requires_) TRY(check_name("extension", name));
    extension.superuser = TRY(json_bool(json, "superuser", true));
    extension.trusted = TRY(json_bool(json, "trusted", false));
    extension.relocatable = TRY(json_bool(json, "relocatable", false));
    extension.libraries = TRY(json_strings(json, "libraries"));
    return extension;
}

Result<ReceiptModule> module_from_json(const Json &json) {
    ReceiptModule module;
    module.path = TRY(json_string(json, "path"));
    module.needed = TRY(json_strings(json, "needed"));
    module.preload = TRY(json_bool(json, "preload", false));
    const std::string plugin = TRY(json_string(json, "plugin", ""));
    // What a later version of pgx may write is not worth losing the receipt.
    if (plugin == "output") module.plugin = ModulePlugin::output;
    if (plugin == "archive") module.plugin = ModulePlugin::archive;
    if (plugin == "hook") module.plugin = ModulePlugin::hook;
    return module;
}

Result<ReceiptLibrary> library_from_json(const Json &json) {
    ReceiptLibrary library;
    library.package = TRY(json_string(json, "package"));
    TRY(check_name("package", library.package));
    library.version = TRY(json_string(json, "version"));
    library.url = TRY(json_string(json, "url"));
    library.sha256 = TRY(json_string(json, "sha256"));
    if (!is_hex_digest(library.sha256))
        return bad("library package \"" + library.package + "\" has no SHA-256 digest");
    library.size = TRY(json_unsigned(json, "size"));
    library.signer = TRY(json_string(json, "signer", ""));
    library.names = TRY(json_strings(json, "names"));
    return library;
}

// An array member (absent: empty), each element through `convert`.
template <typename T>
Result<std::vector<T>> array_of(const Json &json, const char *member,
                                Result<T> (*convert)(const Json &)) {
    std::vector<T> result;
    const auto found = json.find(member);
    if (found == json.end()) return result;
    if (!found->is_array()) return bad("member \"" + std::string(member) + "\" must be an array");
    for (const Json &element : *found) {
        auto value = convert(element);
        if (!value)
            return fail(std::move(value.error()).prefixed("in \"" + std::string(member) + "\""));
        result.push_back(std::move(*value));
    }
    return result;
}

// No path twice, and none that is a directory of another.
Result<std::set<std::string>> check_paths(const std::vector<ReceiptFile> &files) {
    std::set<std::string> paths;
    for (const ReceiptFile &file : files)
        if (!paths.insert(file.path).second) return bad("path \"" + file.path + "\" appears twice");
    for (const std::string &path : paths)
        for (std::size_t slash = path.find('/'); slash != std::string::npos;
             slash = path.find('/', slash + 1))
            if (paths.contains(path.substr(0, slash)))
                return bad("path \"" + path.substr(0, slash) + "\" is a file and a directory");
    return paths;
}

}  // namespace

const char *file_kind_name(FileKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

bool is_clean_install_path(std::string_view path) {
    if (!path.starts_with("share/") && !path.starts_with("lib/")) return false;
    while (true) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view component = path.substr(0, end);
        if (component.empty() || component.size() > 255 || component == "." || component == "..")
            return false;
        for (char c : component)
            if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '+' || c == '-'))
                return false;
        if (end == path.size()) return true;
        path.remove_prefix(end + 1);
    }
}

Json to_json(const Receipt &receipt) {
    Json json{{"package", receipt.package},
              {"version", receipt.version},
              {"registry", receipt.registry},
              {"artifact_url", receipt.artifact_url},
              {"artifact_sha256", receipt.artifact_sha256},
              {"artifact_size", receipt.artifact_size},
              {"signer", receipt.signer},
              {"files", Json::array()},
              {"extensions", Json::array()},
              {"modules", Json::array()},
              {"left_out", receipt.left_out}};
    for (const ReceiptFile &file : receipt.files) json["files"].push_back(file_to_json(file));
    for (const ReceiptExtension &extension : receipt.extensions)
        json["extensions"].push_back(extension_to_json(extension));
    for (const ReceiptModule &module : receipt.modules)
        json["modules"].push_back(module_to_json(module));
    if (!receipt.libraries.empty()) json["libraries"] = libraries_to_json(receipt.libraries);
    return json;
}

Json libraries_to_json(const std::vector<ReceiptLibrary> &libraries) {
    Json json = Json::array();
    for (const ReceiptLibrary &library : libraries)
        json.push_back({{"package", library.package},
                        {"version", library.version},
                        {"url", library.url},
                        {"sha256", library.sha256},
                        {"size", library.size},
                        {"signer", library.signer},
                        {"names", library.names}});
    return json;
}

Result<std::vector<ReceiptLibrary>> libraries_from_json(const Json &json) {
    if (!json.is_array()) return bad("\"libraries\" must be an array");
    std::vector<ReceiptLibrary> libraries;
    for (const Json &element : json) libraries.push_back(TRY(library_from_json(element)));
    return libraries;
}

Result<Receipt> receipt_from_json(const Json &json) {
    if (!json.is_object()) return bad("not an object");
    Receipt receipt;
    receipt.package = TRY(json_string(json, "package"));
    TRY(check_name("package", receipt.package));
    receipt.version = TRY(json_string(json, "version"));
    if (receipt.version.empty()) return bad("the version is empty");
    receipt.registry = TRY(json_string(json, "registry", ""));
    if (!receipt.registry.empty()) TRY(check_name("registry", receipt.registry));
    receipt.artifact_url = TRY(json_string(json, "artifact_url", ""));
    receipt.artifact_sha256 = TRY(json_string(json, "artifact_sha256"));
    receipt.artifact_size = TRY(json_unsigned(json, "artifact_size", 0));
    if (!is_hex_digest(receipt.artifact_sha256)) return bad("the artifact has no SHA-256 digest");
    receipt.signer = TRY(json_string(json, "signer", ""));

    receipt.files = TRY(array_of(json, "files", file_from_json));
    const std::set<std::string> paths = TRY(check_paths(receipt.files));
    receipt.extensions = TRY(array_of(json, "extensions", extension_from_json));
    receipt.modules = TRY(array_of(json, "modules", module_from_json));
    for (const ReceiptModule &module : receipt.modules)
        if (!paths.contains(module.path))
            return bad("module \"" + module.path + "\" is not among the files");

    receipt.libraries = TRY(array_of(json, "libraries", library_from_json));

    if (const auto left_out = json.find("left_out"); left_out != json.end()) {
        if (!left_out->is_object()) return bad("member \"left_out\" must be an object");
        for (const auto &[kind, number] : left_out->items())
            receipt.left_out[kind] = TRY(json_unsigned(*left_out, kind.c_str()));
    }

    std::ranges::sort(receipt.files, {}, &ReceiptFile::path);
    std::ranges::sort(receipt.extensions, {}, &ReceiptExtension::name);
    std::ranges::sort(receipt.modules, {}, &ReceiptModule::path);
    std::ranges::sort(receipt.libraries, {}, &ReceiptLibrary::package);
    return receipt;
}

Result<Receipt> read_receipt(FileSystem &fs, const std::string &path) {
    constexpr std::uint64_t limit = 64 * 1024 * 1024;
    return receipt_from_json(TRY(parse_json(TRY(fs.read(path, limit)))));
}

}  // namespace pgx
