// partial: a batch of items with equally many panels -> (unnormalised output, max, sum) a row.
#pragma once
#include "generators/keep.h"
#include "generators/stages.h"

namespace lacuna {

struct PartialInputs {
    Halide::Func queries;  // (d, row, tile), scaled by scale * log2(e)
    Halide::Func keys;     // (key, d, panel)
    Halide::Func values;   // (feature, key, panel, plane)
    Halide::Func panels;   // (slot, item) -> panel
    Halide::Func tiles;    // (item) -> tile
    Halide::Func edges;    // (edge, item) -> slot that needs the keep test; repeats are harmless
    Halide::Expr panel_count, tile_count;  // for bounds promises alone
    Halide::Expr slots, edge_count;        // per item, the same for the whole batch
    Halide::Expr softcap;                  // in base-2 units, 0 for none
    Halide::Expr careful;                  // some input of the batch is Inf or NaN
    KeepTest keep;
};

// out(d, row, item): d < padded value_dim: sum of weight * V; then the row's maximum and sum.
PartialStages partial(const PartialInputs &in, int head_dim, int value_dim, const Format &f);

}  // namespace lacuna
