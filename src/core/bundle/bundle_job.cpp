#include "core/bundle/bundle_job.h"

#include <algorithm>

#include "core/base/names.h"
#include "core/bundle/bundle_reader.h"
#include "core/bundle/bundle_writer.h"
#include "core/bundle/minisign.h"
#include "core/bundle/semantic_version.h"
#include "core/bundle/signed_comment.h"
#include "core/bundle/unpack_bundle.h"
#include "core/registry/inspect.h"

namespace pgx {

namespace {

struct Origin {
    std::string signer;                  // for people; empty: nobody, and that is allowed
    std::optional<std::string> comment;  // what was signed besides the file
};

Result<Origin> check_origin(const DescribeBundleJob &job, FileSystem &fs) {
    if (!job.signature) {
        if (job.allow_unsigned) return Origin{};
        return fail(ErrorCode::signature_missing, "the bundle is not signed", "",
                    "Give the content of its .minisig file as signature; a superuser may say "
                    "allow_unsigned => true.");
    }
    if (job.keys.empty())
        return fail(ErrorCode::signature_invalid, "no key is trusted to sign bundles", "",
                    "A superuser names one with pgx.trust_key(name, public_key).");
    std::vector<MinisignPublicKey> keys;
    for (const NamedKey &key : job.keys)
        keys.push_back(TRY(parse_minisign_public_key(key.public_key)));
    MinisignVerified verified = TRY(minisign_verify(fs, job.path, *job.signature, keys));
    const std::ptrdiff_t position = std::ranges::find(keys, verified.key) - keys.begin();
    return Origin{"minisign " + minisign_key_id(verified.key) + " (" +
                      job.keys[static_cast<std::size_t>(position)].name + ")",
                  std::move(verified.trusted_comment)};
}

// Up to `limit` bytes with blanks for control characters, for tables that people look at.
std::string one_line(std::string text, std::size_t limit) {
    if (text.size() > limit) text.resize(limit);
    for (char &c : text)
        if (static_cast<unsigned char>(c) < ' ') c = ' ';
    return text;
}

// A control file's string, as guc-file.l reads it.
std::string control_file_string(const std::string &text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') result += c;
        result += c;
    }
    return result + "'";
}

std::string control_file_text(const PackSqlJob &job) {
    std::string required;
    for (const std::string &name : job.requires_) required += (required.empty() ? "" : ", ") + name;
    std::string text = "default_version = " + control_file_string(job.version) + "\n";
    if (!job.comment.empty())
        text += "comment = " + control_file_string(one_line(job.comment, 1000)) + "\n";
    if (!required.empty()) text += "requires = " + control_file_string(required) + "\n";
    // The script runs with the rights of whoever creates the extension.
    text += std::string("superuser = ") + (job.superuser ? "true" : "false") + "\n";
    return text + "relocatable = false\n";
}

}  // namespace

Result<Json> describe_bundle(const DescribeBundleJob &job, FileSystem &fs, Reporter &reporter) {
    // The signature comes first: nothing of a bundle that nobody vouches for is looked at.
    const Origin origin = TRY(check_origin(job, fs));
    const Bundle bundle = TRY(open_bundle(fs, job.path));
    if (origin.comment) TRY(check_signed_comment(*origin.comment, bundle.name));
    TRY(check_platform(bundle.name, job.platform));
    const std::optional<FileInfo> info = TRY(fs.info(job.path));
    if (!info) return fail(ErrorCode::io, "the bundle is gone");
    Artifact artifact;
    artifact.package = bundle.name.name;
    artifact.version = bundle.name.version;
    artifact.size = info->size;
    artifact.sha256 = TRY(sha256_of_file(fs, job.path));
    const std::string directory = job.path + ".d";
    const Receipt receipt =
        TRY(unpack_bundle(job.path, artifact, job.platform, directory, fs, reporter));
    TRY(fs.remove_tree(directory));
    const Meta meta = bundle.meta.value_or(Meta{});
    Json extensions = Json::array();
    for (const ReceiptExtension &extension : receipt.extensions)
        extensions.push_back(extension.name);
    return Json{{"release",
                 {{"package", artifact.package},
                  {"version", artifact.version},
                  {"architecture", bundle.name.architecture},
                  {"summary", one_line(meta.abstract, 500)},
                  {"description", meta.description.substr(0, 20'000)},
                  {"homepage", one_line(meta.homepage, 1000)},
                  {"module_path", one_line(meta.module_path, 1000)},
                  {"url", "bundle:" + bundle_file_name(bundle.name)},
                  {"size", artifact.size},
                  {"sha256", artifact.sha256},
                  {"signer", origin.signer},
                  {"extensions", std::move(extensions)}}}};
}

Result<Json> pack_sql(const PackSqlJob &job, FileSystem &fs) {
    const std::optional<std::string> version = to_semantic_version(job.version);
    if (!version)
        return fail(ErrorCode::invalid_argument,
                    "\"" + job.version + "\" cannot be the version of a bundle",
                    "A version has up to three numbers, as in \"1.2.3\".");
    std::vector<std::string> names;
    for (const auto &[name, text] : job.scripts) names.push_back(name);
    if (scripts_to_create(job.name, job.version, names).empty())
        return fail(ErrorCode::control_file_invalid,
                    "no scripts lead to version \"" + job.version + "\" of \"" + job.name + "\"",
                    "There is neither one that creates it nor one that leads there from a version "
                    "that can be created.",
                    "Install the script of the version that it updates from first.");
    const std::string directory = job.path + ".d";
    TRY(fs.make_directory(directory, 0700));
    BundleContent content;
    content.manifest.name.name = job.name;
    content.manifest.name.version = *version;
    content.manifest.name.postgres_major = job.platform.postgres_major;
    content.manifest.language = "sql";
    content.meta.name = job.name;
    content.meta.version = *version;
    content.meta.abstract = job.comment.empty() ? job.name : one_line(job.comment, 500);
    const auto add = [&](const std::string &name, const std::string &text) -> Result<void> {
        const std::string path = join_path(directory, name);
        TRY(write_file_durably(fs, path, text, 0600));
        content.files["pgsql/share/extension/" + name] = {path, false};
        return {};
    };
    TRY(add(job.name + ".control", control_file_text(job)));
    std::string script;
    for (const auto &[name, text] : job.scripts) {
        TRY(add(name, text));
        if (name == job.name + "--" + job.version + ".sql" || script.empty())
            script = "pgsql/share/extension/" + name;
    }
    content.meta.extensions[job.name] = {"pgsql/share/extension/" + job.name + ".control", script,
                                         "", content.meta.abstract};
    const WrittenBundle written = TRY(write_bundle(fs, content, directory));
    TRY(fs.rename(written.path, job.path));
    TRY(fs.remove_tree(directory));
    return Json::object();
}

Result<Json> read_key(const ReadKeyJob &job) {
    const MinisignPublicKey key = TRY(parse_minisign_public_key(job.public_key));
    return Json{{"id", minisign_key_id(key)}, {"public_key", minisign_public_key_text(key)}};
}

}  // namespace pgx
