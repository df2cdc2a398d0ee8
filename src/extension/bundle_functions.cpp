// bundle_functions.cpp - install_bundle, install_sql, and the keys that bundles are trusted by.
//
// A bundle comes with the statement and not from a registry: who vouches for it is a minisign key
// that a superuser has named, or, unsigned, that superuser alone. The helper looks into it; here is
// decided whether it may be installed, and it is kept (bundle_registry.h) and installed like any
// other release.
#include "extension/door.h"

#include <algorithm>
#include <memory>

#include "core/base/debian_version.h"
#include "core/base/file_system.h"
#include "core/base/json.h"
#include "core/base/names.h"
#include "core/base/platform.h"
#include "extension/bundle_registry.h"
#include "extension/definer.h"
#include "extension/helper_process.h"
#include "extension/home.h"
#include "extension/installation.h"
#include "extension/inventory.h"
#include "extension/lock.h"
#include "extension/settings.h"
#include "extension/staging.h"

extern "C" {
#include "miscadmin.h"
#include "varatt.h"
}

namespace pgx {

namespace {

constexpr const char *unsigned_signer = "unsigned";

Result<std::string> required_argument(FunctionCallInfo fcinfo, int n, const char *what) {
    pg::Value value = pg::text_argument(fcinfo, n);
    if (!value || value->empty())
        return fail(ErrorCode::invalid_argument, std::string(what) + " is missing");
    return std::move(*value);
}

// A bytea argument as a file, without a second copy of it in memory.
Result<void> write_argument(FunctionCallInfo fcinfo, int n, const std::string &path) {
    struct Bytes {
        const char *data;
        std::size_t size;
    };
    const Bytes bytes = pg::call([fcinfo, n] {
        bytea *value = PG_GETARG_BYTEA_PP(n);
        return Bytes{VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
    });
    std::unique_ptr<WritableFile> file = TRY(real_file_system().create(path, 0600));
    TRY(file->append(std::string_view(bytes.data, bytes.size)));
    return file->close();
}

Json trusted_keys() {
    Json keys = Json::array();
    for (const pg::Row &row :
         pg::query("SELECT name, public_key FROM pgx.trusted_keys ORDER BY name"))
        keys.push_back({{"name", row[0].value_or("")}, {"public_key", row[1].value_or("")}});
    return keys;
}

// Looks into the bundle at `path`: what the helper answers (protocol.h, "describe_bundle").
Result<Json> describe(const std::string &path, const pg::Value &signature, bool allow_unsigned,
                      const DirectoryLayout &layout, ProgressSlot &progress) {
    Platform platform = host_platform();
    platform.postgres_major = layout.postgres_major;
    Json request = {{"op", "describe_bundle"},
                    {"platform", to_json(platform)},
                    {"path", path},
                    {"keys", trusted_keys()},
                    {"allow_unsigned", allow_unsigned}};
    if (signature) request["signature"] = *signature;
    Json result = TRY(run_helper(request, progress));
    const auto release = result.find("release");
    if (release == result.end() || !release->is_object())
        return fail(ErrorCode::helper_failed,
                    "the helper program did not say what is in the bundle");
    if (TRY(json_string(*release, "signer", "")).empty()) (*release)["signer"] = unsigned_signer;
    return *release;
}

// What a bundle takes the place of, if that is more than an earlier bundle of its own.
void tell_what_is_replaced(const Release &release) {
    const std::optional<InstalledPackage> installed = find_installed(release.package);
    if (!installed || installed->package != release.package) return;
    const bool older = compare_debian_versions(release.version, installed->version) < 0;
    if (installed->registry != release.registry || older)
        pg::notice("\"" + release.package + "\" " + installed->version + " is replaced by " +
                       (older ? "an older version, " : "version ") + release.version,
                   "What was installed is " + installed->origin() + ".");
}

// Keeps a bundle whose origin has been decided upon, and installs it. The lock comes first: others
// read what is kept here when they hold it.
Result<void> keep_and_install(const std::string &path, const Json &described, const Json &sql,
                              Policy &policy, const DirectoryLayout &layout, ProgressSlot &progress,
                              pg::ResultSet &rows) {
    // A key speaks for any name; what the caller may have is another question.
    Wish wish{.name = TRY(json_string(described, "package"))};
    TRY(policy.check_wishes({wish}));
    take_cluster_lock();
    Release release = TRY(keep_bundle(path, described, sql));
    tell_what_is_replaced(release);
    wish.release = std::move(release);
    const Plan plan = TRY(plan_and_place({wish}, "update", policy, layout, progress));
    report(plan, "update", rows);
    return {};
}

// The scripts of all versions of an SQL extension that are kept here, by file name; of one that was
// given twice, the later.
Json known_scripts(const std::string &name) {
    Json all = Json::object();
    for (const pg::Row &row : pg::query_latest(
             "SELECT sql OPERATOR(pg_catalog.->) 'scripts' FROM pgx.stored_bundles WHERE package "
             "OPERATOR(pg_catalog.=) $1 AND sql IS NOT NULL ORDER BY added_at",
             {name}))
        if (const Result<Json> scripts = parse_json(row[0].value_or("{}")); scripts)
            all.update(*scripts);
    return all;
}

Result<void> check_version_name(const std::string &version) {
    const bool good =
        !version.empty() && version.size() <= 63 && version.find("--") == std::string::npos &&
        version.front() != '-' && version.back() != '-' && version.front() != '.' &&
        std::ranges::all_of(version, [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   c == '.' || c == '_' || c == '+' || c == '-' || c == '~';
        });
    if (good) return {};
    return fail(ErrorCode::invalid_name, "\"" + version + "\" is not a version",
                "A version has letters, digits and \"._+~-\", such as \"1.0\".");
}

// Bundles have semantic versions, so that "1", "1.0" and "v1" are one bundle, of which the later
// would take the place of the earlier.
Result<void> check_same_sql_version(const std::string &name, const std::string &bundle_version,
                                    const std::string &version) {
    const std::vector<pg::Row> rows = pg::query_latest(
        "SELECT sql OPERATOR(pg_catalog.->>) 'version' FROM pgx.stored_bundles WHERE package "
        "OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2 AND sql IS NOT NULL",
        {name, bundle_version});
    if (rows.empty() || rows[0][0] == version) return {};
    return fail(ErrorCode::invalid_argument,
                "version \"" + version + "\" of \"" + name + "\" cannot be told from \"" +
                    rows[0][0].value_or("") + "\"",
                "Both are version " + bundle_version + " of a bundle.",
                "Choose another version, or drop the other one first: SELECT pgx.drop_bundle('" +
                    name + "', '" + bundle_version + "').");
}

}  // namespace

PGX_FUNCTION(pgx_trust_key) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.trust_key()"));
    const std::string name = TRY(required_argument(fcinfo, 0, "the name of the key"));
    TRY(check_superuser(rights, "pgx.trust_key()", name, "trust a key",
                        "Whoever has the key can run code in this server."));
    TRY(check_name("key", name));
    const std::string text = TRY(required_argument(fcinfo, 1, "the public key"));
    ProgressSlot progress("trust_key");
    const Json key = TRY(run_helper({{"op", "read_key"}, {"public_key", text}}, progress));
    const std::string id = TRY(json_string(key, "id"));
    const std::vector<pg::Row> known = pg::query(
        "SELECT name FROM pgx.trusted_keys WHERE name OPERATOR(pg_catalog.=) $1 OR key_id "
        "OPERATOR(pg_catalog.=) $2",
        {name, id});
    if (!known.empty())
        return fail(ErrorCode::invalid_argument,
                    "key \"" + known[0][0].value_or("") + "\" is trusted already", "",
                    "To replace a key, call pgx.distrust_key() first.");
    pg::execute("INSERT INTO pgx.trusted_keys (name, key_id, public_key) VALUES ($1, $2, $3)",
                {name, id, TRY(json_string(key, "public_key"))});
    return pg::text_datum(name + " " + id);
}

PGX_FUNCTION(pgx_distrust_key) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.distrust_key()"));
    const std::string name = TRY(required_argument(fcinfo, 0, "the name of the key"));
    TRY(check_superuser(rights, "pgx.distrust_key()", name, "distrust a key",
                        "Keys are a superuser's decision."));
    if (pg::execute("DELETE FROM pgx.trusted_keys WHERE name OPERATOR(pg_catalog.=) $1", {name}) ==
        0)
        return fail(ErrorCode::invalid_argument, "no key \"" + name + "\" is trusted", "",
                    "See pgx.trusted_keys.");
    // What it has signed is not on offer any more. What is installed stays, and that is to be
    // known.
    (void)refresh_bundles(bundle_registry_name);
    for (const pg::Row &row : pg::query(
             "SELECT i.package, i.version FROM pgx.installed AS i WHERE i.registry "
             "OPERATOR(pg_catalog.=) $1 AND pg_catalog.starts_with(i.signer, 'minisign ') AND NOT "
             "EXISTS (SELECT FROM pgx.trusted_keys AS k WHERE pg_catalog.starts_with(i.signer, "
             "'minisign ' OPERATOR(pg_catalog.||) k.key_id OPERATOR(pg_catalog.||) ' ')) ORDER BY "
             "1",
             {bundle_registry_name}))
        pg::warning("\"" + row[0].value_or("") + "\" " + row[1].value_or("") +
                        " was signed by a key that is not trusted",
                    "", "Remove it, or install another version of it.");
    return pg::text_datum(name);
}

