// The schedule of fixed8: written for HVX, whose vrmpy adds four 8-bit products into each of 32
// lanes; other targets run the same loops with their own vectors.
#include <algorithm>

#include "generators/fixed8.h"

namespace lacuna {

using namespace Halide;

namespace {

constexpr int kKeys = kFixed8Format.panel_keys, kSlots = kFixed8Format.chunk + 1;

// Rows of a register block, with so many vectors each: HVX has 32 registers.
int block_rows(int rows, int vectors) {
    int block = rows;
    while (block > 1 && block * vectors > 16) block /= 2;
    return block;
}

}  // namespace

void schedule_fixed8(Fixed8Partial &s, int lanes) {
    const int width = std::min(lanes, kKeys), rows = s.rows;
    const int features = padded_features(s.value_dim, kFixed8Format);
    const auto scratch = [&](Func f) {
        return f.compute_at(s.out, s.i).store_in(MemoryType::Stack);
    };
    s.out.vectorize(s.d, width);

    Var ro("ro"), xo("xo");
    RVar four = s.features.x;
    scratch(s.score).bound_storage(s.kj, kSlots).bound_extent(s.r, rows).bound_extent(s.ki, kKeys);
    const int key_rows = block_rows(rows, kKeys / width);
    s.score.split(s.r, ro, s.r, key_rows).reorder(s.ki, s.r, ro, s.kj).vectorize(s.ki, width);
    s.score.unroll(s.ki).unroll(s.r);
    s.score.update().reorder(s.ki, s.r, s.edge).vectorize(s.ki, width);
    s.dot.compute_at(s.score, ro).store_in(MemoryType::Stack);
    s.dot.bound_extent(s.ki, kKeys).bound_extent(s.r, key_rows);
    s.dot.vectorize(s.ki, width).unroll(s.ki).unroll(s.r);
    RVar d4 = s.features.y;
    Var kv("kv");
    s.dot.update()
        .split(s.ki, kv, s.ki, width)
        .reorder(four, s.ki, kv, s.r, d4)
        .atomic()
        .vectorize(four)
        .vectorize(s.ki)
        .unroll(kv)
        .unroll(s.r);

    scratch(s.lane_max).bound_extent(s.l, kKeys).bound_extent(s.r, rows);
    s.lane_max.vectorize(s.l, width).unroll(s.r);
    s.lane_max.update().reorder(s.l, s.r, s.slots).vectorize(s.l, width).unroll(s.r);
    // Weights of four rows fill a vector of bytes: for the table, and for sums by fours of keys.
    constexpr int kRowsAtOnce = 4;
    Var quad("quad"), lane("lane");
    scratch(s.lane_sum).bound_extent(s.l, kKeys / 4).bound_extent(s.r, rows);
    s.lane_sum.split(s.r, quad, s.r, kRowsAtOnce).fuse(s.l, s.r, lane).vectorize(lane, width);
    s.lane_sum.update()
        .split(s.r, quad, s.r, kRowsAtOnce)
        .fuse(s.l, s.r, lane)
        .reorder(s.sum_slots.x, lane, quad, s.sum_slots.y)
        .atomic()
        .vectorize(s.sum_slots.x)
        .vectorize(lane, width)
        .unroll(quad);
    scratch(s.row_max).bound_extent(s.r, rows);
    s.row_max.update().reorder(s.lanes, s.r).atomic().vectorize(s.lanes, width);
    s.gain.compute_root().store_in(MemoryType::Stack).bound_extent(s.r, rows);
    s.gain.update().reorder(s.all, s.r).atomic().vectorize(s.all);
    scratch(s.reference).bound_extent(s.r, rows);
    scratch(s.row_sum).bound_extent(s.r, rows);
    s.row_sum.update().reorder(s.sum_lanes, s.r).unroll(s.sum_lanes);

    scratch(s.weight).bound_storage(s.kj, kSlots).bound_extent(s.r, rows);
    s.weight.bound_extent(s.ki, kKeys).reorder_storage(s.ki, s.r, s.kj);
    s.weight.split(s.r, quad, s.r, kRowsAtOnce).reorder(s.ki, s.r, s.kj, quad);
    s.weight.vectorize(s.ki).vectorize(s.r);

    scratch(s.attended).bound_extent(s.r, rows).bound_extent(s.x, features);
    const int wide = features % (2 * width) == 0 ? 2 * width : width;
    const int value_rows = block_rows(rows, wide / width);
    s.attended.split(s.x, xo, s.x, wide).split(s.r, ro, s.r, value_rows);
    s.attended.reorder(s.x, s.r, xo, ro).vectorize(s.x, width).unroll(s.x).unroll(s.r);
    s.product.compute_at(s.attended, xo).store_in(MemoryType::Stack);
    s.product.bound_extent(s.x, wide).bound_extent(s.r, value_rows);
    s.product.vectorize(s.x, width).unroll(s.x).unroll(s.r);
    Var xv("xv");
    s.product.update()
        .split(s.x, xv, s.x, width)
        .reorder(s.keys.x, s.x, xv, s.r, s.keys.y, s.keys.z)
        .atomic()
        .vectorize(s.keys.x)
        .vectorize(s.x)
        .unroll(xv)
        .unroll(s.r);
}

void schedule_fixed8(Fixed8Merge &s, int lanes) {
    const int features = padded_features(s.value_dim, kFixed8Format);
    RVar row = s.scatter.y;
    s.result.update().reorder(s.scatter.x, row);
    // All rows of a tile, used or not: constant storage, and log_sum_exp reads it as well.
    const auto all_rows = [&](Func f) {
        return f.compute_root().store_in(MemoryType::Stack).bound_extent(s.r, kFixed8Tile.rows);
    };
    all_rows(s.reference).bound_storage(s.j, kFoldItems + 1);
    s.reference.update().reorder(s.items, s.r);
    for (Func f : {s.carry, s.weight}) all_rows(f).bound_storage(s.j, kFoldItems);
    s.folded.compute_at(s.result, row).store_in(MemoryType::Stack);
    s.folded.bound_extent(s.d, features).vectorize(s.d, lanes);
    s.folded.update().reorder(s.d, s.items).vectorize(s.d, lanes);
    if (s.inverse.defined()) {
        all_rows(s.inverse);
        s.result.update().allow_race_conditions().vectorize(s.scatter.x, lanes,
                                                            TailStrategy::GuardWithIf);
        s.result.update().specialize(s.one_part);
    }
}

}  // namespace lacuna
