#include "cli/dtype.h"

#include "cli/errors.h"

namespace lacuna {

namespace {

constexpr const char *kFixed8 = "fixed8";

struct Named {
    lac_type type;
    const char *name, *halide, *constant;
};
constexpr Named kNamed[] = {{LAC_F32, "f32", "float32", "LAC_F32"},
                            {LAC_F16, "f16", "float16", "LAC_F16"},
                            {LAC_BF16, "bf16", "bfloat16", "LAC_BF16"},
                            {LAC_I8, "int8", "int8", "LAC_I8"},
                            {LAC_I16, "int16", "int16", "LAC_I16"}};

const Named &row_of(lac_type type) {
    for (const Named &row : kNamed)
        if (row.type == type) return row;
    throw Failure(kInternal, "no such element type: " + std::to_string(type));
}

lac_type dtype_of(const std::string &name, const std::string &where, const std::string &all,
                  bool integers) {
    for (const Named &row : kNamed)
        if (row.name == name && row.type != LAC_I16 && (integers || row.type != LAC_I8))
            return row.type;
    const std::string pair = all == name ? "" : " in '" + all + "'";
    throw bad_input(where + ": dtype '" + name + "'" + pair + ", expected " +
                    (integers ? "f32, f16, bf16 or int8" : "f32, f16, bf16 or fixed8"));
}

}  // namespace

const char *dtype_name(lac_type type) { return row_of(type).name; }
const char *halide_type_name(lac_type type) { return row_of(type).halide; }
const char *lac_type_name(lac_type type) { return row_of(type).constant; }

std::string Dtypes::name() const {
    if (fixed8()) return kFixed8;
    const std::string text = dtype_name(q);
    if (k == v) return k == q ? text : text + "_kv" + dtype_name(k);
    return text + (k == q ? "" : std::string("_k") + dtype_name(k)) +
           (v == q ? "" : std::string("_v") + dtype_name(v));
}

std::string Dtypes::kv_name() const {
    return k == v ? dtype_name(k) : std::string(dtype_name(k)) + "," + dtype_name(v);
}

Dtypes read_dtypes(const std::string &dtype, const std::string &kv_dtype, const std::string &where,
                   const std::string &kv_where) {
    if (dtype == kFixed8) {
        if (!kv_dtype.empty())
            throw bad_input(kv_where + ": fixed8 is the type of K and V as well, leave it out");
        return {LAC_I8, LAC_I8, LAC_I8};
    }
    const lac_type q = dtype_of(dtype, where, dtype, false);
    if (kv_dtype.empty()) return {q, q, q};
    const size_t comma = kv_dtype.find(',');
    const lac_type k = dtype_of(kv_dtype.substr(0, comma), kv_where, kv_dtype, true);
    if (comma == std::string::npos) return {q, k, k};
    return {q, k, dtype_of(kv_dtype.substr(comma + 1), kv_where, kv_dtype, true)};
}

Dtypes with_arithmetic(Dtypes dtypes, const std::string &text, const std::string &where) {
    if (text == dtype_name(LAC_F32)) return dtypes;
    if (text != dtype_name(LAC_F16))
        throw bad_input(where + ": '" + text + "', expected f32 or f16");
    if (dtypes.k != LAC_F16 || dtypes.v != LAC_F16)
        throw bad_input(where + ": f16 needs K and V of f16, found " +
                        (dtypes.fixed8() ? kFixed8 : dtypes.kv_name()));
    dtypes.arithmetic = LAC_F16;
    return dtypes;
}

}  // namespace lacuna
