#include "extension/result_set.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
}

namespace pgx::pg {

namespace {

// Pointers for BuildTupleFromCStrings, which takes null for NULL.
std::vector<char *> pointers(const Row &row) {
    std::vector<char *> texts;
    for (const Value &value : row)
        texts.push_back(value ? const_cast<char *>(value->c_str()) : nullptr);
    return texts;
}

}  // namespace

ResultSet::ResultSet(FunctionCallInfo fcinfo) {
    info_ = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    input_ = call([fcinfo, info = info_] {
        InitMaterializedSRF(fcinfo, 0);
        return TupleDescGetAttInMetadata(info->setDesc);
    });
}

void ResultSet::add(const Row &row) {
    std::vector<char *> texts = pointers(row);
    char **first = texts.data();
    call([first, this] {
        HeapTuple tuple = BuildTupleFromCStrings(input_, first);
        tuplestore_puttuple(info_->setResult, tuple);
        heap_freetuple(tuple);
    });
}

Datum make_record(FunctionCallInfo fcinfo, const Row &row) {
    std::vector<char *> texts = pointers(row);
    char **first = texts.data();
    return call([first, fcinfo] {
        TupleDesc descriptor;
        if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
            elog(ERROR, "return type must be a row type");
        AttInMetadata *input = TupleDescGetAttInMetadata(BlessTupleDesc(descriptor));
        return HeapTupleGetDatum(BuildTupleFromCStrings(input, first));
    });
}

Value text_argument(FunctionCallInfo fcinfo, int n) {
    if (PG_ARGISNULL(n)) return std::nullopt;
    const char *value = call([fcinfo, n] { return text_to_cstring(PG_GETARG_TEXT_PP(n)); });
    return std::string(value);
}

std::vector<std::string> names_argument(FunctionCallInfo fcinfo, int n) {
    std::vector<std::string> names;
    if (PG_ARGISNULL(n)) return names;
    struct Elements {
        char **texts;
        int count;
    };
    Elements elements = call([fcinfo, n] {
        Elements result{};
        if (get_fn_expr_argtype(fcinfo->flinfo, n) != TEXTARRAYOID) {
            result.texts = static_cast<char **>(palloc(sizeof(char *)));
            result.texts[0] = text_to_cstring(PG_GETARG_TEXT_PP(n));
            result.count = 1;
            return result;
        }
        Datum *datums;
        bool *nulls;
        deconstruct_array_builtin(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, &datums, &nulls,
                                  &result.count);
        result.texts = static_cast<char **>(palloc0(sizeof(char *) * (result.count + 1)));
        for (int i = 0; i < result.count; i++)
            if (!nulls[i]) result.texts[i] = TextDatumGetCString(datums[i]);
        return result;
    });
    for (int i = 0; i < elements.count; i++)
        names.emplace_back(elements.texts[i] == nullptr ? "" : elements.texts[i]);
    return names;
}

Datum text_datum(const std::string &text) {
    const char *bytes = text.data();
    const int length = static_cast<int>(text.size());
    return PointerGetDatum(
        call([bytes, length] { return cstring_to_text_with_len(bytes, length); }));
}

}  // namespace pgx::pg