PGX_FUNCTION(pgx_drop_bundle) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.drop_bundle()"));
    const std::string package = TRY(required_argument(fcinfo, 0, "the package"));
    TRY(check_superuser(rights, "pgx.drop_bundle()", package, "drop a bundle",
                        "It may be needed to repair what is installed."));
    const std::string version = TRY(required_argument(fcinfo, 1, "the version"));
    take_cluster_lock();
    const std::vector<pg::Row> rows = pg::query_latest(
        "SELECT EXISTS (SELECT FROM pgx.installed AS i WHERE i.package OPERATOR(pg_catalog.=) "
        "b.package AND i.sha256 OPERATOR(pg_catalog.=) b.sha256) FROM pgx.stored_bundles AS b "
        "WHERE "
        "package "
        "OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2",
        {package, version});
    if (rows.empty())
        return fail(ErrorCode::unknown_version, "there is no bundle of " + package + " " + version,
                    "", "See pgx.versions(name).");
    if (rows[0][0] == "t")
        return fail(ErrorCode::wrong_state, package + " " + version + " is installed", "",
                    "Remove it first: SELECT * FROM pgx.remove('" + package + "').");
    pg::execute(
        "DELETE FROM pgx.stored_bundles WHERE package OPERATOR(pg_catalog.=) $1 AND version "
        "OPERATOR(pg_catalog.=) $2",
        {package, version});
    (void)refresh_bundles(bundle_registry_name);
    return pg::text_datum(package + " " + version);
}

