// x86-64 from SSE4.1 to AVX-512.
#include "schedules/schedule.h"

namespace lacuna {

using namespace Halide;

namespace {

void queries(PackQueriesStages &s, const Tile &, int lanes) {
    s.packed.compute_root().vectorize(s.d, lanes, TailStrategy::GuardWithIf);
    s.magnitude.compute_root().vectorize(s.d, lanes, TailStrategy::GuardWithIf);
    RVar block("block"), feature("feature");
    s.magnitude.update()
        .allow_race_conditions()
        .split(s.scan.x, block, feature, lanes, TailStrategy::GuardWithIf)
        .reorder(feature, s.scan.y, block)
        .vectorize(feature);
}

void keys(PackKeysStages &s, const Tile &, int lanes) {
    Var block("block"), feature("feature");
    s.packed.compute_root().bound(s.ki, 0, s.panel_keys);
    if (s.head_dim >= lanes) {
        // A square of features by keys is read along features and written along keys.
        s.packed.split(s.d, block, feature, lanes, TailStrategy::ShiftInwards)
            .reorder(s.ki, feature, block, s.p)
            .unroll(feature);
        s.rows.compute_at(s.packed, block).vectorize(s.d, lanes).unroll(s.ki);
    }
    s.packed.vectorize(s.ki, lanes).unroll(s.ki);
    s.magnitude.compute_at(s.nonfinite, s.p).vectorize(s.l, lanes).unroll(s.l);
    s.magnitude.update().reorder(s.l, s.scan).vectorize(s.l, lanes).unroll(s.l);
}

void values(PackValuesStages &s, const Tile &, int lanes) {
    s.packed.compute_root().bound(s.di, 0, s.format.plane).bound(s.ki, 0, s.format.panel_keys);
    s.packed.reorder(s.di, s.ki, s.p, s.plane).vectorize(s.di, lanes).unroll(s.di);
    s.magnitude.compute_at(s.nonfinite, s.p).vectorize(s.l, lanes).unroll(s.l);
    s.magnitude.update().reorder(s.l, s.scan.x, s.scan.y).vectorize(s.l, lanes).unroll(s.l);
}

// The scores of all rows of a tile are computed panel by panel, so that a K panel is read from L2
// once and from L1 for the tile's other rows. Softmax and P·V then run over a few rows at a time:
// their weights stay in L1 beside one plane of V.
void partial(PartialStages &s, const Tile &tile, int lanes) {
    Var row_block("row_block"), row("row");
    const int slots = s.format.chunk + 1;  // one more than used: rows shift by a panel in the sets
    s.out.split(s.r, row_block, row, tile.value_rows)
        .reorder(s.d, row, row_block, s.i)
        .vectorize(s.d, lanes)
        .unroll(s.d);

    s.score.compute_at(s.out, s.i).store_in(MemoryType::Stack).bound_storage(s.kj, slots);
    s.score.bound(s.ki, 0, s.format.panel_keys)
        .split(s.r, row_block, row, tile.score_rows)
        .reorder(s.ki, row, row_block, s.kj)
        .vectorize(s.ki, lanes)
        .unroll(s.ki)
        .unroll(row);
    s.score.update(0).vectorize(s.ki, lanes).unroll(s.ki).specialize(s.softcap_off);
    s.score.update(1).reorder(s.ki, s.r, s.edge).vectorize(s.ki, lanes).unroll(s.ki);
    s.dot.compute_at(s.score, row_block).vectorize(s.ki, lanes).unroll(s.ki).unroll(s.r);
    s.dot.update()
        .reorder(s.ki, s.r, s.features)
        .vectorize(s.ki, lanes)
        .unroll(s.ki)
        .unroll(s.r)
        .unroll(s.features, tile.score_unroll);

    Var block = row_block;
    s.lane_max.compute_at(s.out, block).vectorize(s.l, lanes).unroll(s.l);
    s.lane_max.update()
        .reorder(s.l, s.panel_lanes.x, s.panel_lanes.y, s.r)
        .vectorize(s.l, lanes)
        .unroll(s.l)
        .unroll(s.panel_lanes.x);
    s.row_max.compute_at(s.out, block).update().atomic().vectorize(s.fold_max);
    s.weight.compute_at(s.out, block)
        .store_in(MemoryType::Stack)
        .bound_storage(s.kj, slots)
        .vectorize(s.ki, lanes)
        .unroll(s.ki)
        .specialize(s.all_finite);
    s.lane_sum.compute_at(s.out, block).vectorize(s.l, lanes).unroll(s.l);
    s.lane_sum.update()
        .reorder(s.l, s.sum_lanes.x, s.sum_lanes.y, s.r)
        .vectorize(s.l, lanes)
        .unroll(s.l)
        .unroll(s.sum_lanes.x);
    s.row_sum.compute_at(s.out, block).update().atomic().vectorize(s.fold_sum);

    s.attended.compute_at(s.out, block)
        .reorder(s.x, s.r, s.plane)
        .vectorize(s.x, lanes)
        .unroll(s.x)
        .unroll(s.r);
    s.product.compute_at(s.attended, s.plane).vectorize(s.x, lanes).unroll(s.x).unroll(s.r);
    s.product.update()
        .reorder(s.x, s.r, s.each_key.x, s.each_key.y)
        .vectorize(s.x, lanes)
        .unroll(s.x)
        .unroll(s.r)
        .unroll(s.each_key.x, tile.value_unroll)
        .specialize(s.all_finite);
}

void merge(MergeStages &s, const Tile &tile, int lanes) {
    Func consumer = s.state.defined() ? s.state : s.out;
    // The factors of all the tile's rows, used or not, side by side in vectors.
    for (Func f : {s.running_max, s.carry, s.weight}) {
        f.compute_root()
            .store_in(MemoryType::Stack)
            .reorder_storage(s.r, s.j)
            .bound_storage(s.j, kFoldItems + 1)
            .bound(s.r, 0, tile.rows)
            .reorder(s.r, s.j)
            .vectorize(s.r);
    }
    s.running_max.update().reorder(s.r, s.items_max).vectorize(s.r);
    for (Func f : {s.sum, s.inverse_sum})
        if (f.defined())
            f.compute_root().store_in(MemoryType::Stack).bound(s.r, 0, tile.rows).vectorize(s.r);
    s.sum.update().reorder(s.r, s.items_sum).vectorize(s.r);
    const int padded = padded_features(s.value_dim, s.format);
    s.folded.compute_at(consumer, s.scatter.y)
        .store_in(MemoryType::Stack)
        .bound_storage(s.d, padded)
        .vectorize(s.d, lanes);
    s.folded.update().reorder(s.d, s.items).vectorize(s.d, lanes);
    consumer.update()
        .reorder(s.scatter.x, s.scatter.y)
        .allow_race_conditions()
        .vectorize(s.scatter.x, lanes, TailStrategy::GuardWithIf);
    if (s.one_part.defined()) consumer.update().specialize(s.one_part);
}

}  // namespace

const Schedule kX86Schedule{queries, keys, values, partial, merge};

}  // namespace lacuna
