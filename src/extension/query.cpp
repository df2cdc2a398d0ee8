#include "extension/door.h"

#include "extension/query.h"

#include "core/base/json.h"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/snapmgr.h"
}

namespace pgx::pg {

namespace {

// A result set as plain memory: rows x columns C strings, null for NULL, in the caller's context.
struct PlainRows {
    char **values;
    std::uint64_t rows;
    int columns;
    std::uint64_t processed;
};

enum class Mode { write, latest };

PlainRows run(const char *sql, int parameter_count, char **texts, Mode mode) {
    MemoryContext caller = CurrentMemoryContext;
    PlainRows result{};
    Oid *types = static_cast<Oid *>(palloc0(sizeof(Oid) * (parameter_count + 1)));
    Datum *datums = static_cast<Datum *>(palloc0(sizeof(Datum) * (parameter_count + 1)));
    char *nulls = static_cast<char *>(palloc0(parameter_count + 1));
    for (int i = 0; i < parameter_count; i++) {
        types[i] = TEXTOID;
        nulls[i] = texts[i] == nullptr ? 'n' : ' ';
        if (texts[i] != nullptr) datums[i] = CStringGetTextDatum(texts[i]);
    }
    SPI_connect();
    if (mode == Mode::latest) PushActiveSnapshot(GetLatestSnapshot());
    int code =
        SPI_execute_with_args(sql, parameter_count, types, datums, nulls, mode == Mode::latest, 0);
    if (code < 0) elog(ERROR, "could not run a catalog query: %s", SPI_result_code_string(code));
    result.processed = SPI_processed;
    if (SPI_tuptable != nullptr) {
        TupleDesc descriptor = SPI_tuptable->tupdesc;
        result.rows = SPI_tuptable->numvals;
        result.columns = descriptor->natts;
        MemoryContext spi = MemoryContextSwitchTo(caller);
        result.values =
            static_cast<char **>(palloc0(sizeof(char *) * (result.rows * result.columns + 1)));
        for (std::uint64_t row = 0; row < result.rows; row++)
            for (int column = 0; column < result.columns; column++)
                result.values[row * result.columns + column] =
                    SPI_getvalue(SPI_tuptable->vals[row], descriptor, column + 1);
        MemoryContextSwitchTo(spi);
    }
    if (mode == Mode::latest) PopActiveSnapshot();
    SPI_finish();
    // Here and now: a refresh gives many megabytes in parameters, and the caller's context lives as
    // long as the SQL function.
    for (int i = 0; i < parameter_count; i++)
        if (texts[i] != nullptr) pfree(DatumGetPointer(datums[i]));
    pfree(types);
    pfree(datums);
    pfree(nulls);
    return result;
}

PlainRows run_with(const char *sql, const std::vector<Value> &parameters, Mode mode) {
    std::vector<char *> texts;
    for (const Value &parameter : parameters)
        texts.push_back(parameter ? const_cast<char *>(parameter->c_str()) : nullptr);
    char **first = texts.data();
    const int count = static_cast<int>(texts.size());
    return call([sql, count, first, mode] { return run(sql, count, first, mode); });
}

std::vector<Row> rows_of(const PlainRows &plain) {
    std::vector<Row> rows(plain.rows, Row(static_cast<std::size_t>(plain.columns)));
    for (std::uint64_t row = 0; row < plain.rows; row++)
        for (int column = 0; column < plain.columns; column++)
            if (const char *text = plain.values[row * plain.columns + column])
                rows[row][static_cast<std::size_t>(column)] = text;
    return rows;
}

}  // namespace

std::vector<Row> query(const char *sql, const std::vector<Value> &parameters) {
    return rows_of(run_with(sql, parameters, Mode::write));
}

std::vector<Row> query_latest(const char *sql, const std::vector<Value> &parameters) {
    return rows_of(run_with(sql, parameters, Mode::latest));
}

std::uint64_t execute(const char *sql, const std::vector<Value> &parameters) {
    return run_with(sql, parameters, Mode::write).processed;
}

std::string array_literal(const std::vector<std::string> &values) {
    std::string literal = "{";
    for (const std::string &value : values) {
        if (literal.size() > 1) literal += ',';
        literal += '"';
        for (char character : value) {
            if (character == '"' || character == '\\') literal += '\\';
            literal += character;
        }
        literal += '"';
    }
    return literal + "}";
}

std::vector<std::string> strings_from_json_array(const Value &value) {
    std::vector<std::string> strings;
    if (!value) return strings;
    Result<Json> json = parse_json(*value);
    if (!json || !json->is_array()) return strings;
    for (const Json &element : *json)
        if (element.is_string()) strings.push_back(element.get<std::string>());
    return strings;
}

}  // namespace pgx::pg
