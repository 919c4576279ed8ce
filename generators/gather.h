// gather: partial, of keys listed one by one. K and V are rows, [token][feature], as the caller has
// them; the same keys in the same panels give the same bits as packed ones.
#pragma once
#include "generators/partial.h"

namespace lacuna {

struct GatherInputs {
    Halide::Func keys;                      // (d, token), as f32; integers without their scales
    Halide::Func values;                    // (feature, token), the same
    Halide::Func key_scales, value_scales;  // (token), of integers; else undefined
    Halide::Func tokens;                    // (lane, slot, item) -> token
    Halide::Expr token_count;               // for a bounds promise alone
    Halide::Expr careful;                   // some value of V may be Inf or NaN. Of K nobody knows
    bool by_squares;                        // K is transposed so, where squares fit
};

// Fills in key, value, feature and the two flags of `in`, which brings the rest.
void gather(GatherStages &s, const GatherInputs &lists, PartialInputs in, int head_dim,
            int value_dim, const Format &f);

}  // namespace lacuna
