#include "extension/door.h"

#include "extension/history.h"

#include "extension/database_session.h"
#include "extension/query.h"

namespace pgx {

namespace {

// Who called: SET ROLE counts, our own SECURITY DEFINER does not.
std::string calling_role() {
    return pg::call([] { return GetUserNameFromId(GetOuterUserId(), false); });
}

}  // namespace

Result<void> record_refusal(const std::string &action, const std::string &package,
                            const std::string &role) {
    // Built here, because the worker takes no parameters.
    const std::string sql =
        *pg::query(
             "SELECT pg_catalog.format('INSERT INTO pgx.history (change, action, package, "
             "\"session_user\", role, client) VALUES (pg_catalog.uuidv7(), %L, %L, %L, %L, "
             "%L)', $1, $2, SESSION_USER, $3, pg_catalog.host("
             "pg_catalog.inet_client_addr()))",
             {action, package, role})
             .at(0)[0];
    return commit_at_once(sql);
}

std::string new_change() { return *pg::query("SELECT pg_catalog.uuidv7()").at(0)[0]; }

void record_history(const HistoryEntry &entry) {
    auto from_release = [&](std::string Release::*member) {
        return entry.release ? pg::Value{(*entry.release).*member} : pg::Value{};
    };
    pg::query(
        "WITH entry AS ("
        " INSERT INTO pgx.history (change, action, package, version, previous_version, registry, "
        "url, size, sha256, signer,"
        "                          \"session_user\", role, client, libraries)"
        " VALUES ($1::pg_catalog.uuid, $2, $3, $4, $5, $6, $7, $8::pg_catalog.int8, $9, $10, "
        "SESSION_USER,"
        "         $11, pg_catalog.host(pg_catalog.inet_client_addr()), $12::pg_catalog.jsonb)"
        " RETURNING change, at, action, package, version, previous_version, registry)"
        "SELECT pg_catalog.pg_notify('pgx', pg_catalog.row_to_json(entry)::pg_catalog.text) FROM "
        "entry",
        {entry.change, entry.action, entry.package, entry.version, entry.previous_version,
         from_release(&Release::registry), from_release(&Release::url),
         entry.release ? pg::Value{std::to_string(entry.release->size)} : pg::Value{},
         from_release(&Release::sha256), from_release(&Release::signer), calling_role(),
         entry.release && entry.release->libraries
             ? pg::Value{dump_json(libraries_to_json(*entry.release->libraries))}
             : pg::Value{}});
}

}  // namespace pgx
