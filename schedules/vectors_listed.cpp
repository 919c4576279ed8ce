// Keys that are listed one by one.
#include "schedules/vectors.h"

namespace lacuna::vectors {

using namespace Halide;

void gather(GatherStages &s, const Tile &tile, int lanes, const Blocks &blocks) {
    Tile by_panel = tile;
    by_panel.score_panels = 1;
    partial(s, by_panel, lanes, blocks);
    s.panels.compute_at(s.score, s.kj)
        .store_in(MemoryType::Stack)
        .bound(s.ki, 0, s.format.panel_keys);
    if (s.transposition.side > 0) {
        by_squares(s.panels, s.ki, s.d, s.transposition, s.format.panel_keys);
        return;
    }
    // Rows of K are read along features and written key by key.
    Var block("block"), feature("feature");
    s.panels.split(s.d, block, feature, s.key_lanes)
        .reorder(feature, s.ki, block)
        .vectorize(feature)
        .unroll(s.ki);
}

// A row at a time: what its pairs add to stays in registers.
void pairs(PairsStages &s, const Tile &, int lanes) {
    s.out.vectorize(s.d, lanes).unroll(s.d);
    for (Func f : {s.score, s.weight}) {
        f.compute_at(s.out, s.r)
            .store_in(MemoryType::Stack)
            .bound_storage(s.i, kPairsMost + lanes)
            .vectorize(s.i, lanes);
    }
    s.score.update(0)
        .reorder(s.fold.x, s.fold.y, s.fold.z)
        .atomic()
        .vectorize(s.fold.x)
        .vectorize(s.fold.y);
    s.score.update(1).allow_race_conditions().vectorize(s.each.x).specialize(s.softcap_off);
    s.score.update(2).allow_race_conditions().vectorize(s.each.x).specialize(s.unbiased);
    s.weight.update().allow_race_conditions().vectorize(s.each.x);
    s.dot.compute_at(s.score, s.fold.z).vectorize(s.l).unroll(s.i);
    s.dot.update().reorder(s.l, s.features, s.i).vectorize(s.l).unroll(s.features).unroll(s.i);
    for (Func f : {s.lane_max, s.lane_sum}) {
        f.compute_at(s.out, s.r).vectorize(s.l, lanes);
        f.update().allow_race_conditions().vectorize(s.each.x);
    }
    for (Func f : {s.row_max, s.row_sum}) {
        f.compute_at(s.out, s.r);
        f.update().atomic().vectorize(s.fold_lanes);
    }

    s.attended.compute_at(s.out, s.r).vectorize(s.d, lanes).unroll(s.d);
    RVar feature("feature"), block("block");
    s.attended.update()
        .allow_race_conditions()
        .split(s.products.x, block, feature, s.value_lanes)
        .reorder(feature, block, s.products.y)
        .vectorize(feature)
        .unroll(block)
        .unroll(s.products.y, 4, TailStrategy::GuardWithIf);
}

}  // namespace lacuna::vectors
