// The stages of the core, by name, as the algorithms hand them to a schedule. An algorithm knows
// no target and no tile; a schedule knows no pattern.
#pragma once
#include "Halide.h"
#include "generators/transpose.h"
#include "schedules/tile.h"

namespace lacuna {

// [tile rows, head_dim] of scaled queries, from rows at any offset.
struct PackQueriesStages {
    Halide::Func factor;  // of a feature, the scale included
    Halide::Func packed, nonfinite, magnitude, largest;
    Halide::Var d{"d"}, r{"r"};
    Halide::RDom scan, fold;
    int head_dim = 0;
};

// Rows of K or V as 8-bit integers, and the scale of each.
struct QuantiseStages {
    Halide::Func lane_largest;  // magnitudes, features side by side; undefined: integers came
    Halide::Func scales;        // (ki, p)
    Halide::Func units;         // (d, ki, p)
    Halide::Var d{"d"}, ki{"ki"}, p{"p"}, l{"l"};
    Halide::RDom scan;
    int width = 0;  // of lane_largest
};

// [panel][feature][key]: feature-major panels of K. Of 8-bit integers, an element is two features.
struct PackKeysStages {
    Halide::Func rows;  // of the source, to be transposed
    Transposition transposition;
    Halide::Func packed, nonfinite;
    Halide::Func magnitude, largest;  // undefined of integers
    QuantiseStages quantised;         // of integers
    Halide::Var ki{"ki"}, d{"d"}, p{"p"}, l{"l"};
    Halide::RDom scan, lanes;
    int head_dim = 0, panel_keys = 0;
};

// [plane][panel][key][feature]: feature planes of V. Of 8-bit integers, an element is some keys.
struct PackValuesStages {
    Halide::Func packed, nonfinite;
    Halide::Func magnitude, largest;  // undefined of integers
    QuantiseStages quantised;         // of integers
    Halide::Var di{"di"}, ki{"ki"}, p{"p"}, plane{"plane"}, l{"l"};
    Halide::RDom scan, lanes;
    int value_dim = 0, planes = 0;
    int group = 1;  // keys of an element
    Format format{};
};

// Scores, softmax numerators and their product with V, for a batch of items.
struct PartialStages {
    Halide::Func query;  // (d, r, i), a tile's rows of Q
    // With K of 8 bits: magnitudes of Q, features side by side, its rows as integers, what a unit
    // is worth, and the inverse of that. But for `units`, of arithmetic in f16 too. Else undefined.
    Halide::Func lane_largest, row_largest, units, unit, units_per_one;
    // Where a group has four features: (d, g, r, i), units are 256·digit 1 + digit 0, of 8 bits
    // each; (ki, g, kj, r, i), their dots with a key.
    Halide::Func digits, digit_dot;
    // Of arithmetic in f16, else undefined: rows of Q, (d, r, i), divided by their unit, and
    // weights, (ki, kj, r, i), as halves; the products of some features side by side, (ki, c, kj,
    // r, i), and of a panel's keys, (x, plane, kj, r, i), summed.
    Halide::Func half_query, half_weight, half_dot, half_product;
    Halide::RDom half_features, half_keys;
    int half_chain = 0;  // features that half_dot sums
    Halide::Func dot;    // Q·K, one register block
    // dot, then softcap (update 0), the bias (update 1) and the keep test (update 2)
    Halide::Func score;
    Halide::Func lane_max, row_max;
    Halide::Func weight;         // exp2(score - row_max)
    Halide::Func scaled_weight;  // times the scale of the key's V; undefined: V has no scales
    // Of packed V of 8 bits, else undefined: the largest scaled weight, weights as integers in a
    // unit of the row's, in digits where a group has four keys: (ki, g, kj, r, i); each digit's
    // product.
    Halide::Func lane_heaviest, heaviest, weight_unit, units_per_weight, weight_units;
    Halide::Func weight_digits, digit_product;
    Halide::RDom each_group;  // keys of a group, groups of a panel, panels
    Halide::Func lane_sum, row_sum;
    Halide::Func product;   // weight·V, one register block
    Halide::Func attended;  // product of all planes of some rows
    Halide::Func out;       // attended, max and sum side by side
    Halide::Var ki{"ki"}, kj{"kj"}, r{"r"}, i{"i"}, l{"l"}, x{"x"}, plane{"plane"}, d{"d"};
    // With K of 8 bits: those of a group, and groups. Of arithmetic in f16: half_dot's c.
    Halide::RDom features;
    Halide::RDom scan, panel_lanes, sum_lanes, fold_max, fold_sum, each_key, edge;
    Halide::Expr softcap_off, unbiased, finite_scores, finite_values;
    // (ki, d, kj, i) and (x, ki, kj, i, plane): elements as floats, where they are stored as less.
    Halide::Func key, value;
    int key_bits = 32, value_bits = 32;
    int head_dim = 0, value_dim = 0;
    Format format{};
};

// The same of keys that are listed one by one.
struct GatherStages : PartialStages {
    Halide::Func panels;  // (ki, d, kj, i), rows of K side by side
    Transposition transposition;
    int key_lanes = 0;  // features side by side
};

// Flat (row, key) pairs, in list order throughout.
struct PairsStages {
    Halide::Func dot;    // Q·K, a sum a lane
    Halide::Func score;  // dot's lanes added (update 0), then softcap (1) and the bias (2)
    Halide::Func lane_max, row_max;
    Halide::Func weight;  // exp2(score - row_max)
    Halide::Func lane_sum, row_sum;
    Halide::Func attended;  // weight·V, pair by pair
    Halide::Func out;       // attended, max and sum
    Halide::Var l{"l"}, i{"i"}, r{"r"}, d{"d"};
    Halide::RDom features, fold, products;
    Halide::RDom each, fold_lanes;  // a row's pairs, a vector of them at a time
    Halide::Expr softcap_off, unbiased;
    int dot_lanes = 0, value_lanes = 0;  // features side by side
    int value_dim = 0;
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

// Each feature's extremes, or its mean, over the keys of a block; [feature][block].
struct SummariseStages {
    Halide::Func most, least, total;  // over keys, features side by side
    Halide::Func high, low;
    Halide::Var b{"b"}, d{"d"};
    Halide::RDom keys;
    Halide::Expr mean;
    int head_dim = 0;
};

// Scores of blocks for rows of queries, and their maximum over the rows.
struct RouteStages {
    Halide::Func positive, negative;  // parts of a query's features, some rows side by side
    Halide::Func score;
    Halide::Func out;
    Halide::Var b{"b"}, d{"d"}, i{"i"}, y{"y"};  // row i of row block y
    Halide::RDom features, rows;
    Halide::Expr mean;
    int head_dim = 0;
    int step = 0;  // blocks of a register block; `out` is a multiple of it
};

}  // namespace lacuna
