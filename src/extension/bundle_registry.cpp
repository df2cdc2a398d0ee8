#include "extension/door.h"

#include "extension/bundle_registry.h"

#include <sodium.h>

#include <memory>

#include "core/base/file_system.h"
#include "extension/query.h"
#include "extension/refresh.h"

namespace pgx {

namespace {

// Bytes that are read from the catalog at a time.
constexpr std::size_t chunk_size = 1024 * 1024;

Result<std::string> decode_hex(const std::string &hex) {
    std::string bytes(hex.size() / 2, '\0');
    std::size_t length = 0;
    if (sodium_hex2bin(reinterpret_cast<unsigned char *>(bytes.data()), bytes.size(), hex.data(),
                       hex.size(), nullptr, &length, nullptr) != 0 ||
        length != bytes.size())
        return fail(ErrorCode::internal, "could not read a bundle from the catalog");
    return bytes;
}

Result<void> write_content(const Release &release, WritableFile &file) {
    for (std::size_t offset = 1;; offset += chunk_size) {
        const std::vector<pg::Row> rows = pg::query_latest(
            "SELECT pg_catalog.encode(pg_catalog.substr(content, $2::pg_catalog.int4, "
            "$3::pg_catalog.int4), 'hex') FROM pgx.stored_bundles WHERE sha256 "
            "OPERATOR(pg_catalog.=) $1",
            {release.sha256, std::to_string(offset), std::to_string(chunk_size)});
        if (rows.empty())
            return fail(ErrorCode::unknown_package,
                        "the bundle of " + release.package + " " + release.version +
                            " is not in the catalog any more",
                        "", "Give it to pgx.install_bundle() again.");
        const std::string bytes = TRY(decode_hex(rows[0][0].value_or("")));
        if (bytes.empty()) return {};
        TRY(file.append(bytes));
        pg::check_for_interrupts();
    }
}

}  // namespace

Result<Release> keep_bundle(const std::string &path, const Json &described, const Json &sql) {
    Release release;
    release.registry = bundle_registry_name;
    release.kind = bundle_kind;
    release.package = TRY(json_string(described, "package"));
    release.version = TRY(json_string(described, "version"));
    release.url = TRY(json_string(described, "url"));
    release.sha256 = TRY(json_string(described, "sha256"));
    release.signer = TRY(json_string(described, "signer"));
    release.size = TRY(json_unsigned(described, "size"));
    const std::vector<pg::Row> before = pg::query_latest(
        "SELECT signer FROM pgx.stored_bundles WHERE package OPERATOR(pg_catalog.=) $1 AND version "
        "OPERATOR(pg_catalog.=) $2 AND sha256 OPERATOR(pg_catalog.<>) $3",
        {release.package, release.version, release.sha256});
    if (!before.empty() && before[0][0] != release.signer && before[0][0] != "unsigned")
        return fail(ErrorCode::wrong_state,
                    "another bundle of " + release.package + " " + release.version + " is kept",
                    "Its signer is \"" + before[0][0].value_or("") + "\", and of this one \"" +
                        release.signer + "\".",
                    "Drop it first: SELECT pgx.drop_bundle('" + release.package + "', '" +
                        release.version + "').");
    pg::execute(
        "INSERT INTO pgx.registries (name, kind, priority) VALUES ($1, $2, 600) ON CONFLICT DO "
        "NOTHING",
        {bundle_registry_name, bundle_kind});
    pg::execute(
        "INSERT INTO pgx.stored_bundles (sha256, package, version, signer, release, sql, content)"
        " VALUES ($1, $2, $3, $4, $5::pg_catalog.jsonb, $6::pg_catalog.jsonb, "
        "pg_catalog.pg_read_binary_file($7))"
        " ON CONFLICT (package, version) DO UPDATE SET sha256 = excluded.sha256, signer = "
        "excluded.signer,"
        " release = excluded.release, sql = excluded.sql, content = excluded.content, added_at = "
        "excluded.added_at, added_by = excluded.added_by",
        {release.sha256, release.package, release.version, release.signer, dump_json(described),
         sql.is_null() ? pg::Value{} : dump_json(sql), path});
    (void)refresh_bundles(bundle_registry_name);
    return release;
}

Result<void> provide_bundle(const Release &release, const DirectoryLayout &layout) {
    FileSystem &fs = real_file_system();
    const std::string directory = join_path(layout.cache(), "artifacts");
    const std::string path = join_path(directory, release.sha256);
    // The helper compares the digest; a damaged file goes, and the next call brings it back.
    if (std::optional<FileInfo> info = TRY(fs.info(path));
        info && info->type == FileType::regular && info->size == release.size &&
        TRY(sha256_of_file(fs, path)) == release.sha256)
        return {};
    TRY(fs.make_directories(directory, 0700));
    TRY(remove_entry(fs, path));
    const std::string part = path + "." + std::to_string(MyProcPid) + ".part";
    TRY(remove_entry(fs, part));
    std::unique_ptr<WritableFile> file = TRY(fs.create(part, 0600));
    TRY(write_content(release, *file));
    TRY(file->close());
    return fs.rename(part, path);
}

std::uint64_t refresh_bundles(const std::string &registry) {
    pg::execute("DELETE FROM pgx.releases WHERE registry OPERATOR(pg_catalog.=) $1", {registry});
    const std::vector<pg::Row> rows = pg::query(
        "SELECT pg_catalog.jsonb_build_object('rows', coalesce(pg_catalog.jsonb_agg(release), "
        "'[]')), pg_catalog.count(*) FROM pgx.stored_bundles AS b WHERE signer "
        "OPERATOR(pg_catalog.=) "
        "'unsigned' OR EXISTS (SELECT FROM pgx.trusted_keys AS k WHERE pg_catalog.starts_with("
        "b.signer, 'minisign ' OPERATOR(pg_catalog.||) k.key_id OPERATOR(pg_catalog.||) ' '))");
    insert_releases(registry, rows.at(0)[0].value_or("{}"));
    pg::execute(
        "UPDATE pgx.registries SET refreshed_at = pg_catalog.clock_timestamp(), packages = "
        "$2::pg_catalog.int4 WHERE name OPERATOR(pg_catalog.=) $1",
        {registry, rows[0][1]});
    return std::stoull(rows[0][1].value_or("0"));
}

}  // namespace pgx
