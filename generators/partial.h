// partial: a batch of items with equally many panels -> (unnormalised output, max, sum) a row.
#pragma once
#include "generators/keep.h"
#include "generators/stages.h"

namespace lacuna {

// Where K and V come from, as f32: element d of the key in lane ki of an item's slot, and element x
// of its plane of V.
using KeyOf = std::function<Halide::Expr(const Halide::Expr &ki, const Halide::Expr &d,
                                         const Halide::Expr &slot, const Halide::Expr &item)>;
using ValueOf = std::function<Halide::Expr(const Halide::Expr &x, const Halide::Expr &ki,
                                           const Halide::Expr &slot, const Halide::Expr &item,
                                           const Halide::Expr &plane)>;
// Of K with 8 bits: a feature of group d, and of the key the scale.
using GroupOf = std::function<Halide::Expr(const Halide::Expr &which, const Halide::Expr &ki,
                                           const Halide::Expr &d, const Halide::Expr &slot,
                                           const Halide::Expr &item)>;
// Of V with 8 bits: of a group of keys, the value of one.
using ValueGroupOf = std::function<Halide::Expr(
    const Halide::Expr &which, const Halide::Expr &x, const Halide::Expr &group,
    const Halide::Expr &slot, const Halide::Expr &item, const Halide::Expr &plane)>;
// The scale of the key in a lane, or of its value.
using ScaleOf = std::function<Halide::Expr(const Halide::Expr &ki, const Halide::Expr &slot,
                                           const Halide::Expr &item)>;
// Feature d of the result, given what stands at a place of the planes, laid side by side.
using PlacedFeature = std::function<Halide::Expr(const Halide::Expr &place)>;
using FeatureOf = std::function<Halide::Expr(const Halide::Expr &d, const PlacedFeature &at)>;

struct PartialInputs {
    Halide::Func queries;     // (d, row, tile), scaled by scale * log2(e)
    Halide::Func tiles;       // (item) -> tile
    Halide::Func edges;       // (edge, item) -> slot that needs the keep test; repeats are harmless
    Halide::Expr tile_count;  // for a bounds promise alone
    KeyOf key;                // or, of packed K of 8 bits,
    GroupOf key_group;        // integers
    ScaleOf key_scale, value_scale;      // value_scale: of V of 8 bits
    ValueOf value;                       // or, of packed V of 8 bits,
    ValueGroupOf value_group;            // integers
    int key_bits = 32, value_bits = 32;  // of an element, before it is widened
    bool halves = false;                 // products in f16: key and value are not widened
    FeatureOf feature;
    Halide::Expr slots, edge_count;  // per item, the same for the whole batch
    Halide::Expr softcap;            // in base-2 units, 0 for none
    Halide::Expr unbiased;           // no ALiBi, else
    Halide::Func slopes, positions;  // (row), in base-2 units, and (row, item)
    KeyPosition key_position;
    Halide::Expr careful_scores;  // some score may be Inf or NaN
    Halide::Expr careful_values;  // some value of V may
    KeepTest keep;
};

// out(d, row, item): d < padded value_dim: sum of weight * V; then the row's maximum and sum.
void partial(PartialStages &s, const PartialInputs &in, int head_dim, int value_dim,
             const Format &f);

}  // namespace lacuna
