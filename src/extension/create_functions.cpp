// create_functions.cpp - create(): CREATE EXTENSION in several databases at once.
#include "extension/create.h"

#include "core/base/names.h"
#include "extension/database_session.h"

namespace pgx {

namespace {

std::string create_statement(const std::string &extension) {
    const char *text = extension.c_str();
    const char *name = pg::call([text] { return quote_identifier(text); });
    return std::string("CREATE EXTENSION IF NOT EXISTS ") + name + " CASCADE";
}

// Acts as somebody for as long as this object lives. PostgreSQL puts the old identity back itself when an error passes.
class Identity {
   public:
    explicit Identity(Oid role) {
        GetUserIdAndSecContext(&role_, &context_);
        SetUserIdAndSecContext(role, context_ | SECURITY_LOCAL_USERID_CHANGE);
    }
    ~Identity() { SetUserIdAndSecContext(role_, context_); }
    Identity(const Identity &) = delete;
    Identity &operator=(const Identity &) = delete;

   private:
    Oid role_;
    int context_;
};

}  // namespace

Result<void> create_in_databases(const std::string &extension, const std::vector<std::string> &databases, Oid role,
                                 pg::ResultSet *rows) {
    const std::string here = *pg::query("SELECT pg_catalog.current_database()").at(0)[0];
    const std::string statement = create_statement(extension);
    for (const std::string &name : databases) {
        if (name == here) {
            Identity identity(role);
            pg::execute(statement.c_str());
        } else {
            TRY(execute_in_database(TRY(find_database(name)), role, statement));
        }
        if (rows != nullptr) rows->add({name, extension, name == here ? "created with this transaction" : "created when this transaction commits"});
    }
    return {};
}

PGX_FUNCTION(pgx_create) {
    const std::string extension = pg::text_argument(fcinfo, 0).value_or("");
    TRY(check_name("extension", extension));
    pg::ResultSet rows(fcinfo);
    std::vector<std::string> databases = pg::names_argument(fcinfo, 1);
    if (databases.empty()) databases.push_back(*pg::query("SELECT pg_catalog.current_database()").at(0)[0]);
    // Whoever calls this has the rights of a CREATE EXTENSION of his own there, no others.
    TRY(create_in_databases(extension, databases, GetOuterUserId(), &rows));
    return rows.done();
}

}  // namespace pgx
