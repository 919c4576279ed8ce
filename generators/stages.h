// The stages of the core, by name, as the algorithms hand them to a schedule. An algorithm knows
// no target and no tile; a schedule knows no pattern.
#pragma once
#include "Halide.h"
#include "schedules/tile.h"

namespace lacuna {

// [tile rows, head_dim] of scaled queries, from rows at any offset.
struct PackQueriesStages {
    Halide::Func packed, nonfinite, magnitude;
    Halide::Var d{"d"}, r{"r"};
    Halide::RDom scan;
    int head_dim = 0;
};

// [panel][feature][key]: feature-major panels of K.
struct PackKeysStages {
    Halide::Func rows;  // of the source, to be transposed
    Halide::Func packed, nonfinite, magnitude;
    Halide::Var ki{"ki"}, d{"d"}, p{"p"}, l{"l"};
    Halide::RDom scan, lanes;
    int head_dim = 0, panel_keys = 0;
};

// [plane][panel][key][feature]: feature planes of V.
struct PackValuesStages {
    Halide::Func packed, nonfinite, magnitude;
    Halide::Var di{"di"}, ki{"ki"}, p{"p"}, plane{"plane"}, l{"l"};
    Halide::RDom scan, lanes;
    int value_dim = 0, planes = 0;
    Format format{};
};

// Scores, softmax numerators and their product with V, for a batch of items.
struct PartialStages {
    Halide::Func dot;    // Q·K, one register block
    Halide::Func score;  // dot, then softcap (update 0), then the keep test (update 1)
    Halide::Func lane_max, row_max;
    Halide::Func weight;  // exp2(score - row_max)
    Halide::Func lane_sum, row_sum;
    Halide::Func product;   // weight·V, one register block
    Halide::Func attended;  // product of all planes of some rows
    Halide::Func out;       // attended, max and sum side by side
    Halide::Var ki{"ki"}, kj{"kj"}, r{"r"}, i{"i"}, l{"l"}, x{"x"}, plane{"plane"}, d{"d"};
    Halide::RDom features, panel_lanes, sum_lanes, fold_max, fold_sum, each_key, edge;
    Halide::Expr softcap_off, all_finite;
    int head_dim = 0, value_dim = 0;
    Format format{};
};

// The left fold of a row's partial results, and what becomes of it.
struct MergeStages {
    Halide::Func running_max, carry, weight;  // per item and row
    Halide::Func sum, inverse_sum;            // row sum after the last item
    Halide::Func folded;                      // features after the last item
    Halide::Func state;                       // fold: features, max and sum
    Halide::Func out, log_sum_exp;            // merge: normalised rows
    Halide::Var d{"d"}, r{"r"}, j{"j"};
    Halide::RDom items, items_sum, items_max, scatter;
    Halide::Expr one_part;  // merge: nothing to fold
    int value_dim = 0;
    Format format{};
};

}  // namespace lacuna