PGX_FUNCTION(pgx_install_bundle) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.install_bundle()"));
    Policy policy(rights, "pgx.install_bundle()");
    if (PG_ARGISNULL(0)) return fail(ErrorCode::invalid_argument, "the bundle is null");
    const pg::Value signature = pg::text_argument(fcinfo, 1);
    const bool allow_unsigned = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
    if (allow_unsigned)
        TRY(check_superuser(rights, "pgx.install_bundle()", "unsigned",
                            "install an unsigned bundle",
                            "Only a superuser may allow one with allow_unsigned."));
    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("install_bundle");
    const DirectoryLayout layout = directory_layout();
    TRY(ensure_set_up());
    const StagingDirectory staging = TRY(StagingDirectory::create(layout));
    const std::string path = join_path(staging.path(), "bundle");
    TRY(write_argument(fcinfo, 0, path));
    const Json described = TRY(describe(path, signature, allow_unsigned, layout, progress));
    TRY(keep_and_install(path, described, nullptr, policy, layout, progress, rows));
    return rows.done();
}

PGX_FUNCTION(pgx_install_sql) {
    const pg::OwnerRights rights(fcinfo);
    TRY(check_may_change("pgx.install_sql()"));
    Policy policy(rights, "pgx.install_sql()");
    const std::string name = TRY(required_argument(fcinfo, 0, "the name of the extension"));
    TRY(check_superuser(rights, "pgx.install_sql()", name, "install a script as an extension",
                        "Whoever creates the extension runs the script."));
    TRY(check_name("extension", name));
    const std::string version = TRY(required_argument(fcinfo, 1, "the version"));
    TRY(check_version_name(version));
    const std::string script = TRY(required_argument(fcinfo, 2, "the script"));
    const std::vector<std::string> requires_ = pg::names_argument(fcinfo, 4);
    for (const std::string &required : requires_) TRY(check_name("extension", required));
    std::string file = name + "--";
    if (const pg::Value from = pg::text_argument(fcinfo, 5)) {
        TRY(check_version_name(*from));
        file += *from + "--";
    }
    take_cluster_lock();
    Json scripts = known_scripts(name);
    scripts[file + version + ".sql"] = script;

    pg::ResultSet rows(fcinfo);
    ProgressSlot progress("install_sql");
    const DirectoryLayout layout = directory_layout();
    TRY(ensure_set_up());
    const StagingDirectory staging = TRY(StagingDirectory::create(layout));
    const std::string path = join_path(staging.path(), "bundle");
    Platform platform = host_platform();
    platform.postgres_major = layout.postgres_major;
    const Json request = {
        {"op", "pack_sql"},      {"platform", to_json(platform)},
        {"path", path},          {"name", name},
        {"version", version},    {"comment", pg::text_argument(fcinfo, 3).value_or("")},
        {"requires", requires_}, {"superuser", !PG_ARGISNULL(6) && PG_GETARG_BOOL(6)},
        {"scripts", scripts}};
    (void)TRY(run_helper(request, progress));
    const Json described = TRY(describe(path, {}, true, layout, progress));
    TRY(check_same_sql_version(name, TRY(json_string(described, "version")), version));
    TRY(keep_and_install(path, described, {{"version", version}, {"scripts", std::move(scripts)}},
                         policy, layout, progress, rows));
    return rows.done();
}

}  // namespace pgx
