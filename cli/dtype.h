// Element types by name.
#pragma once
#include <string>

#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

// Of a kernel's tensors, and of its products.
struct Dtypes {
    lac_type q = LAC_F32;  // and of the output
    lac_type k = LAC_F32, v = LAC_F32;
    lac_type arithmetic = LAC_F32;  // LAC_F16 where the tier can

    // Integers throughout.
    bool fixed8() const { return q == LAC_I8; }
    lac_type out() const { return fixed8() ? LAC_I16 : q; }
    bool halves() const { return arithmetic == LAC_F16; }
    // As kernels are named: Q's type, then K's and V's where they are not Q's. "f32", "bf16",
    // "f32_kvf16", "f32_kf16", "f32_vbf16", "f32_kf16_vbf16"
    std::string name() const;
    std::string kv_name() const;  // "f16", or "f16,bf16" of K and V
};

const char *dtype_name(lac_type type);        // "f16"
const char *halide_type_name(lac_type type);  // "float16"
const char *lac_type_name(lac_type type);     // "LAC_F16"

// Reads "f16", and for K and V "f16", "f16,bf16" or "" (as dtype). Messages begin with the places
// that are given, such as "--dtype" and "--kv-dtype".
Dtypes read_dtypes(const std::string &dtype, const std::string &kv_dtype, const std::string &where,
                   const std::string &kv_where);

// These types, computed with in "f32", or in "f16", which K and V must be then.
Dtypes with_arithmetic(Dtypes dtypes, const std::string &text, const std::string &where);

}  // namespace lacuna
