// pairs: flat (row, key) lists -> (unnormalised output, max, sum) a row, as partial gives them. No
// panels and no lists a row: a pair is a dot product, a weight and a row of V.
#pragma once
#include "generators/stages.h"

namespace lacuna {

struct PairsInputs {
    Halide::Func queries;  // (d, row), scaled by scale * log2(e)
    Halide::Func keys;     // (d, token), as f32
    Halide::Func values;   // (feature, token), as f32
    Halide::Func starts;   // (row) -> its first pair; one more: the end
    Halide::Func tokens;   // (p) -> token
    Halide::Expr pairs, softcap;
    Halide::Expr unbiased;           // no ALiBi, else
    Halide::Func slopes, positions;  // (row), in base-2 units, and (row)
    Halide::Expr token_count;        // for bounds promises alone
};

PairsStages pairs(const PairsInputs &in, int head_dim, int value_dim, const Format &f);

}  // namespace lacuna
