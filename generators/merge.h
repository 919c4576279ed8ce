// merge: the left fold of a row's partial results in (segment, position) order. Folding in one
// call or in several gives the same bits: the state between calls is the recurrence's own.
#pragma once
#include <functional>

#include "generators/stages.h"

namespace lacuna {

struct MergeInputs {
    Halide::Func parts;      // (d, row, item)
    Halide::Func earlier;    // (d, row of the state)
    Halide::Func state_row;  // (row) -> row of `earlier`
    Halide::Expr has_earlier, earlier_rows;
    Halide::Expr items, rows;
};

// state(d, state_row(row)): features, maximum and sum, as in a partial result.
MergeStages fold(const MergeInputs &in, const Halide::Func &out_row, const Halide::Expr &out_rows,
                 int value_dim, const Format &f);

// out(offset(row) + d) = features / sum, or 0 in a row that kept no key; offsets in elements,
// `extent` bounds them. `rounded` makes what is stored of an f32.
// log_sum_exp(row) is the natural logarithm of the row's sum, -inf where it kept no key.
MergeStages merge(const MergeInputs &in, const Halide::Func &offset, const Halide::Expr &extent,
                  const std::function<Halide::Expr(const Halide::Expr &)> &rounded, int value_dim,
                  const Format &f);

}  // namespace lacuna
